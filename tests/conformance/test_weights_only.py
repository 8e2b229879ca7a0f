#!/usr/bin/env python3
"""What `pthview scan` says of torch.load(weights_only=True), against torch itself: files are written here, each is
loaded as `scan` says that it can be, and no other way. The line that it prints is run as it stands.

usage: test_weights_only.py --pthview BIN
"""
import argparse
import collections
import datetime
import enum
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

import numpy
import torch
import torch._weights_only_unpickler as unpickler

PTHVIEW = None


class Color(enum.Enum):
    RED = 1


class Plain:
    def __init__(self):
        self.lr = 0.1


class OwnDict(dict):
    pass


class OwnList(list):
    pass


OBJECTS = {
    "state_dict": torch.nn.Linear(2, 2).state_dict(),
    "plain": {"epoch": 3, "name": "x", "t": (1, 2.5, None), "set": {1, 2}, "big": 1 << 40},
    "bytes": {"a": b"abc", "b": bytearray(b"abc")},
    "namespace": {"args": argparse.Namespace(lr=0.1)},
    "numpy_scalar": {"loss": numpy.float64(0.5)},
    "numpy_scalars": {"a": numpy.float32(0.5), "b": numpy.int64(3), "c": numpy.bool_(True)},
    "numpy_array": {"a": numpy.arange(4.0), "b": numpy.zeros(3, "u1")},
    "numpy_strings": {"a": numpy.array(["x", "yy"])},
    "numpy_random": {"state": numpy.random.RandomState(0)},
    "path": {"path": pathlib.PurePosixPath("/a/b")},
    "datetime": {"now": datetime.datetime(2020, 1, 2)},
    "enum": {"color": Color.RED},
    "object": {"config": Plain()},
    "module": torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.ReLU()),
    "optimizer": torch.optim.Adam(torch.nn.Linear(2, 2).parameters()).state_dict(),
    "defaultdict": {"d": collections.defaultdict(int, {"a": 1})},
    "empty_defaultdict": {"d": collections.defaultdict(list)},
    "deque": {"d": collections.deque([1, 2])},
    "own_dict": {"d": OwnDict(a=1)},
    "own_list": {"d": OwnList([1])},
    "counter": {"d": collections.Counter("abca")},
    "ordered": {"d": collections.OrderedDict(a=1)},
    "dtype": {"d": torch.float16, "device": torch.device("cpu"), "size": torch.Size([1, 2]), "layout": torch.strided},
    "generator": {"g": torch.get_rng_state()},
    "complex": {"c": 1 + 2j},
    "slice": {"s": slice(1, 2)},
    "range": {"r": range(3)},
    "frozenset": {"f": frozenset([1])},
    "function": {"f": json.dumps},
    "float8": {"t": torch.zeros(4).to(torch.float8_e5m2)},
    "quantized": {"q": torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8)},
    "sparse": {"s": torch.eye(3).to_sparse()},
    "parameter": torch.nn.Parameter(torch.ones(2)),
    "legacy": None,
    "protocol_4": None,
}


def loads(path, line="", imports=()):
    unpickler._clear_safe_globals()
    try:
        scope = {"torch": torch, **{name: globals()[name] for name in ("Color", "Plain", "OwnDict", "OwnList")}}
        for module in imports:
            exec(f"import {module}", scope)
        exec(line, scope)
        torch.load(path, weights_only=True)
        return True
    except Exception as error:  # whatever torch raises is its "no"
        loads.why = str(error)[:300]
        return False
    finally:
        unpickler._clear_safe_globals()


class WeightsOnly(unittest.TestCase):
    def test_as_torch_says(self):
        with tempfile.TemporaryDirectory() as folder:
            verdicts = collections.Counter()
            for name, value in OBJECTS.items():
                with self.subTest(name):
                    path = f"{folder}/{name}.pth"
                    if name == "protocol_4":
                        torch.save({"a": 1}, path, pickle_protocol=4)
                    elif name == "legacy":
                        torch.save({"a": torch.ones(2), "b": argparse.Namespace()}, path,
                                   _use_new_zipfile_serialization=False)
                    else:
                        torch.save(value, path)
                    out = subprocess.run([PTHVIEW, "scan", "--json", path], stdout=subprocess.PIPE).stdout
                    says = json.loads(out)["files"][0]["weights_only"]
                    self.assertEqual(loads(path), says["loads"], (says, loads.why if not says["loads"] else ""))
                    if says["loads"]:
                        verdicts["loads"] += 1
                        continue
                    allowed = loads(path, says["line"], says["imports"])
                    self.assertEqual(allowed, "never" not in says, (says, loads.why if not allowed else ""))
                    verdicts["allowed" if allowed else "never"] += 1
                    for leave_out in says["refused"] if allowed else ():
                        names = [n for n in says["refused"] if n != leave_out]
                        scope = says["line"].split("[")[1].rstrip("])")
                        kept = [part for part in split_names(scope) if leave_out.removeprefix("builtins.").removeprefix(
                            "__main__.") not in (part, part.split('"')[-2] if '"' in part else "")]
                        self.assertEqual(len(names), len(kept), (leave_out, scope))
                        line = f"torch.serialization.add_safe_globals([{', '.join(kept)}])"
                        self.assertFalse(loads(path, line, says["imports"]), f"{leave_out} is not needed")
            self.assertGreater(min(verdicts[key] for key in ("loads", "allowed", "never")), 3, verdicts)

    def test_every_name_that_torch_allows(self):
        """A pickle that names all of them is not refused."""
        names = sorted(unpickler._get_allowed_globals())
        data = b"\x80\x02(" + b"".join(b"c%s\n%s\n" % tuple(part.encode() for part in name.rsplit(".", 1))
                                       for name in names) + b"t."
        import zipfile
        with tempfile.TemporaryDirectory() as folder:
            with zipfile.ZipFile(f"{folder}/a.pth", "w") as file:
                file.writestr("a/data.pkl", data)
                file.writestr("a/version", "3\n")
            out = subprocess.run([PTHVIEW, "scan", "--json", f"{folder}/a.pth"], stdout=subprocess.PIPE).stdout
            says = json.loads(out)["files"][0]["weights_only"]
            self.assertEqual(([], True), (says["refused"], says["loads"]), says)


def split_names(text):
    """'a.b, (c.d, "c.d"), e' as its three parts."""
    parts, depth, part = [], 0, ""
    for c in text:
        depth += (c == "(") - (c == ")")
        if c == "," and depth == 0:
            parts.append(part.strip())
            part = ""
        else:
            part += c
    return parts + [part.strip()]


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--pthview", required=True)
    options, rest = parser.parse_known_args()
    PTHVIEW = options.pthview
    unittest.main(argv=[sys.argv[0], *rest])
