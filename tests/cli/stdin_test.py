#!/usr/bin/env python3
"""Tests of files on standard input: stdin_test.py --pthview BIN [unittest arguments]
"""
import json
import os
import pathlib
import pty
import re
import shutil
import subprocess
import time

from remote_world import (Case, SECONDS, WORLD, main, make_world, remove_world)


def setUpModule():
    make_world()


def tearDownModule():
    remove_world()


class StandardInput(Case):

    def piped(self, *arguments, data=None, **options):
        data = (WORLD.folder / "zip.pth").read_bytes() if data is None else data
        variables = {**os.environ, **options.pop("environment", {})}
        result = subprocess.run([WORLD.pthview, *map(str, arguments)], input=data, capture_output=True,
                                cwd=WORLD.folder, timeout=SECONDS, check=False, env=variables, **options)
        return result.returncode, result.stdout.decode(), result.stderr.decode()

    def test_pipe(self):
        spool = WORLD.folder / "spool"
        spool.mkdir(exist_ok=True)
        for name in ("zip.pth", "legacy.pth", "file.safetensors", "zip.pth.gz"):
            code, out, err = self.piped("list", "--hash", "-", data=(WORLD.folder / name).read_bytes(),
                                        environment={"TMPDIR": str(spool)})
            self.assertEqual((code, out, err), (0, self.ok("list", "--hash", name), ""))
        self.assertEqual(list(spool.iterdir()), [])
        self.assertIn("\n", self.piped("info", "-")[1])
        self.assertTrue(self.piped("info", "-")[1].startswith("-\n"))

    def test_the_folder_is_used(self):
        """What is piped goes to TMPDIR, and not into memory: under a limit that its bytes alone would break."""
        spool = WORLD.folder / "spool2"
        spool.mkdir(exist_ok=True)
        size = 256 << 20  # half of it is more than a sanitizer takes for itself
        with subprocess.Popen([WORLD.pthview, "list", "-"], stdin=subprocess.PIPE, stderr=subprocess.PIPE,
                              env={**os.environ, "TMPDIR": str(spool)}) as process:
            process.stdin.write(bytes(size))
            links = {os.readlink(f"/proc/{process.pid}/fd/{fd}") for fd in os.listdir(f"/proc/{process.pid}/fd")}
            resident = int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{process.pid}/status").read_text())[1])
            process.communicate(timeout=SECONDS)
        self.assertTrue(any(link.startswith(str(spool)) and link.endswith("(deleted)") for link in links), links)
        self.assertLess(resident, size >> 11)

    def test_nowhere_to_keep_it(self):
        code, out, _ = self.piped("list", "-", environment={"TMPDIR": "/nonexistent"})
        self.assertEqual((code, out), (0, self.ok("list", "zip.pth")))

    def test_file(self):
        with open(WORLD.folder / "large.pth", "rb") as file:
            self.assertEqual(self.ok("list", "-", stdin=file), self.ok("list", "large.pth"))

    def test_file_that_was_read_from(self):
        """Only what is left of it is the stream."""
        (WORLD.folder / "behind.bin").write_bytes(b"line\n" + (WORLD.folder / "legacy.pth").read_bytes())
        with (WORLD.folder / "behind.bin").open("rb") as file:
            done = subprocess.run(["sh", "-c", f"read line; '{WORLD.pthview}' list -"],
                                  stdin=file, capture_output=True, text=True, timeout=SECONDS, check=False)
        self.assertEqual((done.stdout, done.stderr), (self.ok("list", "legacy.pth"), ""))

    def test_a_pipe_that_is_not_ready(self):
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        data = (WORLD.folder / "small.pth").read_bytes()
        with subprocess.Popen([WORLD.pthview, "list", "-"], stdin=reading, stdout=subprocess.PIPE) as process:
            os.close(reading)
            time.sleep(0.2)  # it finds nothing yet
            os.write(writing, data[:100])
            time.sleep(0.1)
            os.write(writing, data[100:])
            os.close(writing)
            out, _ = process.communicate(timeout=SECONDS)
        self.assertEqual(out.decode(), self.ok("list", "small.pth"))

    def test_progress(self):
        main_end, terminal = pty.openpty()
        with subprocess.Popen([WORLD.pthview, "list", "-"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                              stderr=terminal) as process:
            os.close(terminal)
            data = (WORLD.folder / "small.pth").read_bytes()
            process.stdin.write(data[:9])
            process.stdin.flush()
            time.sleep(1.3)
            process.stdin.write(data[9:])
            process.stdin.close()
            self.assertEqual(process.wait(SECONDS), 0)
        text = os.read(main_end, 1 << 16).decode()
        os.close(main_end)
        self.assertIn("reading standard input", text)
        self.assertTrue(text.endswith("\r\x1b[K"), text)

    def test_errors(self):
        code, _, err = self.piped("list", "-", data=b"")
        self.assertEqual((code, err.split("\n")[0]), (2, "pthview: -: the file is empty"))
        code, _, err = self.piped("list", "-", data=b"\x89PNG")
        self.assertIn("pthview: -: not a PyTorch file: it looks like a PNG", err)
        code, out, err = self.piped("info", "-", "-")
        self.assertEqual(code, 2)
        self.assertTrue(out.startswith("-\n"))
        self.assertIn("once only", err)
        code, _, err = self.piped("convert", "-", "-o", "y.onnx", "--weights", "in-place")
        self.assertEqual(code, 2)
        self.assertIn("on this machine", err)
        folder = os.open(WORLD.folder, os.O_RDONLY)
        self.fails("directory", "list", "-", stdin=folder)
        os.close(folder)

    def test_terminal(self):
        main, terminal = pty.openpty()
        try:
            text = self.fails("is a terminal", "list", "-", stdin=terminal)
            self.assertIn("| pthview list -", text)
        finally:
            os.close(main)
            os.close(terminal)

    def test_other_verbs(self):
        self.assertEqual(self.piped("tree", "-")[1], self.ok("tree", "zip.pth"))
        self.assertIn("layers.2.weight", self.piped("show", "-", "layers.2.weight")[1])
        self.assertIn("-:", self.piped("scan", "-")[1])
        code, out, _ = self.piped("convert", "-", "--to", "json", "-o", "-")
        self.assertEqual(code, 0)
        json.loads(out)

    def test_where_the_weights_are_not(self):
        code, _, err = self.piped("convert", "-", "--to", "json", "-o", "-")
        self.assertEqual(code, 0)
        self.assertRegex(err, r"\d+ storages came through standard input: the JSON cannot say where")
        self.assertNotIn("compressed", err)

    def test_output_over_the_input(self):
        shutil.copy(WORLD.folder / "zip.pth", WORLD.folder / "input.json")
        with open(WORLD.folder / "input.json", "rb") as file:
            self.fails("would replace", "convert", "-", "-o", "input.json", "--force", stdin=file)

    def test_a_file_called_dash(self):
        shutil.copy(WORLD.folder / "small.pth", WORLD.folder / "-")
        try:
            self.assertEqual(self.ok("list", "./-"), self.ok("list", "small.pth"))
            self.assertEqual(self.piped("list", "-")[1], self.ok("list", "zip.pth"))
        finally:
            (WORLD.folder / "-").unlink()


if __name__ == "__main__":
    main(__doc__)
