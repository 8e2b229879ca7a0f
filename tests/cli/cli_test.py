#!/usr/bin/env python3
"""Tests of the command line: cli_test.py --pthview BIN [--update] [unittest arguments]

The cases are the files of golden/. Each holds commands with what they must print, to the byte:

    $ pthview list legacy.pth
    <standard output>
    --- stderr
    <standard error>
    --- exit 0

A part that is empty is left out, except the exit code. Commands run by `sh` in a folder that cli_files.py fills, with
`pthview` on the PATH and `$FULL` an always-full device. `--update` writes what comes out instead of comparing:
read the difference before you keep it.
"""
import argparse
import csv
import io
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

import cli_files
from torch_format import Hole, Storage, Tensor, save

HERE = pathlib.Path(__file__).resolve().parent
GOLDEN = HERE / "golden"
OPTIONS = argparse.Namespace(pthview=None, update=False)
# What may act on a terminal or a reader's eye: C0, DEL, C1, bidirectional and zero-width signs, line separators.
ACTIVE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufffd]")


class Folder:
    """The folder with all files, made once."""

    path = None

    @classmethod
    def get(cls):
        if cls.path is None:
            cls.path = pathlib.Path(tempfile.mkdtemp(prefix="pthview-cli-"))
            cls.path.chmod(0o755)
            cli_files.make(cls.path)
        return cls.path


def environment(**more):
    path = f"{pathlib.Path(OPTIONS.pthview).parent}:{os.environ['PATH']}"
    base = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "TERM")}
    return {**base, "PATH": path, "LC_ALL": "C.UTF-8", "FULL": "/dev/full", **more}


def run(command, **options):
    """Runs a shell command; returns (stdout, stderr, exit code) with text as it came."""
    done = subprocess.run(["sh", "-c", command], cwd=Folder.get(), env=environment(), stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=120, check=False, **options)
    return done.stdout.decode(), done.stderr.decode(), done.returncode


def save_hole(path):
    """A checkpoint of one tensor of 64 GB that takes no room on disk."""
    Hole.crcs[64 << 30] = 0  # nobody checks it, and counting it takes a minute
    save({"big": Tensor(Storage("FloatStorage", Hole(64 << 30)), (16 << 30,))}, path, "zip")


def block(command, stdout, stderr, code):
    text = f"$ {command}\n{stdout}"
    if not text.endswith("\n"):
        text += "\\ no newline at the end\n"
    if stderr:
        text += f"--- stderr\n{stderr}"
    return text + f"--- exit {code}\n"


def command_lines(text):
    """Commands and comments: what stands at the start of `text` or behind an exit line, and no line of an output."""
    kept, at_start = [], True
    for line in text.splitlines():
        if at_start and line.startswith(("$ ", "# ")):
            kept.append(line)
            at_start = line.startswith("# ")
        elif line.startswith("--- exit "):
            at_start = True
    return kept


class Golden(unittest.TestCase):
    maxDiff = None

    def check(self, path):
        wanted = path.read_text()
        got = ""
        for line in command_lines(wanted):
            if line.startswith("# "):
                got += line + "\n"
                continue
            command = line[2:]
            stdout, stderr, code = run(command)
            got += block(command, stdout, stderr, code)
            colored = "--color always" in command
            for stream in (stdout, stderr):
                found = ACTIVE.search(stream.replace("\x1b", "") if colored else stream)
                self.assertIsNone(found, f"{command}: raw {found and found.group()!r} was printed")
            if "--json" in command and "|" not in command and stdout:
                self.check_json(command, json.loads(stdout))
        if OPTIONS.update:
            path.write_text(got)
        else:
            self.assertMultiLineEqual(got, wanted)

    def check_json(self, command, document):
        verb = command.split("pthview ", 1)[1].split()[0]
        self.assertEqual(document["schema"], f"pthview.{verb}/1")
        for one in document.get("files", [] if verb == "plugins" else [document]):
            self.assertIn("file", one)


def _add_cases():
    for path in sorted(GOLDEN.glob("*.txt")):
        setattr(Golden, f"test_{path.stem}", lambda self, path=path: self.check(path))


