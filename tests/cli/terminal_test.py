#!/usr/bin/env python3
"""What a terminal gets: terminal_test.py --pthview BIN [unittest arguments]

Runs the program on a pseudo-terminal of some width: lines fit it, a pager stands between as git's does, colours come and
go; and asks the shells' completions.
"""
import argparse
import fcntl
import os
import pathlib
import pty
import re
import select
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
import time
import unicodedata
import unittest

import cli_files

OPTIONS = argparse.Namespace(pthview=None)
ESCAPES = re.compile("\x1b\\[[0-9;?]*[A-Za-z]|\x1b[=>]")


def width_of(text):
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


class Terminal(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="pthview-terminal-"))
        cli_files.make(cls.folder)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def environment(self, **more):
        base = {k: v for k, v in os.environ.items()
                if k not in ("NO_COLOR", "COLUMNS", "PAGER", "PTHVIEW_PAGER", "LESS")}
        path = f"{pathlib.Path(OPTIONS.pthview).parent}:{os.environ['PATH']}"
        return {**base, "PATH": path, "LC_ALL": "C.UTF-8", "TERM": "xterm", **more}

    def on_terminal(self, arguments, columns=80, keys=b"", **environment):
        """What the program writes to a terminal of that many columns; `keys` are typed when it has gone quiet."""
        leader, follower = pty.openpty()
        fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        with subprocess.Popen([OPTIONS.pthview, *arguments], cwd=self.folder, stdin=follower, stdout=follower,
                              stderr=follower, start_new_session=True,
                              env=self.environment(**{"PTHVIEW_PAGER": "cat", **environment})) as process:
            os.close(follower)
            text, deadline = b"", time.monotonic() + 60
            while time.monotonic() < deadline:
                ready, _, _ = select.select([leader], [], [], 0.5)
                if ready:
                    try:
                        piece = os.read(leader, 65536)
                    except OSError:
                        break
                    if not piece:
                        break
                    text += piece
                elif keys:
                    os.write(leader, keys)
                    keys = b""
            process.wait(timeout=10)
        os.close(leader)
        return text.decode().replace("\r\n", "\n"), process.returncode

    def test_lines_fit(self):
        for arguments in (["info", "sample.pth"], ["list", "sample.pth"], ["list", "--all", "sample.pth"],
                          ["show", "sample.pth"], ["show", "sample.pth", "layer1"], ["tree", "sample.pth"],
                          ["list", "dtypes.pth"], ["info", "dtypes.pth"], ["tree", "module.pth"],
                          ["list", "nasty.pth"], ["."]):
            for columns in (24, 40, 60, 80, 120):
                with self.subTest(arguments=arguments, columns=columns):
                    text, _ = self.on_terminal(arguments, columns)
                    for line in ESCAPES.sub("", text).splitlines():
                        last = line.split(" ")[-1]
                        if line.startswith("pthview: ") or "  pthview " in line or len(last) > columns // 2:
                            continue  # notes are one line each; commands are for copying; a word may be too long
                        self.assertLessEqual(width_of(line), columns, line)

    def test_tiny_terminals(self):
        for columns in (1, 2, 7):
            for arguments in (["info", "sample.pth"], ["list", "sample.pth"], ["tree", "sample.pth"],
                              ["show", "sample.pth"], ["show", "sample.pth", "conv1.weight"]):
                text, code = self.on_terminal(arguments, columns)
                self.assertEqual(code, 0, text)
                self.assertIn("conv1", text) if arguments[0] == "tree" else self.assertTrue(text)

    def test_a_terminal_that_says_no_width(self):
        text, _ = self.on_terminal(["list", "sample.pth"], 0)
        self.assertLessEqual(max(width_of(line) for line in ESCAPES.sub("", text).splitlines()), 80)

    def test_counts_only_on_a_terminal(self):
        text, _ = self.on_terminal(["tree", "module.pth"])
        self.assertRegex(ESCAPES.sub("", text), r"# \d+ parameters")
        piped = subprocess.run([OPTIONS.pthview, "tree", "module.pth"], cwd=self.folder, env=self.environment(),
                               capture_output=True, check=True)
        self.assertNotIn(b"#", piped.stdout)

    def test_colours(self):
        self.assertIn("\x1b[1m", self.on_terminal(["list", "sample.pth"])[0])
        self.assertNotIn("\x1b", self.on_terminal(["list", "sample.pth"], NO_COLOR="1")[0])
        self.assertNotIn("\x1b", self.on_terminal(["list", "--color", "never", "sample.pth"])[0])
        self.assertIn("\x1b[1m", self.on_terminal(["list", "sample.pth"], NO_COLOR="")[0], "empty is unset")

    def cells_of(self, text):
        """What half blocks with colours of 24 bits show: rows of (upper, lower) colours."""
        rows = []
        for line in text.splitlines():
            front, back, inverse, row = None, None, False, []
            for code, letter in re.findall("\x1b\\[([0-9;]*)m|([▀▄█ ])", line):
                words = code.split(";") if not letter else []
                while words:
                    if words[0] in ("38", "48"):
                        color = tuple(int(word) for word in words[2:5])
                        front, back = (color, back) if words[0] == "38" else (front, color)
                        words = words[5:]
                        continue
                    if words.pop(0) == "7":
                        inverse = True
                    else:
                        front, back, inverse = None, None, False
                if letter:
                    upper, lower = (back, front) if inverse else (front, back)
                    row.append({"▀": (upper, lower), "▄": (lower, upper), "█": (upper, upper), " ": (lower, lower)}[letter])
            rows.append(row)
        return rows

    def test_pictures_in_letters_have_the_colours_of_the_values(self):
        text, code = self.on_terminal(["plot", "sample.pth", "fc.weight"], TERM="xterm-256color", COLORTERM="truecolor")
        self.assertEqual(code, 0, text)
        self.assertIn("fc.weight", text)
        self.assertRegex(text, r"each cell is the mean of|across")
        rows = [row for row in self.cells_of(text) if len(row) >= 40]
        self.assertGreater(len(rows), 2, text)
        colours = {colour for row in rows for pair in row for colour in pair}
        self.assertNotIn(None, colours)
        self.assertGreater(len(colours), 20)
        self.assertTrue(any(r > b + 40 for r, _, b in colours) and any(b > r + 40 for r, _, b in colours), "both signs")
        for line in ESCAPES.sub("", text).splitlines():
            self.assertLessEqual(width_of(line), 80, line)

    def test_pictures_of_the_terminals_own(self):
        for way, begins in (("sixel", "\x1bP"), ("kitty", "\x1b_G"), ("iterm", "\x1b]1337;File=")):
            with self.subTest(way):
                text, code = self.on_terminal(["plot", "--terminal", way, "sample.pth", "fc.weight"])
                self.assertEqual(code, 0, text)
                self.assertIn(begins, text)
        for known, begins in (({"TERM": "xterm-kitty"}, "\x1b_G"), ({"TERM": "mlterm"}, "\x1bP"),
                              ({"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app"}, "\x1b]1337;File=")):
            with self.subTest(known):
                self.assertIn(begins, self.on_terminal(["plot", "sample.pth", "fc.weight"], **known)[0])

    def test_pictures_without_colours(self):
        for settings in ({"NO_COLOR": "1"}, {"TERM": "dumb"}, {"NO_COLOR": "1", "TERM": "xterm-kitty"}):
            for name in ("fc.weight", "bn1.running_var", "conv1.weight"):
                with self.subTest(settings=settings, name=name):
                    text, code = self.on_terminal(["plot", "sample.pth", name], **settings)
                    self.assertEqual(code, 0, text)
                    self.assertNotIn("\x1b", text)
                    self.assertGreater(len(text.splitlines()), 6)
                    if settings.get("TERM") == "dumb":
                        self.assertTrue(text.isascii(), text)

    def test_pictures_leave_no_colour_behind(self):
        for name in ("bn1.weight", "fc.weight"):
            text, _ = self.on_terminal(["plot", "sample.pth", name], TERM="xterm-256color", COLORTERM="truecolor")
            before = text[:text.index("across")]
            self.assertEqual(re.findall("\x1b\\[[0-9;]*m", before)[-1], "\x1b[0m")

    def test_pictures_go_through_no_pager(self):
        for arguments in (["trace", "--plot", "bn1.weight", "sample.pth"], ["plot", "sample.pth", "bn1.weight"]):
            text, code = self.on_terminal(arguments, PTHVIEW_PAGER="sed s/^/paged:/")
            self.assertEqual(code, 0, text)
            self.assertNotIn("paged:", text)

    def test_pictures_on_tiny_terminals(self):
        for columns in (1, 7, 24):
            for arguments in (["plot", "sample.pth", "fc.weight"], ["plot", "sample.pth", "conv1.weight"],
                              ["plot", "--terminal", "sixel", "sample.pth", "bn1.weight"],
                              ["trace", "--plot", "bn1.weight", "sample.pth"]):
                text, code = self.on_terminal(arguments, columns)
                self.assertEqual(code, 0, text)

    def test_the_pager_gets_everything_and_the_notes(self):
        text, code = self.on_terminal(["list", "sample.pth"], PTHVIEW_PAGER="sed s/^/paged:/")
        lines = ESCAPES.sub("", text).splitlines()
        self.assertTrue(all(line.startswith("paged:") for line in lines), text)
        self.assertIn("left out", lines[-1], "notes stand behind the table")
        self.assertEqual(code, 0)

    def test_whose_pager(self):
        with_pager, _ = self.on_terminal(["list", "sample.pth"], PTHVIEW_PAGER="", PAGER="sed s/^/paged:/")
        self.assertNotIn("paged:", with_pager, "an empty one of ours means none")
        environment = self.environment(PAGER="sed s/^/paged:/")
        piped = subprocess.run([OPTIONS.pthview, "list", "sample.pth"], cwd=self.folder, env=environment,
                               capture_output=True, check=True)
        self.assertNotIn(b"paged:", piped.stdout, "no pager without a terminal")
        for arguments in (["list", "--no-pager", "sample.pth"], ["list", "--json", "sample.pth"]):
            text, _ = self.on_terminal(arguments, PTHVIEW_PAGER="sed s/^/paged:/")
            self.assertNotIn("paged:", text)
        text, code = self.on_terminal(["list", "sample.pth"], PTHVIEW_PAGER="no-such-pager")
        self.assertIn("conv1.weight", text, "without a pager it is printed all the same")
        self.assertEqual(code, 0)

    def test_the_pager_may_be_left_early(self):
        text, code = self.on_terminal(["list", "--all", "sample.pth"], PTHVIEW_PAGER="head -n 2")
        self.assertEqual(code, 0)
        self.assertLessEqual(len(text.splitlines()), 2)

    @unittest.skipUnless(shutil.which("less"), "no less")
    def test_less_is_the_usual_pager(self):
        text, code = self.on_terminal(["list", "sample.pth"], keys=b"q", PTHVIEW_PAGER="less")
        self.assertIn("conv1.weight", text)
        self.assertNotIn("fc.bias", text, "the second screen was never asked for")
        self.assertEqual(code, 0)
        text, code = self.on_terminal(["list", "legacy.pth"], PTHVIEW_PAGER="less")
        self.assertIn("fc.bias", text, "what fits on one screen is not held up")
        self.assertEqual(code, 0)

    def test_an_error_needs_no_pager(self):
        text, code = self.on_terminal(["list", "missing.pth"], PTHVIEW_PAGER="sed s/^/paged:/")
        self.assertEqual(code, 2)
        self.assertNotIn("paged:", text)


