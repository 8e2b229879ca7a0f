"""What the tests of files at addresses and on standard input share: the files, a server for them, running pthview."""
import argparse
import gzip
import json
import os
import pathlib
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "fixtures")]

import range_server  # noqa: E402
from torch_format import Hole, Storage, Tensor, save  # noqa: E402

WORLD = argparse.Namespace(pthview=None, folder=None, server=None)
GIGABYTE = 1 << 30
HEAD = 128 << 10  # what opening asks for
SECONDS = 60  # that any command may take before it counts as hanging


def values(count, seed=1):
    return struct.pack(f"<{count}f", *(random.Random(seed + i).uniform(-1, 1) for i in range(count)))


def layers(sizes):
    return {f"layers.{i}.weight": Tensor(Storage("FloatStorage", values(size, i)), (size,))
            for i, size in enumerate(sizes)}


def save_safetensors(path, tensors, header_only=False):
    """`tensors`: {name: bytes or Hole}, float32 each."""
    header, at = {}, 0
    for name, data in tensors.items():
        header[name] = {"dtype": "F32", "shape": [len(data) // 4], "data_offsets": [at, at + len(data)]}
        at += len(data)
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for data in tensors.values():
            if isinstance(data, Hole):
                file.seek(len(data), os.SEEK_CUR)
            else:
                file.write(data)
        file.truncate(file.tell())


def large(count=64, each=64 << 20):
    """4 GB without a byte of it on disk; between the large ones stand small ones, as in real models."""
    Hole.crcs[each] = 0
    state = {}
    for i in range(count):
        state[f"layers.{i}.weight"] = Tensor(Storage("FloatStorage", Hole(each)), (each // 4,))
        state[f"layers.{i}.bias"] = Tensor(Storage("FloatStorage", values(16, i)), (16,))
    return state


def make_world():
    """Once, before the tests of a module."""
    WORLD.folder = pathlib.Path(tempfile.mkdtemp(prefix="pthview-remote-"))
    save(large(), WORLD.folder / "large.pth", "zip")
    save(large(), WORLD.folder / "large_legacy.pth", "legacy")
    save_safetensors(WORLD.folder / "large.safetensors", {f"layers.{i}.weight": Hole(64 << 20) for i in range(64)})
    sizes = [40000, 3, 90000, 17, 120000, 1, 50000]
    save(layers(sizes), WORLD.folder / "zip.pth", "zip")
    save(layers(sizes), WORLD.folder / "legacy.pth", "legacy")
    save(layers([5]), WORLD.folder / "small.pth", "zip")
    save_safetensors(WORLD.folder / "file.safetensors",
                     {f"layers.{i}.weight": values(n, i) for i, n in enumerate(sizes)})
    (WORLD.folder / "zip.pth.gz").write_bytes(gzip.compress((WORLD.folder / "zip.pth").read_bytes(), 1))
    (WORLD.folder / "empty.pth").write_bytes(b"")
    WORLD.server = range_server.Server(WORLD.folder)


def remove_world():
    WORLD.server.stop()
    shutil.rmtree(WORLD.folder)


def run(*arguments, environment=None, **options):
    """The finished process, with text as it came."""
    options.setdefault("stdin", subprocess.DEVNULL)
    variables = {**os.environ, "LC_ALL": "C.UTF-8", **(environment or {})}
    options.setdefault("capture_output", True)
    return subprocess.run([WORLD.pthview, *map(str, arguments)], cwd=WORLD.folder, text=True, timeout=SECONDS,
                          check=False, env=variables, **options)


class Case(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        WORLD.server.clear()
        WORLD.server.routes.clear()

    def ok(self, *arguments, **options):
        result = run(*arguments, **options)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout

    def fails(self, pattern, *arguments, **options):
        """The error that it ends with, which names the file first."""
        result = run(*arguments, **options)
        self.assertEqual(result.returncode, 2, result.stdout + result.stderr)
        self.assertRegex(result.stderr, pattern)
        self.assertEqual(result.stderr.count("pthview: "), 1, result.stderr)
        self.assertEqual(result.stdout, "")
        return result.stderr


def main(description):
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pthview", required=True, help="the program to test")
    options, rest = parser.parse_known_args()
    WORLD.pthview = str(pathlib.Path(options.pthview).resolve())
    unittest.main(argv=[sys.argv[0]] + rest)
