#!/usr/bin/env python3
"""Tests of `pthview query`: query_test.py --pthview BIN [unittest arguments]

The worked questions of tools/cli/query.md are taken from the page and run, each against what the files hold.
"""
import argparse
import csv
import io
import json
import os
import pathlib
import pty
import re
import shlex
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "fixtures"))
from torch_format import Hole, Storage, Tensor, save  # noqa: E402

OPTIONS = argparse.Namespace(pthview=None)
PAGE = ROOT / "tools" / "cli" / "query.md"
NASTY = ("<img src=x onerror=alert(1)>", "a|b`c*d", "'; DROP TABLE tensors; --", "=1+1", "ESC\x1b[31m", "\u202ertl")


def floats(values):
    return Tensor(Storage("FloatStorage", struct.pack(f"<{len(values)}f", *values)), (len(values),))


class Folder:
    path = None

    @classmethod
    def get(cls):
        if cls.path is None:
            cls.path = pathlib.Path(tempfile.mkdtemp(prefix="pthview-query-"))
            cls.fill()
        return cls.path

    @classmethod
    def fill(cls):
        subprocess.run([sys.executable, ROOT / "tests" / "fixtures" / "make_sample.py", cls.path / "sample.pth"], check=True)
        for epoch in (1, 2):
            save({"epoch": epoch, "state_dict": {"same.weight": floats([1, 2, 3]), "fc.weight": floats([epoch, 0, 4])},
                  "optimizer": {"state": {}, "param_groups": [{"lr": 0.1 / epoch}]}}, cls.path / f"epoch{epoch}.pth", "zip")
        save({name: floats([1]) for name in NASTY}, cls.path / "nasty.pth", "zip")
        save({"nan.weight": floats([float("nan"), 1]), "inf.weight": floats([float("inf")]), "ok.weight": floats([1])},
             cls.path / "bad.pth", "zip")
        Hole.crcs[64 << 30] = 0  # nobody checks it
        save({"big": Tensor(Storage("FloatStorage", Hole(64 << 30)), (16 << 30,)), "small": floats([1, 3])},
             cls.path / "big.pth", "zip")


def tearDownModule():
    if Folder.path is not None:
        subprocess.run(["rm", "-r", Folder.path], check=True)


def run(*words, timeout=60, **options):
    done = subprocess.run([OPTIONS.pthview, *words], cwd=Folder.get(), capture_output=True, timeout=timeout, check=False,
                          stdin=subprocess.DEVNULL, **options)
    return done.stdout.decode(), done.stderr.decode(), done.returncode


def ask(*words, **options):
    """The rows of a query, as dictionaries."""
    stdout, stderr, code = run("query", "--json", *words, **options)
    if code != 0:
        raise AssertionError(f"{words}: {stderr}")
    document = json.loads(stdout)
    return [dict(zip(document["columns"], row)) for row in document["rows"]]


def tensors(*words):
    return json.loads(run("list", "--json", "--all", *words)[0])["tensors"]


def figures(name):
    rows = json.loads(run("stats", "--json", "--all", "--percentiles", name)[0])["rows"]
    return {row["path"]: row["statistics"] for row in rows}


def questions():
    """The commands of the page, by their number."""
    found = {}
    for part in re.finditer(r"^\*\*(\d+)\. .*?(?=^\*\*\d+\. |^## )", PAGE.read_text(), re.M | re.S):
        command = re.search(r"^    (pthview query .*?)(?=\n\n)", part[0], re.M | re.S)[1]
        found[int(part[1])] = shlex.split(command)[2:]
    return found


