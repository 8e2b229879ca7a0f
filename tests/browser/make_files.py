#!/usr/bin/env python3
"""Makes the files that serve_test.mjs looks at: make_files.py DIR [--changed]

  small.pth   a few layers of known values; --changed writes it again, with other values and one more layer
  hostile.pth names that are markup, values that are no numbers
  markup.pth  names and plain values that would end a script or begin a tag
  wide.pth    1,000 blocks under one module
  flat.pth    3,000 tensors without a module
  sparse.pth  a 3 x 4 matrix in COO of which two values are stored
  run_a.pth, run_b.pth   two checkpoints of a run: in the later one conv1.weight is twice as large, and fc2 new
  cut.pth     the first half of small.pth
  bad.pth     no model at all
  bert.pth    names as a small BERT's; a scalar
  checkpoint.pth   what a training run writes around small.pth's tensors
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


def bert():
    state = collections.OrderedDict()

    def linear(name, outputs, inputs):
        state[f"{name}.weight"] = count((outputs, inputs), 0.01)
        state[f"{name}.bias"] = count((outputs,))

    def norm(name):
        state[f"{name}.weight"] = count((8,))
        state[f"{name}.bias"] = count((8,))

    for name, size in (("word", 30), ("position", 16), ("token_type", 2)):
        state[f"bert.embeddings.{name}_embeddings.weight"] = count((size, 8), 0.5)
    norm("bert.embeddings.LayerNorm")
    for layer in range(3):
        for part in ("query", "key", "value"):
            linear(f"bert.encoder.layer.{layer}.attention.self.{part}", 8, 8)
        linear(f"bert.encoder.layer.{layer}.attention.output.dense", 8, 8)
        norm(f"bert.encoder.layer.{layer}.attention.output.LayerNorm")
        linear(f"bert.encoder.layer.{layer}.intermediate.dense", 32, 8)
        linear(f"bert.encoder.layer.{layer}.output.dense", 8, 32)
        norm(f"bert.encoder.layer.{layer}.output.LayerNorm")
    linear("bert.pooler.dense", 8, 8)
    for name in ("weight", "bias", "running_mean", "running_var"):
        state[f"cls.norm.{name}"] = count((8,))
    state["cls.norm.num_batches_tracked"] = Tensor(Storage("LongStorage", array.array("q", [1234]).tobytes()), ())
    linear("cls.decoder", 30, 8)
    return state


def checkpoint():
    history = [{"loss": 1 / (i + 1), "accuracy": i * 10} for i in range(8)]
    return {"epoch": 30, "best_accuracy": 76.25, "args": {"arch": "resnet50", "lr": 0.1}, "history": history,
            "state_dict": small(False), "optimizer": optimizer(small(False))}


def optimizer(state):
    """What Adam keeps of the parameters of `state`, numbered."""
    parameters = [tensor for name, tensor in state.items() if "running" not in name]
    states = {i: {"step": count(()), "exp_avg": count(tensor.shape, 0.5)} for i, tensor in enumerate(parameters)}
    return {"state": states, "param_groups": [{"lr": 0.1, "params": list(range(len(parameters)))}]}


def hostile():
    markup = '<img src=x onerror="alert(1)">'
    state = collections.OrderedDict()
    state[f"{markup}.weight"] = count((2, 2))
    state["odd.weight"] = floats((4,), [float("nan"), float("inf"), float("-inf"), -1.5])
    state["odd.half"] = Tensor(Storage("BFloat16Storage", struct.pack("<4H", 0x3F80, 0xC020, 0x7FC0, 0x0000)), (4,))
    return state


def markup():
    names = ("</script><script>window.hacked = 1</script>", "<!--<script>", "<img src=x onerror='window.hacked = 2'>",
             "\"><svg onload=window.hacked=3>", "${window.hacked = 4}", "a</ScRiPt >.b")
    return {"note": names[0], names[2]: names[1], "state_dict": collections.OrderedDict((name, count((2, 3))) for name in names)}


def main():
    folder = pathlib.Path(sys.argv[1])
    save(small("--changed" in sys.argv), folder / "small.tmp", "zip")
    (folder / "small.tmp").rename(folder / "small.pth")
    if "--changed" in sys.argv:
        return
    save(hostile(), folder / "hostile.pth", "zip")
    save(markup(), folder / "markup.pth", "zip")
    state = collections.OrderedDict((f"blocks.{i}.weight", count((2, 2))) for i in range(1000))
    state["head.weight"] = count((3, 2))
    save(state, folder / "wide.pth", "zip")
    save(collections.OrderedDict((f"tensor_{i}", count((2,))) for i in range(3000)), folder / "flat.pth", "zip")
    indices = Tensor(Storage("LongStorage", array.array("q", [0, 2, 1, 3]).tobytes()), (2, 2))
    save({"links.weight": SparseTensor(indices, floats((2,), [1.5, -2.5]), (3, 4))}, folder / "sparse.pth", "zip")
    save(bert(), folder / "bert.pth", "zip")
    save(checkpoint(), folder / "checkpoint.pth", "zip")
    # Named so that their order is not that of the run.
    save({"epoch": 20, "state_dict": small(True)}, folder / "run_a.pth", "zip")
    save({"epoch": 10, "state_dict": small(False)}, folder / "run_b.pth", "zip")
    data = (folder / "small.pth").read_bytes()
    (folder / "cut.pth").write_bytes(data[:len(data) // 2])
    (folder / "bad.pth").write_bytes(b"This is no model. " * 40)


if __name__ == "__main__":
    main()
