#!/usr/bin/env python3
"""pthview on files that hold a program: PYTHON test_programs.py --pthview BIN --programs DIR [unittest arguments]

DIR is what make_programs.py made. `list --json --all --hash` must give every tensor that torch has, of its kind, and no
other; `info --json` must name the format and the operators.
"""
import argparse
import json
import pathlib
import unittest

import independent_reader
import paths
import runner

ARGS = argparse.Namespace()
SECONDS = 60


class Programs(unittest.TestCase):
    """One file. Its tests are added by add_tests."""

    def run_json(self, *arguments):
        return runner.json_of([ARGS.pthview, *arguments], SECONDS)

    def check(self, case):
        document = self.run_json("list", "--json", "--all", "--hash", ARGS.programs / case["open"])
        self.maxDiff = None
        self.assertEqual(document["format"], case["format"])
        found = {paths.canonical(row["path"]): row for row in document["tensors"]}
        expected = {paths.canonical(path): facts for path, facts in case["tensors"].items()}
        self.assertEqual(sorted(found), sorted(expected))
        compared = {path: {key: found[path].get(key) for key in facts} for path, facts in expected.items()}
        if case.get("unordered"):
            as_set = lambda rows: sorted(json.dumps(row, sort_keys=True) for row in rows.values())
            self.assertEqual(as_set(compared), as_set(expected))
        else:
            self.assertEqual(compared, expected)
        # What a writer left out on purpose, as the inputs of a trace, is no error; a danger is none of reading.
        self.assertEqual([row for row in document["findings"] if row["severity"] in ("warning", "error")], [])
        if "not_persistent" in case:
            left_out = [row["path"] for row in document["tensors"] if not row.get("persistent", True)]
            self.assertEqual(sorted(left_out), case["not_persistent"])
        if "operators" in case:
            metadata = json.dumps(self.run_json("info", "--json", ARGS.programs / case["open"]))
            for operator in case["operators"]:
                self.assertIn(operator, metadata)


class Reference(unittest.TestCase):
    """The independent reader, which the corpus is compared with, agrees with torch too."""

    def test_agrees_with_torch(self):
        for case in json.loads((ARGS.programs / "programs.json").read_text()):
            if case["format"] == "mobile-flatbuffer":  # no zip
                continue
            with self.subTest(case["name"]):
                rows = independent_reader.rows_of(ARGS.programs / case["open"])
                expected = [facts for facts in case["tensors"].values() if "sha256" in facts]
                key = lambda row: (row["sha256"], row["dtype"], row["shape"])
                self.assertEqual(sorted(key(row) for row in rows if "sha256" in row), sorted(map(key, expected)))


def add_tests():
    for case in json.loads((ARGS.programs / "programs.json").read_text()):
        setattr(Programs, f"test_{case['name']}", lambda self, case=case: self.check(case))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pthview", type=pathlib.Path, required=True)
    parser.add_argument("--programs", type=pathlib.Path, required=True)
    _, rest = parser.parse_known_args(namespace=ARGS)
    ARGS.pthview = ARGS.pthview.resolve()
    add_tests()
    unittest.main(argv=["test_programs.py", *rest])
