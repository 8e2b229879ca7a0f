#!/usr/bin/env python3
"""What `pthview convert` writes, against torch, PyPI's onnx and the JSON Schema:
PYTHON test_converters.py --pthview BIN --fixtures DIR [unittest arguments]

PYTHON has torch, onnx and jsonschema; DIR is what make_fixtures.py made.
"""
import argparse
import hashlib
import json
import os
import pathlib
import shutil
import tempfile
import unittest

import jsonschema
import onnx
import onnx.external_data_helper
import onnx.numpy_helper

import expected
import runner

ARGS = argparse.Namespace()
SECONDS = 60  # of a run, sanitizers included
SCHEMA = pathlib.Path(__file__).resolve().parents[2] / "converters/json/pthview.model.schema.json"
PROVENANCE = ("file", "format", "format_text")
# numpy_helper gives these as values that are not the stored bytes
UNPACKED = {onnx.TensorProto.FLOAT4E2M1}
EMPTY = hashlib.sha256().hexdigest()


class Case(unittest.TestCase):

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="pthview-test-"))
        self.addCleanup(shutil.rmtree, self.folder)

    def pthview(self, *arguments, code=0, cwd=None):
        result = runner.run([ARGS.pthview, *arguments], SECONDS, cwd=cwd)
        wrong = runner.complaints(result, codes=(code,), megabytes=4096)
        if wrong:
            self.fail("\n".join([" ".join(map(str, arguments)), *wrong]))
        return result

    def convert(self, file, out, *options, code=0):
        return self.pthview("convert", file, "-o", out, *options, code=code)

    def rows(self, file):
        return runner.parse(self.pthview("list", "--json", "--all", "--hash", file))["tensors"]

    def copy(self, file):
        return pathlib.Path(shutil.copy(ARGS.fixtures / file, self.folder))

    def left(self):
        return sorted(path.name for path in self.folder.rglob("*"))


def hashes(rows):
    """path -> sha256 of all that has bytes, components too."""
    found = {}
    for row in rows:
        if "sha256" in row:
            found[row["path"]] = row["sha256"]
        for component in row.get("components", []):
            if "sha256" in component:
                found[f"{row['path']}.{component['name']}"] = component["sha256"]
    return found


def pack(nibbles):
    """Two elements a byte, the first in the low half."""
    even = nibbles + b"\0" * (len(nibbles) % 2)
    return bytes(low | high << 4 for low, high in zip(even[::2], even[1::2]))


def initializer_bytes(tensor, folder):
    if tensor.data_location != onnx.TensorProto.EXTERNAL:
        return tensor.raw_data
    info = onnx.external_data_helper.ExternalDataInfo(tensor)
    with open(folder / info.location, "rb") as file:
        file.seek(info.offset)
        return file.read(info.length)


class Onnx(Case):
    """One file. Its tests are added by add_tests."""

    def check(self, file, rows, mode):
        source = self.copy(file)
        out = self.folder / "out.onnx"
        self.convert(source, out, "--all", "--weights", mode)
        onnx.checker.check_model(str(out))
        model = onnx.load(str(out), load_external_data=False)
        listed = {}  # name of the initializer -> sha256, where list has one
        packed = set()  # names of those that ONNX has a byte an element of
        for row in self.rows(source):
            name = row["name"] or "tensor"
            listed[name] = row.get("sha256")
            if row["dtype"] == "quint4x2":
                packed.add(name)
            for component in row.get("components", []):
                listed[f"{name}.{component['name']}"] = component.get("sha256")
        wrong, written = [], set()
        for tensor in model.graph.initializer:
            data = initializer_bytes(tensor, self.folder)
            sha256 = hashlib.sha256(pack(data) if tensor.name in packed else data).hexdigest()
            written.add(sha256)
            if tensor.name not in listed:
                wrong.append(f"{tensor.name}: no such tensor")
            elif listed[tensor.name] and sha256 != listed[tensor.name]:
                wrong.append(f"{tensor.name}: {len(data)} bytes that are not the tensor's")
            if tensor.data_location == onnx.TensorProto.EXTERNAL:
                onnx.external_data_helper.load_external_data_for_tensor(tensor, str(self.folder))
            array = onnx.numpy_helper.to_array(tensor)
            if tensor.data_type not in UNPACKED and array.tobytes() != data:
                wrong.append(f"{tensor.name}: onnx.numpy_helper gives other bytes")
        wrong += [f"{row.get('path') or row.get('name')}: torch has it, the ONNX file has not"
                  for row in rows() if row.get("sha256", EMPTY) not in written | {EMPTY}]
        self.assertEqual(wrong, [])
        if mode == "in-place" and "deflated" not in file and "nested_file" not in file:
            points = {onnx.external_data_helper.ExternalDataInfo(t).location
                      for t in model.graph.initializer if t.external_data}
            if points:
                self.assertLessEqual(points, {source.name, "out.onnx.data"})


