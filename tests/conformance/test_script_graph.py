#!/usr/bin/env python3
"""`pthview graph --json` of TorchScript archives: PYTHON test_script_graph.py --pthview BIN --programs DIR [--corpus DIR]

torch loads the same archives, and their methods' graphs (torch._C) are put into one another here, node by node: the
same operators in the same order, each fed by the same nodes and the same tensors, bodies of If and Loop too.
"""
import argparse
import collections
import pathlib
import sys
import tempfile
import unittest
import zipfile
from typing import Optional

import torch
from torch import nn
from torch.nn import functional

import runner

ARGS = argparse.Namespace()
SECONDS = 60


class Block(nn.Module):

    def __init__(self, width):
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)
        self.relu = nn.ReLU()
        self.drop = nn.Dropout(0.1)

    def forward(self, x):
        y = self.relu(self.bn1(self.conv1(x)))
        return self.relu(self.drop(self.conv2(y)) + x)


class Residual(nn.Module):
    """Layers in lists, one that runs twice, an exported method, a helper."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3)
        self.layers = nn.Sequential(Block(8), Block(8))
        self.heads = nn.ModuleList([nn.Linear(8, 8), nn.Linear(8, 4)])

    def forward(self, x):
        x = self.features(x).mean([2, 3])
        x = functional.gelu(self.heads[0](self.heads[0](x)))
        return functional.normalize(self.heads[1](x), dim=1)

    @torch.jit.export
    def features(self, x):
        return self.layers(self.stem(x))


class Flow(nn.Module):
    """If, Loop, lists, dicts, tuples, None, buffers that are written."""

    def __init__(self):
        super().__init__()
        self.register_buffer("steps", torch.zeros(1))
        self.scale = 2.5
        self.names = ["a", "b"]
        self.embed = nn.Embedding(7, 4)
        self.rnn = nn.LSTM(4, 5, batch_first=True)

    def forward(self, ids, weight: Optional[torch.Tensor] = None):
        self.steps += 1
        x = self.embed(ids)
        outputs = []
        for i in range(int(x.size(0))):
            if i % 2 == 0:
                outputs.append(x[i] * self.scale)
            else:
                for j in range(2):
                    x = x + float(j)
                outputs.append(x[i])
        y = torch.stack(outputs)
        if weight is not None:
            y = y * weight
        out, state = self.rnn(y)
        found = {name: out.sum() for name in self.names}
        return out, state[0], found


def residual_script(folder):
    torch.jit.script(Residual().eval()).save(folder / "m.pt")


def residual_trace(folder):
    torch.jit.trace(Residual().eval(), torch.ones(1, 3, 8, 8)).save(folder / "m.pt")


def training_script(folder):
    torch.jit.script(Residual()).save(folder / "m.pt")


def flow_script(folder):
    torch.jit.script(Flow()).save(folder / "m.pt")


def frozen(folder):
    torch.jit.freeze(torch.jit.script(Residual().eval())).save(folder / "m.pt")


def functions(folder):
    """A function and no module: the method `forward` of an archive of torch.jit.script(def)."""

    def inner(x, times: int):
        for _ in range(times):
            x = torch.relu(x) + 1
        return x

    def outer(x):
        return inner(x, 2) * inner(x, 3)

    inner = torch.jit.script(inner)
    torch.jit.script(outer).save(str(folder / "m.pt"))


CASES = [residual_script, residual_trace, training_script, flow_script, frozen]


# ---- torch's side: a list of nodes, each (operator, sources, bodies) -------------------------------------------------


class Truth:
    """The graph of a method with what it calls in it."""

    def __init__(self, unit, module):
        self.functions = {function.name: function for function in unit.get_functions()} if unit else {}
        self.module = module
        self.made = 0

    def method(self, name):
        graph = self.module._get_method(name).graph
        inputs = list(graph.inputs())
        env = {inputs[0].debugName(): ("module", self.module, "")}
        for i, value in enumerate(inputs[1:]):
            env[value.debugName()] = ("input", i)
        nodes = self.block(graph, env)
        return nodes, [self.source(env, value) for value in graph.outputs()]

    def source(self, env, value):
        found = env[value.debugName()]
        assert found[0] not in ("module", "function"), found
        return found

    def block(self, block, env):
        nodes = []
        for node in block.nodes():
            self.node(node, env, nodes)
        return nodes

    def node(self, node, env, nodes):
        kind = node.kind()
        inputs = list(node.inputs())
        outputs = list(node.outputs())
        if kind == "prim::GetAttr" and env[inputs[0].debugName()][0] == "module":
            _, module, path = env[inputs[0].debugName()]
            name = node.s("name")
            value = module.getattr(name)
            full = f"{path}.{name}" if path else name
            if isinstance(value, torch._C.ScriptObject) and value._type().__class__.__name__ == "ClassType" and hasattr(value, "_method_names"):
                env[outputs[0].debugName()] = ("module", value, full)
                return
            if isinstance(value, torch.Tensor) or (value is None and outputs[0].type().kind() == "OptionalType"):
                env[outputs[0].debugName()] = ("tensor", full) if value is not None else ("none",)
                return
            inputs = []
        if kind == "prim::Constant" and outputs[0].type().kind() == "FunctionType":
            env[outputs[0].debugName()] = ("function", self.functions[node.s("name")])
            return
        if kind == "prim::CallMethod" and env[inputs[0].debugName()][0] == "module":
            _, module, path = env[inputs[0].debugName()]
            graph = module._get_method(node.s("name")).graph
            self.inline(graph, [("module", module, path)] + [env[value.debugName()] for value in inputs[1:]], outputs, env, nodes)
            return
        if kind == "prim::CallFunction" and env[inputs[0].debugName()][0] == "function":
            graph = env[inputs[0].debugName()][1].graph
            self.inline(graph, [env[value.debugName()] for value in inputs[1:]], outputs, env, nodes)
            return
        if kind == "prim::SetAttr":  # of the module that a name speaks of
            inputs = inputs[1:]
        sources = [self.source(env, value) for value in inputs]
        number = self.made
        self.made += 1
        bodies = []
        for body in node.blocks():
            for i, value in enumerate(body.inputs()):
                env[value.debugName()] = ("body input", number, len(bodies), i)
            inner = self.block(body, env)
            bodies.append((inner, [self.source(env, value) for value in body.outputs()]))
        for i, value in enumerate(outputs):
            env[value.debugName()] = ("node", number, i)
        nodes.append((kind, sources, bodies))

    def inline(self, graph, given, outputs, env, nodes):
        inner = {value.debugName(): source for value, source in zip(graph.inputs(), given)}
        nodes.extend(self.block(graph, inner))
        for value, result in zip(outputs, graph.outputs()):
            env[value.debugName()] = inner[result.debugName()]


# ---- pthview's side, in the same form --------------------------------------------------------------------------------


class Shown:

    def __init__(self, document):
        self.graphs = {graph["index"]: graph for graph in document["graphs"]}
        self.made = 0

    def method(self, graph):
        env = {graph["values"][value]["name"]: ("input", i) for i, value in enumerate(graph["inputs"])}
        nodes = self.block(graph, env)
        return nodes, [self.source(graph, env, value) for value in graph["outputs"]]

    @staticmethod
    def source(graph, env, value):
        row = graph["values"][value]
        if "tensor" in row:
            return ("tensor", row["tensor"])
        return env[row["name"]] if row["name"] else ("none",)

    def block(self, graph, env):
        nodes = []
        for node in graph["nodes"]:
            sources = [self.source(graph, env, value) for argument in node["inputs"] for value in argument["values"]]
            number = self.made
            self.made += 1
            bodies = []
            for index in node.get("blocks", []):
                body = self.graphs[index]
                for i, value in enumerate(body["inputs"]):
                    env[body["values"][value]["name"]] = ("body input", number, len(bodies), i)
                inner = self.block(body, env)
                bodies.append((inner, [self.source(body, env, value) for value in body["outputs"]]))
            for i, value in enumerate(value for argument in node["outputs"] for value in argument["values"]):
                env[graph["values"][value]["name"]] = ("node", number, i)
            nodes.append((f"{node['domain']}::{node['op']}", sources, bodies))
        return nodes


def count(nodes, into):
    for kind, _, bodies in nodes:
        into[kind] += 1
        for inner, _ in bodies:
            count(inner, into)
    return into


def graph_of(path, *options):
    result = runner.run([ARGS.pthview, "graph", "--json", *options, path], SECONDS)
    if b"was not built" in result.err:
        print("no plug-in for TorchScript's graphs was built")
        sys.exit(77)
    return result


class ScriptGraph(unittest.TestCase):

    def compare(self, path):
        result = graph_of(path)
        self.assertEqual(result.code, 0, result.err)
        self.assertEqual(result.err, b"", result.err)
        document = runner.parse(result)
        unit = torch._C.CompilationUnit()
        module = torch._C.import_ir_module(unit, str(path), None, {}, False)
        roots = [graph for graph in document["graphs"] if not graph["body"]]
        methods = [name for name in module._method_names() if not name.startswith("__")]
        self.assertEqual(sorted(graph["name"] for graph in roots), sorted(methods))
        nodes = 0
        for graph in roots:
            self.assertEqual(graph["origin"], "recorded")
            expected = Truth(unit, module).method(graph["name"])
            shown = Shown(document).method(graph)
            self.assertEqual(count(shown[0], collections.Counter()), count(expected[0], collections.Counter()))
            self.assertEqual(shown, expected)
            self.assertEqual({row["name"]: row["count"] for row in graph["operators"]},
                             count(expected[0], collections.Counter()))
            nodes += len(expected[0])
        self.assertGreater(nodes, 0)
        return document

    def test_archives_made_here(self):
        for case in CASES:
            with self.subTest(case.__name__), tempfile.TemporaryDirectory() as folder:
                case(pathlib.Path(folder))
                self.compare(pathlib.Path(folder) / "m.pt")

    def test_fixtures(self):
        for name in ("script/script.pt", "trace/trace.pt", "frozen/frozen.pt", "script_recurrent/recurrent.pt",
                     "script_types/types.pt", "trace_residual/residual.pt"):
            with self.subTest(name):
                self.compare(ARGS.programs / name)

    def test_modules_calls_and_lines(self):
        with tempfile.TemporaryDirectory() as folder:
            residual_script(pathlib.Path(folder))
            document = runner.parse(graph_of(pathlib.Path(folder) / "m.pt"))
        graph = document["graphs"][0]
        convs = [node for node in graph["nodes"] if node["op"] == "conv2d"]
        self.assertEqual([node["module"] for node in convs],
                         ["stem", "layers.0.conv1", "layers.0.conv2", "layers.1.conv1", "layers.1.conv2"])
        linears = [node for node in graph["nodes"] if node["op"] == "linear"]
        self.assertEqual([(node["module"], node.get("call", 0)) for node in linears],
                         [("heads.0", 0), ("heads.0", 1), ("heads.1", 0)])
        # The line of this file that calls it, not that of torch's own layer.
        self.assertEqual({node["source"] for node in linears[:2]}, {"x = functional.gelu(self.heads[0](self.heads[0](x)))"})
        self.assertTrue(linears[0]["location"].startswith(__file__), linears[0]["location"])
        adds = [node for node in graph["nodes"] if node["op"] == "add" and node["module"] == "layers.0"]
        self.assertEqual([node["source"] for node in adds], ["return self.relu(self.drop(self.conv2(y)) + x)"])

    def test_simplified_has_no_branches_of_training(self):
        for name, case in (("script", residual_script), ("trace", residual_trace)):
            with self.subTest(name), tempfile.TemporaryDirectory() as folder:
                case(pathlib.Path(folder))
                document = runner.parse(graph_of(pathlib.Path(folder) / "m.pt", "--simplify", "--method", "forward"))
                operators = {row["name"] for row in document["graphs"][0]["operators"]}
                self.assertFalse(operators & {"prim::If", "prim::Constant", "prim::GetAttr", "aten::dropout"}, operators)
                self.assertIn("aten::batch_norm", operators)
                self.assertEqual(len(document["graphs"]), 1)

    def test_old_archive_without_classes(self):
        """torch 1.0: modules in model.json, and the text of their methods."""
        texts = {
            "net/code/net.py": "op_version_set = 0\ndef forward(self,\n    x: Tensor) -> Tensor:\n  _0 = self.layer\n"
                               "  _1 = torch.matmul(x, _0.weight)\n  return torch.add(_1, self.kept, alpha=1)\n"
        }
        with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(ARGS.programs / "script_old" / "old.pt") as old:
            path = pathlib.Path(folder) / "old.pt"
            with zipfile.ZipFile(path, "w") as archive:
                for name in old.namelist():
                    archive.writestr(name, texts.get(name, old.read(name)))
            result = graph_of(path)
        self.assertEqual(result.err, b"")
        graph = runner.parse(result)["graphs"][0]
        self.assertEqual((graph["name"], graph["origin"]), ("forward", "recorded"))
        tensors = {node["op"]: [graph["values"][value].get("tensor") for argument in node["inputs"] for value in argument["values"]]
                   for node in graph["nodes"]}
        self.assertEqual(tensors["matmul"][1], "layer.weight")
        self.assertEqual(tensors["add"][1], "kept")

    def test_info_counts_operators(self):
        result = runner.run([ARGS.pthview, "info", "--json", ARGS.programs / "script" / "script.pt"], SECONDS)
        graphs = runner.parse(result)["files"][0]["graphs"]
        self.assertEqual(graphs[0]["name"], "forward")
        self.assertEqual({row["name"]: row["count"] for row in graphs[0]["operators"]}["aten::linear"], 2)

    def test_converted_with_the_recorded_graph(self):
        import onnx
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder) / "m.onnx"
            residual_script(pathlib.Path(folder))
            result = runner.run([ARGS.pthview, "convert", pathlib.Path(folder) / "m.pt", "-o", out, "--graph", "recorded"], SECONDS)
            self.assertEqual(result.code, 0, result.err)
            kinds = collections.Counter(node.op_type for node in onnx.load(out).graph.node)
            self.assertEqual(kinds["conv2d"], 10)  # of forward and of features

    @unittest.skipUnless(__name__ == "__main__", "needs arguments")
    def test_corpus(self):
        """Every archive of TorchScript gives its graph or says why not."""
        if not ARGS.corpus or not ARGS.corpus.is_dir():
            self.skipTest("no corpus")
        found = 0
        for path in sorted(ARGS.corpus.rglob("*")):
            if not path.is_file() or path.stat().st_size < 64:
                continue
            info = runner.run([ARGS.pthview, "list", "--json", path], SECONDS)
            if info.code != 0 or runner.parse(info).get("format") not in ("torchscript", "torchscript-old", "torchscript-first"):
                continue
            with self.subTest(str(path)):
                result = graph_of(path)
                self.assertEqual(runner.complaints(result), [])
                recorded = [graph for graph in runner.parse(result)["graphs"] if graph["origin"] == "recorded"]
                if not recorded:
                    self.assertRegex(result.err, b"plug-in torchscript: .+|has no source text")
                found += 1
        self.assertGreater(found, 25)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--pthview", required=True)
    parser.add_argument("--programs", type=pathlib.Path, required=True)
    parser.add_argument("--corpus", type=pathlib.Path)
    ARGS, rest = parser.parse_known_args()
    unittest.main(argv=["test_script_graph.py", *rest])
