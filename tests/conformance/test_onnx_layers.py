#!/usr/bin/env python3
"""Inferred graphs as ONNX: that the operators written for torch's layers are those layers.
PYTHON test_onnx_layers.py --pthview BIN [unittest arguments]

PYTHON has torch, onnx and onnxruntime. The files are made here. They are written not to run; with the one node taken
out that keeps them from it, onnxruntime must compute what torch does.
"""
import argparse
import ast
import pathlib
import shutil
import tempfile
import unittest

import numpy
import onnx
import onnx.helper
import onnx.numpy_helper
import onnxruntime
import torch
from torch import nn

import runner

ARGS = argparse.Namespace()
SECONDS = 60

# Layer, shape of what it is given; and the operator that it has to become.
LAYERS = [
    (nn.Conv1d(4, 6, 3, stride=2, padding=1), (2, 4, 11), "Conv"),
    (nn.Conv2d(4, 6, (3, 2), stride=(2, 1), padding=(1, 0), dilation=(1, 2), groups=2), (2, 4, 11, 9), "Conv"),
    (nn.Conv2d(4, 6, 4, padding="same", bias=False), (2, 4, 11, 9), "Conv"),
    (nn.Conv2d(4, 6, 3, padding="valid"), (2, 4, 11, 9), "Conv"),
    (nn.Conv3d(2, 3, 2, padding=1), (1, 2, 4, 5, 6), "Conv"),
    (nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1, groups=2), (2, 4, 5, 6), "ConvTranspose"),
    (nn.ConvTranspose1d(4, 2, 4, stride=2), (2, 4, 5), "ConvTranspose"),
    (nn.Linear(5, 3), (4, 5), "Gemm"),
    (nn.Linear(5, 3, bias=False), (4, 5), "Gemm"),
    (nn.Embedding(11, 5, padding_idx=0), "ids", "Gather"),
    (nn.BatchNorm1d(6), (3, 6), "BatchNormalization"),
    (nn.BatchNorm2d(6, eps=1e-3, momentum=0.3), (3, 6, 4, 4), "BatchNormalization"),
    (nn.BatchNorm3d(2), (3, 2, 4, 4, 2), "BatchNormalization"),
    (nn.InstanceNorm2d(6, affine=True, eps=1e-2), (3, 6, 4, 4), "InstanceNormalization"),
    (nn.BatchNorm2d(4, affine=False), (3, 4, 5, 5), "BatchNormalization"),
    (nn.InstanceNorm2d(4), (3, 4, 5, 5), "InstanceNormalization"),
    (nn.LayerNorm(6, elementwise_affine=False, eps=1e-2), (3, 4, 6), "LayerNormalization"),
    (nn.LayerNorm(6, eps=1e-3), (3, 4, 6), "LayerNormalization"),
    (nn.LayerNorm((4, 6), bias=False), (3, 4, 6), "LayerNormalization"),
    (nn.RMSNorm(6), (3, 4, 6), "RMSNormalization"),
    (nn.RMSNorm((4, 6), eps=1e-2), (3, 4, 6), "RMSNormalization"),
    (nn.GroupNorm(3, 6, eps=1e-3), (3, 6, 4, 4), "GroupNormalization"),
    (nn.PReLU(), (3, 6), "PRelu"),
    (nn.MaxPool1d(3), (2, 3, 11), "MaxPool"),
    (nn.MaxPool2d((3, 2), stride=2, padding=1, dilation=(1, 2), ceil_mode=True), (2, 3, 11, 12), "MaxPool"),
    (nn.AvgPool1d(3, padding=1), (2, 3, 11), "AveragePool"),
    (nn.AvgPool2d(3, stride=2, padding=1, count_include_pad=False), (2, 3, 11, 12), "AveragePool"),
    (nn.AvgPool3d(2), (2, 3, 4, 6, 8), "AveragePool"),
    (nn.AdaptiveAvgPool2d(1), (2, 3, 4, 6), "GlobalAveragePool"),
    (nn.AdaptiveAvgPool2d((1, 1)), (2, 3, 4, 6), "GlobalAveragePool"),
    (nn.AdaptiveMaxPool1d(1), (2, 3, 4), "GlobalMaxPool"),
    (nn.Flatten(), (2, 3, 4, 6), "Flatten"),
    (nn.Dropout(0.3), (2, 3), "Dropout"),
    (nn.Dropout2d(0.3), (2, 3, 4, 4), "Dropout"),
    (nn.LocalResponseNorm(3, alpha=0.1, beta=0.5, k=2.0), (2, 5, 4, 4), "LRN"),
    (nn.Upsample(scale_factor=2.5, mode="bilinear"), (2, 3, 4, 5), "Resize"),
    (nn.Upsample(size=(7, 9), mode="bilinear", align_corners=True), (2, 3, 4, 5), "Resize"),
    (nn.Upsample(scale_factor=(2.0, 3.0)), (2, 3, 4, 5), "Resize"),
    (nn.Upsample(size=(8, 10)), (2, 3, 4, 5), "Resize"),
    (nn.Upsample(scale_factor=2, mode="bicubic"), (2, 3, 6, 5), "Resize"),
    (nn.Upsample(scale_factor=2, mode="linear"), (2, 3, 6), "Resize"),
    (nn.Upsample(scale_factor=2, mode="trilinear"), (2, 3, 6, 4, 5), "Resize"),
    (nn.UpsamplingNearest2d(scale_factor=2), (2, 3, 6, 4), "Resize"),
    (nn.UpsamplingBilinear2d(scale_factor=2), (2, 3, 6, 4), "Resize"),
    (nn.PixelShuffle(2), (2, 8, 3, 4), "DepthToSpace"),
    (nn.ZeroPad2d((1, 2, 0, 3)), (2, 3, 4, 5), "Pad"),
    (nn.ConstantPad1d((1, 2), 7.5), (2, 3, 4), "Pad"),
    (nn.ReflectionPad2d((1, 2, 0, 3)), (2, 3, 4, 5), "Pad"),
    (nn.ReplicationPad3d(1), (2, 3, 4, 5, 6), "Pad"),
    (nn.CircularPad2d((1, 2, 0, 3)), (2, 3, 4, 5), "Pad"),
    (nn.ReLU(), (2, 3), "Relu"),
    (nn.ReLU6(), (2, 3), "Clip"),
    (nn.Hardtanh(-0.2, 0.5), (2, 3), "Clip"),
    (nn.LeakyReLU(0.2), (2, 3), "LeakyRelu"),
    (nn.ELU(0.7), (2, 3), "Elu"),
    (nn.CELU(0.7), (2, 3), "Celu"),
    (nn.SELU(), (2, 3), "Selu"),
    (nn.GELU(), (2, 3), "Gelu"),
    (nn.GELU(approximate="tanh"), (2, 3), "Gelu"),
    (nn.SiLU(), (2, 3), "Swish"),
    (nn.Mish(), (2, 3), "Mish"),
    (nn.Sigmoid(), (2, 3), "Sigmoid"),
    (nn.Tanh(), (2, 3), "Tanh"),
    (nn.Softplus(), (2, 3), "Softplus"),
    (nn.Softsign(), (2, 3), "Softsign"),
    (nn.Hardswish(), (2, 3), "HardSwish"),
    (nn.Hardsigmoid(), (2, 3), "HardSigmoid"),
    (nn.Hardshrink(0.3), (2, 3), "Shrink"),
    (nn.Softshrink(0.3), (2, 3), "Shrink"),
    (nn.Threshold(0.1, 0), (2, 3), "ThresholdedRelu"),
    (nn.Softmax(dim=1), (2, 3, 4), "Softmax"),
    (nn.Softmax2d(), (2, 3, 4, 4), "Softmax"),
    (nn.LogSoftmax(dim=-1), (2, 3, 4), "LogSoftmax"),
    (nn.Identity(), (2, 3), "Identity"),
]

