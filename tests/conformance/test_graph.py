#!/usr/bin/env python3
"""`pthview graph --json` of every .pt2: PYTHON test_graph.py --pthview BIN --programs DIR [--corpus DIR]

The archive's own JSON is read here, with Python's json and nothing of pthview's: counts by operator, the edges between
nodes, the inputs and outputs, and the weights behind them must be the same, and in the ONNX file of `convert --graph recorded`, which onnx.checker accepts. Pictures are parsed as XML.
"""
import argparse
import ast
import collections
import json
import pathlib
import re
import tempfile
import unittest
import xml.etree.ElementTree
import zipfile

import runner

ARGS = argparse.Namespace()
SECONDS = 60


def programs(path):
    """{name: exported program} of an archive of either layout."""
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        found = {name.rsplit("/", 1)[1][:-5]: name for name in names if "/models/" in "/" + name and name.endswith(".json")}
        found |= {"model": name for name in names if name.split("/")[-1] == "serialized_exported_program.json"}
        return {name: json.loads(archive.read(record)) for name, record in found.items()}


def union(value):
    """(kind, content) of an object of which one member is set."""
    for kind, content in (value or {}).items():
        if content is not None:
            return kind, content
    return None, None


def names_of(argument):
    """Names of values in an argument, in order."""
    kind, content = union(argument)
    if kind in ("as_tensor", "as_custom_obj"):
        return [content["name"]]
    if kind == "as_tensors":
        return [item["name"] for item in content]
    if kind == "as_optional_tensor":
        return names_of(content)
    if kind == "as_optional_tensors":
        return [name for item in content for name in names_of(item)]
    if kind == "as_nested_tensors":
        return [item["name"] for row in content for item in row]
    if kind in ("as_sym_int", "as_sym_bool", "as_sym_float"):
        return [content["as_name"]] if content.get("as_name") else []
    if kind in ("as_sym_ints", "as_sym_bools", "as_sym_floats"):
        return [item["as_name"] for item in content if item.get("as_name")]
    if kind == "as_string_to_argument":
        return [name for item in content.values() for name in names_of(item)]
    return []


def symbol(text):
    """A size's name out of SymPy's srepr; the tests' programs have no others."""
    named = re.fullmatch(r"Symbol\('(\w+)'[^()]*\)", text)
    return named[1] if named else text


def operator(target):
    if target.startswith("torch.ops."):
        domain, _, rest = target[len("torch.ops."):].partition(".")
        return f"{domain}::{rest.partition('.')[0]}"
    domain, _, name = target.rpartition(".")
    return f"{domain}::{name}" if domain else name


def expected(graph, counts, edges, bodies):
    """Adds what a graph of the archive holds, and what the graphs inside it hold."""
    makers = {}
    for index, node in enumerate(graph["nodes"]):
        counts[operator(node["target"])] += 1
        for argument in node["inputs"]:
            kind, content = union(argument["arg"])
            if kind == "as_graph":
                bodies.append(content["name"])
                expected(content["graph"], counts, edges, bodies)
            for name in names_of(argument["arg"]):
                if name in makers:
                    edges[(makers[name], operator(node["target"]), argument["name"])] += 1
        for output in node["outputs"]:
            for name in names_of(output):
                makers[name] = operator(node["target"])


def found(graphs, index, counts, edges, bodies):
    graph = graphs[index]
    makers = {}
    for node in graph["nodes"]:
        name = f"{node['domain']}::{node['op']}" if node.get("domain") else node["op"]
        counts[name] += 1
        for argument in node["inputs"]:
            for value in argument["values"]:
                if value in makers:
                    edges[(makers[value], name, argument["name"])] += 1
        for block in node.get("blocks", []):
            bodies.append(graphs[block]["name"])
            found(graphs, block, counts, edges, bodies)
        for argument in node["outputs"]:
            for value in argument["values"]:
                makers[value] = name


def weights(program):
    """{name in the graph: weight} that the signature tells."""
    signature = program["graph_module"]["signature"]
    result = {}
    for spec in signature.get("input_specs", []):
        kind, body = union(spec)
        key = {"parameter": "parameter_name", "buffer": "buffer_name", "tensor_constant": "tensor_constant_name"}.get(kind)
        if key:
            result[body["arg"]["name"]] = body[key]
    return result | signature.get("inputs_to_parameters", {}) | signature.get("inputs_to_buffers", {})


