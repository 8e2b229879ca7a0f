#!/usr/bin/env python3
"""Makes the files that serve_test.mjs looks at: make_files.py DIR [--changed]

  small.pth   a few layers of known values; --changed writes it again, with other values and one more layer
  hostile.pth names that are markup, values that are no numbers
  wide.pth    1,000 blocks under one module
  flat.pth    3,000 tensors without a module
  sparse.pth  a 3 x 4 matrix in COO of which two values are stored
  cut.pth     the first half of small.pth
"""
import array
import collections
import pathlib
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "fixtures"))
from torch_format import SparseTensor, Storage, Tensor, save  # noqa: E402


def floats(shape, values):
    return Tensor(Storage("FloatStorage", array.array("f", values).tobytes()), shape)


def count(shape, scale=1.0):
    total = 1
    for size in shape:
        total *= size
    return floats(shape, [scale * i for i in range(total)])


def small(changed):
    state = collections.OrderedDict()
    state["conv1.weight"] = count((4, 3, 3, 3), 0.25 if changed else 0.125)
    state["conv1.bias"] = count((4,))
    for name in ("weight", "bias", "running_mean", "running_var"):
        state[f"bn1.{name}"] = count((4,))
    for block in range(2):
        state[f"layer1.{block}.conv.weight"] = count((4, 4, 3, 3), 0.01)
        state[f"layer1.{block}.norm.weight"] = count((4,))
        state[f"layer1.{block}.norm.bias"] = count((4,))
    state["fc.weight"] = count((10, 4), -0.5)
    state["fc.bias"] = count((10,))
    if changed:
        state["fc2.weight"] = count((3, 10))
    return state


def hostile():
    markup = '<img src=x onerror="alert(1)">'
    state = collections.OrderedDict()
    state[f"{markup}.weight"] = count((2, 2))
    state["odd.weight"] = floats((4,), [float("nan"), float("inf"), float("-inf"), -1.5])
    state["odd.half"] = Tensor(Storage("BFloat16Storage", struct.pack("<4H", 0x3F80, 0xC020, 0x7FC0, 0x0000)), (4,))
    return state


def main():
    folder = pathlib.Path(sys.argv[1])
    save(small("--changed" in sys.argv), folder / "small.tmp", "zip")
    (folder / "small.tmp").rename(folder / "small.pth")
    if "--changed" in sys.argv:
        return
    save(hostile(), folder / "hostile.pth", "zip")
    state = collections.OrderedDict((f"blocks.{i}.weight", count((2, 2))) for i in range(1000))
    state["head.weight"] = count((3, 2))
    save(state, folder / "wide.pth", "zip")
    save(collections.OrderedDict((f"tensor_{i}", count((2,))) for i in range(3000)), folder / "flat.pth", "zip")
    indices = Tensor(Storage("LongStorage", array.array("q", [0, 2, 1, 3]).tobytes()), (2, 2))
    save({"links.weight": SparseTensor(indices, floats((2,), [1.5, -2.5]), (3, 4))}, folder / "sparse.pth", "zip")
    data = (folder / "small.pth").read_bytes()
    (folder / "cut.pth").write_bytes(data[:len(data) // 2])


if __name__ == "__main__":
    main()