@unittest.skipUnless(shutil.which("bash"), "no bash")
class Bash(unittest.TestCase):
    folder = None
    setUpClass = Terminal.__dict__["setUpClass"]
    tearDownClass = Terminal.__dict__["tearDownClass"]
    environment = Terminal.environment

    def complete(self, *words):
        script = ('source <(pthview completion bash); compopt() { :; }; COMP_WORDS=(pthview "$@"); '
                  'COMP_CWORD=$#; _pthview; printf "%s\\n" "${COMPREPLY[@]}"')
        done = subprocess.run(["bash", "-c", script, "bash", *words], cwd=self.folder, env=self.environment(),
                              capture_output=True, check=True, text=True)
        self.assertEqual(done.stderr, "")
        return done.stdout.splitlines()

    def test_verbs_and_files(self):
        self.assertIn("tree", self.complete("t"))
        self.assertIn("sample.pth", self.complete("info", "sam"))
        self.assertEqual(self.complete("tree", "--dep"), ["--depth"])

    def test_names_of_tensors_and_modules(self):
        self.assertEqual(self.complete("show", "sample.pth", "fc."), ["fc.weight", "fc.bias"][::-1])
        self.assertIn("layer1.0", self.complete("tree", "sample.pth", "layer1"))
        self.assertIn("optimizer", self.complete("list", "sample.pth", "--part", "o"))

    def test_names_are_quoted_for_the_shell(self):
        for word in self.complete("show", "nasty.pth", ""):
            done = subprocess.run(["bash", "-c", f"printf %s {word}"], capture_output=True, check=True)
            self.assertEqual(done.stderr, b"", word)


class Installed(unittest.TestCase):
    def test_scripts_parse(self):
        for shell in ("bash", "zsh", "fish"):
            script = subprocess.run([OPTIONS.pthview, "completion", shell], capture_output=True, check=True).stdout
            if shutil.which(shell):
                subprocess.run([shell, "-n"], input=script, check=True)

    @unittest.skipUnless(shutil.which("groff"), "no groff")
    def test_the_man_page_has_no_errors(self):
        page = subprocess.run([OPTIONS.pthview, "--man"], capture_output=True, check=True).stdout
        done = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-P-cbou"], input=page, capture_output=True, check=True)
        self.assertEqual(done.stderr, b"")
        self.assertIn(b"--no-pager", done.stdout.replace("\u2010".encode(), b"-"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pthview", required=True)
    options, rest = parser.parse_known_args(namespace=OPTIONS)
    options.pthview = str(pathlib.Path(options.pthview).resolve())
    unittest.main(argv=[sys.argv[0]] + rest)


if __name__ == "__main__":
    main()
