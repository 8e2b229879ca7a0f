#!/usr/bin/env python3
"""The clean .pth and safetensors that `pthview convert` writes, read by torch and safetensors:
PYTHON test_outputs.py --pthview BIN --fixtures DIR [--kinds DIR] [--spread DIR] [--programs DIR] [unittest arguments]

PYTHON has torch and safetensors; the folders are what make_fixtures.py, make_kinds.py, make_spread.py and make_programs.py
made. All files there are ours, so torch may load them.
"""
import argparse
import collections
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest
import zipfile

import safetensors
import safetensors.torch
import torch

import runner

ARGS = argparse.Namespace()
SECONDS = 120
DROPS = {"missing", "oob", "meta"}


class Case(unittest.TestCase):

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="pthview-test-"))
        self.addCleanup(shutil.rmtree, self.folder)

    def pthview(self, *arguments, code=0):
        result = runner.run([ARGS.pthview, *arguments], SECONDS)
        wrong = runner.complaints(result, codes=(code,), megabytes=4096)
        if wrong:
            self.fail("\n".join([" ".join(map(str, arguments)), *wrong]))
        return result

    def convert(self, file, out):
        self.pthview("convert", file, "-o", out, "--force")
        return out

    def hashes(self, file):
        """Of all tensors and components with values, counted: names may differ between formats."""
        rows = runner.parse(self.pthview("list", "--json", "--all", "--hash", file))["tensors"]
        found = collections.Counter()
        for row in rows:
            for part in [row, *row.get("components", [])]:
                if "sha256" in part and part.get("layout", "strided") == "strided":
                    found[part["sha256"]] += 1
        return found

    def save(self, value, name="source.pth", **how):
        path = self.folder / name
        torch.save(value, path, **how)
        return path

    def back(self, path):
        return torch.load(path, weights_only=True)


def same(a, b, where="root", depth=0):
    """The first difference between two loaded checkpoints; None when they are equal."""
    if depth > 20:  # it contains itself
        return None
    if isinstance(a, torch.storage.TypedStorage):
        a = torch.tensor([], dtype=a.dtype).set_(a)
    if isinstance(a, torch.storage.UntypedStorage):
        a = torch.tensor([], dtype=torch.uint8).set_(a)
    if isinstance(a, torch.Tensor) and a.is_nested:
        return same(list(a.unbind()), list(b.unbind()), where, depth + 1)
    if isinstance(a, torch.Tensor):
        if not isinstance(b, torch.Tensor):
            return f"{where}: {type(b)} is no tensor"
        if a.dtype != b.dtype or a.shape != b.shape or a.layout != b.layout:
            return f"{where}: {b.dtype} {tuple(b.shape)} {b.layout}, not {a.dtype} {tuple(a.shape)} {a.layout}"
        if a.layout == torch.strided and not a.is_quantized and a.stride() != b.stride():
            return f"{where}: strides {b.stride()}, not {a.stride()}"
        if isinstance(a, torch.nn.Parameter) != isinstance(b, torch.nn.Parameter):
            return f"{where}: {type(b)}, not {type(a)}"
        if a.is_meta:
            return None if b.is_meta else f"{where}: no meta tensor"
        if a.layout == torch.sparse_coo:
            return same([a._indices(), a._values()], [b._indices(), b._values()], where, depth + 1)  # pylint: disable=protected-access
        if a.layout != torch.strided and a.values().is_meta:
            return None if b.values().is_meta else f"{where}: no meta tensor"
        one, two = (t.detach().to_dense() if t.layout != torch.strided else t.detach() for t in (a, b))
        if one.is_quantized:
            one, two = one.dequantize(), two.dequantize()
        one, two = (t.resolve_conj().resolve_neg().contiguous().cpu() for t in (one, two))
        if one.numel() and not torch.equal(one.view(torch.uint8) if one.dim() else one, two.view(torch.uint8) if two.dim() else two):
            if not torch.allclose(one, two, equal_nan=True):
                return f"{where}: other values"
        return None
    if type(a) is not type(b):
        return f"{where}: {type(b)}, not {type(a)}"
    if isinstance(a, dict):
        if list(a) != list(b):
            return f"{where}: keys {list(b)[:5]}, not {list(a)[:5]}"
        for key in a:
            wrong = same(a[key], b[key], f"{where}[{key!r}]", depth + 1)
            if wrong:
                return wrong
        return same(vars(a), vars(b), where + ".__dict__", depth + 1) if isinstance(a, collections.OrderedDict) and vars(a) else None
    if isinstance(a, (list, tuple)) and not isinstance(a, torch.Size):
        if len(a) != len(b):
            return f"{where}: {len(b)} items, not {len(a)}"
        return next(filter(None, (same(x, y, f"{where}[{i}]", depth + 1) for i, (x, y) in enumerate(zip(a, b)))), None)
    return None if a == b or (a != a and b != b) else f"{where}: {b!r}, not {a!r}"


