"""What people write: torch.load, safetensors and hashlib in a loop. peer_archive.py SOURCE OUT"""
import hashlib
import pathlib
import sys

import safetensors.torch
import torch

source, out = map(pathlib.Path, sys.argv[1:])
out.mkdir(parents=True)
for path in sorted(source.rglob("*.pth")):
    hashlib.sha256(path.read_bytes()).hexdigest()
    state = torch.load(path, weights_only=False)["state_dict"]
    target = out / (path.name + ".safetensors")
    safetensors.torch.save_file(state, target)
    hashlib.sha256(target.read_bytes()).hexdigest()
