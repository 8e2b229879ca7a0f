#!/usr/bin/env python3
"""A second reader of PyTorch files, on Python's standard library alone, to compare pthview with: independent_reader.py
FILE

Reads torch.save's zip, legacy and tar files, safetensors, each inside gzip or as the one model of a zip, and what its other
parts read; prints rows as compare.py wants them.
It calls nothing that a file names (inert.py), and reads only what an honest file holds: anything else raises, and then
there is nothing to compare.
"""
import gzip
import hashlib
import io
import json
import pathlib
import struct
import sys
import tarfile
import zipfile

import independent_arrays
import inert
import paths
from inert import Inert, Persistent, pairs, qualname, text

MAGIC = 0x1950A86A20F9469CFC6C
CLASSES = {  # storage class without `Storage` -> (dtype, bytes an element)
    "Double": ("float64", 8),
    "Float": ("float32", 4),
    "Half": ("float16", 2),
    "BFloat16": ("bfloat16", 2),
    "Long": ("int64", 8),
    "Int": ("int32", 4),
    "Short": ("int16", 2),
    "Char": ("int8", 1),
    "Byte": ("uint8", 1),
    "Bool": ("bool", 1),
    "Untyped": ("uint8", 1),
    "ComplexFloat": ("complex64", 8),
    "ComplexDouble": ("complex128", 16),
    "QInt8": ("qint8", 1),
    "QUInt8": ("quint8", 1),
    "QInt32": ("qint32", 4),
    "QUInt4x2": ("quint4x2", 1),
    "QUInt2x4": ("quint2x4", 1),
    # Names that only TorchScript's pickler writes: those of C++.
    "UInt16": ("uint16", 2),
    "UInt32": ("uint32", 4),
    "UInt64": ("uint64", 8),
    "ComplexHalf": ("complex32", 4),
    "Float4_e2m1fn_x2": ("float4_e2m1fn_x2", 1)
} | {
    f"Float8_{kind}": (f"float8_{kind}", 1) for kind in ("e4m3fn", "e5m2", "e4m3fnuz", "e5m2fnuz", "e8m0fnu")
}
PACKED = ("quint4x2", "quint2x4")  # several elements a byte: listed, not hashed
WIDTHS = {
    name: width for name, width in CLASSES.values()
} | {
    "uint16": 2,
    "uint32": 4,
    "uint64": 8,
    "complex32": 4,
    "bits8": 1,
    "bits16": 2,
    "bits1x8": 1,
    "bits2x4": 1,
    "bits4x2": 1,
    "float4_e2m1fn_x2": 1
} | {
    f"float8_{kind}": 1 for kind in ("e4m3fn", "e5m2", "e4m3fnuz", "e5m2fnuz", "e8m0fnu")
}
GATHER_LIMIT = 1 << 20  # elements; strided tensors beyond it are not hashed


class Storage:

    def __init__(self, dtype, data, device):
        self.dtype, self.data, self.device = dtype, data, device


class File:
    """A file's object, and its storages by persistent id."""

    def __init__(self):
        self.obj, self.persistent = None, {}
        self.big_endian = False

    def resolve(self, item):
        """The Storage behind a persistent id, else None."""
        pid = item.pid if isinstance(item, Persistent) else None
        if not isinstance(pid, tuple):
            return self.numbered(pid)
        if text(pid[0]) != "storage":
            return None
        dtype = CLASSES[qualname(pid[1]).rsplit(".", 1)[1].removesuffix("Storage")][0]
        data = self.storage_bytes(text(pid[2]), dtype, pid[4])
        if len(pid) > 5 and pid[5] is not None:
            _, offset, size = pid[5]
            data = data[offset * WIDTHS[dtype]:(offset + size) * WIDTHS[dtype]]
        return Storage(dtype, data, text(pid[3]))

    def numbered(self, pid):
        """What a number names (tar files), which the object may write as text."""
        return self.persistent.get(int(pid) if str(text(pid)).isdigit() else pid)

    def storage_bytes(self, key, dtype, numel):
        raise NotImplementedError


