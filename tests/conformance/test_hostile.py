#!/usr/bin/env python3
"""pthview on broken and hostile files: PYTHON test_hostile.py --pthview BIN --hostile DIR [--sanitized] [unittest
arguments]

DIR is what make_hostile.py made. However bad the file, every verb ends by itself, within 2 s of processor time and
256 MB, with one clear error or with findings that name the trick. Each run's system calls are traced (strace): none
makes a socket or a process, none opens a file for writing, apart from what convert was asked for; nothing that a file
names is run. --sanitized: BIN has sanitizers, which take time and memory and make system calls of their own.
"""
import argparse
import json
import pathlib
import re
import shutil
import sys
import tempfile
import unittest

import runner

ARGS = argparse.Namespace()
HANGS = 20  # seconds; a busy machine may take its time
CPU_SECONDS = 2
MEGABYTES = 256
# label: arguments before the file and behind it. OUT is the folder that convert may write to.
VERBS = {
    "list --json": (["list", "--json", "--all"], []),
    "info --json": (["info", "--json"], []),
    "scan --json": (["scan", "--json", "--strict"], []),
    "info": (["info"], []),
    "list": (["list"], []),
    "tree": (["tree"], []),
    "show": (["show"], ["good"]),
    "show glob": (["show"], ["*"]),
    "graph": (["graph", "--json", "--simplify"], []),
    "convert": (["convert", "--to", "json"], ["-o", "OUT/out.json"]),
}
# The one program that a verb starts on its own: it makes graphs of source text, confined.
PLUGIN = "/pthview-plugin-torchscript"
GRAPH_SECONDS = 90
GRAPH_MEGABYTES = 2048
EXIT_CODES = {"error": (2,), "findings": (0,), "opens": (0,), "any": (0, 2)}
OTHER_CODES = {
    "scan --json": (0, 1, 2),
    "tree": (0, 2),
    "graph": (0, 2),
    "show": (0, 1, 2),
    "show glob": (0, 1, 2),
    "convert": (0, 1, 2)
}
TRACE = ["strace", "-f", "-qq", "-e", "trace=%network,execve,execveat,fork,vfork,%file,ftruncate,fchmod,fchown"]
# A call that reaches outside, or changes a file.
FORBIDDEN = re.compile(
    r"\b(socket|socketpair|connect|bind|listen|v?fork|execveat|mkdir|mknod|unlink|rmdir|rename|link|symlink|"
    r"f?chmod|l?f?chown|f?truncate|creat|utime|mount)(at)?\w*\(|O_WRONLY|O_RDWR|O_CREAT|O_TMPFILE")


def outside(line, folder):
    """Whether a traced call is forbidden: anything but changes of files below `folder`."""
    if not FORBIDDEN.search(line) or line.split(None, 1)[-1].startswith("readlink"):
        return False
    named = re.findall(r'"([^"]*)"', line)
    return not named or not all(name.startswith(f"{folder}/") for name in named)


