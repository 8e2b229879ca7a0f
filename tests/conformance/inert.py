"""Reads pickles without importing or calling anything of theirs.

Every global becomes a class of its own under `Inert`, every object an instance that only remembers what it was given.
Strings of Python 2 come as str, bytes that are not UTF-8 as lone surrogates.
"""
import pickle


class Inert:
    """An object of a class that stays unknown."""

    qualname = ""

    def __new__(cls, *args, **kwargs):
        self = object.__new__(cls)
        self.args, self.kwargs, self.state, self.items, self.pairs = args, kwargs, None, [], []
        return self

    def __init__(self, *args, **kwargs):
        pass

    def __setstate__(self, state):
        self.state = state

    def __setitem__(self, key, value):
        self.pairs.append((key, value))

    def append(self, value):
        self.items.append(value)

    def extend(self, values):
        self.items.extend(values)

    add = append


class Persistent:
    """What a persistent id names; resolved by whoever knows the container."""

    def __init__(self, pid):
        self.pid = pid


class Unpickler(pickle.Unpickler):

    def __init__(self, file):
        super().__init__(file, encoding="utf-8", errors="surrogateescape")
        self.classes = {}
        self.persistent = {}

    def find_class(self, module, name):
        key = text(module), text(name)
        if key not in self.classes:
            self.classes[key] = type("Inert", (Inert,), {"qualname": ".".join(key)})
        return self.classes[key]

    def persistent_load(self, pid):
        if isinstance(pid, tuple) and len(pid) > 1 and text(pid[0]) == "module":
            return pid[1]  # a class with its source text
        if isinstance(pid, tuple) and pid and isinstance(pid[0], type):
            return pid[0]  # the same in tar files
        try:
            return self.persistent.setdefault(pid, Persistent(pid))
        except TypeError:  # not hashable
            return Persistent(pid)


def load(file):
    return Unpickler(file).load()


def text(value):
    """bytes as str where a str belongs (protocol 2 writes some names as bytes); anything else as it is."""
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value


def qualname(value):
    """The global that `value` is (a class) or is an instance of; '' when neither."""
    if isinstance(value, type) and issubclass(value, Inert):
        return value.qualname
    return value.qualname if isinstance(value, Inert) else ""


def pairs(value):
    """(key, value) of a dict or of any object filled like one; None for other objects."""
    if isinstance(value, dict):
        return list(value.items())
    if isinstance(value, Inert) and qualname(value) in ("collections.OrderedDict", "collections.defaultdict"):
        out = list(value.pairs)
        if value.args and isinstance(value.args[0], list):
            out = [tuple(item) for item in value.args[0] if isinstance(item, (list, tuple)) and len(item) == 2] + out
        return out
    return None
