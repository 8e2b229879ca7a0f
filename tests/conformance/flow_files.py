"""A model's files without its weights: every tensor is one number seen through its shape, tied ones are one tensor."""
import json
import pickle
import struct

import torch

DTYPES = {torch.float32: ("F32", 4), torch.int64: ("I64", 8), torch.float16: ("F16", 2), torch.bool: ("BOOL", 1),
          torch.int32: ("I32", 4), torch.uint8: ("U8", 1)}


def thin(tensor):
    return torch.zeros((), dtype=tensor.dtype).expand(tensor.shape)


def save_all(model, folder):
    """defined.pth, sorted.pth, m.safetensors and whole.pt; False where the model cannot be pickled whole."""
    named = dict(list(model.named_parameters(remove_duplicate=False)) + list(model.named_buffers(remove_duplicate=False)))
    thinned, state = {}, {}
    for name, tensor in model.state_dict().items():
        if isinstance(tensor, torch.Tensor):
            state[name] = thinned.setdefault(id(named.get(name, tensor)), thin(tensor))
    torch.save(state, folder / "defined.pth")
    torch.save(dict(sorted(state.items())), folder / "sorted.pth")
    save_safetensors(state, folder / "m.safetensors")
    return save_whole(model, folder / "whole.pt")


def save_safetensors(state, path):
    """Shared tensors once, as transformers saves them; the bytes are a hole in the file."""
    header, offset = {}, 0
    once = {}
    for name, tensor in state.items():
        once.setdefault(id(tensor), name)
    for name in sorted(once.values()):
        kind, size = DTYPES[state[name].dtype]
        end = offset + size * state[name].numel()
        header[name] = {"dtype": kind, "shape": list(state[name].shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + offset)


def save_whole(model, path):
    thinned = {}
    for module in model.modules():
        for table in (module._parameters, module._buffers):
            for name, tensor in table.items():
                if tensor is not None:
                    if id(tensor) not in thinned:
                        small = thin(tensor)
                        if table is module._parameters:
                            small = torch.nn.Parameter(small, tensor.requires_grad)
                        thinned[id(tensor)] = small, tensor  # the old one lives, so that its id stays its own
                    table[name] = thinned[id(tensor)][0]
    try:
        torch.save(model, path)
    except (pickle.PicklingError, AttributeError, TypeError, RuntimeError):
        path.unlink(missing_ok=True)
        return False
    return True
