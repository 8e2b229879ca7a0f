#!/usr/bin/env python3
"""Files inside gzip, xz and zip, read without unpacking them: PYTHON test_packed.py --pthview BIN [--sanitized]
[unittest arguments]

Each file is packed by Python's gzip, lzma and zipfile. Every tensor must have the hash of the bytes that were put in, a
file that unpacks to more than 1 GB too, and memory must not grow with it. --sanitized: BIN has sanitizers.
"""
import argparse
import gzip
import hashlib
import json
import lzma
import multiprocessing
import os
import pathlib
import pty
import random
import signal
import struct
import subprocess
import tempfile
import time
import unittest
import zipfile

import runner

ARGS = argparse.Namespace()
SECONDS = 300
MEGABYTES = 160  # the blocks that are kept take 64 of them


def safetensors_header(sizes):
    header, at = {}, 0
    for name, size in sizes.items():
        header[name] = {"dtype": "U8", "shape": [size], "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text


def weights(seed, size):
    """Bytes that pack to about a fifteenth: pages of noise, each twenty times."""
    noise = random.Random(seed)
    return b"".join(noise.randbytes(2500) * 20 for _ in range(size // 50_000 + 1))[:size]


def apart(function, *arguments):
    """What the function returns, called in a process of its own: a child's peak of memory begins with its parent's."""
    with multiprocessing.get_context("fork").Pool(1) as pool:
        return pool.apply(function, arguments)


def make_small(folder):
    """Five tensors of 0 to 9 MB, packed in every way; the hash of each tensor."""
    parts = {f"t{i}": weights(i, size) for i, size in enumerate((1, 9_000_000, 0, 70_001, 5_000_003))}
    data = safetensors_header({name: len(part) for name, part in parts.items()}) + b"".join(parts.values())
    middle = len(data) // 2
    with zipfile.ZipFile(folder / "zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model.safetensors", data)
    broken = bytearray(lzma.compress(data[:-1000], preset=0) + lzma.compress(data[-1000:], preset=0))
    broken[-100] ^= 1
    for name, content in {
            "gzip": gzip.compress(data, 6),
            "gzip_stored": gzip.compress(data, 0),
            "gzip_members": gzip.compress(data[:middle], 1) + gzip.compress(b"") + gzip.compress(data[middle:], 9),
            "xz": lzma.compress(data, preset=1),
            "xz_streams": lzma.compress(data[:middle], preset=0) + bytes(4) + lzma.compress(data[middle:], preset=1),
            "gzip_in_xz": lzma.compress(gzip.compress(data, 1), preset=0),
            "broken": broken,
    }.items():
        (folder / name).write_bytes(content)
    return {name: hashlib.sha256(part).hexdigest() for name, part in parts.items()}


def gzipped(data):
    return gzip.compress(data, 1)


def xzipped(data):
    return lzma.compress(data, preset=0)


def make_large(path, pack):
    """1.2 GB, of three parts that are packed once each: their sizes differ, so that none is taken for another."""
    parts = [weights(seed, (40 << 20) + seed * 1001) for seed in range(3)]
    order = [0, 0, 1, 2, 2, 1, 0, 2, 1, 1] * 3
    packed = [pack(part) for part in parts]
    with path.open("wb") as out:
        out.write(pack(safetensors_header({f"t{i}": len(parts[part]) for i, part in enumerate(order)})))
        for part in order:
            out.write(packed[part])
    hashes = [hashlib.sha256(part).hexdigest() for part in parts]
    return {f"t{i}": hashes[part] for i, part in enumerate(order)}, sum(len(parts[part]) for part in order)


class Packed(unittest.TestCase):

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def listed(self, path):
        result = runner.run([ARGS.pthview, "list", "--json", "--all", "--hash", path], SECONDS)
        wrong = runner.complaints(result, (0,), 1 << 20 if ARGS.sanitized else MEGABYTES)
        self.assertEqual(wrong, [])
        return {row["name"]: row["sha256"] for row in runner.parse(result)["tensors"]}

    def test_small(self):
        hashes = apart(make_small, self.folder)
        for name in ("zip", "gzip", "gzip_stored", "gzip_members", "xz", "xz_streams", "gzip_in_xz"):
            with self.subTest(name):
                self.assertEqual(self.listed(self.folder / name), hashes)
                info = runner.run([ARGS.pthview, "info", "--json", self.folder / name], SECONDS)
                self.assertEqual(runner.parse(info)["files"][0]["bytes"], (self.folder / name).stat().st_size)

    def large(self, pack):
        hashes, size = apart(make_large, self.folder / "large", pack)
        self.assertGreater(size, 1 << 30)
        self.assertLess((self.folder / "large").stat().st_size, 200 << 20)
        self.assertEqual(self.listed(self.folder / "large"), hashes)

    def test_large_gzip(self):
        self.large(gzipped)
        self.assertIn("unpacking", self.on_terminal("info", self.folder / "large"))
        self.assertEqual(self.on_terminal("info", "-q", self.folder / "large"), "")

    def on_terminal(self, *arguments):
        """What is written to a terminal as standard error. The program is held up for a second while it works."""
        ours, terminal = pty.openpty()
        with subprocess.Popen([ARGS.pthview, *arguments], stdout=subprocess.DEVNULL, stderr=terminal) as process:
            time.sleep(0.2)
            process.send_signal(signal.SIGSTOP)
            time.sleep(1.1)
            process.send_signal(signal.SIGCONT)
            process.wait(SECONDS)
        os.close(terminal)
        os.set_blocking(ours, False)
        try:
            return os.read(ours, 1 << 16).decode()
        except OSError:  # nothing was written
            return ""
        finally:
            os.close(ours)

    def test_large_xz(self):
        self.large(xzipped)

    def test_broken_behind_what_is_wanted(self):
        """The tensors before the damage in an xz file are read all the same."""
        hashes = apart(make_small, self.folder)
        result = runner.run([ARGS.pthview, "list", "--json", "--all", "--hash", self.folder / "broken"], SECONDS)
        found = {row["name"]: row.get("sha256") for row in runner.parse(result)["tensors"]}
        self.assertEqual({name for name in hashes if found[name] != hashes[name]}, {"t4"})
        self.assertIn(b"t4", result.err)
        self.assertIn(b"the xz data is broken", result.err)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pthview", type=pathlib.Path, required=True)
    parser.add_argument("--sanitized", action="store_true", help="BIN has sanitizers")
    _, rest = parser.parse_known_args(namespace=ARGS)
    ARGS.pthview = ARGS.pthview.resolve()
    unittest.main(argv=["test_packed.py", *rest])
