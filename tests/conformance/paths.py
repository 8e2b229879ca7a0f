"""Where a tensor stands in a file, as text: the rules of `path` in JSON rows, and paths told apart from names.

A str key that is an identifier or a dotted name is joined by `.`; any other str key stands as `["..."]`; int keys and
indices as `[3]`. In quotes keys are escaped once: a lone surrogate is `\\uDNNN`, a backslash `\\\\`, a quote `\\"`, and
control characters are as in JSON.
"""
import json
import re

DOTTED = re.compile(r"[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*")
BACKSLASH = "\\"
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.S)
_ESCAPE = re.compile(r"\\(\\|x[0-9a-f]{2}|u[0-9a-fA-F]{4}|.)", re.S)
_SURROGATE = re.compile("[\ud800-\udfff]")
_ESCAPED_SURROGATE = re.compile(r"\\u([dD][89a-fA-F][0-9a-fA-F]{2})")
_NAMES = re.compile(r"(\.?[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z0-9_]+)*)*")
_BRACKETS = re.compile(r"\[(-?\d+|\"[A-Za-z_]*[ -][A-Za-z_ -]*\")\]")


def _unescape(match):
    """What JSON escapes as the character; what names in escaped form hold stays."""
    kept = match[1][0] in "\\x" or _ESCAPED_SURROGATE.fullmatch(match[0])
    return match[0] if kept else json.loads(f'"{match[0]}"')


def escape(key):
    return _SURROGATE.sub(lambda m: f"\\u{ord(m[0]):04X}", key.replace("\\", "\\\\"))


def join(path, key):
    """`path` extended by a dict key or an index; None when the rules say nothing about such a key."""
    if path is None or isinstance(key, bool) or not isinstance(key, (str, int)):
        return None
    if isinstance(key, int):
        return f"{path}[{key}]"
    if DOTTED.fullmatch(key):
        return f"{path}.{key}" if path else key
    return f"{path}[{json.dumps(escape(key), ensure_ascii=False).replace(BACKSLASH * 2, BACKSLASH)}]"


def canonical(path):
    """The steps of a path, the same for every spelling that the rules leave open (JSON's escapes, hex in either case,
    whether `0` or an identifier beyond ASCII is quoted)."""
    steps, at = [], 0
    while at < len(path):
        if path.startswith('["', at):
            quoted = _QUOTED.match(path, at + 1)
            key, at = _ESCAPE.sub(_unescape, quoted[1]), quoted.end() + 1
            steps += key.split(".") if DOTTED.fullmatch(key) else [key]
        elif path[at] == "[" and "]" in path[at:]:
            end = path.index("]", at)
            steps.append(path[at:end + 1])
            at = end + 1
        elif path[at] == ".":
            at += 1
        else:
            end = min((i for i in (path.find(".", at), path.find("[", at + 1)) if i >= 0), default=len(path))
            steps.append(path[at:end])
            at = end
    return tuple(_ESCAPED_SURROGATE.sub(lambda m: m[0].lower(), step) for step in steps)


def strict(path):
    """True where the rules leave one spelling only."""
    return bool(_NAMES.fullmatch(_BRACKETS.sub("", path)))