class Json(Case):
    """One file. Its tests are added by add_tests."""

    validator = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text()))

    def check(self, file, mode):
        source = self.copy(file)
        first, second = self.folder / "first.json", self.folder / "second.json"
        self.convert(source, first, "--all", "--data", mode)
        document = json.loads(first.read_text())
        errors = [f"{error.json_path}: {error.message}" for error in self.validator.iter_errors(document)]
        self.assertEqual(errors, [])
        everywhere = all("file" in row or "base64" in row or row["nbytes"] == 0 for row in document["storages"])
        if mode != "none":
            self.assertTrue(everywhere)
        if not everywhere:  # compressed and spelt out storages are in no file as they are
            return
        self.assertEqual(hashes(self.rows(first)), hashes(self.rows(source)))
        self.convert(first, second, "--all", "--data", mode)
        self.assertEqual(self.lines(second), self.lines(first))

    @staticmethod
    def lines(path):
        text = path.read_text().replace(f"{path.name}.bin", "OUT.bin")
        return [line for line in text.splitlines() if not line.startswith(tuple(f'  "{key}":' for key in PROVENANCE))]


class Graph(Case):

    def test_layers_are_nodes_with_their_weights(self):
        out = self.folder / "out.onnx"
        self.convert(ARGS.fixtures / "state_dict.zip.pth", out)
        model = onnx.load(str(out))
        nodes = {node.name: node for node in model.graph.node}
        self.assertTrue(nodes)
        initializers = {tensor.name for tensor in model.graph.initializer}
        inputs = [name for node in model.graph.node for name in node.input]
        unused = {name for node in model.graph.node for entry in node.metadata_props
                  if entry.key == "pthview.unused" for name in entry.value.split(", ")}
        self.assertEqual(initializers, unused | (initializers & set(inputs)))
        self.assertEqual(model.graph.input[0].name, "input")
        self.assertEqual(model.graph.output[0].name, "output")
        self.assertIn("Conv", {node.op_type for node in model.graph.node if not node.domain})
        self.assertIn("pthview", {node.domain for node in model.graph.node})
        properties = {entry.key: entry.value for entry in model.metadata_props}
        self.assertEqual(properties["pthview.graph"], "inferred")
        self.assertIn("arrows", properties["pthview.assumptions"])
        joined = [node for node in model.graph.node if any(e.key == "pthview.evidence" for e in node.metadata_props)]
        self.assertTrue(joined)

    def test_recorded_graph_that_is_not_there(self):
        out = self.folder / "out.onnx"
        self.convert(ARGS.fixtures / "state_dict.zip.pth", out, "--graph", "recorded", code=2)
        self.assertEqual(self.left(), [])


