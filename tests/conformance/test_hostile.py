#!/usr/bin/env python3
"""pthview on broken and hostile files: PYTHON test_hostile.py --pthview BIN --hostile DIR [--megabytes N] [unittest
arguments]

DIR is what make_hostile.py made. However bad the file, every verb ends by itself, soon, in little memory, with one
clear error or with findings; nothing that a file names is run.
"""
import argparse
import json
import pathlib
import sys
import tempfile
import unittest

import runner

ARGS = argparse.Namespace()
SECONDS = 20
VERBS = (["list", "--json", "--all"], ["info", "--json"], ["list"], ["tree"], ["show"])


def run(verb, file, cwd):
    name = ["good"] if verb == ["show"] else []
    return runner.run([ARGS.pthview, *verb, (ARGS.hostile / file).resolve(), *name], SECONDS, cwd)


class Hostile(unittest.TestCase):
    """One file. Its tests are added by add_tests."""

    def check(self, file, want):
        wrong = []
        with tempfile.TemporaryDirectory() as cwd:
            for verb in VERBS:
                result = run(verb, file, cwd)
                codes = {"error": (2,), "findings": (0,), "any": (0, 2)}[want["expect"]]
                if verb == ["show"]:
                    codes = (0, 1, 2)
                label = " ".join(verb)
                wrong += [f"{label}: {line}" for line in runner.complaints(result, codes, ARGS.megabytes)]
                if verb == VERBS[0] and result.code in (0, 2):
                    wrong += [f"{label}: {line}" for line in self.said(file, want, result)]
            left = [str(path) for path in pathlib.Path(cwd).iterdir()]
            if left:
                wrong.append(f"left files behind: {left}")
        if wrong:
            self.fail("\n  ".join([file, *wrong]))

    def said(self, file, want, result):
        """Whether the right thing is said where the user sees it."""
        mention = want["mention"]
        if result.code == 2:
            err = result.err.decode("utf-8", "replace")
            if file not in err:
                yield f"the error does not name the file: {err!r}"
            if mention and want["expect"] == "error" and mention not in err:
                yield f"the error does not say {mention!r}: {err!r}"
            return
        document = runner.parse(result)
        if want["good"] and not any(row["name"] == "good" or row["path"].endswith("good")
                                    for row in document["tensors"]):
            yield "the whole tensor 'good' is not listed"
        if mention and want["expect"] == "findings" and not any(mention in json.dumps(f) for f in document["findings"]):
            yield f"no finding says {mention!r}: {json.dumps(document['findings'])[:400]}"


def add_tests():
    for file, want in json.loads((ARGS.hostile / "hostile.json").read_text()).items():
        name = "test_" + file.removesuffix(".pth").replace(".", "_")
        setattr(Hostile, name, lambda self, file=file, want=want: self.check(file, want))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pthview", type=pathlib.Path, required=True)
    parser.add_argument("--hostile", type=pathlib.Path, required=True)
    parser.add_argument("--megabytes", type=int, default=512, help="limit of memory (sanitizers need more)")
    _, rest = parser.parse_known_args(namespace=ARGS)
    ARGS.pthview = ARGS.pthview.resolve()
    add_tests()
    unittest.main(argv=[sys.argv[0], *rest])
