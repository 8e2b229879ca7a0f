#!/usr/bin/env python3
"""pthview normalize, whole runs: what it writes, what it refuses, and that nothing is lost whatever stops it.
normalize_test.py --pthview BIN [--faults LIBRARY] [--corpus DIR] [--sanitized] [unittest arguments]

LIBRARY is faults.c. With PTHVIEW_TEST_CASES in the environment (tools/test --full) there are 200 kills and 50 of each fault.
"""
import argparse
import collections
import hashlib
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "fixtures"))
import torch_format  # noqa: E402  pylint: disable=wrong-import-position

ARGS = argparse.Namespace()
FULL = "PTHVIEW_TEST_CASES" in os.environ
CLASS = "argparse"


def checkpoint(seed, size=1000):
    numbers = random.Random(seed)
    weight = torch_format.Storage("FloatStorage", numbers.randbytes(4 * size))
    bias = torch_format.Storage("FloatStorage", numbers.randbytes(40))
    return {
        "state_dict": collections.OrderedDict([("module.fc.weight", torch_format.Tensor(weight, (size,))),
                                               ("module.fc.bias", torch_format.Tensor(bias, (10,)))]),
        "epoch": seed,
        "lr": 0.1,
    }


class Case(unittest.TestCase):

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="pthview-test-"))
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.source = self.folder / "src"
        self.source.mkdir()

    def add(self, name, seed=0, container="zip", size=1000):
        path = self.source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        torch_format.save(checkpoint(seed, size), path, container)
        return path

    def several(self, count, size=1000):
        for i in range(count):
            self.add(f"d{i % 3}/model{i:04}.pth", seed=i, container="zip" if i % 2 else "legacy", size=size)

    def run_it(self, *arguments, code=0, env=None, stdin=""):
        result = subprocess.run([ARGS.pthview, "normalize", *map(str, arguments)], capture_output=True, text=True,
                                input=stdin, cwd=self.folder, env={**os.environ, **(env or {})}, timeout=300, check=False)
        if code is not None:
            self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        return result

    def pthview(self, *arguments):
        result = subprocess.run([ARGS.pthview, *map(str, arguments)], capture_output=True, text=True, cwd=self.folder,
                                timeout=300, check=False)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout

    def rows(self, out="out"):
        lines = (self.folder / out / "manifest.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines[1:]]

    def tree(self, out="out"):
        """Every file of the archive but what the run keeps for itself: name -> hash."""
        root = self.folder / out
        return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
                for path in sorted(root.rglob("*"))
                if path.is_file() and ".pthview" not in path.relative_to(root).parts}

    def hashes(self, file):
        return {row["path"]: row["sha256"] for row in json.loads(self.pthview("list", "--json", "--all", "--hash", file))["tensors"]}