class Behaviour(unittest.TestCase):
    """What cannot be told by a command and its output."""

    def test_nothing_in_a_file_is_run(self):
        run("pthview info danger.pth; pthview list --all danger.pth; pthview show danger.pth x; pthview tree danger.pth")
        self.assertFalse((Folder.get() / "ran").exists())

    def test_list_as_csv_is_what_json_says(self):
        """RFC 4180: read back by a strict reader, whatever signs names hold."""
        for name in ("nasty.pth", "gan.pth", "dtypes.pth"):
            rows = json.loads(run(f"pthview list --json {name}")[0])["tensors"]
            text = run(f"pthview list --csv {name}")[0]
            self.assertTrue(all(line.endswith("\r") for line in text.split("\n")[:-1]), "lines end with CRLF")
            table = list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
            self.assertEqual(len(table), len(rows))
            for cells, row in zip(table, rows):
                for key in ("name", "path", "part", "kind", "dtype", "device", "layout"):
                    quoted = "'" + row[key] if row[key][:1] in tuple("=+-@\t") else row[key]
                    self.assertEqual(cells[key], quoted)
                self.assertEqual(json.loads(cells["shape"]), row["shape"])
                self.assertEqual((int(cells["numel"]), int(cells["nbytes"])), (row["numel"], row["nbytes"]))
                self.assertEqual(cells["file"], name)

    def test_unreadable_file(self):
        path = Folder.get() / "secret.pth"
        shutil.copy(Folder.get() / "legacy.pth", path)
        path.chmod(0)
        try:
            options = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
            try:
                _, stderr, code = run("pthview list secret.pth", **options)
            except PermissionError:
                self.skipTest("the program cannot be reached by another user")
            if code in (126, 127):
                self.skipTest("the program cannot be reached by another user")
            self.assertEqual(code, 2)
            self.assertIn("pthview: secret.pth:", stderr)
            self.assertIn("ermission", stderr)
        finally:
            path.unlink()

    def test_named_pipe_is_refused_at_once(self):
        path = Folder.get() / "pipe.pth"
        os.mkfifo(path)
        try:
            _, stderr, code = run("timeout 20 pthview info pipe.pth")
            self.assertEqual(code, 2)
            self.assertIn("pipe.pth", stderr)
        finally:
            path.unlink()

    def _wait_until_it_reads(self, process, amount):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            self.assertIsNone(process.poll(), "it ended before the file was changed")
            text = pathlib.Path(f"/proc/{process.pid}/io").read_text()
            if int(re.search(r"rchar: (\d+)", text).group(1)) > amount:
                return
            time.sleep(0.01)
        self.fail("it never read the values")

    def test_file_cut_short_while_it_is_hashed(self):
        path = Folder.get() / "shrinking.pth"
        save_hole(path)
        try:
            with subprocess.Popen([OPTIONS.pthview, "list", "--hash", "shrinking.pth"], cwd=Folder.get(),
                                  env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
                self._wait_until_it_reads(process, 64 << 20)
                os.truncate(path, 1 << 20)
                stdout, stderr = process.communicate(timeout=120)
            self.assertEqual(process.returncode, 2)
            self.assertRegex(stderr.decode(), r"^pthview: shrinking\.pth: .*(ends|changed|short)")
            self.assertRegex(stdout.decode(), r"\nbig .* -\n", "the row is there, without a hash")
        finally:
            path.unlink()

    def test_closed_stdout_is_not_written_into_the_output(self):
        """Without care the first file that is opened takes descriptor 1, and what is printed lands in it."""
        _, _, code = run("pthview convert legacy.pth --to json -o closed.json --json >&-")
        self.assertEqual(code, 2)
        json.loads((Folder.get() / "closed.json").read_text())

    def test_converting_into_a_pipe_that_closes_is_quiet(self):
        for options in ("--to onnx --all", "--to json", "--to json --data base64"):
            stdout, stderr, _ = run(f"{{ pthview convert -q many.pth {options} -o -; echo exit $? >&2; }} | head -c 1")
            self.assertEqual((len(stdout), stderr), (1, "exit 0\n"), options)

    def test_a_limit_on_the_size_of_files_leaves_nothing_behind(self):
        before = sorted(Folder.get().iterdir())
        for options in ("-o limited.onnx", "-o limited.json", "-o limited.onnx --weights external"):
            _, stderr, code = run(f"ulimit -f 8; pthview convert sample.pth {options}")
            self.assertEqual(code, 2, stderr)
            self.assertIn("larger than it may become", stderr)
        self.assertEqual(sorted(Folder.get().iterdir()), before)

    def test_json_is_the_same_model_again(self):
        """All of it, also what `list` leaves out: states of the optimizer."""
        for options in ("", "--data base64"):
            run(f"pthview convert --force {options} sample.pth -o again.json")
            try:
                rows = [json.loads(run(f"pthview list --all --hash --json {name}")[0])["tensors"]
                        for name in ("sample.pth", "again.json")]
            finally:
                (Folder.get() / "again.json").unlink()
            self.assertEqual(len(rows[0]), 58)
            first, second = ([{k: v for k, v in row.items() if k != "storage"} for row in each] for each in rows)
            self.assertEqual(second, first)

    def test_interrupt_ends_with_130(self):
        path = Folder.get() / "slow.pth"
        save_hole(path)
        try:
            with subprocess.Popen([OPTIONS.pthview, "list", "--hash", "slow.pth"], cwd=Folder.get(), env=environment(),
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
                self._wait_until_it_reads(process, 64 << 20)
                process.send_signal(2)
                self.assertEqual(process.wait(timeout=60), 130)
        finally:
            path.unlink()

    def test_hash_is_that_of_the_values(self):
        import hashlib
        import struct
        stdout, _, _ = run("pthview list --json --hash --include transposed --include fc.weight dtypes.pth")
        rows = json.loads(stdout)["tensors"]
        expected = hashlib.sha256(struct.pack("<6f", 0, 3, 1, 4, 2, 5)).hexdigest()
        self.assertEqual([row["sha256"] for row in rows], [expected])

    def test_values_in_json_are_exact(self):
        stdout, _, _ = run("pthview show --json dtypes.pth long")
        self.assertEqual([int(v) for v in json.loads(stdout)["hits"][0]["values"]], [-(2**63), 2**63 - 1])
        stdout, _, _ = run("pthview show --json dtypes.pth double")
        self.assertEqual([float(v) for v in json.loads(stdout)["hits"][0]["values"]], [0.1, 1 / 3])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pthview", required=True, help="the program to test, called pthview")
    parser.add_argument("--update", action="store_true", help="rewrite golden/ instead of comparing")
    options, rest = parser.parse_known_args(namespace=OPTIONS)
    options.pthview = str(pathlib.Path(options.pthview).resolve())
    _add_cases()
    try:
        unittest.main(argv=[sys.argv[0]] + rest)
    finally:
        if Folder.path is not None:
            shutil.rmtree(Folder.path, ignore_errors=True)


if __name__ == "__main__":
    main()
