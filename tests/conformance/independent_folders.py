"""The part of the independent reader for checkpoints in several files: distributed ones (DCP), by their `.metadata`."""
import hashlib
import io
import math

import inert
import independent_reader as reader
import paths
from inert import text


def fields(value):
    return {text(key): item for key, item in value.state.items()}


def numbers(size):
    """torch.Size, or the tuple that it is made of."""
    return tuple(size if isinstance(size, tuple) else size.args[0])


class Shards:
    """What storage_data says: (name, where the chunk begins) -> the torch.save file in a shard."""

    def __init__(self, folder, table):
        self.folder, self.places = folder, {}
        for index, place in table.items():
            index, place = fields(index), fields(place)
            begin = index.get("offset")
            self.places[index["fqn"], None if begin is None else numbers(begin)] = place

    def file(self, fqn, begin):
        place = self.places[fqn, begin]
        with open(self.folder / place["relative_path"], "rb") as stream:
            stream.seek(place["offset"])
            return io.BytesIO(stream.read(place["length"]))


def chunk(file, sizes):
    """(dtype, width, bytes) of a contiguous tensor that is a whole torch.save file."""
    storage, offset, shape, strides = file.obj.args[:4]
    storage = file.resolve(storage)
    if tuple(shape) != sizes or any(stride != math.prod(sizes[axis + 1:]) for axis, stride in enumerate(strides)):
        raise ValueError("a chunk that is not contiguous")
    width = reader.WIDTHS[storage.dtype]
    return storage.dtype, width, storage.data[offset * width:(offset + math.prod(sizes)) * width]


def stitched(shards, fqn, entry):
    shape = numbers(entry["size"])
    whole, dtype, filled = None, None, 0
    for place in entry["chunks"]:
        place = fields(place)
        begin, sizes = numbers(place["offsets"]), numbers(place["sizes"])
        dtype, width, data = chunk(reader.ZipFile(shards.file(fqn, begin)), sizes)
        whole = whole or bytearray(math.prod(shape) * width)
        line = (sizes[-1] if sizes else 1) * width
        starts = [0]
        for axis in range(len(shape) - 1):
            step = math.prod(shape[axis + 1:]) * width
            starts = [start + (begin[axis] + i) * step for start in starts for i in range(sizes[axis])]
        for number, start in enumerate(starts):
            start += begin[-1] * width if shape else 0
            whole[start:start + line] = data[number * line:(number + 1) * line]
        filled += len(data)
    if filled != len(whole):
        raise ValueError("chunks that do not fill their tensor")
    return {"dtype": dtype, "shape": list(shape), "layout": "strided", "sha256": hashlib.sha256(whole).hexdigest()}


def rows_of(path):
    with open(path, "rb") as stream:
        metadata = fields(inert.load(stream))
    shards = Shards(path.parent, metadata["storage_data"])
    rows = []
    for fqn, entry in metadata["state_dict_metadata"].items():
        place = ""
        for key in metadata["planner_data"][fqn]:
            place = paths.join(place, key)
        entry = fields(entry) if entry.state else {}
        if "chunks" in entry:
            rows.append({"path": place} | stitched(shards, fqn, entry))
        else:
            below = reader.rows_of_object(reader.ZipFile(shards.file(fqn, None)))
            rows += [row | {"path": place + "." + row["path"]} for row in below if not row.get("optional")]
    return rows