class Fixtures(Case):
    """Every fixture of every format, through both formats and back."""

    def files(self):
        found = [path for folder in (ARGS.fixtures, ARGS.kinds) if folder is not None for path in folder.iterdir()
                 if path.is_file() and not path.name.endswith(".json")]
        for folder in (ARGS.spread, ARGS.programs):
            if folder is not None:
                listed = json.loads((folder / f"{folder.name}.json").read_text())
                found += [folder / row["open"] for row in listed]
        return sorted(found)

    def test_pth(self):
        for file in self.files():
            with self.subTest(file.name):
                out = self.convert(file, self.folder / "out.pth")
                with zipfile.ZipFile(out) as archive:
                    self.assertIsNone(archive.testzip())
                    for info in archive.infolist():
                        with open(out, "rb") as stream:
                            stream.seek(info.header_offset + 26)
                            name, extra = (int.from_bytes(stream.read(2), "little") for _ in range(2))
                        self.assertEqual((info.header_offset + 30 + name + extra) % 64, 0, info.filename)
                loaded = self.back(out)
                torch.load(out, weights_only=True, mmap=True)
                try:
                    wanted = torch.load(file, weights_only=True)
                except Exception:  # pylint: disable=broad-except
                    wanted = None  # not plain data, or not torch's: compared by hashes only
                if file.suffix == ".safetensors":
                    wanted = collections.OrderedDict(wanted)  # the same, as torch.save writes a state_dict
                if wanted is not None:
                    self.assertIsNone(same(wanted, loaded))
                lost = self.hashes(file) - self.hashes(out)
                self.assertFalse(lost, f"values of {file.name} are not in the output")

    def test_safetensors_and_back(self):
        for file in self.files():
            with self.subTest(file.name):
                direct = self.convert(file, self.folder / "direct.pth")
                out = self.convert(file, self.folder / "out.safetensors")
                with safetensors.safe_open(out, "pt") as opened:
                    for key in opened.keys():
                        opened.get_slice(key).get_shape()
                back = self.convert(out, self.folder / "back.pth")
                wrong = same_but_strides(self.back(direct), self.back(back))
                self.assertIsNone(wrong)
                self.assertFalse(self.hashes(direct) - self.hashes(back))


def same_but_strides(a, b):
    def contiguous(value, seen):
        if isinstance(value, torch.Tensor):
            if value.layout == torch.strided and not value.is_nested and not value.is_meta and not value.is_quantized:
                made = value.detach().resolve_conj().resolve_neg().contiguous()
                return torch.nn.Parameter(made, False) if isinstance(value, torch.nn.Parameter) else made
            return value
        if id(value) in seen:
            return None
        if isinstance(value, dict):
            return {key: contiguous(item, seen | {id(value)}) for key, item in value.items()}
        if isinstance(value, (list, tuple)) and not isinstance(value, torch.Size):
            return [contiguous(item, seen | {id(value)}) for item in value]
        return value

    return same(contiguous(a, frozenset()), contiguous(b, frozenset()))


    def test_json_and_back(self):
        """Annotated JSON with the values in it is the same checkpoint."""
        for file in self.files():
            with self.subTest(file.name):
                direct = self.convert(file, self.folder / "direct.pth")
                self.pthview("convert", file, "-o", self.folder / "out.json", "--data", "base64", "--force")
                back = self.convert(self.folder / "out.json", self.folder / "back.pth")
                self.assertIsNone(same(self.back(direct), self.back(back)))
                self.assertEqual(self.hashes(direct), self.hashes(back))


class Programs(Case):
    """What makes a file a program cannot be in a checkpoint, and is named."""

    def ledger(self, file, *options):
        out = self.folder / "out"
        shutil.rmtree(out, ignore_errors=True)
        self.pthview("normalize", file, "-o", out, *options)
        return json.loads((out / "manifest.jsonl").read_text().splitlines()[1])["ledger"]

    def test_every_record_of_code_is_in_the_ledger(self):
        if ARGS.programs is None:
            self.skipTest("no programs")
        seen = 0
        for file in sorted(ARGS.programs.rglob("*.pt*")):
            if not zipfile.is_zipfile(file):
                continue
            with self.subTest(file.name), zipfile.ZipFile(file) as archive:
                code = {name for name in archive.namelist()
                        if name.endswith((".py", ".debug_pkl", "constants.pkl")) or "models/" in name and name.endswith(".json")}
                seen += len(code)
                for options in (("--to", "pth"), ("--to", "safetensors"), ("--to", "json")):
                    rows = self.ledger(file, *options)
                    self.assertLessEqual(code, {row.get("where") for row in rows if row["code"] == "record"}, options)
                if code:
                    self.pthview("normalize", file, "-o", self.folder / "strict", "--to", "pth", "--strict", code=1)
                    shutil.rmtree(self.folder / "strict")
        self.assertGreater(seen, 20)

    def test_checkpoints_have_no_records_left(self):
        for file in sorted(ARGS.fixtures.glob("checkpoint_*.zip.pth")):
            self.assertFalse([row for row in self.ledger(file, "--to", "pth,safetensors,json") if row["code"] == "record"])

    def test_safetensors_alone_names_every_value(self):
        rows = self.ledger(self.save({"w": torch.rand(2), "epoch": 3, "args": {"lr": 0.1}}), "--to", "safetensors")
        self.assertEqual({row["where"] for row in rows if row["kind"] == "dropped"}, {"epoch", "args.lr"})


