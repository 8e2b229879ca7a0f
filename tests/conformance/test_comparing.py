#!/usr/bin/env python3
"""`diff`, `trace`, `lineage` and `show -o` with torch's truth: test_comparing.py --pthview BIN [unittest arguments]

The families of checkpoints come from real training of a small network.
"""
import argparse
import copy
import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import numpy
import safetensors.torch
import torch

OPTIONS = argparse.Namespace(pthview=None)
torch.set_num_threads(1)  # these networks are so small that a second thread only waits


def run(*arguments, expect=0):
    done = subprocess.run([OPTIONS.pthview, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode != expect:
        raise AssertionError(f"{arguments}: exit {done.returncode}, not {expect}: {done.stderr}{done.stdout[:2000]}")
    return done.stdout


def diff(*arguments, expect):
    return json.loads(run("diff", "--json", *arguments, expect=expect))


class Folder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="pthview-comparing-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def save(self, name, value):
        path = self.folder / name
        if name.endswith(".safetensors"):
            safetensors.torch.save_file(value, path)
        else:
            torch.save(value, path)
        return path


def network(seed=0, classes=4):
    torch.manual_seed(seed)
    return torch.nn.Sequential(
        torch.nn.Linear(32, 64), torch.nn.BatchNorm1d(64), torch.nn.ReLU(), torch.nn.Linear(64, 64), torch.nn.ReLU(),
        torch.nn.Linear(64, classes))


def train(model, steps, seed=0, classes=4, optimizer=None, rate=0.05, task=0):
    """Real steps on a problem that can be learned: which of some random directions a point lies along."""
    generator = torch.Generator().manual_seed(seed)
    truth = torch.randn(32, classes, generator=torch.Generator().manual_seed(100 + task))
    optimizer = optimizer or torch.optim.SGD([p for p in model.parameters() if p.requires_grad], rate, momentum=0.9)
    model.train()
    for _ in range(steps):
        points = torch.randn(64, 32, generator=generator)
        loss = torch.nn.functional.cross_entropy(model(points), (points @ truth).argmax(1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return optimizer


def rms(tensor):
    return tensor.pow(2).mean().sqrt().item()


class Diff(Folder):
    def test_with_itself_is_empty(self):
        model = network()
        optimizer = train(model, 3)
        checkpoint = {"state_dict": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3}
        a, b = self.save("a.pth", checkpoint), self.save("b.pth", copy.deepcopy(checkpoint))
        for other in (a, b):
            document = diff(a, other, expect=0)
            self.assertTrue(document["same"])
            self.assertEqual({row["verdict"] for row in document["tensors"]}, {"equal"})
            for key in ("only_a", "only_b", "architecture", "metadata"):
                self.assertEqual(document[key], [], key)

    def test_figures_and_symmetry(self):
        torch.manual_seed(1)
        state = {f"t{i}": torch.randn(size) * 10.0**i for i, size in enumerate(((3,), (700, 90), (2100, 1100)))}
        state["double"] = torch.randn(500, dtype=torch.float64)
        state["half"] = torch.randn(5000).half()
        state["brain"] = torch.randn(5000).bfloat16()
        state["complex"] = torch.randn(50, dtype=torch.complex64)
        state["int"] = torch.randint(-100, 100, (4000,))
        state["view"] = torch.randn(60, 70).t()
        state["same"] = torch.randn(9)
        changed = {name: tensor.clone() for name, tensor in state.items()}
        for name, tensor in changed.items():
            if name == "same":
                continue
            flat = tensor.view(-1) if tensor.is_contiguous() else tensor.t().reshape(-1)
            noise = torch.randint(1, 3, flat.shape) if name == "int" else torch.randn(flat.shape) * 0.01
            flat += noise.to(flat.dtype)
        a, b = self.save("a.pth", state), self.save("b.pth", changed)
        forth, back = diff(a, b, expect=1), diff(b, a, expect=1)
        for row, reverse in zip(forth["tensors"], back["tensors"]):
            self.assertEqual({k: v for k, v in row.items() if k not in "ab"},
                             {k: v for k, v in reverse.items() if k not in "ab"})
            x, y = state[row["a"]], changed[row["a"]]
            x, y = (torch.view_as_real(t) if t.is_complex() else t for t in (x, y))
            x, y = x.double().reshape(-1).numpy(), y.double().reshape(-1).numpy()
            self.assertEqual(row["verdict"], "equal" if row["a"] == "same" else "differs", row)
            self.assertEqual(row["different"], int((x != y).sum()))
            if row["a"] == "same":
                continue
            d = abs(x - y)
            self.assertEqual(row["max"], d.max())
            for name, want in (("mean", d.mean()),
                               ("relative", numpy.linalg.norm(d) / max(numpy.linalg.norm(x), numpy.linalg.norm(y))),
                               ("cosine", x @ y / numpy.linalg.norm(x) / numpy.linalg.norm(y))):
                self.assertAlmostEqual(row[name] / want, 1, delta=1e-9, msg=(row["a"], name))

    def test_equal_but_for_one_value_at_the_end(self):
        base = torch.randn(5_000_000)
        other = base.clone()
        other[-1] += 1
        a, b = self.save("a.pth", {"x": base}), self.save("b.pth", {"x": other})
        row = diff(a, b, expect=1)["tensors"][0]
        self.assertEqual((row["verdict"], row["different"]), ("differs", 1))
        self.assertAlmostEqual(row["cosine"], 1, delta=1e-6)
        want = abs(other[-1].double() - base[-1].double()).item() / max(base.double().norm().item(), other.double().norm().item())
        self.assertAlmostEqual(row["relative"] / want, 1, delta=1e-9)

    def test_not_finite(self):
        a = self.save("a.pth", {"x": torch.tensor([math.nan, math.inf, 1.0, -math.inf, 2.0]), "y": torch.ones(3)})
        b = self.save("b.pth", {"x": torch.tensor([math.nan, math.inf, math.nan, math.inf, 2.5]), "y": torch.ones(3)})
        x, y = diff(a, b, expect=1)["tensors"]
        self.assertEqual((x["different"], x["not_finite"], x["max"]), (3, 2, 0.5))
        self.assertEqual(y["verdict"], "equal")

    def test_formats_and_precision(self):
        model = network()
        train(model, 5)
        state = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
        a, b = self.save("a.pth", state), self.save("b.safetensors", state)
        document = diff(a, b, expect=0)
        self.assertEqual({row["verdict"] for row in document["tensors"]}, {"equal"})
        half = {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in state.items()}
        c = self.save("c.safetensors", half)
        verdicts = {row["verdict"] for row in diff(a, c, expect=1)["tensors"]}
        self.assertEqual(verdicts, {"equal", "close"})
        self.assertEqual({x["what"] for x in diff(a, c, expect=1)["architecture"]}, {"dtype"})

    def test_tolerance(self):
        a, b = self.save("a.pth", {"x": torch.ones(4)}), self.save("b.pth", {"x": torch.ones(4) + 1e-3})
        diff(a, b, expect=1)
        diff("--rtol", "1e-2", a, b, expect=0)
        diff("--atol", "1e-4", a, b, expect=1)

    def test_names(self):
        model = network()
        state = model.state_dict()
        plain = self.save("plain.pth", state)
        wrapped = self.save("wrapped.pth", {"module." + name: tensor for name, tensor in state.items()})
        inner = self.save("inner.pth", {"backbone.net." + name: tensor for name, tensor in state.items()}
                          | {"head.weight": torch.ones(2, 2)})
        document = diff(plain, wrapped, expect=1)
        self.assertEqual({row["matched_by"] for row in document["tensors"]}, {"prefix"})
        self.assertTrue(any("module." in note for note in document["notes"]))
        document = diff(plain, inner, expect=1)
        self.assertEqual({row["verdict"] for row in document["tensors"]}, {"equal"})
        self.assertEqual(len(document["tensors"]), len(state))
        self.assertEqual(document["only_b"], ["head.weight"])
        renamed = self.save("renamed.pth", {name.replace("3.", "middle."): tensor for name, tensor in state.items()})
        document = diff("--map", "3.=middle.", plain, renamed, expect=1)  # the module tree is another one
        self.assertEqual(document["only_a"] + document["only_b"], [])
        moved = dict(state)
        moved["elsewhere"] = moved.pop("0.weight")
        document = diff(plain, self.save("moved.pth", moved), expect=1)
        row = [row for row in document["tensors"] if row["a"] == "0.weight"][0]
        self.assertEqual((row["b"], row["matched_by"], row["verdict"]), ("elsewhere", "content", "equal"))

    def test_shapes_metadata_and_architecture(self):
        a, b = network(classes=4), network(classes=7)
        first = self.save("a.pth", {"state_dict": a.state_dict(), "epoch": 1, "lr": 0.1})
        second = self.save("b.pth", {"state_dict": b.state_dict(), "epoch": 2, "note": "x"})
        document = diff(first, second, expect=1)
        row = [row for row in document["tensors"] if row["a"].endswith("5.weight")][0]
        self.assertEqual(row["verdict"], "incomparable")
        self.assertIn("[4, 64]", row["reason"])
        changes = {change["where"]: (change["before"], change["after"]) for change in document["metadata"]}
        self.assertEqual(changes, {"epoch": ("1", "2"), "lr": ("0.1", None), "note": (None, "x")})
        self.assertIn("shape", {change["what"] for change in document["architecture"]})
        self.assertEqual(json.loads(run("diff", "--json", "--architecture", first, second, expect=1))["metadata"], [])
        train(a, 1)
        trained = self.save("c.pth", {"state_dict": a.state_dict(), "epoch": 9})
        diff("--architecture", first, trained, expect=0)

    def test_optimizer_state(self):
        model = network()
        optimizer = torch.optim.Adam(model.parameters())
        train(model, 2, optimizer=optimizer)
        save = lambda name: self.save(name, {"model": model.state_dict(), "optimizer": optimizer.state_dict()})
        a = save("a.pth")
        train(model, 1, seed=5, optimizer=optimizer)
        b = save("b.pth")
        rows = {row["a"]: row["verdict"] for row in diff(a, b, expect=1)["tensors"]}
        self.assertEqual(rows["optimizer.state[0].exp_avg"], "differs")

    def test_textconv_is_stable(self):
        model = network()
        a = self.save("a.pth", {"state_dict": model.state_dict(), "epoch": 1})
        text = run("diff", "--textconv", a)
        self.assertEqual(text, run("diff", "--textconv", self.save("b.pth", {"state_dict": model.state_dict(), "epoch": 1})))
        self.assertIn("value epoch = 1\n", text)
        self.assertIn("tensor state_dict.0.weight float32 [64, 32]\n", text)
        train(model, 1)
        c = self.save("c.pth", {"state_dict": model.state_dict(), "epoch": 1})
        self.assertEqual(run("diff", "--textconv", c), text)
        self.assertNotEqual(run("diff", "--textconv", "--hash", c), run("diff", "--textconv", "--hash", a))


class Trace(Folder):
    def test_a_run(self):
        model = network()
        optimizer = train(model, 1)
        states, paths = [], []
        for epoch in range(5):
            train(model, 4, seed=epoch, optimizer=optimizer)
            states.append(model.state_dict()["0.weight"].double().clone())
            # names in an order that is not the run's
            paths.append(self.save(f"{9 - epoch}.pth", {"state_dict": model.state_dict(), "epoch": epoch}))
        document = json.loads(run("trace", "--json", "0.weight", *sorted(paths)))
        self.assertEqual(document["ordered_by"], "epoch")
        points = document["traces"][0]["points"]
        self.assertEqual([point["step"] for point in points], list(range(5)))
        for i, point in enumerate(points):
            self.assertAlmostEqual(point["statistics"]["std"] / states[i].std(unbiased=False).item(), 1, delta=1e-6)
            if i == 0:
                self.assertIsNone(point["update_ratio"])
                continue
            change = (states[i] - states[i - 1]).norm() / states[i - 1].norm()
            self.assertAlmostEqual(point["update_ratio"] / change.item(), 1, delta=1e-6)
            cosine = torch.nn.functional.cosine_similarity(states[i].flatten(), states[0].flatten(), 0)
            self.assertAlmostEqual(point["from_first"]["cosine"], cosine.item(), delta=1e-6)
        text = run("trace", "0.weight", *paths)
        self.assertRegex(text, "l2 +[▁▂▃▄▅▆▇█]{5}")

    def test_several_and_missing(self):
        a = self.save("a.pth", {"x.weight": torch.ones(3), "y.weight": torch.ones(2)})
        b = self.save("b.pth", {"x.weight": torch.ones(4)})
        document = json.loads(run("trace", "--json", "*.weight", a, b))
        self.assertEqual([(t["name"], len(t["points"])) for t in document["traces"]], [("x.weight", 2), ("y.weight", 1)])
        self.assertEqual(document["traces"][0]["points"][1]["from_first"]["verdict"], "incomparable")
        run("trace", "nothing", a, b, expect=2)


class Lineage(Folder):
    def save(self, name, value):
        path = super().save(name, value)
        os.utime(path, (1_000_000_000, 1_000_000_000))  # the files' times say nothing
        return path

    def lineage(self, *paths):
        files = json.loads(run("lineage", "--json", *paths))["files"]
        return {pathlib.Path(f["file"]).name: f for f in files}

    def parents(self, tree):
        return {name: f["parent"] and pathlib.Path(f["parent"]).name for name, f in tree.items()}

    def base(self, seed=0):
        model = network(seed)
        train(model, 400, seed=seed, task=seed)
        return model

    def test_one_run(self):
        model = network()
        optimizer = train(model, 20)
        paths = []
        for epoch in range(6):
            train(model, 10, seed=epoch + 1, optimizer=optimizer)
            paths.append(self.save(f"e{epoch}.pth", {"state_dict": model.state_dict(), "epoch": epoch}))
        tree = self.lineage(*reversed(paths))
        want = {"e0.pth": None} | {f"e{i}.pth": f"e{i - 1}.pth" for i in range(1, 6)}
        self.assertEqual(self.parents(tree), want)
        self.assertEqual(tree["e3.pth"]["descent"], "same run")
        self.assertFalse(tree["e3.pth"]["direction_assumed"])

    def test_fine_tunes_of_one_base(self):
        model = self.base()
        paths = [self.save("base.pth", model.state_dict())]
        for i in range(4):
            tuned = copy.deepcopy(model)
            train(tuned, 30, seed=10 + i, rate=0.01)
            paths.append(self.save(f"tuned{i}.pth", tuned.state_dict()))
            os.utime(paths[-1], (1_000_000_100, 1_000_000_100))  # all there is to tell the base from the others by
        tree = self.lineage(*reversed(paths))
        self.assertEqual(self.parents(tree), {"base.pth": None} | {f"tuned{i}.pth": "base.pth" for i in range(4)})
        self.assertEqual({tree[f"tuned{i}.pth"]["descent"] for i in range(4)}, {"fine-tune"})
        self.assertTrue(tree["tuned0.pth"]["direction_assumed"])

    def test_frozen_layers_and_other_head(self):
        model = self.base()
        paths = [self.save("base.pth", {"state_dict": model.state_dict(), "epoch": 0})]
        frozen = copy.deepcopy(model)
        for layer in frozen[:3]:
            for parameter in layer.parameters():
                parameter.requires_grad = False
        train(frozen, 30, seed=3, task=3, rate=0.005)
        paths.append(self.save("frozen.pth", {"state_dict": frozen.state_dict(), "epoch": 1}))
        head = copy.deepcopy(model)
        head[5] = torch.nn.Linear(64, 9)
        train(head, 30, seed=4, task=4, classes=9, rate=0.005)
        paths.append(self.save("head.pth", {"state_dict": head.state_dict(), "epoch": 2}))
        tree = self.lineage(*paths)
        self.assertEqual(self.parents(tree), {"base.pth": None, "frozen.pth": "base.pth", "head.pth": "base.pth"})
        self.assertEqual(tree["frozen.pth"]["descent"], "trained on with frozen layers")
        self.assertEqual(tree["head.pth"]["descent"], "fine-tune with other layers")

    def test_rounded_copies(self):
        model = self.base()
        other = copy.deepcopy(model)
        train(other, 30, seed=5)
        paths = [self.save("base.pth", model.state_dict()), self.save("other.pth", other.state_dict())]
        cast = lambda dtype: {k: v.to(dtype) if v.is_floating_point() else v for k, v in model.state_dict().items()}
        paths += [self.save("half.pth", cast(torch.float16)), self.save("brain.safetensors", cast(torch.bfloat16))]
        tree = self.lineage(*reversed(paths))
        for name in ("half.pth", "brain.safetensors"):
            self.assertEqual((tree[name]["descent"], self.parents(tree)[name]), ("rounded copy", "base.pth"), tree[name])

    def test_averages(self):
        model = network()
        optimizer = train(model, 20)
        states = []
        for epoch in range(4):
            train(model, 10, seed=epoch + 1, optimizer=optimizer)
            states.append(copy.deepcopy(model.state_dict()))
        paths = [self.save(f"e{i}.pth", {"state_dict": state, "epoch": i}) for i, state in enumerate(states)]
        def mean(weights):
            return {name: sum(w * state[name].double() for w, state in zip(weights, states)).to(tensor.dtype)
                    for name, tensor in states[0].items()}
        swa, ema = [0.25] * 4, [0.1, 0.2, 0.3, 0.4]
        paths += [self.save("swa.pth", mean(swa)), self.save("ema.pth", mean(ema))]
        tree = self.lineage(*paths)
        for name, weights in (("swa.pth", swa), ("ema.pth", ema)):
            self.assertEqual(tree[name]["descent"], "average", tree[name])
            got = {pathlib.Path(m["file"]).name: m["weight"] for m in tree[name]["mixed_from"]}
            for i, weight in enumerate(weights):
                self.assertAlmostEqual(got[f"e{i}.pth"], weight, delta=1e-3)
        self.assertEqual(self.parents(tree)["e2.pth"], "e1.pth")

    def test_merged_lora(self):
        model = self.base()
        merged = copy.deepcopy(model)
        low = [torch.nn.Parameter(torch.zeros(64, 4)), torch.nn.Parameter(torch.randn(4, 64) * 0.1)]
        optimizer = torch.optim.Adam(low, 1e-2)
        truth = torch.randn(32, 4, generator=torch.Generator().manual_seed(77))
        merged.eval()
        for _ in range(60):
            points = torch.randn(64, 32)
            hidden = torch.relu(merged[1](merged[0](points)))
            hidden = torch.relu(merged[3](hidden) + hidden @ (low[0] @ low[1]).t())
            loss = torch.nn.functional.cross_entropy(merged[5](hidden), (points @ truth).argmax(1))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            merged[3].weight += low[0] @ low[1]
        tree = self.lineage(self.save("base.pth", model.state_dict()), self.save("merged.pth", merged.state_dict()))
        child = [f for f in tree.values() if f["parent"]][0]
        self.assertEqual(child["descent"], "LoRA merged", child)
        self.assertTrue(any("rank 3" in line or "rank 4" in line for line in child["evidence"]), child)
        self.assertTrue(child["direction_assumed"])

    def test_a_change_between_the_samples_is_seen(self):
        state = {"x.bias": torch.randn(100_000), "y.weight": torch.randn(100, 100)}
        changed = {name: tensor.clone() for name, tensor in state.items()}
        changed["x.bias"][5005] += 1
        tree = self.lineage(self.save("a.pth", state), self.save("b.pth", changed), self.save("c.pth", state))
        self.assertEqual(tree["c.pth"]["descent"], "copy")
        self.assertEqual(tree["b.pth"]["descent"], "trained on with frozen layers")
        self.assertIn("1 of 2 tensors are the same", tree["b.pth"]["evidence"])

    def test_a_large_low_rank_change(self):
        base = {f"l{i}.weight": torch.randn(700, 900) * 0.03 for i in range(3)}
        merged, tuned = ({name: tensor.clone() for name, tensor in base.items()} for _ in range(2))
        merged["l0.weight"] += torch.randn(700, 12) @ torch.randn(12, 900) * 1e-3
        tuned["l0.weight"] += torch.randn(700, 900) * 1e-3
        for name, state, want in (("merged.pth", merged, "LoRA merged"),
                                  ("tuned.pth", tuned, "trained on with frozen layers")):
            tree = self.lineage(self.save("base.pth", base), self.save(name, state))
            child = [f for f in tree.values() if f["parent"]][0]
            self.assertEqual(child["descent"], want, child)
        self.assertTrue(any("rank 12" in line for line in
                            [f for f in self.lineage(self.save("base.pth", base), self.save("m.pth", merged)).values()
                             if f["parent"]][0]["evidence"]))

    def test_strangers_and_copies(self):
        a, b = self.base(1), self.base(2)
        paths = [self.save("a.pth", a.state_dict()), self.save("b.pth", b.state_dict()),
                 self.save("copy.safetensors", a.state_dict())]
        tree = self.lineage(*paths)
        self.assertEqual(self.parents(tree), {"a.pth": None, "b.pth": None, "copy.safetensors": "a.pth"})
        self.assertEqual(tree["copy.safetensors"]["descent"], "copy")
        self.assertIn("digraph", run("lineage", "--dot", *paths))


class Export(Folder):
    def test_numpy_opens_it(self):
        torch.manual_seed(3)
        state = {"a.weight": torch.randn(5, 4, 3), "b": torch.randint(0, 9, (7,)), "c": torch.tensor(2.5),
                 "bool": torch.tensor([True, False]), "complex": torch.randn(3, dtype=torch.complex64),
                 "brain": torch.randn(6).bfloat16(), "view": torch.randn(4, 5).t(), "empty": torch.empty(0, 3)}
        path = self.save("s.pth", state)
        for name, tensor in state.items():
            out = self.folder / f"{name}.npy"
            run("show", path, name, "-o", out)
            want = tensor.float().numpy() if tensor.dtype == torch.bfloat16 else tensor.numpy()
            got = numpy.load(out)
            self.assertEqual((got.dtype, got.shape), (want.dtype, want.shape))
            numpy.testing.assert_array_equal(got, want)
        out = self.folder / "slice.npy"
        run("show", "--slice", "1:4,0,::2", path, "a.weight", "-o", out)
        numpy.testing.assert_array_equal(numpy.load(out), state["a.weight"][1:4, 0, ::2].numpy())
        out = self.folder / "all.npz"
        run("show", path, "*", "-o", out)
        with numpy.load(out) as archive:
            self.assertEqual(sorted(archive.files), sorted(state))
            numpy.testing.assert_array_equal(archive["view"], state["view"].numpy())
        out = self.folder / "x.csv"
        run("show", path, "view", "-o", out)
        numpy.testing.assert_array_equal(numpy.loadtxt(out, delimiter=",", dtype=numpy.float32), state["view"].numpy())
        out = self.folder / "x.safetensors"
        run("show", path, "[ab]*", "-o", out)
        loaded = safetensors.torch.load_file(out)
        self.assertEqual(sorted(loaded), ["a.weight", "b", "bool", "brain"])
        for name, tensor in loaded.items():
            self.assertTrue(torch.equal(tensor, state[name]))

    def test_refused(self):
        path = self.save("s.pth", {"a": torch.ones(3), "b": torch.ones(2)})
        run("show", path, "*", "-o", self.folder / "x.npy", expect=2)
        run("show", path, "a", "-o", self.folder / "x.png", expect=2)
        run("show", path, "a", "-o", self.folder / "x.npy")
        run("show", path, "a", "-o", self.folder / "x.npy", expect=2)  # it exists
        run("show", path, "a", "-o", self.folder / "x.npy", "--force")


class Spectra(Folder):
    def test_singular_values(self):
        torch.manual_seed(4)
        state = {"small.weight": torch.randn(40, 90), "tall.weight": torch.randn(700, 30),
                 "conv.weight": torch.randn(16, 8, 3, 3), "large.weight": torch.randn(500, 450),
                 "low.weight": torch.randn(60, 5) @ torch.randn(5, 60)}
        rows = json.loads(run("stats", "--json", "--spectra", self.save("s.pth", state)))["rows"]
        for row in rows:
            matrix = state[row["path"]].double().flatten(1)
            want = torch.linalg.svdvals(matrix).numpy()
            spectrum = row["spectrum"]
            numpy.testing.assert_allclose(spectrum["singular_values"], want, rtol=1e-6, atol=1e-6 * want[0])
            self.assertAlmostEqual(spectrum["stable_rank"] / ((want**2).sum() / want[0]**2), 1, delta=1e-9)
            self.assertEqual(spectrum["rank"], 5 if row["path"] == "low.weight" else min(matrix.shape))

    def test_alpha_of_a_known_law(self):
        generator = numpy.random.default_rng(5)
        for alpha in (2.5, 4.0):
            eigenvalues = (1 - generator.random(300)) ** (-1 / (alpha - 1))
            left, right = (numpy.linalg.qr(generator.normal(size=(300, 300)))[0] for _ in range(2))
            weight = torch.from_numpy(left @ numpy.diag(numpy.sqrt(eigenvalues)) @ right)
            row = json.loads(run("stats", "--json", "--spectra", self.save("a.pth", {"x.weight": weight})))["rows"][0]
            self.assertAlmostEqual(row["spectrum"]["alpha"], alpha, delta=0.4 * (alpha - 1) / 2)

    def test_cost_is_bounded(self):
        path = self.save("s.pth", {"a.weight": torch.randn(10, 10), "b.weight": torch.randn(100, 100)})
        rows = json.loads(run("stats", "--json", "--spectra", "--max-cost", "2000", path))["rows"]
        self.assertEqual(["spectrum" in row for row in rows], [True, False])


class Optimizer(Folder):
    """Beside the step that torch really took last, and the gradients that it really had."""

    def row(self, optimizer_of, steps=20, plain_step=False):
        model = network()
        optimizer = optimizer_of(list(model.parameters()))
        weight, squares = model[3].weight, []
        self.gradients = []
        for step in range(steps):
            before = weight.detach().double().clone()
            train(model, 1, seed=step, optimizer=optimizer)
            self.gradients.append(weight.grad.double().clone())
            squares.append(weight.grad.double().pow(2))
        self.moved = rms(weight.detach().double() - before)
        saved = optimizer.state_dict()
        if plain_step:  # as torch before 1.13 wrote it
            for state in saved["state"].values():
                state["step"] = int(state["step"])
        path = self.save("c.pth", {"state_dict": model.state_dict(), "optimizer": saved})
        rows = {row["name"]: row for row in json.loads(run("stats", "--json", path))["rows"]}
        got = rows["3.weight"]["optimizer"]
        if got["update"] is not None:
            self.assertAlmostEqual(got["update_ratio"] / (got["update"] / rms(weight.detach().double())), 1, delta=1e-6)
        return got, optimizer.state[weight]

    def near(self, got, want, delta=1e-5):
        self.assertAlmostEqual(got / want, 1, delta=delta)

    def test_adam(self):
        for plain in (False, True):
            for steps in (1, 20):  # after one step the correction is everything
                got, state = self.row(lambda p: torch.optim.Adam(p, 1e-3, betas=(0.8, 0.99), eps=1e-6), steps, plain)
                self.assertEqual((got["kind"], got["assumed"]), ("Adam", ""))
                self.near(got["update"], self.moved, 2e-4)  # the weights that moved are float32
                second = 1 - 0.99**steps
                self.near(got["gradient"], (state["exp_avg_sq"].double().mean() / second).sqrt().item())
        self.near(got["gradient"], rms(torch.stack(self.gradients)), 0.2)

    def test_adamw_amsgrad_and_their_kin(self):
        got, _ = self.row(lambda p: torch.optim.AdamW(p, 1e-3, weight_decay=0.0))
        self.near(got["update"], self.moved, 2e-4)
        got, _ = self.row(lambda p: torch.optim.AdamW(p, 1e-3, weight_decay=0.1))
        self.assertIn("weight decay left out", got["assumed"])
        got, _ = self.row(lambda p: torch.optim.Adam(p, 1e-2, amsgrad=True, betas=(0.5, 0.6)))
        self.assertEqual(got["kind"], "Adam (AMSGrad)")
        self.near(got["update"], self.moved, 2e-4)
        got, _ = self.row(lambda p: torch.optim.Adamax(p, 1e-3))
        self.assertEqual(got["kind"], "Adamax")
        self.near(got["update"], self.moved, 2e-4)
        got, _ = self.row(lambda p: torch.optim.NAdam(p, 1e-3))
        self.assertEqual(got["kind"], "NAdam")
        self.near(got["update"], self.moved, 0.5)

    def test_momentum(self):
        got, state = self.row(lambda p: torch.optim.SGD(p, 0.05, momentum=0.9))
        self.assertEqual((got["kind"], got["assumed"]), ("SGD with momentum", ""))
        self.near(got["gradient"], rms(state["momentum_buffer"].double()))
        self.near(got["update"], self.moved, 2e-4)
        got, _ = self.row(lambda p: torch.optim.SGD(p, 0.05, momentum=0.9, nesterov=True))
        self.assertIn("Nesterov", got["assumed"])

    def test_rmsprop(self):
        got, state = self.row(lambda p: torch.optim.RMSprop(p, 1e-3))
        self.assertEqual(got["kind"], "RMSprop")
        self.near(got["gradient"], (state["square_avg"].double().mean() / (1 - 0.99**20)).sqrt().item())
        self.near(got["gradient"], rms(torch.stack(self.gradients)), 0.1)
        self.assertIn("a last gradient as large as those before", got["assumed"])
        self.near(got["update"], self.moved, 0.5)
        got, _ = self.row(lambda p: torch.optim.RMSprop(p, 1e-3, centered=True))
        self.near(got["update"], self.moved, 0.5)
        got, _ = self.row(lambda p: torch.optim.RMSprop(p, 1e-3, momentum=0.9))
        self.assertEqual(got["kind"], "RMSprop with momentum")
        self.near(got["update"], self.moved, 2e-4)

    def test_adagrad_and_adadelta(self):
        got, _ = self.row(lambda p: torch.optim.Adagrad(p, 1e-2, lr_decay=0.1, initial_accumulator_value=0.1))
        self.assertEqual(got["kind"], "Adagrad")
        self.near(got["gradient"], rms(torch.stack(self.gradients)))
        self.near(got["update"], self.moved, 0.5)
        got, state = self.row(lambda p: torch.optim.Adadelta(p, 1.0))
        self.assertEqual(got["kind"], "Adadelta")
        self.near(got["gradient"], (state["square_avg"].double().mean() / (1 - 0.9**20)).sqrt().item())
        self.near(got["update"], self.moved, 0.5)

    def test_adafactor(self):
        got, state = self.row(lambda p: torch.optim.Adafactor(p, 1e-2))
        self.assertEqual((got["kind"], got["update"]), ("Adafactor", None))
        self.near(got["gradient"], state["row_var"].double().mean().sqrt().item())
        self.near(got["gradient"], rms(torch.stack(self.gradients)), 0.3)

    def test_rprop(self):
        got, _ = self.row(lambda p: torch.optim.Rprop(p, 1e-3))
        self.assertEqual(got["kind"], "Rprop")
        self.near(got["gradient"], rms(self.gradients[-1]), 1.0)

    def test_groups_have_their_own_rates(self):
        def divided(parameters):
            matrices = [p for p in parameters if p.dim() > 1]
            rest = [p for p in parameters if p.dim() <= 1]
            return torch.optim.SGD([{"params": rest, "lr": 0.5}, {"params": matrices, "lr": 0.01}], 1.0, momentum=0.9)
        model = network()
        optimizer = divided(list(model.parameters()))
        train(model, 3, optimizer=optimizer)
        # rest first is no order that the shapes of this file fit: nothing is joined rather than something wrong
        path = self.save("c.pth", {"state_dict": model.state_dict(), "optimizer": optimizer.state_dict()})
        rows = json.loads(run("stats", "--json", path))["rows"]
        self.assertFalse([row["name"] for row in rows if "optimizer" in row])
        optimizer = torch.optim.SGD([{"params": [p for p in model.parameters() if p.dim() > 1], "lr": 0.01},
                                     {"params": [p for p in model.parameters() if p.dim() <= 1], "lr": 0.5}],
                                    1.0, momentum=0.9)
        train(model, 3, optimizer=optimizer)
        path = self.save("c.pth", {"state_dict": model.state_dict(), "optimizer": optimizer.state_dict()})
        rates = {row["name"]: row["optimizer"]["learning_rate"]
                 for row in json.loads(run("stats", "--json", path))["rows"] if "optimizer" in row}
        self.assertEqual(rates, {name: 0.01 if p.dim() > 1 else 0.5 for name, p in model.named_parameters()})

    def test_named_states(self):
        model = network()
        optimizer = torch.optim.Adam(model.parameters(), 1e-3)
        train(model, 4, optimizer=optimizer)
        saved = optimizer.state_dict()
        names = [name for name, _ in model.named_parameters()]
        saved["state"] = {names[number]: state for number, state in saved["state"].items()}
        saved["param_groups"][0]["params"] = names
        path = self.save("c.pth", {"state_dict": model.state_dict(), "optimizer": saved})
        rows = [row for row in json.loads(run("stats", "--json", path))["rows"] if "optimizer" in row]
        self.assertEqual([row["name"] for row in rows], names)
        self.assertEqual({row["optimizer"]["learning_rate"] for row in rows}, {1e-3})

    def test_stored_gradients(self):
        model = network()
        train(model, 2)
        for key in ("grads", "gradients"):
            path = self.save("g.pth", {"state_dict": model.state_dict(),
                                       key: {name: p.grad for name, p in model.named_parameters()}})
            rows = {row["name"]: row for row in json.loads(run("stats", "--json", path))["rows"]}
            for name, parameter in model.named_parameters():
                got = rows[name]["optimizer"]
                self.assertEqual((got["kind"], got["update"]), ("gradient", None))
                self.near(got["gradient"], rms(parameter.grad.double()))

    def test_frozen_parameters_shift_the_numbers(self):
        model = network()
        model[0].weight.requires_grad = model[0].bias.requires_grad = False
        optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad])
        train(model, 2, optimizer=optimizer)
        whole = {"model": model, "optimizer": optimizer.state_dict()}
        document = json.loads(run("stats", "--json", self.save("c.pth", whole)))
        joined = {row["name"] for row in document["rows"] if "optimizer" in row}
        self.assertNotIn("0.weight", joined)
        self.assertIn("5.weight", joined)
        self.assertIn("frozen", {warning["code"] for warning in document["warnings"]})


class Health(Folder):
    def codes(self, state):
        document = json.loads(run("stats", "--json", self.save("h.pth", state)))
        return {(warning["code"], warning["path"]) for warning in document["warnings"]}

    def test_a_trained_network_is_well(self):
        model = network()
        train(model, 400)
        self.assertEqual(self.codes(model.state_dict()), set())

    def test_each_warning(self):
        torch.manual_seed(6)
        well = lambda *shape: torch.randn(shape) / math.sqrt(math.prod(shape[1:]))
        dead, twice, nan, infinite = (well(64, 32) for _ in range(4))
        dead[3] = 0
        twice[9] = twice[2]
        nan[1, 1] = math.nan
        infinite[0, 5] = math.inf
        state = {f"{i}.weight": well(64, 32) for i in range(8)}
        state |= {"dead.weight": dead, "twice.weight": twice, "nan.weight": nan, "inf.weight": infinite,
                  "zero.weight": torch.zeros(64, 32), "large.weight": well(64, 32) * 1000,
                  "small.weight": well(64, 32) * 1e-4, "fresh.weight": torch.nn.Linear(64, 64).weight.detach(),
                  "bn.running_var": torch.tensor([1.0, 0.0, 2.0]), "bn.running_mean": torch.zeros(3)}
        codes = self.codes(state)
        for want in (("dead-units", "dead.weight"), ("duplicated", "twice.weight"), ("nan", "nan.weight"),
                     ("infinite", "inf.weight"), ("constant", "zero.weight"), ("exploding", "large.weight"),
                     ("norm-outlier", "large.weight"), ("vanishing", "small.weight"), ("untouched", "fresh.weight"),
                     ("tiny-variance", "bn.running_var")):
            self.assertIn(want, codes)
        self.assertFalse({path for _, path in codes} & {f"{i}.weight" for i in range(8)}, codes)

    def test_collapsed_rank(self):
        torch.manual_seed(7)
        path = self.save("r.pth", {"x.weight": torch.randn(64, 3) @ torch.randn(3, 64)})
        codes = {w["code"] for w in json.loads(run("stats", "--json", "--spectra", path))["warnings"]}
        self.assertIn("collapsed-rank", codes)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--pthview", required=True)
    OPTIONS, rest = parser.parse_known_args()
    unittest.main(argv=[sys.argv[0], *rest])
