#!/usr/bin/env python3
"""Compares the pickle machine with Python's own on random pickles.

    pickle_differential.py --dump PICKLE_DUMP [--cases N] [--seed S] [--corpus DIR]

A case is a random value pickled by Python (protocols 0 to 5, both of its picklers, with objects of unknown classes,
persistent ids, extension codes and out-of-band buffers), a pickle put together from single opcodes that today's picklers
no longer write, or one of those with a few bytes changed. Python reads it with every call taken out, and its result must
print as pickle_dump prints it. Where bytes were changed, both may refuse; Python may refuse more (it checks UTF-8).
--corpus writes the pickles to files, as seeds for fuzz_pickle.
"""
import argparse
import copyreg
import io
import os
import pickle
import random
import struct
import subprocess
import sys
import types

MODULE = types.ModuleType("unknown_module")
sys.modules[MODULE.__name__] = MODULE


class Refused(Exception):
    """Not a pickle that the machine has to take."""


class Node:
    """What is read: stands for what Python would build."""

    def __init__(self, *parts):
        self.parts = list(parts)


Py2Str, Dict, Set, FrozenSet, Global, Persistent, Extension, Buffer = (
    type(name, (Node,), {})
    for name in ("Py2Str", "Dict", "Set", "FrozenSet", "Global", "Persistent", "Extension", "Buffer"))


class Object(Node):
    def __init__(self, callable_, args, kwargs=None):
        self.callable, self.args, self.kwargs = callable_, args, kwargs
        self.items, self.pairs, self.states = [], [], []


def pairs_of(flat):
    if len(flat) % 2:
        raise Refused("odd")
    return list(zip(flat[::2], flat[1::2]))


class Reader(pickle._Unpickler):
    """Python's unpickler, with what would import, call or hash taken out."""

    dispatch = dict(pickle._Unpickler.dispatch)

    def __init__(self, data):
        super().__init__(io.BytesIO(data), buffers=(Buffer(i) for i in range(1 << 20)))

    def find_class(self, module, name):
        return Global(module, name)

    def persistent_load(self, pid):
        return Persistent(pid)

    def get_extension(self, code):
        if code <= 0:
            raise Refused("extension code")
        self.append(Extension(code))

    def _decode_string(self, value):
        return Py2Str(value)

    def empty_dict(self):
        self.append(Dict())

    def dict_(self):
        pairs = pairs_of(self.pop_mark())
        self.append(Dict(*pairs))

    def set_pairs(self, target, flat):
        if type(target) is Dict:
            target.parts += pairs_of(flat)
        elif type(target) is Object:
            target.pairs += pairs_of(flat)
        else:
            raise Refused("not a dict")

    def set_item(self):
        value, key = self.stack.pop(), self.stack.pop()
        self.set_pairs(self.stack[-1], [key, value])

    def set_items(self):
        flat = self.pop_mark()
        self.set_pairs(self.stack[-1], flat)

    def add(self, target, values):
        if type(target) is list:
            target += values
        elif type(target) is Object:
            target.items += values
        else:
            raise Refused("not a list")

    def append_(self):
        value = self.stack.pop()
        self.add(self.stack[-1], [value])

    def appends(self):
        values = self.pop_mark()
        self.add(self.stack[-1], values)

    def empty_set(self):
        self.append(Set())

    def frozen_set(self):
        values = self.pop_mark()
        self.append(FrozenSet(*values))

    def add_items(self):
        values = self.pop_mark()
        target = self.stack[-1]
        if type(target) is Set:
            target.parts += values
        elif type(target) is Object:
            target.items += values
        else:
            raise Refused("not a set")

    def reduce(self):
        args = self.stack.pop()
        self.stack[-1] = Object(self.stack[-1], args)

    def new_obj_ex(self):
        kwargs, args = self.stack.pop(), self.stack.pop()
        self.stack[-1] = Object(self.stack[-1], args, kwargs=(kwargs,))

    def _instantiate(self, klass, args):
        self.append(Object(klass, tuple(args)))

    def build(self):
        state = self.stack.pop()
        if type(self.stack[-1]) is not Object:
            raise Refused("not an object")
        self.stack[-1].states.append(state)

    def read_only_buffer(self):
        if type(self.stack[-1]) not in (Buffer, bytes, bytearray, Py2Str):
            raise Refused("not a buffer")

    for code, method in [
            (pickle.EMPTY_DICT, empty_dict), (pickle.DICT, dict_), (pickle.SETITEM, set_item), (pickle.SETITEMS, set_items),
            (pickle.APPEND, append_), (pickle.APPENDS, appends), (pickle.EMPTY_SET, empty_set), (pickle.ADDITEMS, add_items),
            (pickle.FROZENSET, frozen_set), (pickle.REDUCE, reduce), (pickle.NEWOBJ, reduce), (pickle.NEWOBJ_EX, new_obj_ex),
            (pickle.BUILD, build), (pickle.READONLY_BUFFER, read_only_buffer)]:
        dispatch[code[0]] = method