class Kept(Case):

    def test_values_of_every_kind(self):
        tied = torch.arange(6.0)
        value = {
            "none": None, "bool": True, "ints": [0, 255, 256, 65536, -1, -129, 2**31, -2**31 - 1, 2**63, -2**70, 2**1000],
            "floats": (0.1, -0.0, float("inf"), float("nan"), 1.0), "text": "a\u00e9\u4e2d\U0001f600\n", "bytes": b"\0\xff\x80",
            "bytearray": bytearray(b"ab"), "complex": 1 + 2j, "set": {1, "a"}, 3: "int key", (1, ("a", 2.5)): "tuple key",
            None: "none key", 1.5: "float key", "size": torch.Size([2, 3]), "device": torch.device("cuda:1"),
            "dtype": torch.bfloat16, "layout": torch.strided, "counter": collections.Counter("aab"),
            "od": collections.OrderedDict(b=1, a=tied), "tied": tied, "view": tied[2:5], "transposed": torch.rand(3, 4).t(),
            "parameter": torch.nn.Parameter(torch.rand(2)), "empty": [{}, [], (), ""], "scalar": torch.tensor(5),
            "sparse": torch.eye(3).to_sparse(), "csr": torch.eye(3).to_sparse_csr(), "meta": torch.empty(2, 2, device="meta"),
            "conj": torch.tensor([1 + 2j]).conj(), "u16": torch.tensor([1, 65535], dtype=torch.uint16),
            "q": torch.quantize_per_tensor(torch.rand(4), 0.1, 3, torch.quint8),
            "qc": torch.quantize_per_channel(torch.rand(2, 3), torch.tensor([.1, .2]), torch.tensor([0, 1]), 0, torch.qint8),
        }
        out = self.convert(self.save(value), self.folder / "out.pth")
        loaded = self.back(out)
        self.assertIsNone(same(value, loaded))
        self.assertEqual(loaded["od"]["a"].data_ptr(), loaded["tied"].data_ptr())
        self.assertEqual(loaded["view"].data_ptr() - 8, loaded["tied"].data_ptr())
        weights = self.convert(self.folder / "source.pth", self.folder / "out.safetensors")
        back = self.back(self.convert(weights, self.folder / "back.pth"))
        self.assertIsNone(same_but_strides({k: v for k, v in value.items() if k != "meta"},
                                           {k: v for k, v in back.items() if k != "meta"}))
        self.assertEqual(back["od"]["a"].data_ptr(), back["tied"].data_ptr())

    def test_shared_and_cyclic_containers(self):
        inner = [1, 2]
        value = {"a": inner, "b": inner, "c": (inner, inner)}
        inner.append(value)
        loaded = self.back(self.convert(self.save(value), self.folder / "out.pth"))
        self.assertIs(loaded["a"], loaded["b"])
        self.assertIs(loaded["a"][2], loaded)

    def test_tuples_that_hold_one_another_many_times_over(self):
        """As keys and in sets they would be judged and written 100**6 times."""
        key = b"K\x01\x85q\x00"
        for i in range(6):
            key += b"0(" + (b"h" + bytes([i])) * 100 + b"tq" + bytes([i + 1])
        for pickle in (b"\x80\x02}" + key + b"K\x01s.", b"\x80\x02c__builtin__\nset\n]" + key + b"a\x85R."):
            path = self.folder / "wide.pth"
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr("archive/data.pkl", pickle)
                archive.writestr("archive/version", "3\n")
            self.back(self.convert(path, self.folder / "out.pth"))

    def test_a_model_becomes_its_state_dict(self):
        model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))
        loaded = self.back(self.convert(self.save(model), self.folder / "out.pth"))
        self.assertEqual(loaded["__class__"], "torch.nn.modules.container.Sequential")
        self.assertIsNone(same(dict(model.state_dict()), {k: v.detach() for k, v in loaded["state_dict"].items()}))
        self.assertEqual(loaded["modules"]["0"]["in_features"], 2)
        model.load_state_dict(loaded["state_dict"])

    def test_objects_become_dicts_and_are_named(self):
        value = {"args": argparse.Namespace(lr=0.1, name="x", path=pathlib.PurePosixPath("a/b")), "f": torch.relu}
        result = self.pthview("convert", self.save(value), "-o", self.folder / "out.pth")
        loaded = self.back(self.folder / "out.pth")
        self.assertEqual(loaded["args"]["__class__"], "argparse.Namespace")
        self.assertEqual(loaded["args"]["lr"], 0.1)
        self.assertEqual(loaded["args"]["path"]["__args__"], ("a", "b"))
        self.assertIn(b"argparse.Namespace", result.err)

    def test_legacy_file(self):
        value = {"state_dict": torch.nn.Linear(3, 2).state_dict(), "epoch": 7}
        loaded = self.back(self.convert(self.save(value, _use_new_zipfile_serialization=False), self.folder / "o.pth"))
        self.assertIsNone(same(value, loaded))
        self.assertEqual(loaded["state_dict"]._metadata, value["state_dict"]._metadata)

    def test_equal_input_gives_equal_bytes(self):
        source = self.save({"a": torch.rand(100), "b": [1, {"x": 2}]})
        for ending in ("pth", "safetensors"):
            digests = {hashlib.sha256(self.convert(source, self.folder / f"{i}.{ending}").read_bytes()).hexdigest()
                       for i in range(2)}
            self.assertEqual(len(digests), 1)

    def test_safetensors_of_a_plain_state_dict(self):
        model = torch.nn.Linear(4, 2).half()
        out = self.convert(self.save(model.state_dict()), self.folder / "m.safetensors")
        loaded = safetensors.torch.load_file(out)
        self.assertIsNone(same(dict(sorted(model.state_dict().items())), dict(sorted(loaded.items()))))

    def test_optimizer_goes_along(self):
        model = torch.nn.Linear(2, 2)
        optimizer = torch.optim.Adam(model.parameters())
        model(torch.rand(1, 2)).sum().backward()
        optimizer.step()
        value = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3}
        out = self.convert(self.save(value), self.folder / "m.safetensors")
        back = self.back(self.convert(out, self.folder / "b.pth"))
        self.assertIsNone(same(value, back))
        optimizer.load_state_dict(back["optimizer"])
        header = json.loads(out.read_bytes()[8:].split(b"}}", 1)[0] + b"}}")
        self.assertIn("weight", header)


