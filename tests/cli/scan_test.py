#!/usr/bin/env python3
"""Tests of `pthview scan`: scan_test.py --pthview BIN [--corpus DIR] [--sanitized] [unittest arguments]

Files that would run something (scan_files.py) must each be found, with its place; what would not must not be. However
bad the file, nothing is run, written or reached.
"""
import bz2
import gzip
import json
import lzma
import pathlib
import re
import shutil
import struct
import tempfile
import unittest

from scan_world import EVIL, GOOD, MEGABYTES, WORLD, hostile, main, names, scan, set_up, tear_down, written, zipped
from scan_files import CODES, FOUND, FX_MODULE, FX_SOURCE, TRICKS, UNKNOWN, named_zip
import pickle_ops as op
import runner
from torch_format import Storage, Tensor, save


setUpModule, tearDownModule = set_up, tear_down


class Found(unittest.TestCase):
    def test_every_hostile_pickle(self):
        paths = [path for path in hostile() if path.name.startswith("runs_")]
        self.assertGreater(len(paths), 10)
        for path in paths:
            with self.subTest(path.name):
                code, row = scan(path)
                self.assertEqual(1, code)
                self.assertEqual("dangerous", row["verdict"])

    def test_every_way(self):
        for name, (data, want) in FOUND.items():
            with self.subTest(name):
                code, row = scan(written(name, data))
                self.assertEqual(1, code, row)
                dangerous = names(row, "dangerous")
                self.assertTrue(dangerous)
                if want:
                    self.assertIn(want, dangerous)
                if name in CODES:
                    self.assertIn(CODES[name], [finding["code"] for finding in row["findings"]])

    def test_place(self):
        _, row = scan(written("place.pth", named_zip(lambda data, _: data)))
        use = next(use for use in row["code"] if use["judgement"] == "dangerous")
        self.assertEqual(("archive/data.pkl", "GLOBAL", EVIL.index(b"cos\n"), "REDUCE", EVIL.index(b"R.")),
                         (use["record"], use["how"], use["byte"], use["call"], use["call_byte"]))
        data = (WORLD.folder / "place.pth").read_bytes()
        self.assertEqual(b"cos\nsystem\n", data[use["file_byte"]:use["file_byte"] + 11])

    def test_text(self):
        result = runner.run([WORLD.pthview, "scan", written("text.pth", zipped(("data.pkl", EVIL)))])
        out = result.out.decode()
        self.assertIn(f"dangerous  os.system, called at byte {EVIL.index(b'R.')} of archive/data.pkl", out)
        self.assertIn("looked at  1 pickle with 1 global, 1 record", out)
        sources = zipped((".data/version", b"6"), ("a.py", b""), ("b.py", b""))
        out = runner.run([WORLD.pthview, "scan", written("text.pth", sources)]).out.decode()
        self.assertIn(", 2 sources or libraries, 3 records", out)

    def test_source_text_that_would_run_is_shown(self):
        code, row = scan(written("fx.pkl", FX_MODULE))
        texts = [looked.get("text") for looked in row["looked_at"] if looked["kind"] == "Python"]
        self.assertEqual([FX_SOURCE.decode()], texts)
        out = runner.run([WORLD.pthview, "scan", WORLD.folder / "fx.pkl"]).out.decode()
        self.assertIn("would run", out)
        self.assertIn("    os.getpid()\n", out)
        # The same text where nothing runs it is data.
        _, row = scan(written("text.pkl", op.pickle(op.unicode_(FX_SOURCE.decode()))))
        self.assertEqual(["pickle"], [looked["kind"] for looked in row["looked_at"]])

    def test_bytes_that_only_begin_like_gzip(self):
        for tail in (bytes(40), b"\xff" * 40, bytes(range(200))):
            data = op.pickle(op.bytes_(b"\x1f\x8b\x08" + tail), protocol=3)
            for path in (written("bytes.pkl", data), written("zip.pth", zipped(("data.pkl", GOOD), ("data/0", b"\x1f\x8b\x08" + tail)))):
                code, row = scan(path)
                self.assertEqual((0, "data", 0), (code, row["verdict"], row["counts"]["unread"]), row["findings"])

    def test_names_are_escaped(self):
        result = runner.run([WORLD.pthview, "scan", written("esc.pth", op.pickle(op.global_("os", "\x1b[31m")))])
        self.assertEqual(1, result.code)
        self.assertNotIn(b"\x1b", result.out)