class WorkedQuestions(unittest.TestCase):
    """What the page promises, against what other verbs say."""

    def ask(self, number, *files):
        words = questions()[number]
        return ask(*files, words[-1]) if files else ask(*words)

    def test_there_are_ten(self):
        self.assertEqual(sorted(questions()), list(range(1, 11)))
        for number, words in questions().items():
            stdout, stderr, code = run("query", *words)
            self.assertEqual((code, stderr), (0, ""), f"question {number}")
            self.assertRegex(stdout, r"\d rows?\n$")

    def test_1_largest(self):
        largest = sorted(tensors("sample.pth"), key=lambda row: -row["nbytes"])[:5]
        got = self.ask(1)
        self.assertEqual([row["nbytes"] for row in got], [row["nbytes"] for row in largest])
        self.assertEqual(json.loads(got[0]["shape"]), largest[0]["shape"])

    def test_2_types(self):
        parameters = [row for row in tensors("sample.pth") if row["kind"] == "parameter"]
        self.assertEqual(self.ask(2), [{
            "dtype": "float32", "tensors": len(parameters), "parameters": sum(row["numel"] for row in parameters),
            "bytes": sum(row["nbytes"] for row in parameters)
        }])

    def test_3_sections(self):
        got = {row["part"]: (row["part_kind"], row["tensors"]) for row in self.ask(3)}
        self.assertEqual(got, {"state_dict": ("model", 38), "optimizer": ("optimizer", 20)})

    def test_4_runs(self):
        self.assertEqual([(row["file"], row["path"], row["number"]) for row in self.ask(4)],
                         [("epoch1.pth", "epoch", 1), ("epoch1.pth", "optimizer.param_groups[0].lr", 0.1),
                          ("epoch2.pth", "epoch", 2), ("epoch2.pth", "optimizer.param_groups[0].lr", 0.05)])

    def test_5_modules(self):
        got = {row["path"]: (row["all_parameters"], row["percent"]) for row in self.ask(5)}
        self.assertEqual(set(got), {"conv1", "bn1", "layer1", "layer2", "fc"})
        self.assertEqual(got["fc"][0], 330)
        self.assertAlmostEqual(sum(share for _, share in got.values()), 100, delta=0.3)

    def test_6_kernels(self):
        want = {row["name"]: row["shape"][0] for row in tensors("sample.pth")
                if row["kind"] == "parameter" and row["shape"][2:] == [3, 3]}
        self.assertEqual({row["name"]: row["filters"] for row in self.ask(6)}, want)
        self.assertEqual(len(want), 4)

    def test_7_not_finite(self):
        self.assertEqual(self.ask(7), [])
        got = {row["name"]: (row["nans"], row["infinities"]) for row in self.ask(7, "bad.pth")}
        self.assertEqual(got, {"nan.weight": (1, 0), "inf.weight": (0, 1)})

    def test_8_spread(self):
        want = [(row["std"], row["p50"], row["abs_max"]) for path, row in figures("sample.pth").items()
                if path.endswith(".weight") and path.startswith("state_dict")]
        self.assertEqual([(row["std"], row["p50"], row["abs_max"]) for row in self.ask(8)], sorted(want)[:5])

    def test_9_changes(self):
        got = self.ask(9)
        self.assertEqual([row["name"] for row in got], ["fc.weight"])
        self.assertAlmostEqual(got[0]["change"], 20**0.5 - 17**0.5)

    def test_10_findings(self):
        want = {finding["code"] for finding in json.loads(run("info", "--json", "epoch1.pth")[0])["files"][0]["findings"]}
        self.assertEqual({row["code"] for row in self.ask(10)}, want)
        self.assertTrue(all(row["files"] == 2 for row in self.ask(10)))

    def test_tables_of_the_page_are_those_there_are(self):
        described = {}
        for name, body in re.findall(r"^### (\w+)\n(.*?)(?=^### |\Z)", PAGE.read_text(), re.M | re.S):
            described[name] = [tuple(cell.strip() for cell in line.strip("|").split("|"))
                               for line in re.findall(r"^\| `.*$", body, re.M)]
        there = {}
        for row in ask("sample.pth", "SELECT * FROM columns"):
            there.setdefault(row["in_table"], []).append((f"`{row['name']}`", row["type"], row["unit"], row["meaning"]))
        self.assertEqual(described, there)


