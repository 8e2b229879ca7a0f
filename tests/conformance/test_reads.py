#!/usr/bin/env python3
"""Opening never touches weights: PYTHON test_reads.py --pthview BIN [unittest arguments]

The same checkpoint is made in each format with small and with ten times larger tensors, and listed. The kernel counts
what was read and which mapped pages were touched (tests/bench/measure.py): it must be as much for both. Formats whose
writer needs torch are left out without it.
"""
import argparse
import importlib.util
import pathlib
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "fixtures"), str(HERE.parent / "bench")]

import make_formats  # noqa: E402
import measure  # noqa: E402

OPTIONS = argparse.Namespace()
TENSORS = 300
SMALL, LARGE = 8 << 10, 80 << 10
SLACK = 64 << 10  # bytes: a file's end is read in blocks
PACKED = ("gzip", "xz")  # unpacked from the first byte to the last
NEEDS_TORCH = ("flatbuffer",)


class Reads(unittest.TestCase):
    """One format. Its tests are added below."""

    def check(self, kind):
        if kind in NEEDS_TORCH and importlib.util.find_spec("torch") is None:
            self.skipTest("its writer needs torch")
        read = {}
        with tempfile.TemporaryDirectory() as folder:
            for nbytes in (SMALL, LARGE):
                out = pathlib.Path(folder).resolve() / str(nbytes)
                out.mkdir()
                path = make_formats.FORMATS[kind](make_formats.Content(TENSORS, nbytes), out)
                read[nbytes] = measure.at_the_end([str(OPTIONS.pthview), "list", "--json", "--all",
                                                   str(path)], lambda pid: measure.bytes_read(pid, folder))
        self.assertGreater(read[SMALL], 10_000, "nothing was counted")
        self.assertLess(read[LARGE], 1.1 * read[SMALL] + SLACK, read)
        self.assertLess(read[LARGE], TENSORS * LARGE / 4, read)


for name in make_formats.FORMATS:
    if name not in PACKED:
        setattr(Reads, f"test_{name}", lambda self, name=name: self.check(name))

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pthview", type=pathlib.Path, required=True)
    _, rest = parser.parse_known_args(namespace=OPTIONS)
    OPTIONS.pthview = OPTIONS.pthview.resolve()
    unittest.main(argv=[sys.argv[0], *rest])