class ZipFile(File):

    def __init__(self, file):
        super().__init__()
        self.zip = zipfile.ZipFile(file)
        names = self.zip.namelist()
        self.root = names[0].split("/", 1)[0]
        if f"{self.root}/byteorder" in names:
            self.big_endian = self.zip.read(f"{self.root}/byteorder") == b"big"
        self.obj = inert.load(io.BytesIO(self.zip.read(f"{self.root}/data.pkl")))

    def storage_bytes(self, key, dtype, numel):
        with self.zip.open(f"{self.root}/data/{key}") as record:
            record._expected_crc = None  # torch does not check it either
            return record.read()


class LegacyFile(File):

    def __init__(self, file):
        super().__init__()
        if inert.load(file) != MAGIC or inert.load(file) != 1001:
            raise ValueError("not a legacy file")
        inert.load(file)
        unpickler = inert.Unpickler(file)
        self.obj = unpickler.load()
        widths = {}
        for pid in unpickler.persistent:
            if text(pid[0]) == "storage":
                widths[text(pid[2])] = CLASSES[qualname(pid[1]).rsplit(".", 1)[1].removesuffix("Storage")][1]
        self.data = {}
        for key in inert.load(file):
            numel = struct.unpack("<q", file.read(8))[0]
            self.data[text(key)] = file.read(numel * widths[text(key)])

    def storage_bytes(self, key, dtype, numel):
        return self.data[key]


class TarFile(File):

    def __init__(self, file):
        super().__init__()
        with tarfile.open(fileobj=file, mode="r:") as tar:
            member = {name: io.BytesIO(tar.extractfile(name).read()) for name in ("pickle", "storages", "tensors")}
        stream = member["storages"]
        for _ in range(inert.load(stream)):
            key, location, cls = inert.load(stream)
            dtype, width = CLASSES[qualname(cls).rsplit(".", 1)[1].removesuffix("Storage")]
            numel = struct.unpack("<q", stream.read(8))[0]
            self.persistent[key] = Storage(dtype, stream.read(numel * width), text(location))
        for target, root, offset, numel in inert.load(stream):
            base = self.persistent[root]
            width = WIDTHS[base.dtype]
            self.persistent[target] = Storage(base.dtype, base.data[offset * width:(offset + numel) * width],
                                              base.device)
        stream = member["tensors"]
        for _ in range(inert.load(stream)):
            key, storage, _ = inert.load(stream)
            ndim = struct.unpack("<ixxxx", stream.read(8))[0]
            sizes = struct.unpack(f"<{ndim}q", stream.read(8 * ndim))
            strides = struct.unpack(f"<{ndim}q", stream.read(8 * ndim))
            offset = struct.unpack("<q", stream.read(8))[0]
            self.persistent[key] = dense(self, self.persistent[storage], offset, sizes, strides)
        self.obj = inert.load(member["pickle"])


def gather(data, width, offset, sizes, strides):
    starts = [offset * width]
    for size, stride in zip(sizes, strides):
        starts = [start + i * stride * width for start in starts for i in range(size)]
    return b"".join(data[start:start + width] for start in starts)


def swapped(data, width):
    return b"".join(data[i:i + width][::-1] for i in range(0, len(data), width))


