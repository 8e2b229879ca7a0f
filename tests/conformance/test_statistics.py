#!/usr/bin/env python3
"""Figures of `stats` against NumPy and SciPy in float64, on random and adversarial values of every dtype:
test_statistics.py --pthview BIN [unittest arguments]
"""
import argparse
import json
import math
import pathlib
import subprocess
import sys
import tempfile
import unittest
import warnings

import numpy
import scipy.stats
import torch

OPTIONS = argparse.Namespace(pthview=None)
torch.set_num_threads(1)
NEAR = 1e-3
PERCENTILES = {"p1": 1, "p5": 5, "p25": 25, "p50": 50, "p75": 75, "p95": 95, "p99": 99}
SKETCH_ERROR = 1 / 512
SMALLEST_IN_SKETCH = 1e-307  # below it the sketch's steps are equal, not relative


def stats(path, *arguments):
    command = [OPTIONS.pthview, "stats", "--json", "--all", *arguments, str(path)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise AssertionError(f"{command}: {done.stderr}")
    return json.loads(done.stdout)


def values_of(tensor):
    """The numbers whose figures are meant, as float64."""
    if tensor.is_quantized:
        tensor = tensor.dequantize()
    if tensor.layout != torch.strided:
        tensor = tensor.to_dense()
    if tensor.is_complex():
        pair = torch.view_as_real(tensor.resolve_conj().to(torch.complex128)).numpy()
        return numpy.hypot(pair[..., 0], pair[..., 1])
    return tensor.resolve_neg().to(torch.float64).numpy()


def truth(values):
    """What the figures are, by NumPy and SciPy."""
    flat = values.reshape(-1)
    finite = flat[numpy.isfinite(flat)]
    out = {
        "count": flat.size,
        "finite": finite.size,
        "nans": int(numpy.isnan(flat).sum()),
        "infinities": int(numpy.isinf(flat).sum()),
        "zeros": int((finite == 0).sum()),
        "negatives": int((finite < 0).sum()),
    }
    if finite.size == 0:
        return out
    # Deviations from the mean as float64 rounds it would themselves be off where the mean is large: twice, then.
    rounded = math.fsum(finite) / finite.size
    deviations = (finite - rounded).astype(numpy.longdouble)
    rest = deviations.mean()
    out |= {
        "mean": float(rounded + rest),
        "std": float(numpy.sqrt(((deviations - rest)**2).mean())),
        "min": finite.min(),
        "max": finite.max(),
        "abs_max": abs(finite).max(),
        "l1": math.fsum(abs(finite)),
        "l2": float(numpy.sqrt((finite.astype(numpy.longdouble)**2).sum())),
    }
    with numpy.errstate(invalid="ignore"):
        out["min_at"] = int(numpy.nanargmin(numpy.where(numpy.isfinite(flat), flat, numpy.inf)))
        out["max_at"] = int(numpy.nanargmax(numpy.where(numpy.isfinite(flat), flat, -numpy.inf)))
    if finite.min() != finite.max():
        centred = deviations - rest
        second = (centred**2).mean()
        out["skewness"] = float((centred**3).mean() / second**1.5)
        out["kurtosis"] = float((centred**4).mean() / second**2 - 3)
        # SciPy means the same, where float64 holds fourth powers.
        if 1e-60 < second < 1e60:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                theirs = scipy.stats.skew(finite - rounded), scipy.stats.kurtosis(finite - rounded)
            numpy.testing.assert_allclose(theirs, (out["skewness"], out["kurtosis"]), rtol=1e-6, atol=1e-6)
    return out


class Statistics(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="pthview-statistics-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def save(self, tensors):
        path = self.folder / "tensors.pth"
        torch.save(tensors, path)
        return path

    def close(self, name, got, want, relative, scale=0.0):
        """`scale` is what a difference is small beside, where the figure itself may be next to nothing."""
        self.assertIsNotNone(got, name)
        got, want = float(got), float(want)
        if got != want:
            self.assertLessEqual(abs(got - want), relative * max(abs(want), scale), f"{name}: {got}, not {want}")

    def compare(self, got, values, relative, places=True, exact=True):
        want = truth(values)
        for name in ("count", "finite", "nans", "infinities", "zeros", "negatives"):
            self.assertEqual(got[name], want[name], name)
        if want["finite"] == 0:
            for name in ("mean", "std", "min", "max", "abs_max", "l1", "l2", "skewness", "kurtosis", "min_at"):
                self.assertIsNone(got[name], name)
            return
        for name in ("min", "max", "abs_max"):
            self.close(name, got[name], want[name], 0 if exact else relative)
        if places:
            self.assertEqual((got["min_at"], got["max_at"]), (want["min_at"], want["max_at"]))
        self.close("mean", got["mean"], want["mean"], relative, want["std"])
        for name in ("std", "l1", "l2"):
            self.close(name, got[name], want[name], relative)
        for name in ("skewness", "kurtosis"):
            if name in want:
                self.close(name, got[name], want[name], relative, 1.0)
            else:
                self.assertIsNone(got[name], name)
        finite = values[numpy.isfinite(values)]
        self.close("near_limit", got["near_limit"], NEAR * want["std"], relative)
        self.assertEqual(got["near_zeros"], int((abs(finite) < got["near_limit"]).sum()), "near_zeros")
        distinct = numpy.unique(finite).size
        self.assertEqual(got["distinct"], distinct if distinct <= 256 else None)
        if "p1" in got:
            sharp = values.size <= 65536 and places
            for name, share in PERCENTILES.items():
                want_here = float(numpy.percentile(finite, share))
                scale = want["std"] * 1e-12 if sharp else max(want["std"] * 1e-12, SMALLEST_IN_SKETCH)
                self.close(name, got[name], want_here,
                           (1e-12 if exact else relative) if sharp else SKETCH_ERROR + 1e-9, scale)

    def check(self, tensors, relative=1e-9, places=True, exact=True):
        document = stats(self.save(tensors), "--percentiles")
        rows = {row["path"]: row for row in document["rows"]}
        self.assertEqual(len(rows), len(tensors))
        for name, tensor in tensors.items():
            with self.subTest(name):
                self.assertIsNotNone(rows[name]["statistics"], rows[name].get("reason"))
                self.compare(rows[name]["statistics"], values_of(tensor), relative, places, exact)
        return document

    def test_mean_far_above_deviation(self):
        """Where mean of squares less square of the mean leaves nothing but rounding."""
        torch.manual_seed(1)
        for count in (1000, 300_000, 4_500_000):
            noise = torch.randn(count, dtype=torch.float64)
            some = {
                "b": -1e9 + noise,
                "steps": torch.arange(count, dtype=torch.float64) + 1e8,
                "a": 1e6 + noise,
                "c": 1e9 + 1e-3 * noise,
            }
            self.check(some if count < 1_000_000 else {"b": some["b"]})
            # float32 rounds the values themselves: the truth is taken from what is stored.
            self.check({"f": (1e4 + noise).float(), "g": (1e6 + noise).float()}, 1e-6)

    def test_distributions(self):
        torch.manual_seed(2)
        for count in (1, 2, 3, 7, 4095, 4097, 65_536, 65_537, 300_001, 4_200_001):
            uniform = torch.rand(count, dtype=torch.float64)
            normal = torch.randn(count, dtype=torch.float64)
            tensors = {
                "normal": normal,
                "uniform": uniform,
                "heavy": normal / (uniform + 1e-6),
                "skewed": normal.exp(),
                "pruned": normal * (uniform > 0.9),
                "falling": -torch.arange(count, dtype=torch.float64),
                "constant": torch.full((count,), 0.1, dtype=torch.float64),
                "ternary": (normal > 0.5).double() - (normal < -0.5).double(),
            }
            if count > 1_000_000:  # more than one piece; NumPy takes long
                self.check({"heavy": tensors["heavy"]})
                self.check({"skewed": tensors["skewed"].float(), "pruned": tensors["pruned"].float()}, 1e-6)
                continue
            self.check(tensors)
            self.check({name: tensor.float() for name, tensor in tensors.items()}, 1e-6)

    def test_near_zero_far_from_what_a_sample_says(self):
        """The sample of a large tensor sees only the beginning of each sixteenth."""
        torch.manual_seed(3)
        count = 3_000_000
        plain = torch.randn(count) * 1e-4
        plain[200_000:260_000] *= 1e6
        lattice = torch.randint(0, 3, (count,)).double() * 1e-3 - 1e-3  # many candidates
        lattice[7] = 1000.0
        self.check({"spike": plain.double(), "lattice": lattice})

    def test_not_finite(self):
        torch.manual_seed(4)
        for dtype, relative in ((torch.float64, 1e-9), (torch.float32, 1e-6), (torch.bfloat16, 1e-6)):
            some = torch.randn(200_000).to(dtype)
            some[::7] = math.nan
            some[5::1000] = math.inf
            some[6::1000] = -math.inf
            self.check({
                "some": some,
                "nan": torch.full((70_000,), math.nan, dtype=dtype),
                "inf": torch.full((3,), -math.inf, dtype=dtype),
                "none": torch.empty(0, dtype=dtype),
                "late": torch.cat([torch.full((5000,), math.nan, dtype=dtype), torch.ones(3, dtype=dtype)]),
            }, relative)

    def test_extreme_ranges(self):
        torch.manual_seed(5)
        noise = torch.randn(100_000, dtype=torch.float64)
        self.check({"small": noise * 1e-100, "large": noise * 1e100})
        document = stats(self.save({"huge": noise * 1e300, "tiny": noise * 1e-300}))
        for row in document["rows"]:
            self.close("kurtosis", row["statistics"]["kurtosis"], scipy.stats.kurtosis(noise.numpy()), 1e-9, 1.0)

    def test_adversarial_values_of_every_float_type(self):
        """Denormals, both signs of zero, values at the ends of the range, means far above the deviation, signs that
        cancel: what each type can hold of them."""
        generator = numpy.random.default_rng(12)
        for dtype, relative in ((torch.float64, 1e-9), (torch.float32, 1e-6), (torch.bfloat16, 1e-6),
                                (torch.float16, 1e-6), (torch.float8_e4m3fn, 1e-6), (torch.float8_e5m2, 1e-6)):
            info = torch.finfo(dtype)
            for count in (1000, 70_001):
                normal = torch.from_numpy(generator.normal(size=count))
                signs = torch.from_numpy(generator.choice([-1.0, 1.0], size=count))
                least = info.smallest_normal * info.eps
                tensors = {
                    "denormal": normal * least * 3,
                    "about_the_smallest_normal": signs * info.smallest_normal * (1 + normal.abs() * info.eps * 4),
                    "zeros": torch.where(signs > 0, 0.0, -0.0),
                    "one_among_zeros": torch.where(torch.arange(count) == 77, least * 4, 0.0),
                    "mean_above": 1 + normal * info.eps * 4,
                    "cancelling": torch.stack([normal[:count // 2], -normal[:count // 2]], 1).reshape(-1),
                    "every_scale": signs * torch.exp(torch.linspace(
                        math.log(max(least, 1e-60)), math.log(min(info.max, 1e60) / 4), count, dtype=torch.float64)),
                }
                if dtype != torch.float64:  # fourth powers of float64's own ends are tested by themselves
                    tensors["huge"] = signs * info.max * (0.5 + 0.4 * torch.rand(count, dtype=torch.float64))
                self.check({name: tensor.to(dtype) for name, tensor in tensors.items()}, relative)

    def test_every_dtype(self):
        torch.manual_seed(6)
        tensors = {}
        base = torch.randn(70_001) * 20
        for dtype in (torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.uint16,
                      torch.uint32, torch.uint64, torch.float16, torch.bfloat16, torch.float32, torch.float64,
                      torch.float8_e4m3fn, torch.float8_e5m2, torch.float8_e4m3fnuz, torch.float8_e5m2fnuz):
            source = base.abs() if dtype in (torch.uint8, torch.uint16, torch.uint32, torch.uint64) else base
            tensors[str(dtype)] = source.to(dtype)
        tensors["complex64"] = torch.complex(base, base.flip(0))
        tensors["complex128"] = torch.complex(base.double(), base.flip(0).double())
        self.check({name.replace("torch.", ""): tensor for name, tensor in tensors.items()}, 1e-6)

    def test_views(self):
        torch.manual_seed(7)
        base = torch.randn(300, 400, dtype=torch.float64)
        wide = torch.randn(3000, 700, dtype=torch.float64)
        self.check({
            "transposed": base.t(),
            "large": wide.t(),
            "stepped": base[::3, 5::7],
            "expanded": base[:, :1].expand(300, 50),
            "row": base[:1].expand(40, 400),
            "diagonal": base.diagonal(),
            "negated": torch._neg_view(base),
        })

    def test_repeated_without_end(self):
        """2^40 elements over 24 bytes: counted, not read."""
        source = torch.tensor([1.0, 2.0, 4.0], dtype=torch.float64)
        document = stats(self.save({"x": source.expand(2**20, 2**18, 3)}))
        row = document["rows"][0]["statistics"]
        self.assertEqual(row["count"], 3 * 2**38)
        small = truth(source.numpy())
        for name in ("mean", "std", "skewness", "kurtosis"):
            self.close(name, row[name], small[name], 1e-9, 1.0)
        self.close("l1", row["l1"], small["l1"] * 2**38, 1e-9)

    def test_sparse(self):
        torch.manual_seed(8)
        dense = torch.randn(60, 80, dtype=torch.float64) * (torch.rand(60, 80) > 0.9)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tensors = {
                "coo": dense.to_sparse_coo().coalesce(),
                "csr": dense.to_sparse_csr(),
                "csc": dense.to_sparse_csc(),
                "bsr": dense.to_sparse_bsr((4, 5)),
                "bsc": dense.to_sparse_bsc((4, 5)),
            }
            twice = torch.sparse_coo_tensor(torch.tensor([[1, 1, 3]]), torch.tensor([1.0, 2.0, 5.0]).double(), (6,))
            document = self.check(tensors, places=False)
            self.check({"twice": twice})
        self.assertIsNone(document["rows"][0]["statistics"]["min_at"])

    def test_sparse_far_too_large_to_be_dense(self):
        index = torch.tensor([[0, 1, 2**30], [0, 5, 2**20]])
        giant = torch.sparse_coo_tensor(index, torch.tensor([1.0, -2.0, 3.0]), (2**31, 2**21)).coalesce()
        row = stats(self.save({"x": giant}))["rows"][0]["statistics"]
        self.assertEqual((row["count"], row["zeros"], row["negatives"]), (2**52, 2**52 - 3, 1))
        self.assertEqual((row["min"], row["max"], row["l1"]), (-2, 3, 6))
        self.close("std", row["std"], math.sqrt(14 / 2**52), 1e-9)

    def test_quantized(self):
        torch.manual_seed(9)
        base = torch.randn(64, 100)
        scales, points = torch.rand(64) * 0.1 + 0.01, torch.randint(-5, 5, (64,))
        self.check({
            "tensor": torch.quantize_per_tensor(base, 0.05, 3, torch.quint8),
            "channel": torch.quantize_per_channel(base, scales, points, 0, torch.qint8),
        }, 1e-6, exact=False)  # torch dequantizes in float32

    def test_channels(self):
        torch.manual_seed(10)
        for shape in ((5, 7, 3, 3), (40, 100_000)):
            tensor = torch.randn(shape, dtype=torch.float64) + torch.arange(shape[1]).reshape(
                1, -1, *[1] * (len(shape) - 2)) * 1e5
            path = self.save({"x": tensor})
            for axis in (0, 1, -1) if tensor.numel() < 1000 else (0,):
                rows = stats(path, "--axis", str(axis), "--percentiles")["rows"]
                self.assertEqual(len(rows), shape[axis])
                for row in rows:
                    part = tensor.select(axis, row["channel"])
                    self.compare({**row["statistics"], "min_at": None, "max_at": None} | self.places(row, tensor, part),
                                 part.numpy(), 1e-9)

    def places(self, row, tensor, part):
        """Places are within the whole tensor: what stands there is the channel's extreme."""
        flat = tensor.reshape(-1)
        for name, at in (("min", "min_at"), ("max", "max_at")):
            self.assertEqual(flat[row["statistics"][at]].item(), row["statistics"][name])
        want = truth(part.numpy())
        return {"min_at": want["min_at"], "max_at": want["max_at"]}

    def test_modules_and_file(self):
        torch.manual_seed(11)
        state = {f"block.{i}.{kind}": torch.randn(50, 60, dtype=torch.float64) * (i + 1) + i
                 for i in range(3) for kind in ("weight", "bias")}
        path = self.save(state)
        rows = {row["name"]: row for row in stats(path, "--by", "module")["rows"]}
        self.assertEqual(sorted(rows), ["block", "block.0", "block.1", "block.2"])
        everything = numpy.concatenate([tensor.numpy().reshape(-1) for tensor in state.values()])
        want = truth(everything)
        document = stats(path, "--by", "file")
        for got in (rows["block"]["statistics"], document["rows"][0]["statistics"], document["total"]):
            for name in ("mean", "std", "l1", "l2", "skewness", "kurtosis", "min", "max"):
                self.close(name, got[name], want[name], 1e-9, 1.0)

    def test_histograms(self):
        """The counts of numpy.histogram, over values and over logarithms of magnitudes."""
        values = torch.randn(5000, dtype=torch.float64, generator=torch.Generator().manual_seed(4)) ** 3
        values[17] = 0
        path = self.save({"w": values})
        flat = values.numpy()
        logs = numpy.log10(abs(flat[flat != 0]))
        for options, truth_of, bins in ((("--bins", "37"), flat, 37), (("--bins", "37", "--log"), logs, 37),
                                        (("--histogram",), flat, "fd")):
            got = stats(path, *options)["rows"][0]["histogram"]
            want, edges = numpy.histogram(truth_of, bins)
            self.assertEqual(len(got["counts"]), len(want), options)
            self.assertEqual((got["low"], got["high"], got["log"]), (edges[0], edges[-1], "--log" in options))
            # A value at the very edge may fall either way.
            self.assertLessEqual(abs(numpy.array(got["counts"]) - want).sum(), 4, options)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--pthview", required=True)
    OPTIONS, rest = parser.parse_known_args()
    unittest.main(argv=[sys.argv[0], *rest])