# All tensors of a checkpoint, by path: hashes of their values. For any torch.
HASHES = """
import hashlib, json, sys, torch
def walk(value, path, found):
    if isinstance(value, torch.Tensor):
        value = value.detach().contiguous().clone()
        if value.is_quantized:
            value = value.int_repr()
        found[path] = hashlib.sha256(bytes(value.storage().untyped() if hasattr(value.storage(), 'untyped')
                                           else value.storage()._untyped())).hexdigest()
    elif isinstance(value, dict):
        for key in value: walk(value[key], path + '/' + str(key), found)
    elif isinstance(value, (list, tuple)):
        for i, item in enumerate(value): walk(item, path + '/' + str(i), found)
    return found
print(json.dumps([walk(torch.load(file, map_location='cpu'), '', {}) for file in sys.argv[1:]]))
"""


class OldTorch(Case):
    """$PTHVIEW_OLD_TORCH is a Python with an old torch, say Debian 12's python3 with its python3-torch 1.13."""

    def test_what_an_old_torch_reads(self):
        python = os.environ.get("PTHVIEW_OLD_TORCH")
        if python is None:
            self.skipTest("no old torch")
        files = [self.convert(ARGS.fixtures / f"{name}.zip.pth", self.folder / f"{name}.pth")
                 for name in ("checkpoint_adam", "checkpoint_lightning", "quantised", "views", "shared", "state_dict", "small")]
        found = []
        for program in (python, sys.executable):
            env = dict(os.environ) if program == python else {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "LD_LIBRARY_PATH")}
            result = subprocess.run([program, "-W", "ignore", "-c", HASHES, *files], capture_output=True, text=True, check=False, env=env)
            self.assertEqual(result.returncode, 0, result.stderr)
            found.append(json.loads(result.stdout))
        self.assertEqual(found[0], found[1])
        self.assertGreater(sum(map(len, found[0])), 50)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--pthview", required=True, type=lambda text: pathlib.Path(text).resolve())
    parser.add_argument("--fixtures", required=True, type=pathlib.Path)
    for name in ("kinds", "spread", "programs"):
        parser.add_argument("--" + name, type=pathlib.Path)
    ARGS, rest = parser.parse_known_args()
    unittest.main(argv=[__file__, *rest])