# What ONNX has no operator for, or not with these settings, or lays out otherwise: never one of its own.
OWN = [nn.Conv2d(3, 4, 3, padding=1, padding_mode="reflect"), nn.Embedding(5, 4, max_norm=1.0), nn.LSTM(4, 5), nn.GRU(4, 5),
       nn.LayerNorm((3, 4), elementwise_affine=False), nn.Upsample(scale_factor=2, mode="nearest-exact"),
       nn.InstanceNorm2d(4, affine=True, track_running_stats=True), nn.AdaptiveAvgPool2d(7), nn.Flatten(2),
       nn.AvgPool2d(2, divisor_override=3), nn.Softplus(beta=2), nn.Threshold(0.1, 5), nn.MultiheadAttention(4, 2),
       nn.Bilinear(3, 4, 5), nn.GLU(), nn.PixelUnshuffle(2), nn.EmbeddingBag(5, 4), nn.LogSigmoid(), nn.Upsample(scale_factor=2)]


class Case(unittest.TestCase):

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="pthview-test-"))
        self.addCleanup(shutil.rmtree, self.folder)

    def converted(self, value, *options):
        source, out = self.folder / "model.pth", self.folder / "model.onnx"
        torch.save(value, source)
        result = runner.run([ARGS.pthview, "convert", source, "-o", out, "--force", *options], SECONDS)
        wrong = runner.complaints(result, codes=(0,), megabytes=4096)
        if wrong:
            self.fail("\n".join(wrong))
        model = onnx.load(out, load_external_data=False)
        onnx.checker.check_model(str(out))
        return model


