#!/usr/bin/env python3
"""peer_torch.py FILE: the same list through torch itself, in the way that reads the least."""
import sys

import torch

for name, tensor in torch.load(sys.argv[1], mmap=True, weights_only=True, map_location="cpu").items():
    print(name, tensor.dtype, tuple(tensor.shape))