def written(program):
    signature = program["graph_module"]["signature"]
    kinds = ("buffer_mutation", "parameter_mutation", "user_input_mutation")
    return sum(union(spec)[0] in kinds for spec in signature.get("output_specs", [])) + len(
        signature.get("buffers_to_mutate", {}))


class Graphs(unittest.TestCase):
    """One archive. Its tests are added by add_tests."""

    def run_json(self, *arguments):
        return runner.json_of([ARGS.pthview, *arguments], SECONDS)

    def check(self, path):
        self.maxDiff = None
        archive = programs(path)
        if not archive:  # compiled code alone
            return
        document = self.run_json("graph", "--json", path)
        graphs = {graph["index"]: graph for graph in document["graphs"]}
        roots = [graph for graph in document["graphs"] if not graph["body"]]
        self.assertEqual(sorted(graph["name"] for graph in roots), sorted(archive))
        for root in roots:
            program = archive[root["name"]]
            graph = program["graph_module"]["graph"]
            self.assertEqual(root["origin"], "recorded")
            want, have = [(collections.Counter(), collections.Counter(), []) for _ in range(2)]
            expected(graph, *want)
            found(graphs, root["index"], *have)
            self.assertEqual(have[0], want[0])
            self.assertEqual(have[1], want[1])
            self.assertEqual(sorted(have[2]), sorted(want[2]))
            self.assertEqual({row["name"]: row["count"] for row in root["operators"]}, dict(want[0]))
            tied = weights(program)
            values = root["values"]
            inputs = [name for argument in graph["inputs"] for name in names_of(argument)]
            self.assertEqual([values[i]["name"] for i in root["inputs"]], [name for name in inputs if name not in tied])
            self.assertEqual({row["name"]: row["tensor"].rsplit(f"{root['name']}.", 1)[-1]
                              for row in values if "tensor" in row and row["name"] in tied},
                             {name: weight for name, weight in tied.items() if name in inputs})
            outputs = [name for argument in graph["outputs"] for name in names_of(argument)]
            self.assertEqual(len(root["outputs"]) + len(root.get("mutations", [])), len(outputs))
            self.assertEqual(len(root.get("mutations", [])), written(program))
            for row in values:
                meta = graph["tensor_values"].get(row["name"])
                if meta:
                    sizes = [union(size)[1] if isinstance(size, dict) else size for size in meta["sizes"]]
                    sizes = [symbol(size["expr_str"]) if isinstance(size, dict) else size for size in sizes]
                    self.assertEqual(row["value_type"]["dims"], sizes)

    def check_picture(self, path):
        if not programs(path):
            return
        with tempfile.TemporaryDirectory() as folder:
            picture = pathlib.Path(folder) / "graph.svg"
            result = runner.run([ARGS.pthview, "graph", "--simplify", "-o", picture, path], SECONDS)
            self.assertEqual(runner.complaints(result, codes=(0,), megabytes=4096), [])
            root = xml.etree.ElementTree.parse(picture).getroot()
            classes = collections.Counter(group.get("class") for group in root.iter("{http://www.w3.org/2000/svg}g"))
            self.assertGreaterEqual(classes["node"], 3)
            self.assertGreaterEqual(classes["edge"], 2)
            self.assertEqual(list(root.iter("{http://www.w3.org/2000/svg}script")), [])

    def check_onnx(self, path):
        """onnx.checker accepts it, and it holds the operators and the edges of the archive."""
        import onnx
        archive = programs(path)
        if not archive:
            return
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder) / "graph.onnx"
            result = runner.run([ARGS.pthview, "convert", "--graph", "recorded", path, "-o", out], SECONDS)
            self.assertEqual(runner.complaints(result, codes=(0,), megabytes=4096), [])
            model = onnx.load(out)
            onnx.checker.check_model(model)
        counts, edges = collections.Counter(), collections.Counter()
        for program in archive.values():
            expected(program["graph_module"]["graph"], counts, edges, [])
        have = collections.Counter()

        def count(graph):
            for node in graph.node:
                domain = node.domain.removeprefix("torch").removeprefix(".")
                have[f"{domain}::{node.op_type}" if domain else node.op_type] += 1
                for attribute in node.attribute:
                    if attribute.type == onnx.AttributeProto.GRAPH:
                        count(attribute.g)

        count(model.graph)
        self.assertEqual(have, counts)
        makers = {name: node.op_type for node in model.graph.node for name in node.output}
        joined = sum(name in makers for node in model.graph.node for name in node.input)
        if not any("higher_order" in name for name in counts):
            self.assertEqual(joined, sum(edges.values()))
        self.assertEqual({row.key: row.value for row in model.metadata_props}["pthview.graph"], "recorded")
        result = runner.run([ARGS.pthview, "graph", "--json", path], SECONDS)
        self.assertEqual(structure_of_onnx(model), structure_of_json(json.loads(result.out)))
        for node in model.graph.node:
            said = {row.key: row.value for row in node.metadata_props}
            self.assertEqual(len(ast.literal_eval(said.get("input_names", "[]"))), len(node.input))
            names = ast.literal_eval(said.get("pkg.torch.onnx.name_scopes", "['', '']"))
            classes = ast.literal_eval(said.get("pkg.torch.onnx.class_hierarchy", "['', '']"))
            self.assertEqual(len(names), len(classes))


