"""Files with graphs for the command-line tests, written by hand: make(folder). Standard library only.

Exported programs (.pt2), and pickled modules of torch.fx.
"""
import json
import pathlib
import struct
import sys
import types

FIXTURES = pathlib.Path(__file__).resolve().parent.parent / "fixtures"
sys.path.insert(0, str(FIXTURES))

import hostile_containers  # noqa: E402
import torch_format  # noqa: E402


def size(value):
    return {"as_int": value} if isinstance(value, int) else {"as_expr": {"expr_str": value, "hint": None}}


def meta(sizes, dtype=7):
    strides = [1] * len(sizes)
    return {"dtype": dtype, "sizes": [size(n) for n in sizes], "requires_grad": False, "device": {"type": "cpu", "index": None},
            "strides": [size(n) for n in strides], "storage_offset": {"as_int": 0}, "layout": 7}


def tensor(name):
    return {"as_tensor": {"name": name}}


def body(name, inputs, nodes, outputs, values):
    return {"as_graph": {"name": name, "graph": graph(inputs, nodes, outputs, values)}}


def graph(inputs, nodes, outputs, values, symbols=None):
    return {"inputs": [tensor(name) for name in inputs], "outputs": [tensor(name) for name in outputs], "nodes": nodes,
            "tensor_values": {name: meta(sizes) for name, sizes in values.items()},
            "sym_int_values": {name: size(value) for name, value in (symbols or {}).items()}, "sym_bool_values": {}}


def node(target, outputs, arguments, stack=(), line=None, name=None):
    """`stack`: (path, class) from the outside inwards; `outputs`: names, or one argument."""
    metadata = {}
    if stack:
        metadata["nn_module_stack"] = ";".join(f"key{i},{path},{kind}" for i, (path, kind) in enumerate(stack))
    if line:
        metadata["stack_trace"] = f'  File "model.py", line {line}, in forward\n    {target.split(".")[-2]}(x)\n'
    outputs = [tensor(each) if isinstance(each, str) else each for each in outputs]
    return {"target": target, "inputs": [{"name": key, "arg": value, "kind": 1} for key, value in arguments],
            "outputs": outputs, "metadata": metadata, "name": name}


def archive(path, program_graph, parameters, buffers=(), mutations=(), ranges=None):
    """`parameters` and `buffers`: {name in the graph: (weight, sizes)}."""
    buffers = dict(buffers)
    specs = [{"parameter": {"arg": {"name": key}, "parameter_name": weight}} for key, (weight, _) in parameters.items()]
    specs += [{"buffer": {"arg": {"name": key}, "buffer_name": weight, "persistent": True}}
              for key, (weight, _) in buffers.items()]
    known = set(parameters) | set(buffers)
    specs += [{"user_input": {"arg": argument}} for argument in program_graph["inputs"]
              if argument["as_tensor"]["name"] not in known]
    outputs = []
    for argument in program_graph["outputs"]:
        name = argument["as_tensor"]["name"]
        into = dict(mutations).get(name)
        outputs.append({"buffer_mutation": {"arg": {"name": name}, "buffer_name": into}} if into
                       else {"user_output": {"arg": argument}})
    program = {"graph_module": {"graph": program_graph, "signature": {"input_specs": specs, "output_specs": outputs},
                                "module_call_graph": []},
               "opset_version": {"aten": 10}, "range_constraints": ranges or {},
               "schema_version": {"major": 8, "minor": 14}, "torch_version": "2.9.1"}
    records = [("archive_format", b"pt2"), ("models/model.json", json.dumps(program).encode())]
    config = {}
    for index, (weight, sizes) in enumerate([*parameters.values(), *buffers.values()]):
        count = 1
        for n in sizes:
            count *= n
        records.append((f"data/weights/weight_{index}", struct.pack("<f", index) * count))
        strides = [1] * len(sizes)
        for i in range(len(sizes) - 2, -1, -1):
            strides[i] = strides[i + 1] * sizes[i + 1]
        described = meta(sizes)
        described["strides"] = [size(n) for n in strides]
        config[weight] = {"path_name": f"weight_{index}", "is_param": index < len(parameters), "use_pickle": False,
                          "tensor_meta": described}
    records.append(("data/weights/model_weights_config.json", json.dumps({"config": config}).encode()))
    path.write_bytes(hostile_containers.zip_file(records, "net"))


TOP = ("", "net.Net")
BLOCK = ("block", "net.Block")
CONV1 = ("block.conv1", "torch.nn.modules.conv.Conv2d")
CONV2 = ("block.conv2", "torch.nn.modules.conv.Conv2d")