# Printing, by the rules of lib/pickle/print.h.

ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def escape(text):
    return "".join("\\\\" if c == "\\" else f"\\u{ord(c):04x}" if "\ud800" <= c <= "\udfff" else c for c in text)


def quote(raw, escaped):
    mark = '"' if "'" in raw and '"' not in raw else "'"
    out = ""
    for c in escaped:
        out += ESCAPES.get(c) or (f"\\x{ord(c):02x}" if c < " " or c == "\x7f" else "\\" + c if c == mark else c)
    return mark + out + mark


def show_bytes(data):
    raw = data.decode("latin-1")
    mark = quote(raw, "")[0]
    out = ""
    for c in raw:
        out += f"\\x{ord(c):02x}" if c >= "\x80" else "\\\\" if c == "\\" else quote(mark == '"' and "'" or "", c)[1:-1]
    return mark + out + mark


def show(value, inside=()):
    def join(values):
        return ", ".join(show(v, inside) for v in values)

    def join_pairs(pairs):
        return "{" + ", ".join(f"{show(k, inside)}: {show(v, inside)}" for k, v in pairs) + "}"

    kind = type(value)
    if kind in (tuple, list, Dict, Set, FrozenSet, Object, Persistent):
        if id(value) in inside:
            return "..."
        inside = (*inside, id(value))
    if kind is tuple:
        return "(" + join(value) + (",)" if len(value) == 1 else ")")
    if kind is list:
        return "[" + join(value) + "]"
    if kind is Dict:
        return join_pairs(value.parts)
    if kind is Set:
        return "{" + join(value.parts) + "}" if value.parts else "set()"
    if kind is FrozenSet:
        return "frozenset({" + join(value.parts) + "})" if value.parts else "frozenset()"
    if kind is Persistent:
        return "persistent(" + show(value.parts[0], inside) + ")"
    if kind is Object:
        args = join(value.args) if type(value.args) is tuple else "*" + show(value.args, inside)
        if value.kwargs:
            args += (", " if args else "") + "**" + show(value.kwargs[0], inside)
        out = show(value.callable, inside) + "(" + args + ")"
        if value.items:
            out += " + [" + join(value.items) + "]"
        if value.pairs:
            out += " + " + join_pairs(value.pairs)
        return out + "".join(" <- " + show(s, inside) for s in value.states)
    if kind is Global:
        return ".".join(map(escape, value.parts))
    if kind is Extension:
        return f"extension({value.parts[0]})"
    if kind is Buffer:
        return f"buffer({value.parts[0]})"
    if kind is str:
        return quote(value, escape(value))
    if kind is Py2Str:
        return show_bytes(value.parts[0])
    if kind is bytes:
        return "b" + show_bytes(value)
    if kind is bytearray:
        return "bytearray(b" + show_bytes(value) + ")"
    if kind is int and value.bit_length() > 4000:
        raise Refused("integer too long to print")
    return repr(value)


# Random values, and classes that pickle in every way there is.

def unknown(cls):
    cls.__module__ = MODULE.__name__
    cls.__qualname__ = cls.__name__
    setattr(MODULE, cls.__name__, cls)
    return cls


@unknown
class Plain: pass


@unknown
class Slots:
    __slots__ = ("a", "b")


@unknown
class ListLike(list): pass


@unknown
class DictLike(dict): pass


@unknown
class NewArgs:
    def __getnewargs_ex__(self):
        return (self.a,), {"b": self.b}


@unknown
class Reduced:
    def __reduce__(self):
        return Plain, (self.a,), self.b, iter([self.a, 1]), iter([("k", self.b)])


@unknown
class Registered: pass


@unknown
class Stored:
    """Pickled as a persistent id."""


copyreg.add_extension(MODULE.__name__, "Registered", 300)
copyreg.add_extension(MODULE.__name__, "Plain", 7)