def drawn(model):
    """Its nodes, without what only hands settings to others or keeps it from running."""
    return [node for node in model.graph.node if node.op_type not in ("Constant", "ForViewing")]


def properties(message):
    return {entry.key: entry.value for entry in message.metadata_props}


def attributes(node):
    return {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}


class Operators(Case):

    def test_each_computes_what_torch_does(self):
        torch.manual_seed(1)
        for layer, shape, operator in LAYERS:
            with self.subTest(repr(layer)):
                for tensor in (*layer.parameters(), *(b for b in layer.buffers() if b.is_floating_point())):
                    tensor.data.uniform_(0.3, 1.5)
                model = self.converted(nn.Sequential(layer, nn.Identity()).eval())
                onnx.checker.check_model(model, full_check=bool(list(layer.parameters())))
                nodes = drawn(model)
                self.assertEqual([node.op_type for node in nodes], [operator, "Identity"])
                self.assertEqual({node.domain for node in nodes}, {""})
                self.assertNotIn("pthview.unknown", properties(nodes[0]))
                guard = [node for node in model.graph.node if node.op_type == "ForViewing"]
                self.assertEqual([node.domain for node in guard], ["pthview"])
                with self.assertRaises(Exception):
                    onnxruntime.InferenceSession(model.SerializeToString())
                model.graph.node.remove(guard[0])
                x = torch.randint(0, 11, (3, 4)) if shape == "ids" else torch.randn(shape)
                for value in (*model.graph.input, *model.graph.output):
                    value.type.tensor_type.ClearField("shape")
                options = onnxruntime.SessionOptions()
                options.log_severity_level = 3
                session = onnxruntime.InferenceSession(model.SerializeToString(), options)
                given = session.run(None, {"input": x.numpy()})[0]
                wanted = layer.eval()(x).detach().numpy()
                self.assertEqual(given.shape, wanted.shape)
                numpy.testing.assert_allclose(given, wanted, rtol=1e-4, atol=1e-5)

    def test_what_onnx_has_not_stays_torchs(self):
        for layer in OWN:
            with self.subTest(repr(layer)):
                model = self.converted(nn.Sequential(layer, nn.Identity()).eval())
                node = drawn(model)[0]
                self.assertEqual((node.domain, node.op_type), ("pthview", type(layer).__name__))
                weights = {t.name for t in model.graph.initializer}
                self.assertEqual(weights - set(node.input), set())
                names = ast.literal_eval(properties(node)["input_names"])
                self.assertEqual([f"0.{name}" for name in names[1:]], list(node.input)[1:])
                self.assertFalse([a.name for a in node.attribute if a.name.startswith("_")])


class Settings(Case):
    """A state_dict has shapes only: what they do not tell is left out, and said."""

    def test_state_dict_of_convolutions(self):
        net = nn.Sequential(nn.Conv2d(3, 8, (3, 5), stride=2, padding=1), nn.BatchNorm2d(8), nn.Conv2d(8, 4, 1))
        nodes = drawn(self.converted(net.state_dict()))
        self.assertEqual([node.op_type for node in nodes], ["Conv", "BatchNormalization", "Conv"])
        self.assertEqual(attributes(nodes[0]), {"kernel_shape": [3, 5]})
        self.assertEqual(properties(nodes[0])["pthview.unknown"], "strides, pads, dilations, group")
        self.assertEqual(attributes(nodes[1]), {})
        self.assertEqual(properties(nodes[1])["pthview.unknown"], "epsilon")
        self.assertEqual(properties(nodes[1])["pthview.unused"], "1.num_batches_tracked")

    def test_group_norm_without_its_groups_stays_torchs(self):
        nodes = drawn(self.converted({"gn.weight": torch.ones(8), "gn.bias": torch.ones(8)}))
        self.assertEqual([(node.domain, node.op_type) for node in nodes], [("pthview", "GroupNorm")])

    def test_half_and_quantized(self):
        nodes = drawn(self.converted({"fc.weight": torch.ones(3, 4).half(), "fc.bias": torch.ones(3).half()}))
        self.assertEqual(nodes[0].op_type, "Gemm")
        q = torch.quantize_per_tensor(torch.ones(3, 4), 0.1, 0, torch.qint8)
        nodes = drawn(self.converted({"fc.weight": q, "fc.bias": torch.ones(3)}))
        self.assertEqual([(node.domain, node.op_type) for node in nodes], [("pthview", "Linear")])


