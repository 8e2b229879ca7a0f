"""The part of the independent reader for numpy arrays in pickles."""
import hashlib

from inert import Inert, qualname, text

CODES = {
    "f8": "float64",
    "f4": "float32",
    "f2": "float16",
    "i8": "int64",
    "i4": "int32",
    "i2": "int16",
    "i1": "int8",
    "u8": "uint64",
    "u4": "uint32",
    "u2": "uint16",
    "u1": "uint8",
    "b1": "bool",
    "c8": "complex64",
    "c16": "complex128"
}


def raw(value):
    """Bytes, also where an old protocol makes them by a call."""
    if isinstance(value, (bytes, bytearray)):
        return bytes(value)
    if isinstance(value, str):
        return value.encode("latin-1")
    name = qualname(value)
    if name == "_codecs.encode":
        return value.args[0].encode("latin-1")
    if name in ("builtins.bytes", "__builtin__.bytes") and not value.args:
        return b""
    raise ValueError("no bytes")


def element(dtype):
    """(name, bytes an element, big-endian) of a numpy.dtype; None for those that torch does not have."""
    code, big = text(dtype.args[0]), False
    if code[0] in "<>|=":
        code, big = code[1:], code[0] == ">"
    if dtype.state is not None and text(dtype.state[1]) == ">":
        big = True
    return (CODES[code], int(code[1:]), big) if code in CODES else None


def array(value):
    """The row of an array, else None."""
    name = qualname(value)
    if not isinstance(value, Inert) or not name.startswith(("numpy.core.", "numpy._core.")):
        return None
    if name.endswith(".multiarray._reconstruct"):
        _, shape, dtype, fortran, data = value.state
    elif name.endswith(".numeric._frombuffer"):
        data, dtype, shape, order = value.args
        fortran = text(order) == "F"
    else:
        return None
    found = element(dtype)
    if found is None:
        return {"optional": True}
    kind, width, big = found
    data = raw(data)
    part = width // 2 if kind.startswith("complex") else width
    if big:
        data = b"".join(data[i:i + part][::-1] for i in range(0, len(data), part))
    numel, strides = 1, []
    for size in shape:
        strides.append(numel)
        numel *= size
    if fortran and len(shape) > 1:  # rows are asked for, columns are stored
        starts = [0]
        for size, stride in zip(shape, strides):
            starts = [start + i * stride * width for start in starts for i in range(size)]
        data = b"".join(data[start:start + width] for start in starts)
    if len(data) != numel * width:
        raise ValueError("an array outside its bytes")
    return {"dtype": kind, "shape": list(shape), "layout": "strided", "sha256": hashlib.sha256(data).hexdigest()}