class Outputs(Case):

    def test_folder(self):
        self.several(4)
        (self.source / "notes.txt").write_text("no checkpoint\n")
        (self.source / "cut.pth").write_bytes(self.add("whole.pth").read_bytes()[:300])
        before = self.tree("src")
        self.run_it("src", "-o", "out", code=1)
        self.assertEqual(self.tree("src"), before, "sources are never touched")
        rows = {row["name"]: row for row in self.rows()}
        self.assertEqual(rows["src/notes.txt"]["state"], "other")
        self.assertEqual(rows["src/cut.pth"]["state"], "refused")
        self.assertIn("error", rows["src/cut.pth"])
        row = rows["src/d1/model0001.pth"]
        source = self.source / "d1/model0001.pth"
        self.assertEqual(row["sha256"], hashlib.sha256(source.read_bytes()).hexdigest())
        for output in row["outputs"]:
            data = (self.folder / "out" / output["path"]).read_bytes()
            self.assertEqual((output["bytes"], output["sha256"]), (len(data), hashlib.sha256(data).hexdigest()))
        self.assertEqual({t["path"]: t["sha256"] for t in row["tensors"]}, self.hashes(source))
        self.assertEqual(self.hashes("out/data/src/d1/model0001.pth.safetensors.json"), self.hashes(source))
        self.run_it("verify", "out")

    def test_views_are_written_row_by_row(self):
        values = torch_format.Storage("FloatStorage", random.Random(1).randbytes(4 * 600))
        value = {"state_dict": {"a": torch_format.Tensor(values, (20, 30), (1, 20)), "b": torch_format.Tensor(values, (600,)),
                                "c": torch_format.Tensor(values, (5, 4), (8, 2), 3)}}
        torch_format.save(value, self.source / "a.pth", "zip")
        torch_format.save({**value, "more": torch_format.Tensor(torch_format.Storage(
            "FloatStorage", bytes(40 << 20)), (10 << 20,))}, self.source / "large.pth", "zip")
        self.run_it("src", "-o", "out")
        for row in self.rows():
            wanted = self.hashes(self.source / row["name"][4:])
            self.assertEqual({t["path"]: t["sha256"] for t in row["tensors"]}, wanted)
            self.assertEqual(self.hashes(f"out/data/{row['name']}.safetensors.json"), wanted)
            self.assertEqual(sorted(loss["where"] for loss in row["ledger"] if loss["code"] == "not-contiguous"),
                             ["state_dict.a", "state_dict.c"])
        self.run_it("verify", "out")

    def test_the_ledger_names_each_loss(self):
        value = checkpoint(1)
        value["args"] = {"weird": {1, 2}}
        value["hole"] = torch_format.Tensor(torch_format.Storage("FloatStorage", b""), (5,))
        torch_format.save(value, self.source / "a.pth", "zip")
        self.run_it("src/a.pth", "-o", "out", "--to", "pth")
        ledger = self.rows()[0]["ledger"]
        self.assertEqual([(loss["kind"], loss["where"]) for loss in ledger], [("dropped", "hole")])
        self.run_it("src/a.pth", "-o", "strict", "--to", "pth", "--strict", code=1)
        self.assertIn("hole", self.rows("strict")[0]["error"]["text"])
        self.assertEqual(list((self.folder / "strict").glob("data/**/*.pth")), [])

    def test_only_the_model(self):
        value = checkpoint(1)
        value["optimizer"] = {"state": {0: {"exp_avg": torch_format.Tensor(
            torch_format.Storage("FloatStorage", bytes(40)), (10,))}}, "param_groups": [{"lr": 0.1, "params": [0]}]}
        torch_format.save(value, self.source / "a.pth", "zip")
        self.run_it("src/a.pth", "-o", "out", "--part", "model", "--to", "pth")
        row = self.rows()[0]
        self.assertEqual(sorted(t["path"] for t in row["tensors"]),
                         ["state_dict.module.fc.bias", "state_dict.module.fc.weight"])
        self.assertIn("optimizer.state[0].exp_avg", [loss.get("where") for loss in row["ledger"]])
        self.assertNotIn("exp_avg", " ".join(self.hashes("out/" + row["outputs"][0]["path"])))

    def test_rules(self):
        self.add("old/a.pth", 1)
        self.add("new/b.pth", 1)
        (self.folder / "rules.toml").write_text(
            '[[rule]]\nmatch = "*old/*"\nstrip_prefix = "module."\nrename = [{from = "^fc\\\\.", to = "head."}]\n'
            'cast = {to = "float16", include = ["*.weight"]}\nexclude = ["*.bias"]\n')
        self.run_it("src", "-o", "out", "--rules", "rules.toml", "--to", "pth")
        rows = {row["name"]: row for row in self.rows()}
        changed = json.loads(self.pthview("list", "--json", "out/data/src/old/a.pth.pth"))["tensors"]
        self.assertEqual([(t["name"], t["dtype"]) for t in changed], [("head.weight", "float16")])
        self.assertEqual(len(rows["src/old/a.pth"]["rules"]), 3)
        self.assertEqual(rows["src/new/b.pth"]["rules"], [])
        self.assertEqual(len(rows["src/new/b.pth"]["tensors"]), 2)
        self.assertIn("line 1", self.run_it("src", "-o", "x", "--rules", "/dev/stdin", stdin="rules = 1\n",
                                            code=2).stderr + "line 1")

    def test_wrong_rules_name_the_line(self):
        self.add("a.pth")
        (self.folder / "rules.toml").write_text('[[rule]]\nmatch = "*"\n\nstrip = "x"\n')
        result = self.run_it("src", "-o", "out", "--rules", "rules.toml", code=2)
        self.assertIn("line 4", result.stderr)

    def test_a_list_on_standard_input(self):
        paths = [self.add("a.pth", 1), self.add("b/c.pth", 2)]
        self.run_it("-", "-o", "out", stdin="".join(f"{path}\n" for path in paths))
        self.assertEqual([row["source"] for row in self.rows()], sorted(map(str, paths)))

    def test_include_and_exclude(self):
        for name in ("a.pth", "b.pt", "c.pth"):
            self.add(name)
        self.run_it("src", "-o", "out", "--include", "*.pth", "--exclude", "*c.pth")
        self.assertEqual([row["name"] for row in self.rows()], ["src/a.pth"])

    def test_dry_run_writes_nothing(self):
        self.several(3)
        result = self.run_it("src", "-o", "out", "--dry-run")
        self.assertIn("would write  3", result.stdout)
        self.assertFalse((self.folder / "out").exists())

    def test_hostile_names(self):
        names = ["..evil.pth", "a\nb.pth", "-rf.pth", "A.pth", "a.pth", "\u202eend.pth", "x" * 250 + ".pth", "...",
                 "a=41.pth", "a%0Ab.pth", ".hidden", "con.pth ", "_tensors"]
        for i, name in enumerate(names):
            self.add("d/" + name, i)
        os.rename(self.source / "d/..evil.pth", os.fsencode(self.source) + b"/d/\xff\xfe.pth")
        self.run_it("src", "-o", "out")
        rows = self.rows()
        self.assertEqual(len(rows), len(names))
        outputs = [output["path"] for row in rows for output in row["outputs"]]
        self.assertEqual(len({path.lower() for path in outputs}), 2 * len(names), "nobody overwrites another")
        for path in outputs:
            self.assertRegex(path, r"^data/[A-Za-z0-9.=+@,_/-]+$")
            self.assertNotIn("/.", path)
            self.assertTrue((self.folder / "out" / path).is_file())
        self.run_it("-", "-o", "second", stdin=f"src/../src/d/a.pth\n{self.source}/d/A.pth\n../{self.folder.name}/src/d/.hidden\n")
        self.assertEqual(sorted(p.name for p in self.folder.iterdir()), ["out", "second", "src"])

    def test_a_folder_that_is_not_ours(self):
        self.add("a.pth")
        (self.folder / "out").mkdir()
        (self.folder / "out/mine.txt").write_text("x")
        self.assertIn("not empty", self.run_it("src", "-o", "out", code=2).stderr)

    def test_another_job_is_refused(self):
        self.add("a.pth")
        self.run_it("src", "-o", "out")
        self.assertIn("another job", self.run_it("src", "-o", "out", "--to", "pth", code=2).stderr)

    def test_two_runs_at_once(self):
        self.several(60, size=50000)
        first = subprocess.Popen([ARGS.pthview, "normalize", "src", "-o", "out", "-q"], cwd=self.folder)
        while not (self.folder / "out/.pthview/journal.jsonl").exists():
            self.assertIsNone(first.poll())
        second = self.run_it("src", "-o", "out", code=None)
        self.assertEqual(first.wait(), 0)
        if second.returncode != 0:  # the first was still at it
            self.assertEqual(second.returncode, 2)
            self.assertIn("another run", second.stderr)

    def test_every_target(self):
        self.add("a.pth", 3)
        self.run_it("src", "-o", "out", "--to", "safetensors,pth,onnx,json")
        self.assertEqual(sorted(path.name for path in (self.folder / "out/data/src").iterdir()),
                         ["a.pth.onnx", "a.pth.pth", "a.pth.safetensors", "a.pth.safetensors.json"])

    def test_changed_bytes_are_found(self):
        self.several(2)
        self.run_it("src", "-o", "out")
        victim = self.folder / "out/data/src/d0/model0000.pth.safetensors"
        data = bytearray(victim.read_bytes())
        data[-1] ^= 1
        victim.write_bytes(data)
        result = self.run_it("verify", "out", code=1)
        self.assertIn("model0000", result.stdout)
        self.assertNotIn("model0001", result.stdout)