class Tables(unittest.TestCase):

    def test_tensors_are_those_of_list(self):
        got = ask("sample.pth", "bad.pth", "SELECT * FROM tensors WHERE file = 'sample.pth'")
        want = tensors("sample.pth")
        self.assertEqual(len(got), len(want))
        for one, row in zip(got, want):
            for key in ("path", "part", "kind", "dtype", "numel", "nbytes", "device", "layout"):
                self.assertEqual(one[key], row[key], key)
            self.assertEqual((json.loads(one["shape"]), json.loads(one["strides"])), (row["shape"], row["strides"]))
            self.assertEqual(one["file_offset"], row["storage"]["offset"] + row["offset"] * (row["nbytes"] // max(row["numel"], 1)))

    def test_statistics_are_those_of_stats(self):
        want = figures("sample.pth")
        for row in ask("sample.pth", "SELECT * FROM statistics"):
            for key, value in want[row["path"]].items():
                if key != "values":
                    self.assertEqual(row[key], value, f"{row['path']} {key}")

    def test_figures_are_computed_for_the_rows_asked_for_only(self):
        """64 GB of holes stand beside two values: reading them would take far longer than this waits."""
        for sql in ("SELECT mean FROM statistics WHERE name = 'small'",
                    "SELECT mean FROM statistics WHERE name LIKE 'sm%'",
                    "SELECT s.mean FROM tensors t JOIN statistics s USING (file, path) WHERE t.numel < 100",
                    "SELECT mean FROM statistics WHERE rowid = 2"):
            self.assertEqual(ask("big.pth", sql, timeout=10), [{"mean": 2}], sql)
        self.assertEqual(len(ask("big.pth", "SELECT name FROM statistics", timeout=10)), 2)

    def test_names_are_found_however_they_are_asked_for(self):
        for sql in ("SELECT count(*) AS n FROM tensors WHERE name IN ('fc.weight', 'fc.bias')",
                    "SELECT count(*) AS n FROM tensors a JOIN tensors b ON a.name = b.name AND a.file = b.file WHERE a.module = 'fc'",
                    "SELECT count(*) AS n FROM tensors WHERE name COLLATE NOCASE IN ('FC.weight', 'fc.BIAS')",
                    "SELECT count(*) AS n FROM tensors t WHERE EXISTS (SELECT 1 FROM modules m WHERE m.path = t.module AND m.path = 'fc')"):
            self.assertEqual(ask("sample.pth", sql), [{"n": 2}], sql)
        self.assertEqual(ask("sample.pth", "SELECT 1 FROM tensors WHERE name = NULL OR rowid = 0 OR rowid = 'x'"), [])

    def test_a_file_that_cannot_be_opened_leaves_the_others(self):
        stdout, stderr, code = run("query", "--json", "absent.pth", "bad.pth", "SELECT DISTINCT file FROM tensors")
        document = json.loads(stdout)
        self.assertEqual((code, document["rows"]), (2, [["bad.pth"]]))
        self.assertEqual(document["files"][0]["error"]["code"], "not_found")
        self.assertIn("absent.pth", stderr)


class ReadingOnly(unittest.TestCase):

    def test_nothing_else_is_allowed(self):
        before = sorted(path.name for path in Folder.get().iterdir())
        for sql in ("ATTACH 'new.db' AS other", "PRAGMA writable_schema = 1", "PRAGMA temp_store_directory = '/'",
                    "VACUUM INTO 'new.db'", "CREATE TABLE x(y)", "CREATE TEMP TABLE x(y)", "INSERT INTO tensors(name) VALUES('x')",
                    "DELETE FROM tensors", "UPDATE tensors SET name = 'x'", "DROP TABLE tensors", "BEGIN", "ANALYZE", "REINDEX",
                    "SELECT load_extension('x')", "SELECT * FROM pragma_table_info('tensors')", "SELECT * FROM dbstat",
                    "SELECT * FROM sqlite_dbpage", "SELECT readfile('sample.pth')", "SELECT 1; DELETE FROM tensors",
                    "CREATE VIRTUAL TABLE x USING fts5(a)", "SELECT writefile('new.db', 'x')", "DETACH main"):
            stdout, stderr, code = run("query", "sample.pth", sql)
            self.assertEqual((stdout, code), ("", 2), sql)
            self.assertIn("pthview: SQL", stderr, sql)
        self.assertEqual(sorted(path.name for path in Folder.get().iterdir()), before)

    def test_a_runaway_query_ends_at_its_limit(self):
        endless = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT {} FROM c"
        _, stderr, code = run("query", "--max-time", "1", "sample.pth", endless.format("count(*)"))
        self.assertEqual(code, 2)
        self.assertIn("more than 1 seconds", stderr)
        _, stderr, code = run("query", "sample.pth", "SELECT length(zeroblob(100000000))")
        self.assertEqual(code, 2)
        self.assertIn("64 MiB", stderr)
        _, stderr, code = run("query", "sample.pth", endless.format("randomblob(1000000)") + " ORDER BY 1")
        self.assertEqual(code, 2)
        self.assertIn("1024 MiB of memory", stderr)

    def test_interrupt_ends_it(self):
        sql = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c"
        with subprocess.Popen([OPTIONS.pthview, "query", "sample.pth", sql], cwd=Folder.get(), stderr=subprocess.PIPE,
                              stdout=subprocess.PIPE) as process:
            deadline = time.monotonic() + 30
            while "pthview-query" not in pathlib.Path(f"/proc/{process.pid}/cmdline").read_text():
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.01)
            time.sleep(0.3)  # past its start
            process.send_signal(signal.SIGINT)
            self.assertEqual((process.wait(timeout=20), process.stdout.read()), (130, b""))

    def test_figures_that_take_too_long_end_at_the_limit(self):
        _, stderr, code = run("query", "--max-time", "1", "big.pth", "SELECT mean FROM statistics")
        self.assertEqual(code, 2)
        self.assertIn("more than 1 seconds", stderr)


class Output(unittest.TestCase):

    def test_csv_is_read_back(self):
        stdout, _, code = run("query", "--csv", "nasty.pth", "SELECT name, numel, 0.1 AS x, NULL AS n FROM tensors")
        self.assertEqual(code, 0)
        rows = list(csv.DictReader(io.StringIO(stdout, newline=""), strict=True))
        names = [row["name"] for row in tensors("nasty.pth")]
        self.assertEqual([row["name"] for row in rows], ["'" + name if name[0] == "=" else name for name in names])
        self.assertEqual({(row["numel"], row["x"], row["n"]) for row in rows}, {("1", "0.1", "")})

    def test_markdown_is_escaped(self):
        stdout, _, _ = run("query", "--markdown", "nasty.pth", "SELECT name, file FROM tensors")
        lines = stdout.splitlines()
        self.assertEqual(lines[:2], ["| name | file |", "| --- | --- |"])
        self.assertEqual(len(lines), 2 + len(NASTY))
        for line in lines[2:]:
            self.assertEqual(len(re.findall(r"(?<!\\)\|", line)), 3, line)
        self.assertIn("&lt;img src=x onerror=alert(1)&gt;", stdout)
        self.assertIn(r"a\|b\`c\*d", stdout)
        self.assertNotIn("<", stdout)
        self.assertNotIn("\x1b", stdout)

    def test_json_and_tables_hold_no_active_signs(self):
        for option in ((), ("--json",), ("--markdown",)):
            stdout, _, _ = run("query", *option, "nasty.pth", "SELECT name, char(27, 8238) AS esc FROM tensors")
            self.assertIsNone(re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", stdout), option)

    def test_csv_on_a_terminal_holds_none_either(self):
        primary, secondary = pty.openpty()
        with subprocess.Popen([OPTIONS.pthview, "query", "--csv", "--no-pager", "nasty.pth", "SELECT char(27) AS esc"],
                              cwd=Folder.get(), stdout=secondary, stdin=subprocess.DEVNULL) as process:
            os.close(secondary)
            seen = b""
            try:
                while piece := os.read(primary, 4096):
                    seen += piece
            except OSError:  # how the end is told
                pass
            process.wait(timeout=60)
        os.close(primary)
        self.assertIn(b"x1b", seen)
        self.assertNotIn(b"\x1b", seen)


def main():
    parser = argparse.ArgumentParser(description=__doc__, add_help=False)
    parser.add_argument("--pthview", required=True)
    options, rest = parser.parse_known_args()
    OPTIONS.pthview = str(pathlib.Path(options.pthview).resolve())
    unittest.main(argv=[sys.argv[0], *rest])


if __name__ == "__main__":
    main()
