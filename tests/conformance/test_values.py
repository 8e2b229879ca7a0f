#!/usr/bin/env python3
"""The values that pthview shows, against torch's:
PYTHON test_values.py --pthview BIN --fixtures DIR --kinds DIR [unittest arguments]

PYTHON has torch; the folders are what make_fixtures.py and make_kinds.py made. Each tensor's values come from `show --json`,
from the JSON that `convert` writes with base64 and from the server, and must be those that torch gives: of sparse tensors
as to_dense(), of quantised ones dequantised, of nested ones each constituent, of wrappers the tensors that they hold.
"""
import argparse
import http.client
import json
import math
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest
import warnings

import torch

import runner

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "fixtures"))

ARGS = argparse.Namespace()
SECONDS = 60  # of a run, sanitizers included
# Fixtures of tensors by name, every kind of value among them.
FIXTURES = ("dtypes", "new_dtypes", "complex32", "bits", "quantised", "quint4x2", "views", "small", "sparse", "nested_tensor",
            "meta", "lazy_views", "wrappers", "old_forms", "big_endian", "legacy_views")
# OCP Microscaling e2m1, by code.
FLOAT4 = [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0]
FLOAT4 += [-value for value in FLOAT4]
NUMBER_OF_BITS = {torch.bits8: 2, torch.bits1x8: 2, torch.bits2x4: 2, torch.bits4x2: 2, torch.bits16: 4}


def values_of(tensor):
    """What a strided tensor's values are, in row-major order; pairs of four-bit floats as tuples, bits as hex texts."""
    if tensor.is_quantized:
        tensor = tensor.dequantize()
    tensor = tensor.detach().resolve_conj().resolve_neg()
    if tensor.layout != torch.strided:
        tensor = tensor.to_dense()
    if tensor.dtype == torch.float4_e2m1fn_x2:
        return [(FLOAT4[byte & 15], FLOAT4[byte >> 4]) for byte in tensor.view(torch.uint8).reshape(-1).tolist()]
    if tensor.dtype in NUMBER_OF_BITS:
        data = bytes(tensor.untyped_storage())
        width = tensor.element_size()
        return [f"0x{int.from_bytes(data[i:i + width], 'little'):0{2 * width}x}" for i in range(0, len(data), width)]
    if tensor.dtype == torch.complex32:
        tensor = torch.view_as_real(tensor).float()
        return [complex(real, imaginary) for real, imaginary in tensor.reshape(-1, 2).tolist()]
    if tensor.dtype.is_floating_point and tensor.dtype != torch.float64:
        tensor = tensor.float()
    return tensor.reshape(-1).tolist()


def parsed(text):
    """A value that pthview printed, as Python's."""
    named = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf, "True": True, "False": False}
    if text in named:
        return named[text]
    if text.startswith("0x"):
        return text
    if text.startswith("("):
        inner = text[1:-1]
        return tuple(float(part) for part in inner.split(", ")) if ", " in inner else complex(inner)
    return int(text) if re.fullmatch(r"-?\d+", text) else float(text)


def from_api(value):
    """The same of the server's JSON, whose texts stand for what JSON has not."""
    if isinstance(value, str) and value in ("NaN", "Infinity", "-Infinity"):
        return float(value.replace("Infinity", "inf"))
    if isinstance(value, str) and value.endswith("j"):
        return complex(value)
    return parsed(value) if isinstance(value, str) else value


def alike(found, wanted, dtype):
    """Equal to the last bit in the type that they are of, NaN like NaN, -0.0 unlike 0.0."""
    if isinstance(wanted, complex):
        return alike(found.real, wanted.real, None) and alike(found.imag, wanted.imag, None)
    if isinstance(wanted, tuple):
        return len(found) == 2 and all(alike(a, b, None) for a, b in zip(found, wanted))
    if not isinstance(wanted, float) or isinstance(found, str):
        return found == wanted
    if math.isnan(wanted):
        return math.isnan(found)
    if math.isinf(wanted) or wanted == 0:
        return found == wanted and math.copysign(1, found) == math.copysign(1, wanted)
    if dtype is not None and dtype.is_floating_point and dtype.itemsize == 1:  # the shortest text that tells the code
        codes = torch.arange(256, dtype=torch.uint8).view(dtype).float()
        codes = codes[codes.isfinite()].double()
        return codes[(codes - found).abs().argmin()].item() == wanted
    if dtype is not None and dtype.is_floating_point:
        return torch.tensor(found, dtype=torch.float64).to(dtype).item() == wanted
    return math.isclose(found, wanted, rel_tol=1e-6)


