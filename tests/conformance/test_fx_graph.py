#!/usr/bin/env python3
"""`pthview graph --json` of torch.fx modules: PYTHON test_fx_graph.py --pthview BIN

The modules are traced and saved here with torch. Their nodes (module.graph.nodes) are the truth: which there are, in
which order, what each calls, and which takes what of which.
"""
import argparse
import collections
import operator
import pathlib
import tempfile
import unittest

import torch
from torch import fx, nn

import runner

ARGS = argparse.Namespace()
SECONDS = 60


class Block(nn.Module):

    def __init__(self, width, stride=1):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(width, width, 3, stride, 1), nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.down = nn.Conv2d(width, width, 1, stride) if stride > 1 else None

    def forward(self, x):
        y = self.conv2(torch.relu(self.bn1(self.conv1(x))))
        return nn.functional.relu(y + (x if self.down is None else self.down(x)), inplace=True)


class Net(nn.Module):

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True))
        self.blocks = nn.ModuleList([Block(4), Block(4, 2)])
        self.scale = nn.Parameter(torch.ones(4, 1, 1))
        self.register_buffer("shift", torch.zeros(1))
        self.fc = nn.Linear(4, 5)

    def forward(self, x):
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        x = x * self.scale + self.shift
        return self.fc(nn.functional.adaptive_avg_pool2d(x, 1).flatten(1))


class Everything(nn.Module):
    """Each way in which the generator writes an argument or an operator."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleDict({"a b": nn.Linear(4, 4), "1": nn.ReLU()})

    def forward(self, x, y=None, *, k=2):
        x = self.layers["1"](self.layers["a b"](x))
        a = x.view(1, -1)[:, 1:2, None, ..., ::2]
        b = torch.cat([x, x], dim=0)
        low, high = torch.split(b, [1, b.shape[0] - 1])
        c = (-x) ** 2 // 1 % 3 @ x.t() - 1e-05
        d = torch.where((x > 0) & ~(x <= 1), x, x != 2)
        e = x.to(torch.float16).to(device="cpu", dtype=torch.float32) + float("inf")
        x += 1
        m = torch.max(x, dim=0)
        s = torch.ops.aten.add.Tensor(x, x, alpha=2)
        o = operator.truediv(k, 2)
        t = torch.sum(x, (0, 1), keepdim=True) * complex(1, 2)
        z = nn.functional.pad(x, (1, 1), mode="constant", value=float("-inf"))
        return {"a": (a, low), "b": [c, d, e], "m": m.values, "n": m[1], "s": s, "o": o, "t": t, "z": z, "h": high}


class Transformer(nn.Module):

    def __init__(self):
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(8, 8) for _ in range(3))
        self.norm = nn.LayerNorm(8)
        self.embedding = nn.Embedding(10, 8)

    def forward(self, tokens):
        x = self.embedding(tokens)
        split = lambda t: t.view(t.size(0), t.size(1), 2, 4).transpose(1, 2)
        y = nn.functional.scaled_dot_product_attention(split(self.q(x)), split(self.k(x)), split(self.v(x)))
        return self.norm(x + y.transpose(1, 2).reshape(x.shape))


def inside():
    return nn.Sequential(collections.OrderedDict(traced=fx.symbolic_trace(Net()), head=nn.Linear(5, 2)))


MODELS = {
    "net": lambda: fx.symbolic_trace(Net()),
    "everything": lambda: fx.symbolic_trace(Everything()),
    "transformer": lambda: fx.symbolic_trace(Transformer()),
    "inside": inside,
    "core": lambda: torch.export.export(Net().eval(), (torch.zeros(1, 3, 8, 8),)).graph_module,
}


def target_name(module, node):
    """domain::op as pthview names it."""
    if node.op == "call_module":
        kind = type(module.get_submodule(node.target))
        domain = "torch.nn" if kind.__module__.startswith("torch.nn.") else kind.__module__
        return f"{domain}::{kind.__name__}"
    if node.op == "call_method":
        return f"torch.Tensor::{node.target}"
    target = node.target
    if isinstance(target, torch._ops.OpOverload):
        return f"{target.namespace}::{target._opname}"
    name = target.__name__
    if target.__module__ == "_operator":
        return f"_operator::{name}"
    if target is getattr:
        return "builtins::getattr"
    return f"{torch.fx.node._find_module_of_method(target) if target.__module__ is None else target.__module__}::{name}"


def plain(name):
    return name.replace("torch._C._nn::", "torch.nn.functional::").replace("torch.functional::", "torch::")


def expected(module):
    """[(name, what it calls, names of the values that it takes)], without what only stands for a weight."""
    rows, names = [], {}
    for node in module.graph.nodes:
        if node.op == "placeholder":
            names[node] = "%" + str(node.target)
        elif node.op == "get_attr":
            names[node] = "@" + str(node.target)
        elif node.op == "output":
            rows.append(("", "output", [names[each] for each in flat(node.args)]))
        else:
            names[node] = "%" + node.name
            used = [names[each] for each in flat((node.args, node.kwargs))]
            rows.append((node.name, plain(target_name(module, node)), used))
    return rows


def flat(value):
    """The nodes in it as often as they stand there, in order."""
    found = []
    fx.node.map_arg(value, lambda node: found.append(node) or node)
    return found


def found(graph, path):
    values = graph["values"]
    prefix = f"{path}." if path else ""

    def text(index):
        row = values[index]
        return "@" + row["tensor"].removeprefix(prefix) if "tensor" in row else "%" + row["name"]

    rows = []
    for node in graph["nodes"]:
        outputs = [values[value]["name"] for argument in node["outputs"] for value in argument["values"]]
        # Weights of a module that is called are inputs without a position.
        used = [text(value) for argument in node["inputs"] if argument.get("position") is not None
                for value in argument["values"]]
        rows.append((",".join(outputs), plain(f"{node['domain']}::{node['op']}"), used))
    return rows + [("", "output", [text(value) for value in graph["outputs"]])]


class FxGraphs(unittest.TestCase):

    def check(self, name):
        self.maxDiff = None
        torch.manual_seed(0)
        module = MODELS[name]()
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "module.pt"
            torch.save(module, path)
            document = runner.json_of([ARGS.pthview, "graph", "--json", path], SECONDS)
        traced = {path: each for path, each in module.named_modules() if isinstance(each, fx.GraphModule)}
        roots = {graph["name"]: graph for graph in document["graphs"] if graph["origin"] == "recorded"}
        self.assertEqual(sorted(roots), sorted(f"{path}.forward".lstrip(".") for path in traced))
        for path, each in traced.items():
            graph = roots[f"{path}.forward".lstrip(".")]
            self.assertEqual(found(graph, path), expected(each))
            self.assertFalse([row for row in document["findings"] if row["code"].startswith("fx-")])


for each in MODELS:
    setattr(FxGraphs, f"test_{each}", lambda self, name=each: self.check(name))

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pthview", type=pathlib.Path, required=True)
    _, rest = parser.parse_known_args(namespace=ARGS)
    ARGS.pthview = ARGS.pthview.resolve()
    unittest.main(argv=["test_fx_graph.py", *rest])
