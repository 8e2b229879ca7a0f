#!/usr/bin/env python3
"""The ways in which files of torch and NumPy come: PYTHON test_containers.py --pthview BIN [unittest arguments]

Written here by torch and numpy themselves, then packed, unpacked, packed again or put one behind the other. Every tensor
must have the name and the hash of what was put in, and `scan` must find nothing but data.
"""
import argparse
import bz2
import hashlib
import io
import json
import lzma
import pathlib
import sys
import tempfile
import unittest
import warnings
import zipfile
import zlib

import numpy
import torch

import runner

warnings.simplefilter("ignore")
ARGS = argparse.Namespace()
STATE = {"w": torch.arange(6.0).reshape(2, 3), "n": torch.arange(4)}


def hash_of(value):
    array = value.detach().numpy() if isinstance(value, torch.Tensor) else value
    array = array.astype(array.dtype.newbyteorder("<"))
    return hashlib.sha256(numpy.ascontiguousarray(array).tobytes()).hexdigest()


def saved(obj, **options):
    out = io.BytesIO()
    torch.save(obj, out, **options)
    return out.getvalue()


def members(data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return [(name, archive.read(name)) for name in archive.namelist()]


def zipped(rows):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in rows:
            info = zipfile.ZipInfo(name)
            info.filename = name  # backslashes as they are
            archive.writestr(info, data)
    return out.getvalue()


class Containers(unittest.TestCase):

    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.addCleanup(self.temporary.cleanup)
        self.folder = pathlib.Path(self.temporary.name)

    def rows(self, path):
        result = runner.run([ARGS.pthview, "list", "--json", "--hash", "--all", path], seconds=120)
        self.assertEqual(0, result.code, result.err)
        return {row["path"]: row.get("sha256") for row in json.loads(result.out)["tensors"]}

    def check(self, path, want=None, scan=True):
        want = STATE if want is None else want
        self.assertEqual({name: hash_of(value) for name, value in want.items()}, self.rows(path))
        if scan:
            result = runner.run([ARGS.pthview, "scan", "--json", path], seconds=120)
            self.assertEqual(0, result.code, result.out)
            for row in json.loads(result.out)["files"]:
                self.assertIn(row["verdict"], ("data", "unknown"), row)

    def written(self, name, data):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    def test_wrappers(self):
        data = saved(STATE)
        packers = {"bz2": bz2.compress, "zlib": zlib.compress, "xz": lzma.compress,
                   "lzma": lambda data: lzma.compress(data, lzma.FORMAT_ALONE)}
        for name, packer in packers.items():
            with self.subTest(name):
                self.check(self.written(f"m.{name}", packer(data)))

    def test_packed_again(self):
        rows = [(name.split("/", 1)[1], data) for name, data in members(saved(STATE))]
        layouts = {
            "as torch": ([], "m/"), "store": ([(".DS_Store", b"x")], "m/"), "shadows": ([("__MACOSX/._m", b"x")], "m/"),
            "folder": ([("m/", b"")], "m/"), "one more": ([], "download/m/"), "dot": ([], "./m/"), "backslash": ([], "m\\"),
        }
        for name, (first, root) in layouts.items():
            with self.subTest(name):
                turned = [(root + (part.replace("/", "\\") if "\\" in root else part), data) for part, data in rows]
                self.check(self.written("again.pth", zipped(first + turned)))

    def test_unpacked(self):
        for name, data in members(saved(STATE)):
            self.written(f"unpacked/{name.split('/', 1)[1]}", data)
        self.check(self.folder / "unpacked")
        self.check(self.folder / "unpacked" / "data.pkl", scan=False)

    def test_first_bytes_written_over(self):
        self.check(self.written("voice.pth", b"05" + saved(STATE)[2:]))

    def test_several_saves(self):
        other = {"w": torch.arange(6.0).reshape(2, 3) + 1, "n": torch.arange(4)}
        want = {f"[{i}].{name}": value for i, state in enumerate((STATE, other, STATE)) for name, value in state.items()}
        for legacy in (False, True):
            with self.subTest(legacy=legacy):
                options = {"_use_new_zipfile_serialization": not legacy}
                data = b"".join(saved(state, **options) for state in (STATE, other, STATE))
                self.check(self.written("row.pt", data), want)

    def test_old_protocols(self):
        for protocol in (0, 1):
            for legacy in (False, True):
                with self.subTest(protocol=protocol, legacy=legacy):
                    data = saved(STATE, pickle_protocol=protocol, _use_new_zipfile_serialization=not legacy)
                    self.check(self.written("old.pt", data))

    def test_numpy_files(self):
        arrays = {"w": numpy.arange(6, dtype="f4").reshape(2, 3), "big": numpy.arange(3, dtype=">i4"),
                  "fortran": numpy.asfortranarray(numpy.arange(6.0).reshape(2, 3)), "scalar": numpy.array(7.0),
                  "empty": numpy.zeros((0, 3)), "complex": numpy.arange(2) * 1j, "flags": numpy.array([True, False])}
        for save in (numpy.savez, numpy.savez_compressed):
            save(self.folder / "a.npz", **arrays)
            self.check(self.folder / "a.npz", arrays)
        for name, array in arrays.items():
            numpy.save(self.folder / f"{name}.npy", array)
            self.check(self.folder / f"{name}.npy", {"": array}, scan=False)

    def test_distributed_with_safetensors(self):
        import torch.distributed.checkpoint as dcp
        from torch.distributed.checkpoint import FileSystemWriter
        from torch.distributed.checkpoint.filesystem import SerializationFormat
        from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageWriter
        writer = FileSystemWriter(self.folder / "dcp", serialization_format=SerializationFormat.SAFETENSORS)
        dcp.save({"model": STATE, "epoch": 3}, storage_writer=writer)
        torch.save({"iteration": 5}, self.folder / "dcp" / "meta.pt")
        self.check(self.folder / "dcp", {f"model.{name}": value for name, value in STATE.items()}, scan=False)
        info = json.loads(runner.run([ARGS.pthview, "info", "--json", self.folder / "dcp"]).out)["files"][0]
        self.assertEqual(sum(file.stat().st_size for file in (self.folder / "dcp").iterdir()), info["bytes"])
        self.assertIn(("meta.iteration", "5"), [(row["path"], row["text"]) for row in info["metadata"]])
        dcp.save(STATE, storage_writer=HuggingFaceStorageWriter(str(self.folder / "hf"), save_distributed=True))
        self.check(self.folder / "hf")

    def test_a_save_that_failed_says_so(self):
        path = self.folder / "failed.pt"
        with self.assertRaises(Exception):
            torch.save({"w": torch.ones(3), "f": lambda: None}, path)
        result = runner.run([ARGS.pthview, "info", path])
        self.assertEqual(2, result.code)
        self.assertIn(b"saving it failed", result.err)

    def test_which_torch_wrote_it(self):
        version = tuple(int(part) for part in torch.__version__.split(".")[:2])
        info = json.loads(runner.run([ARGS.pthview, "info", "--json", self.written("m.pt", saved(STATE))]).out)
        self.assertEqual("torch 2.7 or later" if version >= (2, 7) else "torch 2.1 to 2.6", info["files"][0]["producer"])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pthview", type=pathlib.Path, required=True)
    ARGS, rest = parser.parse_known_args()
    unittest.main(argv=[sys.argv[0], *rest])
