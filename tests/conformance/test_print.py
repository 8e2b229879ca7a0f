"""Is `pthview tree` what print(model) prints?

test_print.py --pthview BIN: every class of torch.nn, made with several arguments each, models made of them, and
torchvision's models where torchvision can be imported, saved whole: `pthview tree` must print print(model) to the byte,
and count the parameters as `sum(p.numel() for p in model.parameters())` does. Nothing but what this test made is ever
loaded.
"""
import argparse
import importlib.util
import inspect
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest
import warnings

import torch
from torch import nn

import torchvision_import

OPTIONS = argparse.Namespace(pthview=None)
P = nn.Parameter
ones = torch.ones

# What each class is made with: a list of (positional, named). Classes that are not here are made without arguments.
ARGUMENTS = {
    "AdaptiveAvgPool1d": [((5,), {})],
    "AdaptiveAvgPool2d": [((5,), {}), (((5, 7),), {}), (((None, 7),), {})],
    "AdaptiveAvgPool3d": [((5,), {}), (((5, None, 9),), {})],
    "AdaptiveLogSoftmaxWithLoss": [((8, 20, [4, 10]), {}), ((8, 20, [4]), {"head_bias": True})],
    "AdaptiveMaxPool1d": [((5,), {"return_indices": True})],
    "AdaptiveMaxPool2d": [((5,), {}), (((5, None),), {})],
    "AdaptiveMaxPool3d": [((5,), {})],
    "AlphaDropout": [((), {}), ((0.25,), {"inplace": True})],
    "AvgPool1d": [((3,), {}), ((3,), {"stride": 2, "padding": 1, "ceil_mode": True})],
    "AvgPool2d": [((3,), {}), (((3, 2),), {"stride": (2, 1), "padding": (1, 0)})],
    "AvgPool3d": [((3,), {}), (((3, 2, 2),), {"stride": (2, 1, 2)})],
    "BatchNorm1d": [((4,), {}), ((4,), {"affine": False}), ((4,), {"momentum": None, "eps": 1e-3})],
    "BatchNorm2d": [((4,), {}), ((4,), {"track_running_stats": False})],
    "BatchNorm3d": [((4,), {})],
    "Bilinear": [((2, 3, 4), {}), ((2, 3, 4), {"bias": False})],
    "CELU": [((), {}), ((0.5,), {"inplace": True})],
    "ChannelShuffle": [((2,), {})],
    "CircularPad1d": [((2,), {}), (((1, 2),), {})],
    "CircularPad2d": [((2,), {}), (((1, 2, 3, 4),), {})],
    "CircularPad3d": [((2,), {})],
    "ConstantPad1d": [((2, 3.5), {})],
    "ConstantPad2d": [((2, 0), {}), (((1, 1, 2, 2), -1e-9), {})],
    "ConstantPad3d": [((2, 3.5), {})],
    "CosineSimilarity": [((), {}), ((2, 1e-3), {})],
    "CrossMapLRN2d": [((3,), {}), ((3, 1e-3, 0.5, 2), {})],
    "Dropout": [((), {}), ((0.1,), {"inplace": True}), ((0,), {}), ((1 / 3,), {})],
    "ELU": [((), {}), ((2.0,), {"inplace": True})],
    "Embedding": [((10, 3), {}), ((10, 3), {"padding_idx": -1}),
                  ((10, 3), {"padding_idx": 0, "max_norm": 1.0, "norm_type": 1.0, "scale_grad_by_freq": True,
                             "sparse": True})],
    "EmbeddingBag": [((10, 3), {}), ((10, 3), {"mode": "sum", "padding_idx": 1, "max_norm": 2, "norm_type": 3.0})],
    "Flatten": [((), {}), ((0, 2), {})],
    "Fold": [((4, 2), {}), (((4, 5), (2, 2)), {"dilation": 2, "padding": (1, 0), "stride": 3})],
    "FractionalMaxPool2d": [((3,), {"output_size": 2})],
    "FractionalMaxPool3d": [((3,), {"output_ratio": (0.5, 0.5, 0.5)})],
    "GELU": [((), {}), (("tanh",), {})],
    "GLU": [((), {}), ((1,), {})],
    "GRU": [((3, 4), {}), ((3, 4), {"num_layers": 2, "bias": False, "batch_first": True, "dropout": 0.2,
                                    "bidirectional": True})],
    "GRUCell": [((3, 4), {}), ((3, 4), {"bias": False})],
    "GroupNorm": [((2, 4), {}), ((2, 4), {"eps": 1e-6, "affine": False})],
    "Hardshrink": [((), {}), ((0.25,), {})],
    "Hardtanh": [((), {}), ((-2, 3.0), {"inplace": True})],
    "InstanceNorm1d": [((4,), {}), ((4,), {"affine": True})],
    "InstanceNorm2d": [((4,), {"track_running_stats": True})],
    "LPPool1d": [((2, 3), {})],
    "LPPool2d": [((1.5, (3, 2)), {"stride": (2, 1), "ceil_mode": True})],
    "LPPool3d": [((2, 3), {})],
    "LSTM": [((3, 4), {}), ((3, 4), {"proj_size": 2, "num_layers": 3, "dropout": 0.5})],
    "LSTMCell": [((3, 4), {}), ((3, 4), {"bias": False})],
    "LayerNorm": [((4,), {}), (((3, 4),), {"eps": 1e-12}), ((4,), {"elementwise_affine": False}),
                  ((4,), {"bias": False})],
    "LazyBatchNorm1d": [((), {})],
    "LeakyReLU": [((), {}), ((0.2, True), {})],
    "Linear": [((2, 3), {}), ((2, 3), {"bias": False}), ((2, 3), {"dtype": torch.float64})],
    "LinearCrossEntropyLoss": [((3, 5), {}), ((3, 5), {"bias": True, "out_features": (2,), "reduction": "sum"})],
    "LocalResponseNorm": [((2,), {}), ((2, 1e-3, 0.5, 2.0), {})],
    "LogSoftmax": [((), {}), ((1,), {})],
    "MarginRankingLoss": [((0.5,), {})],
    "MaxPool1d": [((3,), {}), ((3,), {"stride": 2, "padding": 1, "dilation": 2, "ceil_mode": True})],
    "MaxPool2d": [((3,), {}), (((3, 2),), {"stride": (2, 1)})],
    "MaxPool3d": [((3,), {})],
    "MaxUnpool1d": [((3,), {})],
    "MaxUnpool2d": [((3, 2, 1), {}), (((3, 2),), {})],
    "MaxUnpool3d": [((3,), {})],
    "MultiheadAttention": [((8, 2), {}), ((8, 2), {"bias": False, "kdim": 4, "vdim": 6, "add_bias_kv": True})],
    "PReLU": [((), {}), ((4, 0.1), {})],
    "PixelShuffle": [((2,), {})],
    "PixelUnshuffle": [((2,), {})],
    "RMSNorm": [((4,), {}), (((3, 4),), {"eps": 1e-6}), ((4,), {"elementwise_affine": False})],
    "RNN": [((3, 4), {}), ((3, 4), {"nonlinearity": "relu", "bidirectional": True})],
    "RNNBase": [(("LSTM", 3, 4), {})],
    "RNNCell": [((3, 4), {}), ((3, 4), {"nonlinearity": "relu", "bias": False})],
    "RNNCellBase": [((3, 4, True, 1), {})],
    "RReLU": [((), {}), ((0.1, 0.2, True), {})],
    "ReLU": [((), {}), ((True,), {})],
    "ReLU6": [((), {}), ((True,), {})],
    "ReflectionPad1d": [((2,), {})],
    "ReflectionPad2d": [((2,), {}), (((1, 2, 3, 4),), {})],
    "ReflectionPad3d": [((2,), {})],
    "ReplicationPad1d": [((2,), {})],
    "ReplicationPad2d": [((2,), {})],
    "ReplicationPad3d": [((2,), {})],
    "SELU": [((), {}), ((True,), {})],
    "SiLU": [((), {}), ((True,), {})],
    "Mish": [((), {}), ((True,), {})],
    "Softmax": [((), {}), ((-1,), {})],
    "Softmin": [((), {}), ((1,), {})],
    "Softplus": [((), {}), ((2, 10), {})],
    "Softshrink": [((), {}), ((0.25,), {})],
    "SyncBatchNorm": [((4,), {})],
    "Threshold": [((0.1, 20), {}), ((0, 1.0, True), {})],
    "Transformer": [((), {"d_model": 8, "nhead": 2, "num_encoder_layers": 3, "num_decoder_layers": 2,
                          "dim_feedforward": 16})],
    "TransformerDecoder": [((nn.TransformerDecoderLayer(8, 2, 16), 2), {"norm": nn.LayerNorm(8)})],
    "TransformerDecoderLayer": [((8, 2, 16), {})],
    "TransformerEncoder": [((nn.TransformerEncoderLayer(8, 2, 16), 2), {})],
    "TransformerEncoderLayer": [((8, 2, 16), {}), ((8, 2, 16), {"activation": "gelu", "norm_first": True,
                                                              "bias": False})],
    "Unflatten": [((1, (2, 3)), {}), ((1, torch.Size([2, 3])), {})],
    "Unfold": [((2,), {}), (((2, 3),), {"stride": (1, 2)})],
    "Upsample": [((), {"scale_factor": 2}), ((), {"size": (4, 5), "mode": "bilinear", "align_corners": True}),
                 ((4,), {}), ((), {"scale_factor": (1.5, 2.0)})],
    "UpsamplingBilinear2d": [((4,), {})],
    "UpsamplingNearest2d": [((), {"scale_factor": 2.5})],
    "ZeroPad1d": [((2,), {})],
    "ZeroPad2d": [((2,), {}), (((1, 2, 3, 4),), {})],
    "ZeroPad3d": [((2,), {})],
    "ModuleList": [((), {}), (([nn.Linear(2, 3) for _ in range(12)],), {}),
                   (([nn.ReLU(), nn.ReLU(), nn.Linear(2, 3), nn.ReLU()],), {})],
    "ModuleDict": [((), {}), (({"a b": nn.ReLU(), "c": nn.Linear(2, 3)},), {})],
    "Sequential": [((), {}), ((nn.Linear(2, 3), nn.Linear(2, 3)), {}), ((nn.Sequential(),), {})],
    "ParameterList": [((), {}), (([P(ones(2, 3))],), {}), (([P(ones(2, 3)), P(ones(()).half()), 3, "x"],), {})],
    "ParameterDict": [((), {}), (({"a": P(ones(2, 3)), "b": P(ones(4).double())},), {})],
    "DataParallel": [((nn.Linear(2, 3),), {})],
    "Conv": [((3, 6, 3), {}), ((3, 6, 3), {"stride": 2, "padding": 1, "bias": False}),
             ((3, 6, 3), {"groups": 3, "dilation": 2, "padding_mode": "zeros"})],
    "ConvOnly": [((3, 6, 3), {"padding": "same", "padding_mode": "circular"}), ((3, 6, 3), {"padding": "valid"})],
    "ConvTransposeOnly": [((3, 6, 3), {"stride": 2, "output_padding": 1})],
}
DROPOUTS = ("AlphaDropout", "Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "FeatureAlphaDropout")
# Those that cannot be made here: they wrap objects of C++, want processes, or are deprecated bases.
LEFT_OUT = {"DistributedDataParallel", "Container", "DistributedDataParallelCPU", "ModuleWrapper", "Module"}


def torch_classes():
    found = {}
    for holder in (nn, nn.modules, nn.modules.loss, nn.modules.activation, nn.modules.linear):
        for name, item in vars(holder).items():
            if inspect.isclass(item) and issubclass(item, nn.Module) and not name.startswith("_"):
                found[item.__name__] = item
    return found


def arguments_of(name):
    if name.startswith("ConvTranspose"):
        return ARGUMENTS["Conv"] + ARGUMENTS["ConvTransposeOnly"]
    if name.startswith("Conv"):
        return ARGUMENTS["Conv"] + ARGUMENTS["ConvOnly"]
    if name.startswith("LazyConv"):
        return [((6, 3), {}), ((6, 3), {"padding": 1})]
    if name == "NonDynamicallyQuantizableLinear":
        return [((2, 3), {}), ((2, 3), {"bias": False})]
    if name.startswith("LazyLinear"):
        return [((3,), {})]
    if name in DROPOUTS:
        return ARGUMENTS["Dropout"]
    if name.startswith("InstanceNorm"):
        return ARGUMENTS.get(name, [((4,), {})])
    return ARGUMENTS.get(name, [((), {})])


class Branch(nn.Module):
    """A class of its own: torch prints no attributes of it."""

    def __init__(self):
        super().__init__()
        self.width, self._hidden, self.names = 8, 3, ["a"]
        self.scale = P(ones(3))
        self.register_buffer("mask", ones(2))
        self.left = nn.Linear(2, 3)
        self.right = nn.ModuleList([nn.Sequential(nn.Conv2d(3, 3, 1), nn.ReLU()) for _ in range(3)] + [nn.Identity()])
        self.empty = nn.Module()


class Kinds(nn.Module):
    """Branches that differ in what is deep inside them."""

    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList([Branch(), Branch(), nn.ModuleList([Branch(), Branch()])])
        self.blocks[1].left = nn.Linear(2, 4)
        self.names = nn.ParameterList([P(ones(1)), P(ones(2))])
        self.tied = self.blocks[0].left
        self.frozen = nn.Linear(3, 3).requires_grad_(False)


def torchvision_models():
    if importlib.util.find_spec("torchvision") is None:
        return {}
    torchvision_import.import_torchvision()
    from torchvision import models
    made = {}
    for name in models.list_models():
        if any(big in name for big in ("vit_h", "vit_l", "regnet_y_128gf", "swin_b", "convnext_large", "vgg1",
                                       "wide_resnet", "maxvit", "efficientnet_b7", "efficientnet_v2_l", "ssd")):
            continue  # the same classes as their smaller siblings, and a GB of weights; or a `__repr__` of their own
        made[name] = lambda name=name: models.get_model(name, weights=None, **(
            {"weights_backbone": None} if models.get_model_builder(name).__module__.split(".")[2] in
            ("detection", "segmentation") else {}))
    return made


class Print(unittest.TestCase):
    maxDiff = None

    def compare(self, module, what):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "m.pt"
            torch.save(module, path)
            environment = {k: v for k, v in os.environ.items() if k != "COLUMNS"}
            got = subprocess.run([OPTIONS.pthview, "tree", path], capture_output=True, check=False, env=environment)
            self.assertEqual(got.stderr.decode(), "", what)
            self.assertMultiLineEqual(got.stdout.decode(), str(module) + "\n", what)
            info = subprocess.run([OPTIONS.pthview, "info", "--json", path], capture_output=True, check=False)
            parts = json.loads(info.stdout)["files"][0]["parts"]
            wanted = sum(p.numel() for p in module.parameters()
                         if not isinstance(p, nn.parameter.UninitializedParameter))
            self.assertEqual(sum(part["parameters"] for part in parts), wanted, what)

    def test_every_class_of_torch_nn(self):
        tried = 0
        for name, cls in sorted(torch_classes().items()):
            if name in LEFT_OUT:
                continue
            for positional, named in arguments_of(name):
                with self.subTest(f"{name} {positional} {named}"):
                    self.compare(cls(*positional, **named), f"{name} {positional} {named}")
                    tried += 1
        self.assertGreater(tried, 200)

    def test_they_print_alike_inside_another(self):
        modules = [cls(*positional, **named) for name, cls in sorted(torch_classes().items()) if name not in LEFT_OUT
                   for positional, named in arguments_of(name) if not name.startswith("Lazy")]
        self.compare(nn.Sequential(*modules), "all of them")
        self.compare(nn.ModuleList(modules + modules[-1:] * 3), "all of them in a list")

    def test_classes_that_are_not_torchs(self):
        self.compare(Branch(), "Branch")
        self.compare(Kinds(), "Kinds")

    def test_modules_that_were_taken_out(self):
        model = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
        model[0] = None
        self.compare(model, "None in _modules")

    def test_torchvision(self):
        models = torchvision_models()
        if not models:
            self.skipTest("torchvision cannot be imported")
        for name, make in models.items():
            with self.subTest(name):
                self.compare(make(), name)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pthview", required=True)
    options, rest = parser.parse_known_args(namespace=OPTIONS)
    options.pthview = str(pathlib.Path(options.pthview).resolve())
    warnings.simplefilter("ignore")
    unittest.main(argv=[sys.argv[0]] + rest)


if __name__ == "__main__":
    main()