def dense(file, storage, offset, sizes, strides, dtype=None, requires_grad=None, flags=None):
    """The row of one strided tensor; optional where the storage is not the file's own."""
    if storage is None:
        return {"optional": True}
    dtype = dtype or storage.dtype
    width, numel = WIDTHS[dtype], 1
    for size in sizes:
        numel *= size
    row = {
        "dtype": dtype,
        "shape": list(sizes),
        "strides": list(strides),
        "offset": offset,
        "numel": numel,
        "requires_grad": requires_grad,
        "layout": "strided"
    }
    if dtype in PACKED or (numel > GATHER_LIMIT and 0 in strides):
        return row
    step, contiguous = 1, True
    for size, stride in zip(reversed(sizes), reversed(strides)):
        contiguous &= size == 1 or stride == step
        step *= size
    if contiguous or not numel:
        data = storage.data[offset * width:(offset + numel) * width]
    elif numel <= GATHER_LIMIT:
        data = gather(storage.data, width, offset, sizes, strides)
    else:
        return row
    if len(data) != numel * width:
        raise ValueError("a tensor outside its storage")
    part = width // 2 if dtype.startswith("complex") else width
    if file is not None and file.big_endian:
        data = swapped(data, part)
    if flags:
        data = bytearray(data)
        if flags.get("conj"):
            for i in range(width - 1, len(data), width):
                data[i] ^= 0x80
        if flags.get("neg"):
            for i in range(part - 1, len(data), part):
                data[i] ^= 0x80
    return row | {"sha256": hashlib.sha256(data).hexdigest()}


def tensor(file, value):
    """The row of a tensor, else None."""
    if isinstance(value, Persistent):
        found = file.numbered(value.pid) if not isinstance(value.pid, tuple) else None
        return found if isinstance(found, dict) else None
    if not isinstance(value, Inert):
        return None
    found = independent_arrays.array(value)
    if found is not None:
        return found
    name, args = value.qualname, value.args
    head, _, tail = name.rpartition(".")
    if head == "torch._utils" or head in ("torch._tensor", "torch.tensor"):
        if tail in ("_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_tensor_v3"):
            dtype = qualname(args[6]).removeprefix("torch.") if tail.endswith("v3") else None
            flags = args[7 if dtype else 6] if len(args) > (7 if dtype else 6) else None
            flags = {text(k): v for k, v in flags.items()} if isinstance(flags, dict) else None
            grad = args[4] if len(args) > 4 else None
            return dense(file, file.resolve(args[0]), args[1], args[2], args[3], dtype, grad, flags)
        if tail == "_rebuild_qtensor":
            return dense(file, file.resolve(args[0]), args[1], args[2], args[3], None, args[5])
        if tail.startswith("_rebuild_parameter"):
            return with_grad(tensor(file, args[0]), args[1])
        if tail.startswith("_rebuild_from_type"):
            return tensor(file, args[0](*args[2]))  # args[0] is an Inert class: this makes another inert object
        if tail == "_rebuild_meta_tensor_no_storage":
            return {
                "dtype": qualname(args[0]).removeprefix("torch."),
                "shape": list(args[1]),
                "strides": list(args[2]),
                "requires_grad": args[3],
                "data": "meta"
            }
        if tail.startswith("_rebuild"):
            return {"optional": True}
    if name == "torch.nn.parameter.Parameter" and args:
        return with_grad(tensor(file, args[0]),
                         value.state[0] if isinstance(value.state, tuple) and value.state else None)
    if head in ("torch", "torch.cuda") and tail.endswith("Tensor"):
        if isinstance(value.state, tuple) and len(value.state) == 4:
            return dense(file, file.resolve(value.state[0]), *value.state[1:])
        return {"optional": True}
    return None


def with_grad(row, requires_grad):
    return row and row | ({} if row.get("optional") else {"requires_grad": requires_grad})


def module_tables(value):
    """The state of an nn.Module, else None."""
    state = value.state if isinstance(value, Inert) else None
    state = {text(k): v for k, v in state.items()} if isinstance(state, dict) else {}
    return state if {"_parameters", "_buffers", "_modules"} <= state.keys() else None


