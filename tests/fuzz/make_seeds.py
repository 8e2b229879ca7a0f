#!/usr/bin/env python3
"""Makes small inputs for each fuzzer to begin with: make_seeds.py OUT_DIR

OUT_DIR/FUZZER/NAME: each format's smallest checkpoint, small hostile files, random pickles, and documents. Python's
standard library only; the seeds of mobile flatbuffers and of DeepSpeed folders need torch, and are left out without it.
"""
import argparse
import bz2
import gzip
import io
import json
import lzma
import pathlib
import pickle
import random
import re
import struct
import sys
import tempfile
import warnings
import zipfile
import zlib

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "fixtures"), str(HERE.parent / "conformance")]

import hostile_containers  # noqa: E402
import hostile_pickles  # noqa: E402
import make_formats  # noqa: E402
import pickle_maker  # noqa: E402
import seed_documents  # noqa: E402

LARGEST = 16 << 10  # bytes; a fuzzer is the slower the longer its inputs
PICKLES = 200
CONTENT = make_formats.Content(3, 16)
WHOLE_FILES = ("fuzz_open", "fuzz_scan")
FX_SOURCE = """
def forward(self, x : torch.Tensor, k = 2):
    x, k, = fx_pytree.tree_flatten_spec(([x], {'k':k}), self._in_spec)
    fc = getattr(self.fc, "0")(x);  x = None
    getitem = fc[(slice(None, None, 2), Ellipsis, 1:)];  w = self.w
    add = getitem @ -w ** 2 - 1e-05;  w = getitem = None
    add += k;  iadd = add
    to = iadd.to(torch.float16, device(type='cuda', index=0), copy = True)
    a, b = torch.ops.aten.split.Tensor(to, [1, 2j, "a\\n"], **{'dim': inf})
    return {'a': (a, b), 'b': [k not in a]}
"""


def formats():
    """{format: what is to be opened of its smallest checkpoint}; for folders the file that leads to the others."""
    found = {}
    for kind, write in make_formats.FORMATS.items():
        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                path = write(CONTENT, pathlib.Path(folder))
            except ImportError:
                continue
            if path.is_dir():
                path = next((path / name for name in (".metadata", "latest") if (path / name).exists()))
            found[kind] = path.read_bytes()
    return found


def hostile():
    rows = {
        f"{kind}_{name}": row
        for kind, table in (("pickle", hostile_pickles.table(True)), ("file", hostile_containers.table()))
        for name, row in table.items()
    }
    return {name: row[0] for name, row in rows.items() if len(row[0]) <= LARGEST}


def packed(files):
    """The files in gzip and xz, and as members of a zip that are deflated."""
    out = {}
    for kind, data in files.items():
        out[f"{kind}_in_gzip"] = gzip.compress(data, mtime=0)
        out[f"{kind}_in_xz"] = lzma.compress(data)
        out[f"{kind}_in_bzip2"] = bz2.compress(data)
        out[f"{kind}_in_zip"] = hostile_containers.plain_zip([("file", data)], zipfile.ZIP_DEFLATED)
    return {name: data for name, data in out.items() if len(data) <= LARGEST}


def unpacked():
    """<u8 kind> <u8 order> <packed>: kinds 0 xz, 1 gzip, 2 deflate; several blocks and members each. From 240 on
    bzip2 (240), zstd (241), zlib (242), lzma (243)."""
    rng = random.Random(2)
    data = b"".join(rng.randbytes(40) * rng.randrange(9) for _ in range(60))
    half = len(data) // 2
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)
    blocks = packer.compress(data[:half]) + packer.flush(zlib.Z_FULL_FLUSH) + packer.compress(data[half:])
    return {
        "xz": b"\0\1" + lzma.compress(data[:half]) + bytes(4) + lzma.compress(data[half:], check=lzma.CHECK_CRC32),
        "gzip": b"\1\2" + gzip.compress(data[:half], 1, mtime=0) + gzip.compress(data[half:], 9, mtime=0),
        "stored": b"\1\3" + gzip.compress(data, 0, mtime=0),
        "deflate": b"\2\4" + blocks + packer.flush(),
        "bzip2": b"\xf0\5" + bz2.compress(data[:half], 1) + bz2.compress(data[half:]),
        # A frame of zstd with one raw block, and a skippable one.
        "zstd": b"\xf1\6" + b"\x28\xb5\x2f\xfd\0\x38" + bytes.fromhex("210000") + b"raw!" + b"\x50\x2a\x4d\x18" + bytes(4),
        "zlib": b"\xf2\7" + zlib.compress(data),
        "lzma": b"\xf3\x08" + lzma.compress(data[:half], lzma.FORMAT_ALONE),
    }