class OnnxOfPrograms(unittest.TestCase):
    """TorchScript, lite and traced programs: the ONNX of each holds the graph that `graph --json` prints."""

    def check(self, path):
        import onnx
        result = runner.run([ARGS.pthview, "graph", "--json", path], SECONDS)
        document = json.loads(result.out) if result.code == 0 and result.out else {"graphs": []}
        if not any(graph["origin"] == "recorded" for graph in document["graphs"]):
            self.skipTest(result.err.decode(errors="replace"))
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder) / "graph.onnx"
            result = runner.run([ARGS.pthview, "convert", "--graph", "recorded", path, "-o", out], SECONDS)
            self.assertEqual(runner.complaints(result, codes=(0,), megabytes=4096), [])
            model = onnx.load(out)
        onnx.checker.check_model(model)
        self.assertEqual(structure_of_onnx(model), structure_of_json(document))


def structure_of_json(document):
    """Of `graph --json`: operators, and who gives what to whom, of the graphs that are no bodies."""
    operators, edges = collections.Counter(), collections.Counter()
    for graph in document["graphs"]:
        makers = {}
        for node in graph["nodes"]:
            if not graph["body"]:
                makers |= {value: node["op"] for row in node["outputs"] for value in row["values"]}
        for node in graph["nodes"]:
            if not any(row["values"] for row in [*node["inputs"], *node["outputs"]]):  # left out, and said so
                continue
            operators[(node["domain"], node["op"])] += 1
            for value in [value for row in node["inputs"] for value in row["values"]]:
                if value in makers:
                    edges[(makers[value], node["op"])] += 1
    return operators, edges


def structure_of_onnx(model):
    """The same of an ONNX file with torch's operators."""
    import onnx
    operators, edges = collections.Counter(), collections.Counter()

    def count(graph):
        for node in graph.node:
            if not node.domain:  # Identity: what a body hands on of what is around it
                continue
            operators[(node.domain.removeprefix("torch").removeprefix("."), node.op_type)] += 1
            for attribute in node.attribute:
                if attribute.type == onnx.AttributeProto.GRAPH:
                    count(attribute.g)

    count(model.graph)
    makers = {name: node.op_type for node in model.graph.node for name in node.output}
    for node in model.graph.node:
        for name in node.input:
            if name in makers:
                edges[(makers[name], node.op_type)] += 1
    return operators, edges


def add_tests():
    files = sorted(ARGS.programs.rglob("*.pt2"))
    if ARGS.corpus and ARGS.corpus.is_dir():
        files += sorted(ARGS.corpus.rglob("*.pt2"))
    for path in sorted(ARGS.programs.rglob("*")):
        if path.suffix in (".pt", ".ptl"):
            setattr(OnnxOfPrograms, f"test_{path.parent.name}_{path.stem}", lambda self, path=path: self.check(path))
    for number, path in enumerate(files):
        name = f"{number}_{path.stem}"
        setattr(Graphs, f"test_{name}", lambda self, path=path: self.check(path))
        setattr(Graphs, f"test_picture_{name}", lambda self, path=path: self.check_picture(path))
        setattr(Graphs, f"test_onnx_{name}", lambda self, path=path: self.check_onnx(path))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pthview", type=pathlib.Path, required=True)
    parser.add_argument("--programs", type=pathlib.Path, required=True)
    parser.add_argument("--corpus", type=pathlib.Path)
    _, rest = parser.parse_known_args(namespace=ARGS)
    ARGS.pthview = ARGS.pthview.resolve()
    add_tests()
    unittest.main(argv=["test_graph.py", *rest])