class NotFound(unittest.TestCase):
    def test_state_dicts(self):
        paths = [WORLD.folder / "sample.pth"]
        tensor = Tensor(Storage("FloatStorage", struct.pack("<4f", 1, 2, 3, 4)), (2, 2))
        for container in ("zip", "legacy"):
            paths.append(WORLD.folder / f"state_dict.{container}.pth")
            save({"layer.weight": tensor, "epoch": 3}, paths[-1], container)
        for path in paths:
            with self.subTest(path.name):
                code, row = scan(path, "--strict")
                self.assertEqual(0, code, row)
                self.assertEqual(("data", 0), (row["verdict"], row["counts"]["unread"]))
                self.assertGreater(row["counts"]["globals"], 0)

    def test_unknown(self):
        for name, (data, want) in UNKNOWN.items():
            with self.subTest(name):
                path = written(name, data)
                code, row = scan(path)
                self.assertEqual((0, "unknown"), (code, row["verdict"]))
                self.assertLessEqual(want, names(row, "unknown"))
                self.assertEqual(1, scan(path, "--strict")[0])

    def test_what_only_looks_like_a_pickle(self):
        """Lines of text and numbers that happen to be opcodes."""
        for data in (b"io\ncollections\nbuiltins\nos\n", b"config\nos\nsystem\n", b"cat\nsystem\n" * 20):
            code, row = scan(written("text.zip", zipped(("data.pkl", GOOD), (".data/extern", data))))
            self.assertEqual((0, "data", 0), (code, row["verdict"], row["counts"]["unread"]), row)

    def test_never_says_safe(self):
        for path in (WORLD.folder / "sample.pth", hostile()[0]):
            out = runner.run([WORLD.pthview, "scan", path]).out.lower()
            for word in (b"safe", b"clean", b"harmless"):
                self.assertNotIn(word, out)

    def test_what_is_not_looked_into_is_an_error(self):
        for name, data in {"text": b"This is not a model.\n", "empty": b"", "lz4": b"\x04\x22\x4d\x18" + EVIL,
                           "gzip": gzip.compress(b"text\n" * 9), "xz": lzma.compress(b"text\n" * 9)}.items():
            result = runner.run([WORLD.pthview, "scan", written(name, data)])
            self.assertEqual(2, result.code)
            self.assertIn(name.encode(), result.err)
        self.assertEqual(2, runner.run([WORLD.pthview, "scan", WORLD.folder / "missing"]).code)

    def test_bzip2_is_looked_into(self):
        code, row = scan(written("bz2", bz2.compress(EVIL)))
        self.assertEqual((1, ["bzip2"]), (code, row["containers"]))

    def test_others_are_scanned_besides_an_error(self):
        evil = written("evil.pth", EVIL)
        result = runner.run([WORLD.pthview, "scan", "--json", WORLD.folder / "missing", evil])
        self.assertEqual(2, result.code)
        rows = json.loads(result.out)["files"]
        self.assertIn("error", rows[0])
        self.assertEqual("dangerous", rows[1]["verdict"])

    def test_directory(self):
        folder = WORLD.folder / "tree" / "deep"
        folder.mkdir(parents=True)
        (folder / "evil.bin").write_bytes(EVIL)
        (folder / "readme.md").write_text("text\n")
        result = runner.run([WORLD.pthview, "scan", "--json", WORLD.folder / "tree"])
        self.assertEqual(1, result.code)
        self.assertEqual([str(folder / "evil.bin")], [row["file"] for row in json.loads(result.out)["files"]])