class Maker:
    def __init__(self, rng):
        self.rng = rng
        self.made = []

    def text(self):
        letters = self.rng.choice(["ab", "a'\"\\\n\r\t\x00\x7f", "\u00e9\u0119\u20ac\U0001f600\ufeff", "\ud800\udfffa\\u"])
        return "".join(self.rng.choice(letters) for _ in range(self.rng.choice([0, 1, 3, 10, 300])))

    def scalar(self):
        r = self.rng
        pick = r.randrange(8)
        if pick == 0:
            return r.choice([None, True, False])
        if pick in (1, 2):
            bits = r.choice([1, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 200, 2100])
            return r.choice([1, -1]) * (r.getrandbits(bits) + r.choice([0, 0, 1 << (bits - 1), 1 << bits]))
        if pick == 3:
            return r.choice([0.0, -0.0, 0.1, 1e16, 1e-5, 5e-324, float("inf"), float("-inf"), float("nan"),
                             struct.unpack("<d", struct.pack("<Q", r.getrandbits(64)))[0], r.random()])
        if pick == 4:
            return r.randbytes(r.choice([0, 1, 5, 300]))
        if pick == 5 and r.random() < .3:
            return r.choice([Plain, Registered, MODULE.Reduced, pickle.PickleBuffer(b"abc"), bytearray(r.randbytes(3))])
        return self.text()

    def hashable(self):
        while True:
            try:
                key = self.scalar()
                hash(key)
                if not isinstance(key, pickle.PickleBuffer):
                    return key
            except TypeError:
                pass

    def value(self, depth):
        r = self.rng
        if depth == 0 or r.random() < .25:
            return self.scalar()
        if self.made and r.random() < .15:
            return r.choice(self.made)  # shared, or a cycle
        count = r.choice([0, 1, 2, 3, 4, 7])
        pick = r.randrange(12)
        if pick < 2:
            out = []
            self.made.append(out)
            out += [self.value(depth - 1) for _ in range(count)]
        elif pick < 4:
            out = tuple(self.value(depth - 1) for _ in range(count))
            self.made.append(out)
        elif pick < 6:
            out = {}
            self.made.append(out)
            for _ in range(count):
                out[self.hashable()] = self.value(depth - 1)
        elif pick == 6:
            out = r.choice([set, frozenset])(self.hashable() for _ in range(count))
        elif pick == 7:
            out = r.choice([ListLike, DictLike])()
            self.made.append(out)
            if type(out) is ListLike:
                out += [self.value(depth - 1) for _ in range(count)]
            else:
                out[1] = self.value(depth - 1)
        else:
            out = r.choice([Plain, Slots, NewArgs, Reduced, Registered, Stored])()
            if type(out) in (Plain, Slots):
                self.made.append(out)
            out.a, out.b = self.value(depth - 1), self.value(depth - 1)
        return out


def persistent_id(text_only):
    def give(value):
        if type(value) is Stored:
            return "an id" if text_only else ("storage", Plain, "0", value.a)
        return None
    return give


def pickled(rng):
    while True:
        try:
            return pickled_once(rng)
        except (TypeError, RecursionError, pickle.PicklingError):
            pass  # a kind, or a cycle, that this protocol does not have


def pickled_once(rng):
    protocol = rng.randrange(6)
    value = Maker(rng).value(rng.randrange(1, 6))
    file = io.BytesIO()
    out_of_band = {"buffer_callback": lambda _: rng.random() < .5} if protocol == 5 else {}
    pickler = rng.choice([pickle.Pickler, pickle._Pickler])(file, protocol, **out_of_band)
    pickler.persistent_id = persistent_id(protocol == 0)
    pickler.dump(value)
    return file.getvalue()


# Pickles from single opcodes.