def residual(path):
    """Two convolutions and an addition around them, then dropout that does nothing and a view by sizes."""
    parameters = {"p_w1": ("block.conv1.weight", (2, 2, 3, 3)), "p_w2": ("block.conv2.weight", (2, 2, 3, 3)),
                  "p_fc": ("fc.weight", (4, 8))}
    stride = {"as_ints": [1, 1]}
    nodes = [
        node("torch.ops.aten.conv2d.default", ["conv2d"], [("input", tensor("x")), ("weight", tensor("p_w1")),
                                                           ("bias", {"as_none": True}), ("stride", stride),
                                                           ("padding", stride)], (TOP, BLOCK, CONV1), 11),
        node("torch.ops.aten.relu.default", ["relu"], [("self", tensor("conv2d"))], (TOP, BLOCK), 12),
        node("torch.ops.aten.conv2d.default", ["conv2d_1"], [("input", tensor("relu")), ("weight", tensor("p_w2")),
                                                             ("bias", {"as_none": True}), ("stride", stride),
                                                             ("padding", stride)], (TOP, BLOCK, CONV2), 13),
        node("torch.ops.aten.add.Tensor", ["add"], [("self", tensor("x")), ("other", tensor("conv2d_1"))], (TOP, BLOCK), 14),
        node("torch.ops.aten.dropout.default", ["dropout"], [("input", tensor("add")), ("p", {"as_float": 0.5}),
                                                             ("train", {"as_bool": False})], (TOP,), 20),
        node("torch.ops.aten.sym_size.int", [{"as_sym_int": {"as_name": "sym_size"}}],
             [("self", tensor("x")), ("dim", {"as_int": 0})], (TOP,), 21),
        node("torch.ops.aten.view.default", ["view"],
             [("self", tensor("dropout")), ("size", {"as_sym_ints": [{"as_name": "sym_size"}, {"as_int": 8}]})], (TOP,), 21),
        node("torch.ops.aten.linear.default", ["linear"], [("input", tensor("view")), ("weight", tensor("p_fc"))],
             (TOP, ("fc", "torch.nn.modules.linear.Linear")), 22),
    ]
    shape = ("s0", 2, 2, 2)
    values = {name: shape for name in ("x", "conv2d", "relu", "conv2d_1", "add", "dropout")}
    values |= {"view": ("s0", 8), "linear": ("s0", 4)}
    archive(path, graph([*parameters, "x"], nodes, ["linear"], values, {"sym_size": "s0"}), parameters,
            ranges={"s0": {"min_val": 2, "max_val": 16}})


def branches(path):
    """torch.cond with a body each, and a buffer that is written back."""
    parameters = {"p_w": ("linear.weight", (4, 4))}
    linear = node("torch.ops.aten.linear.default", ["linear"], [("input", tensor("a")), ("weight", tensor("w"))])
    minus = node("torch.ops.aten.sub.Tensor", ["sub"], [("self", tensor("a")), ("other", {"as_int": 1})])
    shape = {"a": (2, 4), "w": (4, 4), "linear": (2, 4), "sub": (2, 4)}
    nodes = [
        node("torch.ops.aten.gt.Scalar", ["gt"], [("self", tensor("x")), ("other", {"as_int": 0})]),
        node("torch.ops.higher_order.cond", [{"as_tensors": [{"name": "cond"}]}],
             [("pred", tensor("gt")), ("true_fn", body("true_graph_0", ["a", "w"], [linear], ["linear"], shape)),
              ("false_fn", body("false_graph_0", ["a", "w"], [minus], ["sub"], shape)),
              ("operands", {"as_tensors": [{"name": "x"}, {"name": "p_w"}]})], name="cond"),
        node("torch.ops.aten.add.Tensor", ["steps"], [("self", tensor("b_steps")), ("other", {"as_int": 1})]),
    ]
    archive(path, graph(["p_w", "b_steps", "x"], nodes, ["steps", "cond"],
                        {"x": (2, 4), "gt": (2, 4), "cond": (2, 4), "steps": ()}),
            parameters, {"b_steps": ("steps", ())}, {"steps": "steps"})


def kinds(path):
    """Every kind of argument."""
    arguments = [("none", {"as_none": True}), ("flag", {"as_bool": False}), ("number", {"as_int": -3}), ("real", {"as_float": 2}),
                 ("far", {"as_float": "-Infinity"}), ("complex", {"as_complex": {"real": 1, "imag": -2}}),
                 ("text", {"as_string": "reflect \"\\"}), ("texts", {"as_strings": ["a", "b"]}), ("ints", {"as_ints": [1, -2]}),
                 ("floats", {"as_floats": [0.5, 2]}), ("bools", {"as_bools": [True]}), ("lists", {"as_int_lists": [[1], []]}),
                 ("dtype", {"as_scalar_type": 13}), ("layout", {"as_layout": 7}), ("format", {"as_memory_format": 2}),
                 ("device", {"as_device": {"type": "cuda", "index": 1}}), ("op", {"as_operator": "aten.add"}),
                 ("some", {"as_optional_tensors": [tensor("x"), {"as_none": True}]}),
                 ("nested", {"as_nested_tensors": [[{"name": "x"}], [{"name": "x"}, {"name": "x"}]]}),
                 ("dict", {"as_string_to_argument": {"k": {"as_int": 1}, "v": tensor("x")}}),
                 ("later", {"as_something_new": {"a": 1}}), ("\x1b[31mname\u202e", {"as_string": "\x1b[0m\n"})]
    nodes = [node("my_ops.thing.default", ["y", "y2"], arguments, (("", "net.Kinds"),), 3)]
    archive(path, graph(["x"], nodes, ["y"], {"x": (1, ), "y": ()}), {})