class Tricks(unittest.TestCase):
    def test_danger_counts(self):
        for name, (data, want) in TRICKS.items():
            with self.subTest(name):
                code, row = scan(written("tricks.pth", data))
                self.assertEqual((1, "tricks"), (code, row["verdict"]), row)
                self.assertIn((want, "danger"), [(finding["code"], finding["severity"]) for finding in row["findings"]])

    def test_archives_in_a_row_are_none(self):
        """Shards of distributed checkpoints, which may well be of one shape."""
        code, row = scan(written("row.distcp", zipped(("data.pkl", GOOD)) * 3), "--strict")
        self.assertEqual((0, "data", 3), (code, row["verdict"], row["counts"]["pickles"]))
        self.assertEqual([("zip-row", "info")], [(finding["code"], finding["severity"]) for finding in row["findings"]])


class Corpus(unittest.TestCase):
    def test_nothing_real_is_called_dangerous(self):
        if WORLD.corpus is None or not WORLD.corpus.is_dir():
            self.skipTest("no corpus")
        result = runner.run([WORLD.pthview, "scan", "--json", WORLD.corpus], seconds=120)
        rows = json.loads(result.out)["files"]
        self.assertGreater(len(rows), 200)
        # One holds a graph module of torch.package, whose loading runs source text of the file.
        programs = [row for row in rows if row["file"].endswith("package_bc/test_fx_module.pt")]
        self.assertEqual(["dangerous"], [row["verdict"] for row in programs])
        self.assertEqual(["torch.fx.graph_module.reduce_package_graph_module"], list(names(programs[0], "dangerous")))
        self.assertIn(result.code, (1, 2))
        for row in rows:
            if row in programs:
                continue
            self.assertIn(row.get("verdict"), ("data", "unknown", None), row["file"])


class Confined(unittest.TestCase):
    """However bad the file: no socket, no other program, no file opened for writing, little memory."""
    CALLS = "trace=%network,execve,execveat,fork,vfork,%file"

    def traced(self, *arguments):
        with tempfile.NamedTemporaryFile() as log:
            run = runner.run(["strace", "-f", "-qq", "-o", log.name, "-e", self.CALLS, WORLD.pthview, *arguments],
                             cwd=WORLD.folder)
            return run, pathlib.Path(log.name).read_text(errors="replace").splitlines()

    def setUp(self):
        if WORLD.sanitized:
            self.skipTest("sanitizers take memory and make system calls of their own")

    @unittest.skipUnless(shutil.which("strace"), "strace is not installed")
    def test_system_calls(self):
        self.assertIn(f"{WORLD.pthview}", self.traced("--version")[1][0], "strace sees nothing here")
        forbidden = re.compile(r"\b(socket|socketpair|connect|bind|v?fork|mkdir|mknod|unlink|rename|link|symlink|chmod|"
                               r"chown|truncate)\w*\(|O_WRONLY|O_RDWR|O_CREAT")
        for path in hostile():
            for verb in (["scan", "--json"], ["list", "--json", "--all"]):
                run, calls = self.traced(*verb, path)
                self.assertIn(run.code, (0, 1, 2), path.name)
                programs = [call for call in calls if "execve" in call]
                self.assertEqual(1, len(programs), programs)
                bad = [call for call in calls if forbidden.search(call)]
                self.assertEqual([], bad, f"{verb[0]} {path.name}")
        self.assertFalse((WORLD.folder / "PTHVIEW_WAS_HERE").exists())

    def test_memory(self):
        for path in hostile():
            with self.subTest(path.name):
                run = runner.run([WORLD.pthview, "scan", "--json", path], seconds=20)
                self.assertEqual([], runner.complaints(run, (0, 1, 2), MEGABYTES))


if __name__ == "__main__":
    main(__doc__)