def opcodes(rng, depth):
    def more():
        return opcodes(rng, depth - 1)

    def many():
        return b"".join(more() for _ in range(rng.randrange(4)))

    leaves = [
        b"N", b"\x88", b"I00\n", b"I01\n", b"I%d\n" % rng.randrange(-1 << 70, 1 << 70), b"L%dL\n" % rng.randrange(1 << 70),
        b"L%d\n" % -rng.randrange(1 << 20), b"F%a\n" % rng.uniform(-1e3, 1e3), b"F-1e400\n", b"F+5\n", b"F1e-400\n",
        b"S'a\\x00\\'\\\\\\n\\101\\7\\q'\n", b'S"it\'s"\n', b"T\x03\0\0\0a\\\xff", b"U\x02\x80'",
        b"Vx\\u20ac\\U0001f600\\\\u0041\\n\xe9\\\n", b"V\\ud83d\\ude00\n", b"Pid\n", b"\x97", b"\x97\x98",
        b"\x82" + bytes([rng.randrange(1, 256)]), b"\x83\x01\x01", b"\x84\x01\x00\x01\x00", b"cunknown_module\nPlain\n",
        b"\x8a" + (lambda n: bytes([n]) + rng.randbytes(n))(rng.randrange(20)),
        b"\x8b\x02\0\0\0\xff\xff", b"\x8d\x01" + bytes(7) + b"x", b"\x8e\x01" + bytes(7) + b"x", b"\x96\x01" + bytes(7) + b"x",
        b"\x8c\x01m\x8c\x03a.b\x93",
    ]
    if depth == 0 or rng.random() < .2:
        return rng.choice(leaves)
    cls = b"cunknown_module\nPlain\n"
    out = rng.choice([
        lambda: b"(" + many() + b"t", lambda: b"(" + many() + b"l", lambda: b"(" + (more() + more()) * rng.randrange(3) + b"d",
        lambda: b"](" + many() + b"e", lambda: b"]" + more() + b"a", lambda: b"}" + more() + more() + b"s",
        lambda: b"}(" + more() + more() + b"u", lambda: b"(" + many() + b"iunknown_module\nPlain\n",
        lambda: b"(" + cls + many() + b"o", lambda: cls + b"(" + many() + b"tR", lambda: cls + more() + b"R",
        lambda: cls + b")\x81" + more() + b"b" + more() + b"b", lambda: cls + b")}\x92", lambda: cls + more() + b"\x85}\x92",
        lambda: more() + b"Q", lambda: more() + b"2\x86", lambda: more() + more() + b"0", lambda: more() + b"(" + many() + b"1",
        lambda: more() + b"(0", lambda: b"(" + many() + b"\x91", lambda: b"\x8f(" + many() + b"\x90",
        lambda: cls + b")R(" + many() + b"e(" + more() + more() + b"u" + more() + b"b",
        lambda: more() + b"\x94", lambda: more() + b"p%d\n" % rng.randrange(5), lambda: b"\x95" + bytes(8) + more(),
        lambda: more() + b"r\xff\xff\xff\xff" + more() + b"j\xff\xff\xff\xff\x87",
        lambda: more() + b"q\x03h\x03" + more() + b"\x87", lambda: b"]q\x04h\x04" + more() + b"\x86ah\x04\x86",
    ])()
    return out


def composed(rng):
    return opcodes(rng, rng.randrange(1, 6)) + b"."


def changed(rng, data):
    data = bytearray(data)
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(data))
        pick = rng.randrange(3)
        if pick == 0:
            data[at] = rng.randrange(256)
        elif pick == 1:
            del data[at:at + rng.randrange(1, 4)]
        else:
            data[at:at] = rng.choice([b"(", b"0", b"2", b"N", b"t", b"h\x00", b"\x94", b"u", b"e", b"b", b"1"])
        if not data:
            data = bytearray(b".")
    return bytes(data)


def expected(data):
    try:
        return show(Reader(data).load())
    except RecursionError:
        raise
    except Exception as error:  # Python refuses in many ways
        return error


def dump(program, cases):
    stdin = b"".join(struct.pack("<I", len(c)) + c for c in cases)
    out = io.BytesIO(subprocess.run([program], input=stdin, stdout=subprocess.PIPE, check=True, timeout=600).stdout)
    for _ in cases:
        status, length = out.readline().split()
        yield status == b"ok", out.read(int(length) + 1)[:-1].decode("utf-8")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--dump", required=True)
    parser.add_argument("--cases", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--corpus")
    options = parser.parse_args()
    sys.setrecursionlimit(3000)
    rng = random.Random(options.seed)
    cases = []
    for i in range(options.cases):
        case = pickled(rng) if i % 2 else composed(rng)
        cases.append((case, False))
        cases.append((changed(rng, case), True))
    if options.corpus:
        for i, (case, _) in enumerate(cases):
            with open(os.path.join(options.corpus, f"{i:05}"), "wb") as file:
                file.write(case)
    wrong = compared = 0
    for (case, is_changed), (ok, text) in zip(cases, dump(options.dump, [c for c, _ in cases])):
        want = expected(case)
        if isinstance(want, Exception):
            bad = not is_changed
        elif ok:
            bad = want != text
            compared += 1
        else:
            bad = True
        if bad:
            wrong += 1
            if wrong <= 10:
                print(f"pickle {case[:300]!r}\n  python:  {str(want)[:300]!r} {type(want).__name__}\n  pthview: {text[:300]!r}")
                at = len(os.path.commonprefix([str(want), text]))
                print(f"  differ at {at}: {str(want)[at:at + 80]!r} / {text[at:at + 80]!r}")
    print(f"{len(cases)} pickles, {compared} read by both, {wrong} differ")
    return 1 if wrong or compared < options.cases else 0


if __name__ == "__main__":
    sys.exit(main())
