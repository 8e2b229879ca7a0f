"""Python's own unpickler with every call taken out, and printing by the rules of lib/pickle/print.h."""
import io
import pickle


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

    def float_(self):
        line = self.readline()[:-1]
        if b"_" in line:
            raise Refused("Python's reader in C takes no underscores here")
        self.append(float(line))

    for code, method in [
            (pickle.FLOAT, float_),
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