class Hostile(unittest.TestCase):
    """One file. Its tests are added by add_tests."""

    def check(self, file, want):
        wrong, said = [], {}
        with tempfile.TemporaryDirectory() as folder:
            for label, (before, behind) in VERBS.items():
                if "graph" in want and label not in ("list --json", "scan --json", "tree"):
                    continue  # the text is what is hostile
                behind = [part.replace("OUT", folder) for part in behind]
                result, calls = self.run_verb([*before, (ARGS.hostile / file).resolve(), *behind], folder)
                said[label] = result
                codes = OTHER_CODES.get(label, EXIT_CODES[want["expect"]])
                wrong += [f"{label}: {line}" for line in self.complaints(result, codes)]
                wrong += [f"{label}: forbidden call {call}" for call in calls if outside(call, folder)]
                wrong += [f"{label}: runs a program: {call}" for call in calls[1:] if "execve(" in call and PLUGIN not in call]
            left = [path.name for path in pathlib.Path(folder).iterdir() if path.name not in ("out.json", "trace")]
            if left:
                wrong.append(f"left files behind: {left}")
        if "graph" in want:
            wrong += self.graph(file, want["graph"])
        if not wrong:
            wrong = list(self.unsaid(file, want, said))
        if wrong:
            self.fail("\n  ".join([file, *wrong]))

    def graph(self, file, mention):
        """Source text that a plug-in compiles: the graph, or one line that says why there is none."""
        result = runner.run([ARGS.pthview, "graph", "--json", ARGS.hostile / file], GRAPH_SECONDS)
        wrong = [f"graph: {line}" for line in runner.complaints(result, (0,), GRAPH_MEGABYTES)]
        if wrong or b"was not built" in result.err:
            return wrong
        document = runner.parse(result)
        told = result.err.decode("utf-8", "replace") + json.dumps(document["findings"])
        if mention not in told:
            wrong.append(f"graph: nothing says {mention!r}: {told}"[:500])
        if not mention and not any(graph["origin"] == "recorded" for graph in document["graphs"]):
            wrong.append(f"graph: there is no recorded graph: {told}"[:500])
        return wrong

    def run_verb(self, arguments, folder):
        command = [ARGS.pthview, *arguments]
        if not ARGS.trace:
            return runner.run(command, HANGS, folder), []
        log = pathlib.Path(folder) / "trace"
        result = runner.run([*TRACE, "-o", log, *command], HANGS, folder)
        return result, log.read_text(errors="replace").splitlines()

    def complaints(self, result, codes):
        yield from runner.complaints(result, codes, 1 << 20 if ARGS.sanitized else MEGABYTES)
        if result.cpu > CPU_SECONDS and not ARGS.sanitized:
            yield f"takes {result.cpu:.1f} s of processor time"

    def unsaid(self, file, want, said):
        """What should be told where the user sees it, and is not."""
        listed = said["list --json"]
        mention, err = want["mention"], listed.err.decode("utf-8", "replace")
        if listed.code == 2 and file not in err:
            yield f"the error does not name the file: {err!r}"
        if listed.code == 0:
            rows = runner.parse(listed)["tensors"]
            if want["good"] and not any(row["name"] == "good" or row["path"].endswith("good") for row in rows):
                yield "the whole tensor 'good' is not listed"
        if want["expect"] == "opens":
            return
        told = [err] if listed.code == 2 else [
            json.dumps(f) for f in runner.parse(listed)["findings"] if not f["code"].startswith("inferred")
        ]
        if want["expect"] == "any":  # it may be scan that says it
            scanned = runner.parse(said["scan --json"])["files"][0]
            told += [json.dumps(row) for row in scanned.get("findings", [])]
        if not told:
            yield "opens without a word about what is wrong with it"
        elif mention and not any(mention in text for text in told):
            yield f"nothing says {mention!r}: {told}"[:500]


class Trace(unittest.TestCase):
    """The tracing itself."""

    def test_sees_calls(self):
        if not ARGS.trace:
            self.skipTest("strace is not installed, or sanitizers make calls of their own")
        with tempfile.TemporaryDirectory() as folder:
            log = pathlib.Path(folder) / "trace"
            script = "import socket; socket.socket(); open('x', 'w')"
            runner.run([*TRACE, "-o", log, sys.executable, "-c", script], HANGS, folder)
            calls = [line for line in log.read_text(errors="replace").splitlines() if outside(line, folder)]
            self.assertTrue(any("socket(" in call for call in calls), calls)
            self.assertTrue(any("O_WRONLY" in call for call in calls), calls)


def add_tests():
    for file, want in json.loads((ARGS.hostile / "hostile.json").read_text()).items():
        name = "test_" + file.removesuffix(".pth").replace(".", "_")
        setattr(Hostile, name, lambda self, file=file, want=want: self.check(file, want))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pthview", type=pathlib.Path, required=True)
    parser.add_argument("--hostile", type=pathlib.Path, required=True)
    parser.add_argument("--sanitized", action="store_true", help="BIN has sanitizers")
    _, rest = parser.parse_known_args(namespace=ARGS)
    ARGS.pthview = ARGS.pthview.resolve()
    ARGS.trace = shutil.which("strace") is not None and not ARGS.sanitized
    add_tests()
    unittest.main(argv=[sys.argv[0], *rest])