class Residual(nn.Module):

    def __init__(self, width):
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(width)


class Net(nn.Module):

    def __init__(self):
        super().__init__()
        self.layer1 = nn.Sequential(Residual(8), Residual(8))


class Structure(Case):

    def test_joins_are_operators_and_edges_carry_evidence(self):
        model = self.converted(Net().state_dict())
        adds = [node for node in model.graph.node if node.op_type == "Add"]
        self.assertEqual([node.domain for node in adds], ["", ""])
        for node in adds:
            self.assertEqual(len(node.input), 2)
            self.assertRegex(properties(node)["pthview.evidence"], "input: pattern .*; input2: pattern ")
        onnx.checker.check_model(model, full_check=True)
        self.assertEqual(len(model.graph.output[0].type.tensor_type.shape.dim), 4)

    def test_modules_are_named_as_torchs_exporter_names_them(self):
        net = Net()
        model = self.converted(net)
        for node in drawn(model):
            names = ast.literal_eval(properties(node)["pkg.torch.onnx.name_scopes"])
            classes = ast.literal_eval(properties(node)["pkg.torch.onnx.class_hierarchy"])
            self.assertEqual(len(names), len(classes))
            self.assertEqual(names[-1], node.name)
            self.assertEqual(classes[-1], node.op_type)
            for name, class_name in zip(names[:-1], classes[:-1]):
                module = net.get_submodule(name)
                self.assertEqual(class_name, f"{type(module).__module__}.{type(module).__qualname__}")
            self.assertEqual(names[:2], ["", "layer1"])

    def test_tied_weights_are_written_once(self):
        table = torch.randn(10, 4)
        state = {"embed.weight": table, "out.weight": table, "fc.weight": torch.randn(4, 10)}
        for mode in ("inline", "external", "in-place"):
            model = self.converted(state, "--weights", mode)
            written = {t.name: t for t in model.graph.initializer}
            self.assertEqual(sorted(written), ["embed.weight", "fc.weight"])
            self.assertEqual(properties(written["embed.weight"]), {"pthview.also": "out.weight"})
            used = {node.name: list(node.input) for node in model.graph.node}
            self.assertIn("embed.weight", used["embed"])
            self.assertIn("embed.weight", used["out"])

    def test_metadata_is_what_people_wrote(self):
        net = nn.Sequential(*(nn.Linear(3, 3) for _ in range(300)))
        said = properties(self.converted({"state_dict": net.state_dict(), "epoch": 7, "args": {"lr": 0.5}}))
        self.assertEqual((said["epoch"], said["args.lr"]), ("7", "0.5"))
        self.assertFalse([key for key in said if "_metadata" in key])
        self.assertEqual(said["pthview.graph"], "inferred")
        self.assertTrue(said["pthview.runs"].startswith("no"))

    def test_what_nothing_is_inferred_of_is_drawn(self):
        for value in ({"a": torch.ones(2), "b": torch.ones(3)}, [torch.ones(2)], torch.ones(2),
                      {"block.mystery": torch.ones(2, 3), "block.other": torch.ones(7)}):
            model = self.converted(value)
            used = {name for node in model.graph.node for name in node.input}
            self.assertEqual({t.name for t in model.graph.initializer} - used, set())
            self.assertEqual({node.domain for node in model.graph.node}, {"pthview"})

    def test_names_that_imitate_a_list(self):
        name = "a', 'b\"c\\d\n"
        model = self.converted({f"{name}.weight": torch.ones(3, 4), f"{name}.bias": torch.ones(3)})
        for node in drawn(model):
            self.assertEqual(len(ast.literal_eval(properties(node)["pkg.torch.onnx.name_scopes"])), 2)

    def test_deep_names_cost_no_more_than_themselves(self):
        state = {".".join(["m"] * 3000) + f".l{i}.weight": torch.ones(3, 4) for i in range(100)}
        model = self.converted(state)
        self.assertLess(model.ByteSize(), 6_000_000)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pthview", type=pathlib.Path, required=True)
    _, rest = parser.parse_known_args(namespace=ARGS)
    ARGS.pthview = ARGS.pthview.resolve()
    unittest.main(argv=[__file__, *rest])