def broken(path):
    """Names that come in a circle, twice, or from nowhere; a kind of node that there is not; modules without end."""
    nodes = [node("torch.ops.aten.add.Tensor", ["a"], [("self", tensor("b")), ("other", tensor("gone"))]),
             node("torch.ops.aten.add.Tensor", ["b"], [("self", tensor("a")), ("other", tensor("x"))]),
             node("torch.ops.aten.neg.default", ["b"], [("self", tensor("b"))], ((".." * 40, "x"),)),
             {"target": 7, "inputs": [3, {"name": None, "arg": {"as_tensor": None}}], "outputs": "none"}, None, 12]
    archive(path, graph(["p_w", "x", "x"], nodes, ["b", "nothing"], {"x": ("s0 + ", -4)}), {"p_w": ("fc.weight", (2, 2))})


CLASSES = {}  # stand-ins by their full name, while a pickle is written


def module(kind, parameters=(), modules=(), **attributes):
    """An nn.Module of the class, as an object with its __dict__."""
    if kind not in CLASSES:
        home, name = kind.rsplit(".", 1)
        CLASSES[kind] = type(name, (), {"__module__": home})
    made = object.__new__(CLASSES[kind])
    made.__dict__.update(module_dict(parameters, modules, **attributes))
    return made


def module_dict(parameters=(), modules=(), **attributes):
    return {"training": False, "_parameters": dict(parameters), "_buffers": {}, "_modules": dict(modules)} | attributes


class GraphModule:
    """What torch.fx writes: a call with the module's __dict__, in which its source text is."""

    def __init__(self, code, parameters=(), modules=()):
        self.arguments = module_dict(parameters, modules, _code=code), "import torch"

    def __reduce__(self):
        return CLASSES["torch.fx.graph_module.reduce_graph_module"], self.arguments


def floats(*shape):
    count = 1
    for n in shape:
        count *= n
    return torch_format.Tensor(torch_format.Storage("FloatStorage", struct.pack("<f", 1) * count), shape)


def save_module(path, root):
    """torch.save of a module made of the above."""

    def reduce_graph_module():
        raise NotImplementedError

    name = "torch.fx.graph_module"
    reduce_graph_module.__module__, reduce_graph_module.__qualname__ = name, "reduce_graph_module"
    CLASSES[f"{name}.reduce_graph_module"] = reduce_graph_module
    homes = {}
    for full, stand_in in CLASSES.items():
        home, short = full.rsplit(".", 1)
        homes.setdefault(home, types.ModuleType(home)).__dict__[short] = stand_in
    sys.modules.update(homes)
    try:
        torch_format.save(root, path, "zip")
    finally:
        for home in homes:
            del sys.modules[home]


def fx_net():
    """A convolution, a residual connection, a list, a slice, keywords and a function of one's own."""
    conv = module("torch.nn.modules.conv.Conv2d", {"weight": floats(2, 2, 3, 3), "bias": None}, in_channels=2, out_channels=2,
                  kernel_size=(3, 3), stride=(1, 1), padding=(1, 1))
    relu = module("torch.nn.modules.activation.ReLU", inplace=False)
    layers = module("torch.nn.modules.container.Sequential", modules={"0": conv, "1": relu})
    return GraphModule(
        """


def forward(self, x : torch.Tensor, scale = 2):
    layers_0 = getattr(self.layers, "0")(x)
    layers_1 = getattr(self.layers, "1")(layers_0);  layers_0 = None
    add = layers_1 + x;  layers_1 = x = None
    w = self.w
    mul = add * w;  w = None
    getitem = mul[(slice(None, None, None), 0)];  mul = None
    cat = torch.cat([getitem, add], dim = 1);  getitem = add = None
    my_scale = project_ops_my_scale(cat, scale, mode = 'bilinear', dtype = torch.float16);  cat = scale = None
    return {'out': my_scale}
    """, {"w": floats(2, 1, 1)}, {"layers": layers})


def fx_by_hand():
    """A source that torch.fx did not write."""
    return GraphModule("""
def forward(self, x):
    for i in range(3):
        x = self.gone(x)
    return x
""")


def make(folder):
    residual(folder / "residual.pt2")
    branches(folder / "branches.pt2")
    kinds(folder / "kinds.pt2")
    broken(folder / "broken.pt2")
    save_module(folder / "fx.pt", fx_net())
    save_module(folder / "fx_by_hand.pt", fx_by_hand())