class Outputs(Case):

    def test_existing_output_needs_force(self):
        for name, options in (("out.onnx", ("--weights", "external")), ("out.json", ("--data", "file"))):
            side = {"out.onnx": "out.onnx.data", "out.json": "out.json.bin"}[name]
            for taken in (name, side):
                with self.subTest(taken):
                    for path in self.folder.iterdir():
                        path.unlink()
                    (self.folder / taken).write_text("mine")
                    result = self.convert(ARGS.fixtures / "state_dict.zip.pth", self.folder / name, *options, code=2)
                    self.assertIn(b"--force", result.err)
                    self.assertEqual(self.left(), [taken])
                    self.assertEqual((self.folder / taken).read_text(), "mine")
                    self.convert(ARGS.fixtures / "state_dict.zip.pth", self.folder / name, *options, "--force")
                    self.assertEqual(self.left(), [name, side])
                    self.assertNotEqual((self.folder / taken).read_bytes(), b"mine")

    def test_input_is_never_replaced(self):
        source = self.copy("state_dict.zip.pth")
        before = source.read_bytes()
        for options in (("--to", "onnx"), ("--to", "json"), ("--to", "onnx", "--weights", "in-place")):
            self.convert(source, source, *options, "--force", code=2)
            self.assertEqual(source.read_bytes(), before)
            self.assertEqual(self.left(), [source.name])

    def test_in_place_wants_the_folder_of_the_file(self):
        inner = self.folder / "models"
        other = self.folder / "other"
        inner.mkdir()
        other.mkdir()
        source = pathlib.Path(shutil.copy(ARGS.fixtures / "state_dict.zip.pth", inner))
        result = self.convert(source, other / "out.onnx", "--weights", "in-place", code=2)
        self.assertIn(os.path.realpath(inner).encode(), result.err)
        self.assertEqual(list(other.iterdir()), [])
        out = self.folder / "out.onnx"
        # Through a link to the file and a link to its folder: what is written are real paths.
        (other / "link.pth").symlink_to(source)
        (self.folder / "door").symlink_to(inner)
        for given in (source, other / "link.pth", self.folder / "door" / source.name):
            self.convert(given, out, "--weights", "in-place", "--force")
            onnx.checker.check_model(str(out))
            model = onnx.load(str(out), load_external_data=False)
            places = {entry.value for tensor in model.graph.initializer for entry in tensor.external_data
                      if entry.key == "location"}
            self.assertEqual(places, {f"models/{source.name}"})

    def test_standard_output(self):
        result = self.convert(ARGS.fixtures / "state_dict.zip.pth", "-", "--to", "onnx")
        onnx.checker.check_model(onnx.load_from_string(result.out))
        result = self.convert(ARGS.fixtures / "state_dict.zip.pth", "-", "--to", "json")
        self.assertEqual(json.loads(result.out)["schema"], "pthview.model/1")
        for options in (("--to", "onnx", "--weights", "external"), ("--to", "json", "--data", "file")):
            self.convert(ARGS.fixtures / "state_dict.zip.pth", "-", *options, code=2)

    def test_a_folder_that_is_not_there(self):
        missing = self.folder / "nowhere" / "out.onnx"
        self.convert(ARGS.fixtures / "state_dict.zip.pth", missing, code=2)
        self.assertEqual(self.left(), [])


class References(Case):
    """Files that a JSON names are followed only below it."""

    def document(self):
        source = self.copy("state_dict.zip.pth")
        out = self.folder / "out.json"
        self.convert(source, out)
        return source, out, json.loads(out.read_text())

    def test_beside_it(self):
        source, out, document = self.document()
        self.assertEqual([row["name"] for row in document["files"]], [source.name])
        self.assertEqual(hashes(self.rows(out)), hashes(self.rows(source)))

    def test_elsewhere(self):
        source, out, document = self.document()
        outside = tempfile.NamedTemporaryFile(delete=False)
        self.addCleanup(os.unlink, outside.name)
        outside.write(source.read_bytes())
        outside.close()
        (self.folder / "link").symlink_to(source)
        (self.folder / "sub").mkdir()
        (self.folder / "short").write_bytes(source.read_bytes()[:-1])
        os.mkfifo(self.folder / "pipe")
        for name in (outside.name, str(source), f"../{self.folder.name}/{source.name}", f"sub/../{source.name}",
                     f"./{source.name}", "link", "short", "pipe", "sub", "", "nowhere", f"{source.name}/",
                     f"{source.name}\0"):
            with self.subTest(name):
                document["files"][0]["name"] = name
                out.write_text(json.dumps(document))
                result = runner.parse(self.pthview("list", "--json", "--all", "--hash", out))
                self.assertEqual({row.get("data") for row in result["tensors"]}, {"missing"})
                self.assertIn("data-file", {finding["code"] for finding in result["findings"]})


def add_tests():
    for file, rows in expected.fixtures(ARGS.fixtures):
        name = file.removesuffix(".pth").replace(".", "_")
        for mode in ("inline", "external", "in-place"):
            setattr(Onnx, f"test_{name}_{mode}".replace("-", "_"),
                    lambda self, file=file, rows=rows, mode=mode: self.check(file, rows, mode))
        for mode in ("none", "base64", "file"):
            setattr(Json, f"test_{name}_{mode}", lambda self, file=file, mode=mode: self.check(file, mode))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pthview", type=pathlib.Path, required=True)
    parser.add_argument("--fixtures", type=pathlib.Path, required=True)
    _, rest = parser.parse_known_args(namespace=ARGS)
    ARGS.pthview = ARGS.pthview.resolve()
    ARGS.fixtures = ARGS.fixtures.resolve()
    add_tests()
    unittest.main(argv=[__file__, *rest])
