#!/usr/bin/env python3
"""Files of values, and the same figures by NumPy and torch, for stats.py:

  peer_values.py make OUT.safetensors f32|bf16|f16 BYTES SEED [NOISE]    NOISE: added to what SEED gives
  peer_values.py numpy|torch FILE                                    all figures of `stats`, of each tensor
  peer_values.py equal A B                                           torch.equal of each tensor
  peer_values.py family FOLDER COUNT BYTES                           COUNT checkpoints of one run
"""
import pathlib
import sys

import numpy
import safetensors
import safetensors.torch
import torch


def make(out, dtype, size, seed, noise=0.0):
    torch.manual_seed(seed)
    kind = {"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}[dtype]
    count = size // (4 if dtype == "f32" else 2) // 4
    tensors = {f"layer{i}.weight": (torch.randn(count // 1024, 1024) * 0.02).to(kind) for i in range(4)}
    if noise:
        for tensor in tensors.values():
            tensor += (torch.randn(tensor.shape) * noise).to(kind)
    safetensors.torch.save_file(tensors, out)


def by_numpy(x):
    x = x.reshape(-1)
    finite = numpy.isfinite(x)
    nans, infinities = numpy.isnan(x).sum(), numpy.isinf(x).sum()
    if not finite.all():
        x = x[finite]
    mean, std = x.mean(dtype=numpy.float64), x.std(dtype=numpy.float64)
    d = x - mean
    d2 = d * d
    skewness, kurtosis = (d2 * d).mean() / std**3, (d2 * d2).mean() / std**4 - 3
    magnitude = numpy.abs(x)
    return (nans, infinities, mean, std, skewness, kurtosis, x.min(), x.max(), x.argmin(), x.argmax(), magnitude.max(),
            magnitude.sum(dtype=numpy.float64), numpy.sqrt(numpy.square(x).sum(dtype=numpy.float64)), (x == 0).sum(),
            (magnitude < 1e-3 * std).sum(), (x < 0).sum())


def by_torch(x):
    x = x.reshape(-1).float()
    finite = torch.isfinite(x)
    nans, infinities = torch.isnan(x).sum(), torch.isinf(x).sum()
    if not finite.all():
        x = x[finite]
    mean, std = x.double().mean(), x.double().std(unbiased=False)
    d = x.double() - mean
    d2 = d * d
    skewness, kurtosis = (d2 * d).mean() / std**3, (d2 * d2).mean() / std**4 - 3
    magnitude = x.abs()
    return (nans, infinities, mean, std, skewness, kurtosis, x.min(), x.max(), x.argmin(), x.argmax(), magnitude.max(),
            magnitude.double().sum(), x.double().square().sum().sqrt(), (x == 0).sum(),
            (magnitude < 1e-3 * std).sum(), (x < 0).sum())


def family(folder, count, size):
    pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    tensors = {f"layer{i}.weight": torch.randn(size // 16 // 1024, 1024) * 0.02 for i in range(4)}
    for step in range(count):
        torch.save({"state_dict": tensors, "step": step}, f"{folder}/step{step}.pth")
        tensors = {name: tensor + torch.randn(tensor.shape) * 0.002 for name, tensor in tensors.items()}


def main(what, *words):
    if what == "make":
        make(words[0], words[1], int(words[2]), int(words[3]), *map(float, words[4:]))
    elif what == "family":
        family(words[0], int(words[1]), int(words[2]))
    elif what == "equal":
        with safetensors.safe_open(words[0], "pt") as a, safetensors.safe_open(words[1], "pt") as b:
            print(all(torch.equal(a.get_tensor(name), b.get_tensor(name)) for name in a.keys()))
    else:
        with safetensors.safe_open(words[0], "np" if what == "numpy" else "pt") as file:
            for name in file.keys():
                print(name, *(by_numpy if what == "numpy" else by_torch)(file.get_tensor(name)))


if __name__ == "__main__":
    main(*sys.argv[1:])