class Duplicates(Case):

    def make(self):
        self.add("a.pth", 1)
        self.add("b.pth", 2)
        for name in ("c.pth", "z/d.pth"):
            (self.source / name).parent.mkdir(exist_ok=True)
            shutil.copy(self.source / "a.pth", self.source / name)

    def test_equal_files(self):
        self.make()
        self.run_it("src", "-o", "out", "--dedup", "files")
        states = [(row["name"], row["state"], row.get("same_as")) for row in self.rows()]
        self.assertEqual(states, [("src/a.pth", "done", None), ("src/b.pth", "done", None),
                                  ("src/c.pth", "same", "src/a.pth"), ("src/z/d.pth", "same", "src/a.pth")])
        self.run_it("restore", "out", "src/z/d.pth", "-o", "d.pth")
        self.assertEqual(self.hashes("d.pth"), self.hashes("src/a.pth"))

    def test_tensor_store(self):
        self.make()
        self.add("e.pth", 1, size=500)  # its bias is that of no other
        self.run_it("src", "-o", "out", "--dedup", "tensors")
        blobs = list((self.folder / "out/data/_tensors").rglob("*/*"))
        wanted = set()
        for name in ("a.pth", "b.pth", "e.pth"):
            wanted |= set(self.hashes("src/" + name).values())
        self.assertEqual({blob.name for blob in blobs}, wanted)
        for blob in blobs:
            self.assertEqual(hashlib.sha256(blob.read_bytes()).hexdigest(), blob.name)
        for name in ("a.pth", "z/d.pth"):
            index = f"out/data/src/{name}.json"
            self.assertEqual(self.hashes(index), self.hashes("src/" + name), "a store is read without restoring")
            self.assertIn("module.fc.weight", self.pthview("show", index, "fc.weight"))
            self.run_it("restore", "out", "src/" + name, "-o", "back.pth", "--force")
            self.assertEqual(self.hashes("back.pth"), self.hashes("src/" + name))
        self.run_it("verify", "out")
        blobs[0].write_bytes(bytes(len(blobs[0].read_bytes())))
        self.run_it("verify", "out", code=1)

    def test_a_store_is_read_without_restoring(self):
        self.make()
        self.run_it("src", "-o", "out", "--dedup", "tensors")
        index, other = "out/data/src/a.pth.json", "out/data/src/b.pth.json"
        self.assertIn("epoch = 1", self.pthview("info", index))
        for verb in (("list", "--all"), ("stats",), ("tree",)):
            self.assertIn("fc", self.pthview(*verb, index))
        self.assertEqual(self.pthview("show", index, "module.fc.bias").splitlines()[-2:],
                         self.pthview("show", "src/a.pth", "module.fc.bias").splitlines()[-2:])
        self.assertIn("2 equal", self.pthview("diff", index, "src/a.pth"))
        changed = subprocess.run([ARGS.pthview, "diff", "--json", index, other], cwd=self.folder, capture_output=True,
                                 text=True, check=False)
        self.assertEqual(changed.returncode, 1, changed.stderr)
        served = subprocess.Popen([ARGS.pthview, "serve", "--no-open", index, "src/a.pth"], cwd=self.folder, text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            line = served.stdout.readline()
            opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
            address = line.split(" at ")[1].strip()
            opener.open(address).read()
            api = address.split("?")[0] + "api/v1/files"
            query = "?" + address.split("?")[1]
            with opener.open(api + query) as reply:
                self.assertGreater(json.load(reply)["files"][0]["size"], 0)
            values = []
            for file in ("0", "1"):
                with opener.open(f"{api}/{file}/tensors/0.npy{query}") as reply:
                    values.append(reply.read())
            self.assertEqual(values[0], values[1])
            self.assertGreater(len(values[0]), 4000)
            with opener.open(f"{api}/0/compare/1{query}&first=0") as reply:
                self.assertEqual([row[2] for row in json.load(reply)["rows"]], ["equal", "equal"])
        finally:
            served.terminate()
            served.wait(timeout=60)
            served.stdout.close()

    def test_any_number_of_threads_gives_the_same_bytes(self):
        self.make()
        self.several(20)
        trees = []
        for out, cores in (("one", "0"), ("two", "0,1")):
            result = subprocess.run(["taskset", "-c", cores, ARGS.pthview, "normalize", "src", "-o", out, "-q", "--dedup",
                                     "files", "--bagit"], cwd=self.folder, check=False, capture_output=True)
            self.assertEqual(result.returncode, 0, result.stderr)
            trees.append(self.tree(out))
        self.assertEqual(trees[0], trees[1])

    def test_bag(self):
        self.make()
        for dedup in ("files", "tensors"):
            out = "bag-" + dedup
            self.run_it("src", "-o", out, "--bagit", "--dedup", dedup)
            root = self.folder / out
            listed = dict(reversed(line.split("  ", 1)) for line in (root / "manifest-sha256.txt").read_text().splitlines())
            self.assertEqual(listed, {name: sha for name, sha in self.tree(out).items() if name.startswith("data/")})
            try:
                import bagit  # pylint: disable=import-outside-toplevel
            except ImportError:
                continue
            self.assertTrue(bagit.Bag(str(root)).is_valid())


class Shards(Case):

    def test_shards_and_a_merge_write_what_one_run_writes(self):
        self.several(23)
        shutil.copy(self.source / "d0/model0000.pth", self.source / "again.pth")
        shutil.copy(self.source / "d0/model0000.pth", self.source / "d1/again.pth")
        for dedup in ("none", "files", "tensors"):
            options = ("--bagit", "--dedup", dedup)
            self.run_it("src", "-o", "one-" + dedup, *options)
            for i in range(4):
                if i == 3:
                    self.assertIn("3 of 4", self.run_it("merge", "many-" + dedup, code=2).stderr)
                self.run_it("src", "-o", "many-" + dedup, *options, env={
                    "SLURM_ARRAY_TASK_ID": str(i + 1), "SLURM_ARRAY_TASK_MIN": "1", "SLURM_ARRAY_TASK_COUNT": "4"})
            self.run_it("merge", "many-" + dedup, "--bagit")
            self.assertEqual(self.tree("many-" + dedup), self.tree("one-" + dedup))


class Stopped(Case):
    """After whatever: no half file under a final name, and a further run ends in the bytes of an undisturbed one."""

    def check_places(self, out):
        """What stands under a final name is whole: it is what the undisturbed run wrote there."""
        if not (self.folder / out).exists():
            return
        for name, sha in self.tree(out).items():
            self.assertNotRegex(name, r"(^|/)\.", "nothing unfinished stands among what people see")
            # It equals again.pth, and stands for it where that one could not be read.
            if name.startswith("data/src/d0/model0000.") and name not in self.wanted:
                continue
            if name.startswith("data/"):
                self.assertEqual(sha, self.wanted.get(name), f"{name} is not what it must be")

    def undisturbed(self, count, size=2000):
        self.several(count, size)
        shutil.copy(self.source / "d0/model0000.pth", self.source / "again.pth")
        self.options = ("src", "-o", "out", "-q", "--dedup", "files")
        self.run_it("src", "-o", "whole", "-q", "--dedup", "files")
        self.wanted = self.tree("whole")

    def finish(self, out="out"):
        self.run_it(*self.options)
        found = self.tree(out)
        for name in sorted(found.keys() | self.wanted.keys()):
            self.assertEqual(found.get(name), self.wanted.get(name), name)
        names = [row["name"] for row in self.rows(out)]
        self.assertEqual(len(names), len(set(names)))
        self.assertEqual([p.name for p in (self.folder / out / ".pthview").iterdir() if "staging" in p.name], [])
        shutil.rmtree(self.folder / out)

    def test_kills(self):
        self.undisturbed(120)
        numbers = random.Random(1)
        began = time.monotonic()
        self.run_it("src", "-o", "timed", "-q", "--dedup", "files")
        takes = time.monotonic() - began
        for _ in range(200 if FULL else 10):
            for _ in range(3):
                process = subprocess.Popen([ARGS.pthview, "normalize", *self.options], cwd=self.folder,
                                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                time.sleep(numbers.uniform(0, takes))
                process.send_signal(signal.SIGKILL)
                process.wait()
                self.check_places("out")
            self.finish()

    def test_a_torn_journal(self):
        self.undisturbed(10)
        self.run_it(*self.options)
        journal = self.folder / "out/.pthview/journal.jsonl"
        whole = journal.read_bytes()
        for keep in (0, 1, len(whole) // 2, len(whole) - 1):
            journal.write_bytes(whole[:keep])
            self.run_it(*self.options)
            self.assertEqual(self.tree(), self.wanted)

    def test_an_end_between_the_name_and_the_journal(self):
        """An output has its name, the journal does not say so, and the next run no longer wants it."""
        self.undisturbed(5)
        self.run_it(*self.options)
        stray = self.folder / "out/data/src/d0/model0000.pth.safetensors"  # it equals again.pth
        self.assertFalse(stray.exists())
        journal = self.folder / "out/.pthview/journal.jsonl"
        with open(journal, "a", encoding="utf-8") as file:
            file.write('{"placing":["data/src/d0/model0000.pth.safetensors","data/src/again.pth.safetensors"]}\n')
        stray.write_bytes(b"x")
        self.finish()

    def test_an_end_while_the_manifest_is_written(self):
        self.undisturbed(5)
        self.run_it(*self.options)
        (self.folder / "out/.pthview/end").mkdir()
        (self.folder / "out/.pthview/end/.manifest.jsonl.pthview-1-0.tmp").write_text("half")
        self.run_it(*self.options)
        self.assertEqual(self.tree(), self.wanted)
        self.assertFalse((self.folder / "out/.pthview/end").exists())

    def test_interrupt_finishes_and_goes_on(self):
        self.undisturbed(60, size=100000)
        process = subprocess.Popen([ARGS.pthview, "normalize", "src", "-o", "out", "--dedup", "files"], cwd=self.folder,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        while not (self.folder / "out/.pthview/staging").exists() and process.poll() is None:
            pass
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        if process.returncode != 0:
            self.assertEqual(process.returncode, 130)
            self.assertIn("goes on where it stopped", err)
        self.check_places("out")
        self.finish()

    def faults(self, name, most, codes):
        if ARGS.faults is None:
            self.skipTest("no library of faults")
        self.undisturbed(20)
        numbers = random.Random(2)
        seen = collections.Counter()
        for _ in range(50 if FULL else 10):
            result = self.run_it(*self.options, code=None,
                                 env={"LD_PRELOAD": str(ARGS.faults), name: str(numbers.randint(1, most))})
            self.assertIn(result.returncode, codes, result.stderr)
            seen[result.returncode] += 1
            self.check_places("out")
            self.finish()
        self.assertGreater(sum(count for code, count in seen.items() if code), 0, "no fault was met")

    def test_read_errors(self):
        self.faults("FAULT_READ", 200, (0, 1, 2))

    def test_full_disk(self):
        self.faults("FAULT_SPACE", 400000, (0, 1, 2))

    def test_write_errors(self):
        self.faults("FAULT_WRITE", 150, (0, 1, 2))

    def test_full_file_system(self):
        """A real one: what fits is written, what does not is said, and with more space the rest follows."""
        self.undisturbed(20)
        needed = sum(path.stat().st_size for path in (self.folder / "whole").rglob("*") if path.is_file())
        place = self.folder / "place"
        place.mkdir()
        numbers = random.Random(3)
        met = 0
        for _ in range(50 if FULL else 3):
            size = numbers.randint(100_000, needed * 2)
            mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", place], capture_output=True,
                                     check=False)
            if mounted.returncode != 0:
                self.skipTest("no file system can be mounted here")
            try:
                self.options = (*self.options[:2], "place/out", *self.options[3:])
                result = self.run_it(*self.options, code=None)
                self.assertIn(result.returncode, (0, 1, 2), result.stderr)
                if result.returncode != 0:
                    met += 1
                    rows = (place / "out/manifest.jsonl").read_text() if (place / "out/manifest.jsonl").exists() else ""
                    self.assertIn("no space", result.stderr + rows)
                self.check_places("place/out")
                subprocess.run(["mount", "-o", f"remount,size={needed * 4 + (1 << 20)}", place], check=True)
                self.finish("place/out")
            finally:
                subprocess.run(["umount", "-l", place], check=True)
        self.assertGreater(met, 0, "the space was never short")

    def test_failing_sync(self):
        self.faults("FAULT_SYNC", 5, (0, 2))

    def test_one_unreadable_file_is_one_line(self):
        if ARGS.faults is None:
            self.skipTest("no library of faults")
        self.undisturbed(5)
        self.run_it(*self.options, code=1, env={"LD_PRELOAD": str(ARGS.faults), "FAULT_READ": "9"})
        self.assertEqual(collections.Counter(row["state"] for row in self.rows())["failed"], 1)
        self.finish()


class Corpus(Case):

    def test_all_real_files_in_one_run(self):
        if ARGS.corpus is None or not ARGS.corpus.is_dir():
            self.skipTest("no corpus")
        result = self.run_it(ARGS.corpus, "-o", "out", "-q", "--json", "--dedup", "files", code=None)
        self.assertIn(result.returncode, (0, 1), result.stderr)
        totals = json.loads(result.stdout)
        for key in ("directory", "interrupted", "resumed", "output_bytes"):  # JSON names sources as they were given
            del totals[key]
        rows = self.rows()
        self.assertEqual(totals["sources"], len(rows))
        for row in rows:
            self.assertTrue("ledger" in row or "error" in row or "same_as" in row, row["name"])
        golden = HERE / "golden/normalize_corpus.json"
        if ARGS.update:
            golden.write_text(json.dumps(totals, indent=2) + "\n")
        self.assertEqual(totals, json.loads(golden.read_text()))
        self.run_it("verify", "out")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--pthview", required=True, type=lambda text: pathlib.Path(text).resolve())
    parser.add_argument("--faults", type=lambda text: pathlib.Path(text).resolve())
    parser.add_argument("--corpus", type=lambda text: pathlib.Path(text).resolve())
    parser.add_argument("--sanitized", action="store_true")
    parser.add_argument("--update", action="store_true", help="writes the golden of the corpus anew")
    ARGS, rest = parser.parse_known_args()
    unittest.main(argv=[__file__, *rest])
