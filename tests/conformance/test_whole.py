#!/usr/bin/env python3
"""Modules saved whole, against their own state_dict(): PYTHON test_whole.py --pthview BIN [unittest arguments]

PYTHON has torch. Every module of tests/fixtures/torch_whole.py is saved as it is; `list --json --all --hash` must give
the tensors of state_dict() under its names, with its bytes, and nothing else that claims to be in it.
"""
import argparse
import pathlib
import sys
import tempfile
import unittest
import warnings

import torch

import expected
import runner

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "fixtures"))
import torch_whole  # noqa: E402

ARGS = argparse.Namespace()
SECONDS = 60


def packed(name, value):
    """(name, tensor) of what a C++ object of torch's quantized layers holds."""
    state = value.__getstate__()[0]
    if len(state) == 5:  # of an RNN: kind, biases, doubles, longs, (input, hidden)
        for side, part in zip(("ih", "hh"), state[4]):
            weight, bias = part.__getstate__()[0][:2]
            yield f"{name}.weight_{side}", weight
            yield f"{name}.bias_{side}", bias
    else:
        yield from ((f"{name}[{index}]", item) for index, item in enumerate(state[:2]))


def stored(model):
    """{name: tensor} of a state_dict, but for what it makes at the moment it is asked: the scale and zero point of
    quantized layers are plain numbers until then."""
    tables = {name for name, _ in [*model.named_parameters(remove_duplicate=False),
                                   *model.named_buffers(remove_duplicate=False)]}
    out = {}
    for name, value in model.state_dict().items():
        if isinstance(value, torch.Tensor):
            if name in tables or name.rsplit(".", 1)[-1] not in ("scale", "zero_point"):
                out[name] = value
        elif isinstance(value, tuple):
            out.update((f"{name}[{index}]", item) for index, item in enumerate(value))
        elif isinstance(value, torch.ScriptObject):
            out.update(packed(name, value))
    return {name: value for name, value in out.items() if isinstance(value, torch.Tensor)}


class Whole(unittest.TestCase):
    """One module each. Its tests are added by add_tests."""
    maxDiff = None

    def check(self, build):
        torch.manual_seed(0)
        with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
            warnings.simplefilter("ignore")
            model = build()
            path = pathlib.Path(folder) / "whole.pt"
            torch.save(model, path)
            want = {name: expected.facts(value) for name, value in stored(model).items()}
            kinds = {name: "parameter" for name, _ in model.named_parameters(remove_duplicate=False)}
            kinds |= {name: "buffer" for name, _ in model.named_buffers(remove_duplicate=False)}
            result = runner.run([ARGS.pthview, "list", "--json", "--all", "--hash", path], SECONDS)
            info = runner.parse(runner.run([ARGS.pthview, "info", "--json", path], SECONDS))["files"][0]
        self.assertEqual(runner.complaints(result, codes=(0,), megabytes=4096), [])
        document = runner.parse(result)
        self.assertEqual([f for f in document["findings"] if f["severity"] in ("warning", "error")], [])
        rows = {row["name"]: row for row in document["tensors"] if row.get("persistent", True)}
        self.assertEqual(sorted(rows), sorted(want))
        for name, fields in want.items():
            for field in ("dtype", "shape", "sha256"):
                self.assertEqual(rows[name].get(field), fields.get(field), f"{name}: {field}")
            if name in kinds:
                self.assertEqual(rows[name]["kind"], kinds[name], name)
        # Each parameter counts once, however many names it has.
        packed_weights = {row["name"]: row for row in rows.values()
                          if row["kind"] == "parameter" and row["name"] not in kinds and row.get("tied_to") not in rows}
        count = sum(p.numel() for p in model.parameters()) + sum(row["numel"] for row in packed_weights.values())
        self.assertEqual(sum(part["parameters"] for part in info["parts"]), count)
        self.assertEqual([part["path"] for part in info["parts"] if part["kind"] == "model"], [""])
        return document

    def test_lists_of_the_same_parameters_are_told(self):
        document = self.check(torch_whole.recurrent)
        again = [row for row in document["tensors"] if "_flat_weights[" in row["name"]]
        self.assertEqual(len(again), 12 + 8 + 4 + 4)
        for row in again:
            self.assertTrue(row["tied_to"])
            self.assertFalse(row["persistent"])

    def test_attributes_are_no_parameters(self):
        document = self.check(torch_whole.Notes)
        kinds = {row["name"]: row["kind"] for row in document["tensors"] if not row.get("persistent", True)}
        self.assertEqual(set(kinds.values()), {"constant"})
        self.assertEqual(len(kinds), 6)


def add_tests():
    for name, build in torch_whole.WHOLE:

        def test(self, build=build):
            self.check(build)

        setattr(Whole, f"test_{name}", test)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pthview", type=pathlib.Path, required=True)
    _, rest = parser.parse_known_args(namespace=ARGS)
    ARGS.pthview = ARGS.pthview.resolve()
    add_tests()
    unittest.main(argv=[sys.argv[0], *rest])
