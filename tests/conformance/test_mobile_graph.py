#!/usr/bin/env python3
"""`pthview graph --json` of lite-interpreter files: PYTHON test_mobile_graph.py --pthview BIN

Modules are scripted and saved here with torch, as an archive and as a flatbuffer. The truth is torch's own: the list of
operators that torch.jit.mobile reads in the file, and the inlined TorchScript graph, whose operators and whose edges
between operators must be the same, through branches and loops.
"""
import argparse
import collections
import pathlib
import tempfile
import unittest
import warnings

import torch
from torch import nn
from torch.jit.mobile import _export_operator_list, _load_for_lite_interpreter

import runner

warnings.simplefilter("ignore")
ARGS = argparse.Namespace()
SECONDS = 60


class Block(nn.Module):

    def __init__(self, width):
        super().__init__()
        self.conv, self.bn = nn.Conv2d(width, width, 3, 1, 1), nn.BatchNorm2d(width)

    def forward(self, x):
        return torch.relu(self.bn(self.conv(x)) + x)


class Residual(nn.Module):

    def __init__(self):
        super().__init__()
        self.stem, self.blocks = nn.Conv2d(3, 4, 3), nn.Sequential(Block(4), Block(4))
        self.fc = nn.Linear(4, 5)

    def forward(self, x):
        return self.fc(nn.functional.adaptive_avg_pool2d(self.blocks(self.stem(x)), 1).flatten(1))


class Control(nn.Module):
    """Branches in loops in branches, lists, tuples and dicts, and an error."""

    def __init__(self):
        super().__init__()
        self.rounds = 3
        self.layer = nn.Linear(4, 4)

    def forward(self, x, flag: bool):
        kept = []
        if x.size(0) > 2:
            x = x * 2
            for i in range(self.rounds):
                if flag:
                    x = self.layer(x) + i
                else:
                    x = x - i
                kept.append(x)
        elif flag:
            raise RuntimeError("too small")
        while x.sum() < 1:
            x = x + torch.ones_like(x)
        first, second = torch.split(x, [1, x.size(0) - 1])
        largest, at = torch.max(second, dim=0)
        return {"first": first, "at": at}, torch.cat(kept + [largest.unsqueeze(0)])


class Recurrent(nn.Module):

    def __init__(self):
        super().__init__()
        self.lstm, self.norm = nn.LSTM(4, 6, 2), nn.LayerNorm(6)

    def forward(self, x):
        y, (h, c) = self.lstm(x)
        return self.norm(y), h + c


class Methods(nn.Module):

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x):
        return self.encode(x).tanh()

    @torch.jit.export
    def encode(self, x):
        return self.fc(x)


MODELS = {"residual": Residual, "control": Control, "recurrent": Recurrent, "methods": Methods}


def truth(graph):
    """Operators, and edges between them: {aten::add: n}, {(aten::add, aten::relu): n}."""
    counts, edges = collections.Counter(), collections.Counter()

    def visit(block):
        for node in block.nodes():
            if node.kind().startswith("aten::"):
                counts[node.kind()] += 1
                for value in node.inputs():
                    if value.node().kind().startswith("aten::"):
                        edges[(value.node().kind(), node.kind())] += 1
            for inner in node.blocks():
                visit(inner)

    visit(graph)
    return counts, edges


def found(graphs, root):
    counts, edges, makers = collections.Counter(), collections.Counter(), {}

    def visit(graph):
        names = [row["name"] for row in graph["values"]]
        for node in graph["nodes"]:
            kind = f"{node['domain']}::{node['op']}"
            counts[kind] += 1
            for argument in node["inputs"]:
                for value in argument["values"]:
                    if kind.startswith("aten::") and makers.get(names[value], "").startswith("aten::"):
                        edges[(makers[names[value]], kind)] += 1
            for block in node.get("blocks", []):
                visit(graphs[block])
            for argument in node["outputs"]:
                for value in argument["values"]:
                    makers[names[value]] = kind

    visit(graphs[root])
    return collections.Counter({name: n for name, n in counts.items() if name.startswith("aten::")}), edges


class MobileGraphs(unittest.TestCase):

    def check(self, name, flat):
        self.maxDiff = None
        torch.manual_seed(0)
        module = torch.jit.script(MODELS[name]().eval())
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / ("model.ff" if flat else "model.ptl")
            module._save_for_lite_interpreter(str(path), _use_flatbuffer=flat)
            document = runner.json_of([ARGS.pthview, "graph", "--json", path], SECONDS)
            operators = _export_operator_list(_load_for_lite_interpreter(str(path)))
        self.assertEqual([row["text"] for row in document["findings"] if row["code"].startswith("bytecode")], [])
        graphs = {graph["index"]: graph for graph in document["graphs"]}
        roots = {graph["name"]: graph["index"] for graph in document["graphs"] if not graph["body"]}
        # torch names aten::__is__ and its like among the operators, though they are instructions of their own.
        used = {f"{node['domain']}::{node['op']}" + (f".{node['overload']}" if node.get("overload") else "")
                for graph in document["graphs"] for node in graph["nodes"]}
        self.assertEqual({each for each in operators if each not in used}, set())
        methods = [each for each in ("forward", "encode") if hasattr(module, each)]
        self.assertEqual(sorted(roots), sorted(methods))
        for method in methods:
            graph = getattr(module, method).graph.copy()
            torch._C._jit_pass_inline(graph)
            counts, edges = truth(graph)
            self.assertEqual(found(graphs, roots[method]), (counts, edges))


for each in MODELS:
    for flat in (False, True):
        test = lambda self, name=each, flat=flat: self.check(name, flat)
        setattr(MobileGraphs, f"test_{each}_{'flatbuffer' if flat else 'archive'}", test)

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pthview", type=pathlib.Path, required=True)
    _, rest = parser.parse_known_args(namespace=ARGS)
    ARGS.pthview = ARGS.pthview.resolve()
    unittest.main(argv=["test_mobile_graph.py", *rest])