def zip_records(data):
    """{record name below its folder: bytes}."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name.split("/", 1)[1]: archive.read(name) for name in archive.namelist()}


# What a file of a DeepSpeed folder is called, by its kind (fuzz_deepspeed.cc).
DEEPSPEED_NAMES = [
    r"mp_rank_(?P<model>\d+)_model_states", r"zero_pp_rank_(?P<rank>\d+)_mp_rank_(?P<model>\d+)_model_states",
    r"zero_pp_rank_(?P<rank>\d+)_mp_rank_(?P<model>\d+)_optim_states",
    r"layer_(?P<rank>\d+)-model_(?P<model>\d+)-model_states", r"layer_(?P<rank>\d+)-model_states",
    r"layer_0_expert_(?P<rank>\d+)_mp_rank_(?P<model>\d+)_model_states"
]


def deepspeed():
    """{layout: the pickles of its folder, each behind what tells its file's name}."""
    try:
        import torch_zero
    except ImportError:
        return {}
    out = {}
    for layout, write in torch_zero.ZERO:
        with tempfile.TemporaryDirectory() as folder:
            write(pathlib.Path(folder))
            files = [deepspeed_file(path) for path in sorted(pathlib.Path(folder).rglob("*.pt"))]
        out[layout] = b"".join(files)
    return out


def deepspeed_file(path):
    for kind, pattern in enumerate(DEEPSPEED_NAMES):
        if match := re.fullmatch(pattern, path.stem):
            data = zip_records(path.read_bytes())["data.pkl"]
            ranks = match.groupdict(default="0")
            return struct.pack("<3BH", kind, int(ranks.get("rank", 0)), int(ranks.get("model", 0)), len(data)) + data
    return b""


def pytorch1():
    """A container of torch 1.0: a storage, and the JSON text that names it by its offset."""
    model = {
        "protoVersion": "1",
        "mainModule": {"parameters": [{"name": "w", "tensorId": "0"}]},
        "tensors": [{"dims": ["2"], "strides": ["1"], "dataType": "FLOAT", "data": {"key": "64"}}],
    }
    out = b"PYTORCH1" + struct.pack("<Q", 2).ljust(56, b"\xef")
    for record in (struct.pack("<2f", 1, 2), json.dumps(model).encode()):
        last = len(out)
        out += struct.pack("<QQ", 1, len(record)).ljust(64, b"\xef")
        out += record + b"\xef" * (-len(record) % 64)
    return out + struct.pack("<QQ", 2, last).ljust(64, b"\xef")


def joblib():
    """A pickle of joblib's: the elements of an array stand behind the BUILD that describes it."""
    text = lambda word: b"X" + struct.pack("<I", len(word)) + word
    wrapper = (b"cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81}(" + text(b"shape") + b"K\2\x85" + text(b"order") + text(b"C") +
               text(b"dtype") + b"cnumpy\ndtype\n" + text(b"f4") + b"\x85R" + text(b"numpy_array_alignment_bytes") + b"K\x10ub")
    return b"\x80\2}(" + text(b"w") + wrapper + b"\3\xff\xff\xff" + struct.pack("<2f", 1, 2) + text(b"n") + b"K\1u."


def seeds():
    """{fuzzer: {name: bytes}}."""
    files, bad = formats(), hostile()
    rng = random.Random(1)
    script, lite, pt2 = (zip_records(files[kind]) for kind in ("torchscript", "lite", "pt2"))
    out = {fuzzer: files | bad | packed(files) for fuzzer in WHOLE_FILES}
    for fuzzer in WHOLE_FILES:
        out[fuzzer]["joblib"] = joblib()
    out["fuzz_unpack"] = unpacked()
    out["fuzz_zip"] = {name: data for name, data in (files | bad).items() if data.startswith(b"PK")}
    out["fuzz_tar"] = {name: data for name, data in (files | bad).items() if "tar" in name}
    out["fuzz_safetensors"] = {"file": files["safetensors"], "header": files["safetensors"][8:]}
    out["fuzz_dcp"] = {"metadata": files["dcp"]}
    out["fuzz_deepspeed"] = deepspeed() or {"nothing": bytes(8)}
    out["fuzz_flatbuffer"] = {"file": files["flatbuffer"]} if "flatbuffer" in files else {"nothing": bytes(64)}
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }\n"
    out["fuzz_numpy"] = {
        "floats": b"\1\0" + struct.pack("<H", len(header)) + header + bytes(16),
        "objects": b"\2\0" + struct.pack("<I", len(header)) + header.replace(b"'<f4'", b"'|O' ") + pickle.dumps([1], 4),
    }
    out["fuzz_pytorch1"] = {"file": pytorch1()[8:]}
    out["fuzz_pt2"] = {"program": pt2["models/model.json"], "weights": pt2["data/weights/model_weights_config.json"]}
    # STOREN, LOADC, JF, LOAD, OP, JMP, LOAD, STORE, then a loop: op, n, x of each.
    code = ((4, 2, 1), (8, 0, 1), (9, 0, 4), (2, 0, 2), (0, 0, 1), (10, 0, 2), (2, 0, 2), (5, 0, 3), (8, 0, 0), (8, 0, 0),
            (8, 0, 1), (3, 0, 3), (11, 3, 7), (4, 2, 4), (8, 0, 1), (3, 0, 5), (3, 0, 4), (0, 0, 0), (10, 0, -6), (12, 0, 0))
    out["fuzz_bytecode"] = {"function": b"".join(struct.pack("<BxHi", *row) for row in code)}
    out["fuzz_fx"] = {"module": FX_SOURCE.encode()}
    out["fuzz_torchscript"] = {
        "source":
            b"\0" + script["code/__torch__.py"],
        "bytecode":
            b"\1" + lite["bytecode.pkl"],
        "model_json":
            b"\2" + json.dumps({
                "protoVersion":
                    "2",
                "mainModule": {
                    "name": "net",
                    "parameters": [{
                        "name": "w",
                        "tensorId": "0"
                    }]
                },
                "tensors": [{
                    "dims": ["4"],
                    "strides": ["1"],
                    "offset": "0",
                    "dataType": "FLOAT",
                    "data": {
                        "key": "data/0"
                    }
                }]
            }).encode(),
        "data":
            b"\3" + script["data.pkl"]
    }
    pickles = {name: row[0] for name, row in hostile_pickles.table(True).items() if len(row[0]) <= LARGEST}
    behind = pickle.dumps(["0", "1"], 2) + 2 * (struct.pack("<q", 4) + hostile_pickles.DATA)
    out["fuzz_legacy"] = {
        name: b"\1" + data for name, data in pickles.items()
    } | {
        "keys": b"\0" + hostile_containers.two_tensors(True) + behind
    }
    made = {f"{i:03}": (pickle_maker.pickled if i % 2 else pickle_maker.composed)(rng) for i in range(PICKLES)}
    out["fuzz_pickle"] = pickles | {name: data for name, data in made.items() if len(data) <= LARGEST}
    out["fuzz_annotated_json"] = seed_documents.annotated_json()
    out["fuzz_plugin_protocol"] = seed_documents.plugin_messages()
    out["fuzz_scene"] = seed_documents.scene()
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out_dir", type=pathlib.Path)
    out_dir = parser.parse_args().out_dir
    table = seeds()
    missing = {path.stem for path in HERE.glob("fuzz_*.cc")} - table.keys()
    if missing:
        sys.exit(f"make_seeds.py: no seeds for {', '.join(sorted(missing))}")
    for fuzzer, files in table.items():
        folder = out_dir / fuzzer
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in files.items():
            (folder / name).write_bytes(data)
    print(f"{sum(map(len, table.values()))} seeds for {len(table)} fuzzers in {out_dir}")


if __name__ == "__main__":
    pickle_maker.same_every_time()
    main()
