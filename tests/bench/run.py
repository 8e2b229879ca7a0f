#!/usr/bin/env python3
"""Benchmarks of pthview side by side with its peers: prints Markdown tables.

  run.py [--pthview BIN] [--only THEME]... [--format NAME]... [--quick] [--cache DIR] [--update]

Nothing here passes or fails a test: a goal that is not reached is said in its row. How it is measured: measure.py and
README.md.
"""
import argparse
import importlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from files import Cache
from measure import Failed

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
THEMES = ("start", "list", "many", "query", "formats", "graph", "convert", "archive", "stats", "serve")


class Bench:
    """What the themes share: the programs, the files, and how often to run."""

    def __init__(self, args):
        self.pthview = str(pathlib.Path(args.pthview).resolve())
        self.quick = args.quick
        self.files = Cache(args.cache)
        self.formats = args.format
        # Debian's own Python, whatever stands first on the PATH: a version manager's wrapper would cost more than it.
        self.python = "/usr/bin/python3" if pathlib.Path("/usr/bin/python3").exists() else sys.executable
        self.script = str(HERE / "peer_script.py")
        torch = ROOT / ".deps" / "venv" / "bin" / "python"
        self.torch = str(torch) if torch.exists() else None
        self.torch_script = str(HERE / "peer_torch.py")
        self.node = shutil.which("node") if (ROOT / ".deps" / "npm" / "node_modules").exists() else None
        self.netron = args.netron or (self.fetch_netron() if "serve" in args.only else None)

    def runs(self, count):
        return max(3, count // 5) if self.quick else count

    def fetch_netron(self):
        """Netron's whole wheel as pinned. What the build keeps of it lacks Netron's own server."""
        wheel = next(self.files.folder.glob("netron-*.whl"), None)
        if wheel is None and self.torch:
            pin = re.search(r"^netron==.*$", (ROOT / "third_party" / "requirements-build.txt").read_text(), re.M)
            pins = self.files.folder / "netron.txt"
            pins.write_text(pin[0] + "\n")
            subprocess.run([self.torch, "-m", "pip", "download", "-q", "--no-deps", "--require-hashes", "-d",
                            self.files.folder, "-r", pins], check=False)
            wheel = next(self.files.folder.glob("netron-*.whl"), None)
        return wheel


def update(theme, text):
    """Puts a theme's tables between its two marks in README.md."""
    readme = HERE / "README.md"
    begin, end = f"<!-- {theme} -->\n", f"<!-- /{theme} -->\n"
    before, rest = readme.read_text().split(begin)
    readme.write_text(before + begin + text + end + rest.split(end)[1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pthview", default=ROOT / "build" / "bin" / "pthview", help="the program to measure")
    parser.add_argument("--only", action="append", choices=THEMES, help="one theme; repeatable")
    parser.add_argument("--format", action="append", help="one row of the theme `formats`; repeatable")
    parser.add_argument("--quick", action="store_true", help="fewer runs, and without the largest files")
    parser.add_argument("--cache", default=pathlib.Path(tempfile.gettempdir()) / "pthview-bench",
                        help="where the files are kept (16 GB free; default: a folder in the temporary folder)")
    parser.add_argument("--update", action="store_true", help="write the measured themes' tables into README.md")
    parser.add_argument("--netron", help="Netron's wheel (default: fetched as pinned)")
    args = parser.parse_args()
    args.only = args.only or THEMES
    if not pathlib.Path(args.pthview).exists():
        parser.error(f"no {args.pthview}; build it, or name one with --pthview")
    bench = Bench(args)
    failed = False
    load = os.getloadavg()[0]
    if load > 0.5:
        print(f"run.py: other programs are busy (load {load:.1f}): times will be too long", file=sys.stderr)
    for theme in THEMES:
        if theme in args.only:
            try:
                text = importlib.import_module(theme).run(bench)
            except (Failed, subprocess.CalledProcessError, RuntimeError) as error:
                failed = True
                print(f"### {theme}\n\nfailed: {error}\n", flush=True)
                continue
            print(text, flush=True)
            if args.update:
                update(theme, text)
    return failed


if __name__ == "__main__":
    sys.exit(main())
