#!/usr/bin/env python3
"""What torch itself reads from each fixture, as rows to hold pthview's against: expected.py FIXTURES_DIR [FILE...]

It unpickles, so it is only for files that make_fixtures.py made. Row fields: see compare.py; `sha256` is that of the
tensor's logical row-major little-endian bytes, for quantised tensors of the integers they store.
"""
import argparse
import hashlib
import json
import pathlib
import sys
import warnings

import numpy
import torch

import paths

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "fixtures"))

COMPRESSED = {
    torch.sparse_csr: ("crow_indices", "col_indices"),
    torch.sparse_csc: ("ccol_indices", "row_indices"),
    torch.sparse_bsr: ("crow_indices", "col_indices"),
    torch.sparse_bsc: ("ccol_indices", "row_indices")
}


def short(value):
    return str(value).removeprefix("torch.")


def logical_bytes(tensor):
    if tensor.is_quantized:
        tensor = tensor.int_repr()
    tensor = tensor.detach().resolve_conj().resolve_neg()
    if tensor.is_contiguous():
        start = tensor.storage_offset() * tensor.element_size()
        count = tensor.numel() * tensor.element_size()
        return bytes(tensor.untyped_storage()[start:start + count])
    return tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()


def digest(tensor):
    return hashlib.sha256(logical_bytes(tensor)).hexdigest()


def component(name, tensor):
    return {"name": name, "dtype": short(tensor.dtype), "shape": list(tensor.shape), "sha256": digest(tensor)}


def facts(tensor):
    """What a row says of one tensor, wherever it stands."""
    if isinstance(tensor, torch.nn.parameter.UninitializedTensorMixin):
        return {"optional": True}
    row = {"dtype": short(tensor.dtype), "numel": tensor.numel(), "device": str(tensor.device)}
    if tensor.is_nested:
        return row
    row |= {"shape": list(tensor.shape), "layout": short(tensor.layout)}
    if tensor.layout == torch.sparse_coo:
        raw = [("indices", tensor._indices()), ("values", tensor._values())]
        return row | {"components": [component(*item) for item in raw]}
    if tensor.layout in COMPRESSED:
        names = COMPRESSED[tensor.layout] + ("values",)
        return row | {"components": [component(name, getattr(tensor, name)()) for name in names]}
    row |= {"strides": list(tensor.stride()), "offset": tensor.storage_offset(), "requires_grad": tensor.requires_grad}
    if tensor.device.type == "meta":
        return row | {"data": "meta"}
    if tensor.dtype != torch.quint4x2:
        row["sha256"] = digest(tensor)
    if tensor.is_quantized and tensor.qscheme() in (torch.per_channel_affine, torch.per_channel_affine_float_qparams):
        scales, zeros = tensor.q_per_channel_scales(), tensor.q_per_channel_zero_points()
        row["components"] = [component("scales", scales), component("zero_points", zeros)]
    storage = tensor.untyped_storage()
    if storage.nbytes() and storage.data_ptr():
        row["storage_range"] = (storage.data_ptr(), storage.nbytes())
    return row


def array_facts(array):
    data = array.astype(array.dtype.newbyteorder("<")).tobytes()  # rows first, however it lies in memory
    return {
        "dtype": array.dtype.newbyteorder("=").name,
        "shape": list(array.shape),
        "layout": "strided",
        "sha256": hashlib.sha256(data).hexdigest()
    }


class Walk:
    """All tensors of a loaded object, in its order."""

    def __init__(self):
        self.rows = []
        self.first = {}  # id of a tensor -> path of its first place
        self.open = set()  # ids of containers that are being walked

    def add(self, tensor, path, **extra):
        row = {"path": path} | facts(tensor) | extra
        if path is not None and not row.get("optional"):
            row["same_as"] = self.first.get(id(tensor))
            self.first.setdefault(id(tensor), path)
        self.rows.append(row)

    def value(self, value, path):
        if isinstance(value, torch.Tensor):
            self.add(value, path)
        elif isinstance(value, numpy.ndarray) and value.dtype.kind in "bifuc":
            self.rows.append({"path": path} | array_facts(value))
        elif isinstance(value, (numpy.ndarray, numpy.generic, torch.storage.TypedStorage, torch.UntypedStorage)):
            self.rows.append({"path": path, "optional": True})
        elif isinstance(value, torch.nn.Module):
            self.module(value)
        elif id(value) not in self.open:
            self.open.add(id(value))
            if isinstance(value, dict):
                for key, item in value.items():
                    self.value(item, paths.join(path, key))
            elif isinstance(value, (list, tuple)):
                for index, item in enumerate(value):
                    self.value(item, paths.join(path, index))
            elif isinstance(getattr(value, "__dict__", None), dict) and not isinstance(value, type):
                for item in value.__dict__.values():
                    self.value(item, None)
            self.open.discard(id(value))

    def module(self, root):
        """Names as state_dict() gives them, and buffers it leaves out."""
        persistent = set(root.state_dict())
        for prefix, module in root.named_modules(remove_duplicate=False):
            for kind, table in (("parameter", module._parameters), ("buffer", module._buffers)):
                for key, tensor in table.items():
                    if tensor is not None:
                        name = f"{prefix}.{key}" if prefix else key
                        assert kind == "buffer" or name in persistent
                        self.add(tensor, None, name=name, kind=kind)
            for key, value in vars(module).items():
                for item in value if isinstance(value, (list, tuple)) else [value]:
                    if isinstance(item, torch.Tensor):
                        self.add(item, None, optional=True)


def share(rows):
    """storage_id: one number a storage; storage_group: one number for storages whose memory overlaps."""
    ranges = sorted({row["storage_range"] for row in rows if "storage_range" in row})
    group, end, groups = -1, 0, {}
    for start, size in ranges:
        group += start >= end
        end = max(end, start + size)
        groups[start, size] = group
    for row in rows:
        if "storage_range" in row:
            key = row.pop("storage_range")
            row["storage_id"], row["storage_group"] = ranges.index(key), groups[key]
    return rows


def rows_of(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        walk = Walk()
        walk.value(torch.load(path, weights_only=False), "")
        return share(walk.rows)


def fixtures(folder):
    """(file name, function giving its expected rows) for every fixture."""
    for entry in json.loads((folder / "fixtures.json").read_text())["files"]:
        yield entry["file"], lambda told_by=entry["told_by"]: rows_of(folder / told_by)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("fixtures", type=pathlib.Path)
    parser.add_argument("files", nargs="*")
    args = parser.parse_args()
    out = {name: rows() for name, rows in fixtures(args.fixtures) if not args.files or name in args.files}
    json.dump(out, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
