"""GGUF files for the tests, written by hand: see plugins/examples/gguf for the bytes."""
import struct

KINDS = {int: 10, float: 12, bool: 7, str: 8}


def string(text):
    raw = text.encode() if isinstance(text, str) else text
    return struct.pack("<Q", len(raw)) + raw


def value(item):
    if isinstance(item, list):
        inner = KINDS[type(item[0])]
        return struct.pack("<IIQ", 9, inner, len(item)) + b"".join(value(each)[4:] for each in item)
    codes = {int: "<Q", float: "<d", bool: "<?"}
    body = string(item) if isinstance(item, str) else struct.pack(codes[type(item)], item)
    return struct.pack("<I", KINDS[type(item)]) + body


def gguf(metadata, tensors, version=3):
    """`tensors`: (name, shape as torch writes it, type, bytes). Returns the file's bytes."""
    out = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(metadata))
    for key, item in metadata.items():
        out += string(key) + value(item)
    data = b""
    for name, shape, kind, raw in tensors:
        out += string(name) + struct.pack("<I", len(shape)) + struct.pack(f"<{len(shape)}Q", *reversed(shape))
        out += struct.pack("<IQ", kind, len(data))
        data += raw + bytes(-len(raw) % 32)
    return out + bytes(-len(out) % 32) + data


def sample():
    weight = struct.pack("<6f", 1, 2, 3, 4, 5, 6)
    half = struct.pack("<4e", 0.5, 1.5, -2, 0)
    return gguf(
        {"general.architecture": "llama", "llama.block_count": 1, "llama.rope.freq_base": 10000.0,
         "tokenizer.add_bos": True, "tokenizer.tokens": [f"t{i}" for i in range(20)]},
        [("blk.0.attn_q.weight", [2, 3], 0, weight), ("blk.0.attn_q.bias", [4], 1, half),
         ("blk.0.ffn_down.weight", [2, 64], 8, bytes(range(136)))])
