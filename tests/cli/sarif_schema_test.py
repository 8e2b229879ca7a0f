#!/usr/bin/env python3
"""What `scan --sarif` writes against the schema of SARIF 2.1.0: PYTHON sarif_schema_test.py --pthview BIN --schema FILE

FILE is the schema as published (third_party/npm has a package with it). Scanned are the hostile files, one at a time
and all together, a sound file and one that is not there. Needs jsonschema.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

import jsonschema

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "conformance"))

import runner  # noqa: E402

OPTIONS = argparse.Namespace()
SEVERAL = 40  # a file each beyond these would say nothing new


class Schema(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        schema = json.loads(OPTIONS.schema.read_text(encoding="utf-8"))
        validator = jsonschema.validators.validator_for(schema)
        validator.check_schema(schema)
        cls.validator = validator(schema, format_checker=jsonschema.FormatChecker())
        cls.folder = tempfile.TemporaryDirectory()
        cls.files = pathlib.Path(cls.folder.name)
        make = HERE.parent / "fixtures"
        for script, out in (("make_hostile.py", "hostile"), ("make_sample.py", "sample.pth")):
            subprocess.run([sys.executable, make / script, cls.files / out], check=True, stdout=subprocess.DEVNULL)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def results(self, *arguments):
        log = json.loads(runner.run([OPTIONS.pthview, "scan", "--sarif", *arguments]).out)
        wrong = [
            f"{'/'.join(map(str, error.absolute_path))}: {error.message[:200]}"
            for error in self.validator.iter_errors(log)
        ]
        self.assertEqual([], wrong, arguments)
        return log["runs"][0]["results"]

    def test_the_schema_is_used(self):
        self.assertFalse(self.validator.is_valid({"version": "2.1.0"}))

    def test_sound_and_missing_files(self):
        self.assertEqual([], self.results(self.files / "sample.pth"))
        self.results(self.files / "missing.pth", self.files / "sample.pth")

    def test_every_kind_of_result(self):
        hostile = sorted(
            path for path in (self.files / "hostile").iterdir() if path.suffix == ".pth" and path.is_file())
        self.assertGreater(len({row["ruleId"] for row in self.results("--strict", *hostile)}), 10)
        for path in hostile[::max(1, len(hostile) // SEVERAL)]:
            self.results(path)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pthview", type=pathlib.Path, required=True)
    parser.add_argument("--schema", type=pathlib.Path, required=True)
    _, rest = parser.parse_known_args(namespace=OPTIONS)
    OPTIONS.pthview = OPTIONS.pthview.resolve()
    unittest.main(argv=[sys.argv[0], *rest])
