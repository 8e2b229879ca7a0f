"""Random pickles: what Python's picklers write, what they no longer write, and both with a few bytes changed."""
import copyreg
import io
import os
import pickle
import struct
import sys
import types

MODULE = types.ModuleType("unknown_module")
sys.modules[MODULE.__name__] = MODULE


# Classes that pickle in every way there is.

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


def same_every_time():
    """Starts the script again with a fixed order of sets, which else changes from run to run, whatever the seed."""
    if os.environ.get("PYTHONHASHSEED") != "0":
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | {"PYTHONHASHSEED": "0"})


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