def first_difference(found, wanted, dtype):
    if len(found) != len(wanted):
        return f"there are {len(found)} values, not {len(wanted)}"
    for index, (a, b) in enumerate(zip(found, wanted)):
        if not alike(a, b, dtype):
            return f"value {index} is {a!r}, not {b!r}"
    return None


class Server:
    """`pthview serve` of one file."""

    def __init__(self, file):
        self.process = subprocess.Popen([ARGS.pthview, "serve", "--no-open", file], stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True)
        self.port, self.token = re.search(r"127\.0\.0\.1:(\d+)/\?token=([0-9a-f]+)", self.process.stdout.readline()).groups()

    def __enter__(self):
        for _ in range(200):
            files = self.get("api/v1/files")
            self.id = files["files"][0]["id"]
            if files["files"][0].get("state") != "loading":
                break
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(SECONDS)
        self.process.stdout.close()

    def get(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", int(self.port), timeout=SECONDS)
        try:
            connection.request("GET", "/" + path, headers={"Cookie": f"pthview_{self.port}={self.token}"})
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def tensor(self, index):
        return self.get(f"api/v1/files/{self.id}/tensors/{index}")


class Case(unittest.TestCase):
    maxDiff = None

    def document(self, *arguments):
        result = runner.run([ARGS.pthview, *arguments], SECONDS)
        wrong = runner.complaints(result, codes=(0,), megabytes=4096)
        if wrong:
            self.fail("\n".join([" ".join(map(str, arguments)), *wrong]))
        return runner.parse(result)

    def show(self, file, path):
        hits = self.document("show", "--json", file, path)["hits"]
        self.assertEqual([hit["tensor"]["path"] for hit in hits], [path])
        return hits[0]

    def rows(self, file):
        return self.document("list", "--json", "--all", file)["tensors"]

    def converted(self, file):
        """The file as annotated JSON with its data inside."""
        folder = pathlib.Path(tempfile.mkdtemp(prefix="pthview-test-"))
        self.addCleanup(shutil.rmtree, folder)
        out = folder / "model.json"
        result = runner.run([ARGS.pthview, "convert", file, "-o", out, "--data", "base64"], SECONDS)
        self.assertEqual(runner.complaints(result, codes=(0,), megabytes=4096), [])
        return out

    def check_values(self, what, found, wanted, dtype=None):
        wrong = first_difference(found, wanted, dtype)
        if wrong:
            self.fail(f"{what}: {wrong}")


class Fixture(Case):
    """Fixtures that torch itself reads. The tests are added by add_tests."""

    def check(self, file, told_by):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tensors = torch.load(ARGS.fixtures / told_by, weights_only=False)
        tensors = {name: tensor for name, tensor in tensors.items() if tensor.numel() <= 4096 or tensor.is_meta}
        self.assertTrue(tensors)
        json_file = self.converted(ARGS.fixtures / file)
        places = {row["path"]: index for index, row in enumerate(self.rows(ARGS.fixtures / file))}
        with Server(ARGS.fixtures / file) as server:
            for name, tensor in tensors.items():
                shown = [("show", self.show(ARGS.fixtures / file, name)), ("convert, show", self.show(json_file, name))]
                document = server.tensor(places[name])
                for where, hit in shown:
                    self.check_shown(f"{where} {name}", hit, tensor)
                self.check_served(f"server's {name}", document, tensor)

    def check_shown(self, what, hit, tensor):
        if tensor.is_meta:
            self.assertEqual(hit["tensor"]["data"], "meta")
            self.assertNotIn("values", hit)
        elif tensor.is_nested:
            self.assertEqual([part["shape"] for part in hit["parts"]], [list(part.shape) for part in tensor.unbind()])
            for part, found in zip(tensor.unbind(), hit["parts"]):
                self.check_values(f"{what}{found['name']}", list(map(parsed, found["values"])), values_of(part), part.dtype)
        else:
            self.assertEqual(hit["shape"], list(tensor.shape), what)
            self.check_values(what, list(map(parsed, hit["values"])), values_of(tensor), tensor.dtype)

    def check_served(self, what, document, tensor):
        if tensor.is_meta:
            self.assertEqual((document["data"], document["values"]), ("meta", []))
            self.assertIn("meta", document["error"])
        elif tensor.is_nested:
            for part, found in zip(tensor.unbind(), document["parts"], strict=True):
                self.check_values(f"{what}{found['name']}", list(map(from_api, found["values"])), values_of(part), part.dtype)
        else:
            self.assertEqual(document["shape"], list(tensor.shape), what)
            self.check_values(what, list(map(from_api, document["values"])), values_of(tensor), tensor.dtype)


class Kind(Case):
    """Files whose truth make_kinds.py has told. The tests are added by add_tests."""

    def check(self, case):
        file = ARGS.kinds / case["file"]
        rows = {row["path"]: (index, row) for index, row in enumerate(self.rows(file))}
        json_file = self.converted(file)
        with Server(file) as server:
            for path, wanted in case["tensors"].items():
                self.assertIn(path, rows)
                index, row = rows[path]
                self.check_row(path, row, wanted)
                for where, hit in (("show", self.show(file, path)), ("convert, show", self.show(json_file, path))):
                    self.check_hit(f"{where} {path}", hit, wanted, parsed)
                self.check_hit(f"server's {path}", server.tensor(index), wanted, from_api)
        info = self.document("info", "--json", file)["files"][0]
        self.check_info(info, case)
        if case["classes"]:
            modules = {row["path"]: row for root in self.document("tree", "--json", file)["roots"] for row in root}
            for path, wanted in case["classes"].items():
                row = modules[path]
                attributes = ", ".join(f"{name}={text}" for name, text in row["attributes"].items())
                self.assertEqual(f"{row['class']}({attributes}"[:len(wanted)], wanted, path)
                self.assertEqual(row["origin"], "recorded" if wanted.startswith("torch.nn.") else "inferred")

    def check_row(self, path, row, wanted):
        self.assertEqual(row["shape"], wanted["shape"], path)
        self.assertEqual(row["layout"], wanted.get("layout", row["layout"]), path)
        if "cls" in wanted:
            self.assertEqual(row.get("class"), wanted["cls"], path)
        if "components" in wanted:
            self.assertEqual([part["name"] for part in row["components"]], wanted["components"])

    def check_hit(self, what, hit, wanted, read):
        if "values" in wanted:
            self.check_values(what, list(map(read, hit["values"])), list(map(eval_number, wanted["values"])))
        if "parts" in wanted:
            self.assertEqual([part["name"] for part in hit["parts"]], list(wanted["parts"]), what)
            for part in hit["parts"]:
                truth = wanted["parts"][part["name"]]
                self.assertEqual(part["shape"], truth["shape"], f"{what}: {part['name']}")
                self.check_values(f"{what}: {part['name']}", list(map(read, part["values"])), list(map(eval_number, truth["values"])))
        if "note" in wanted:
            told = hit.get("note") or hit.get("error") or dict(hit["facts"]).get("packed")
            self.assertIn(wanted["note"], told, what)

    def check_info(self, info, case):
        plain = {row["path"]: row["text"] for row in info["metadata"]}
        for path, text in case["plain"].items():
            self.assertEqual(plain.get(path), text, path)
        codes = {finding["code"] for finding in info["findings"]}
        for code in case["findings"]:
            self.assertIn(code, codes)
        self.assertEqual([f for f in info["findings"] if f["severity"] not in ("info",)], [])
        parts = {part["path"]: part["kind"] for part in info["parts"]}
        for path, kind in case["parts"].items():
            self.assertEqual(parts.get(path), kind, path)


def eval_number(text):
    """What make_kinds.py wrote with repr."""
    return complex(text) if text.endswith("j)") or text.endswith("j") else parsed(text)


def add_tests():
    for entry in json.loads((ARGS.fixtures / "fixtures.json").read_text())["files"]:
        if entry["name"] in FIXTURES:
            name = f"test_{entry['name']}_{entry['container']}"
            setattr(Fixture, name, lambda self, entry=entry: self.check(entry["file"], entry["told_by"]))
    for case in json.loads((ARGS.kinds / "kinds.json").read_text()):
        setattr(Kind, f"test_{case['name']}", lambda self, case=case: self.check(case))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pthview", type=pathlib.Path, required=True)
    parser.add_argument("--fixtures", type=pathlib.Path, required=True)
    parser.add_argument("--kinds", type=pathlib.Path, required=True)
    _, rest = parser.parse_known_args(namespace=ARGS)
    ARGS.pthview = ARGS.pthview.resolve()
    add_tests()
    unittest.main(argv=[sys.argv[0], *rest])
