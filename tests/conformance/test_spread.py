#!/usr/bin/env python3
"""pthview on checkpoints that are not one torch.save file: PYTHON test_spread.py --pthview BIN --spread DIR [unittest
arguments]

DIR is what make_spread.py made. `list --json --all --hash` must give every tensor that was put in, and no other.
"""
import argparse
import json
import pathlib
import unittest

import paths
import runner

ARGS = argparse.Namespace()
SECONDS = 60


class Spread(unittest.TestCase):
    """One checkpoint. Its tests are added by add_tests."""

    def check(self, case):
        result = runner.run([ARGS.pthview, "list", "--json", "--all", "--hash", ARGS.spread / case["open"]], SECONDS)
        wrong = runner.complaints(result, codes=(0,), megabytes=4096)
        if wrong:
            self.fail("\n".join([case["name"], *wrong]))
        document = runner.parse(result)
        found = {
            paths.canonical(row["path"]): {key: row[key] for key in ("dtype", "shape", "sha256")
                                          } for row in document["tensors"]
        }
        # A name with other signs in it than dots and words stands in quotes.
        expected = {
            paths.canonical(path if path.startswith("[") else paths.join("", path)): facts
            for path, facts in case["tensors"].items()
        }
        self.maxDiff = None
        self.assertEqual(found, expected)
        self.assertEqual([row for row in document["findings"] if row["severity"] in ("error", "danger")], [])


def add_tests():
    for case in json.loads((ARGS.spread / "spread.json").read_text()):
        setattr(Spread, f"test_{case['name']}", lambda self, case=case: self.check(case))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pthview", type=pathlib.Path, required=True)
    parser.add_argument("--spread", type=pathlib.Path, required=True)
    _, rest = parser.parse_known_args(namespace=ARGS)
    ARGS.pthview = ARGS.pthview.resolve()
    add_tests()
    unittest.main(argv=["test_spread.py", *rest])