def rows_of_object(file, path=""):
    """Depth first, in the file's order; a container inside itself is not entered again."""
    out = []
    stack = [(file.obj, path, None, ())]  # value, path, name within a module, ids of the containers around it
    while stack:
        value, path, name, around = stack.pop()
        row = tensor(file, value)
        if row is not None:
            out.append({"path": path, "name": name} | row)
            continue
        if id(value) in around:
            continue
        around += (id(value),)
        below = []
        tables = module_tables(value)
        items = pairs(value)
        if tables is not None:
            prefix = f"{name}." if name else ""
            for table in ("_parameters", "_buffers", "_modules"):
                for key, item in pairs(tables.pop(table)) or ():
                    below.append((item, None, prefix + text(key), around))
            below += [(item, None, False, around) for item in tables.values()]
        elif items is not None:
            below = [(item, paths.join(path, key), name and False, around) for key, item in items]
        elif isinstance(value, (list, tuple)):
            below = [(item, paths.join(path, index), name and False, around) for index, item in enumerate(value)]
        elif isinstance(value, Persistent) or qualname(value).startswith(("numpy", "torch.storage")):
            storage = file.resolve(value) if isinstance(value, Persistent) and isinstance(value.pid, tuple) else None
            numel = len(storage.data) // WIDTHS[storage.dtype] if storage else 0
            row = dense(file, storage, 0, [numel], [1])
            out.append({"path": path, "optional": True} | {k: row[k] for k in ("dtype", "shape", "sha256") if k in row})
        elif isinstance(value, Inert):
            inside = [
                value.state,
                list(value.args),
                list(value.kwargs.values()), value.items, [v for _, v in value.pairs]
            ]
            below = [(item, None, False, around) for item in inside]
        stack += reversed(below)
    for row in out:
        if row.get("name") is False:  # a tensor that is some attribute of a module: it may be listed
            row.update(name=None, optional=True)
    return out


def open_file(stream):
    start = stream.read(4)
    stream.seek(0)
    if start[:4] == b"PK\3\4":
        return ZipFile(stream)
    try:
        return LegacyFile(stream)
    except Exception:
        stream.seek(0)
        return TarFile(stream)


SAFETENSORS = {
    "BOOL": "bool", "U8": "uint8", "I8": "int8", "U16": "uint16", "I16": "int16", "F16": "float16", "BF16": "bfloat16",
    "U32": "uint32", "I32": "int32", "F32": "float32", "U64": "uint64", "I64": "int64", "F64": "float64",
    "C64": "complex64"
}


def safetensors_rows(data):
    length = struct.unpack_from("<Q", data)[0]
    rows = []
    for name, entry in json.loads(data[8:8 + length]).items():
        if name != "__metadata__":
            begin, end = (8 + length + offset for offset in entry["data_offsets"])
            rows.append({
                "path": paths.join("", name),
                "dtype": SAFETENSORS[entry["dtype"]],
                "shape": entry["shape"],
                "layout": "strided",
                "sha256": hashlib.sha256(data[begin:end]).hexdigest()
            })
    return rows


def archives_of(stream):
    """[zip archive] of a file that several calls of torch.save wrote: each begins where the one before it ends."""
    found, end = [], stream.seek(0, 2)
    while end:
        stream.seek(0)
        part = io.BytesIO(stream.read(end))
        found.insert(0, part)
        begin = min((info.header_offset for info in zipfile.ZipFile(part).infolist()), default=0)
        end = begin if begin < end else 0
    return found


def rows_of_stream(stream):
    head = stream.read(9)
    stream.seek(0)
    if head.startswith(b"\x1f\x8b"):
        return rows_of_stream(io.BytesIO(gzip.decompress(stream.read())))
    if head[8:] == b"{":
        return safetensors_rows(stream.read())
    if head.startswith(b"PK\3\4"):
        archives = archives_of(stream)
        if len(archives) > 1:
            return [row for index, part in enumerate(archives)
                    for row in rows_of_object(ZipFile(part), paths.join("", index))]
        stream.seek(0)
        import independent_programs  # which is built on this module
        rows = independent_programs.rows_of(stream)
        if rows is not None:
            return rows
        stream.seek(0)
    return rows_of_object(open_file(stream))


def rows_of(path):
    path = pathlib.Path(path)
    if path.name == ".metadata":
        import independent_folders  # which is built on this module
        return independent_folders.rows_of(path)
    with path.open("rb") as stream:
        return rows_of_stream(stream)


if __name__ == "__main__":
    print(json.dumps(rows_of(sys.argv[1]), indent=1))
