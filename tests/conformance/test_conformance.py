#!/usr/bin/env python3
"""pthview against torch on every fixture: PYTHON test_conformance.py --pthview BIN --fixtures DIR [unittest arguments]

PYTHON has torch; DIR is what make_fixtures.py made. Each file's rows of `list --json --all --hash` must be what
torch.load gives.
"""
import argparse
import pathlib
import sys
import unittest

import compare
import expected
import independent_reader
import runner

ARGS = argparse.Namespace()
SECONDS = 60  # of a run, sanitizers included
# Forms of before 0.4, which do not say requires_grad: torch makes it False, pthview says null.
SAY_NO_REQUIRES_GRAD = ("old_forms", "old_tar", "python2")


class Fixture(unittest.TestCase):
    """One file. Its tests are added by add_tests."""

    def check(self, file, expected_rows):
        result = runner.run([ARGS.pthview, "list", "--json", "--all", "--hash", ARGS.fixtures / file], SECONDS)
        wrong = runner.complaints(result, codes=(0,), megabytes=4096)
        if wrong:
            self.fail("\n".join([file, *wrong]))
        document = runner.parse(result)
        self.assertEqual(document.get("schema"), "pthview.list/1")
        self.assertEqual(pathlib.Path(document["file"]).name, file)
        # Nothing is wrong with a file that torch wrote: whatever is found beyond notes is a misreading.
        self.assertEqual([finding for finding in document["findings"] if finding["severity"] != "info"], [])
        rows = expected_rows()
        if file.startswith(SAY_NO_REQUIRES_GRAD):
            rows = [row | {"requires_grad": row.get("requires_grad") or None} for row in rows]
        found = compare.differences(rows, document["tensors"])
        if found:
            self.fail("\n  ".join([f"{file}: {len(found)} differences from torch", *found]))


class Reference(unittest.TestCase):
    """The independent reader, which the corpus is compared with, agrees with torch too."""

    def test_agrees_with_torch(self):
        for file, rows in expected.fixtures(ARGS.fixtures):
            with self.subTest(file):
                known = [row for row in rows() if row.keys() - {"path", "optional"}]
                self.assertEqual(compare.differences(independent_reader.rows_of(ARGS.fixtures / file), known), [])


def add_tests():
    for file, rows in expected.fixtures(ARGS.fixtures):
        name = "test_" + file.removesuffix(".pth").replace(".", "_")
        setattr(Fixture, name, lambda self, file=file, rows=rows: self.check(file, rows))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pthview", type=pathlib.Path, required=True)
    parser.add_argument("--fixtures", type=pathlib.Path, required=True)
    _, rest = parser.parse_known_args(namespace=ARGS)
    ARGS.pthview = ARGS.pthview.resolve()
    add_tests()
    unittest.main(argv=[sys.argv[0], *rest])
