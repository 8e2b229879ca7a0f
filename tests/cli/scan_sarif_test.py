#!/usr/bin/env python3
"""SARIF of `pthview scan`: scan_sarif_test.py --pthview BIN [unittest arguments]

What it says and where; sarif_schema_test.py compares its form with the published schema.
"""
import json
import unittest

from scan_world import DAMAGED, EVIL, GOOD, WORLD, main, set_up, tear_down, written, zipped
from scan_files import TRICKS, UNKNOWN
import runner


setUpModule, tearDownModule = set_up, tear_down


class Sarif(unittest.TestCase):
    def test_structure(self):
        evil = written("a b#ü.pth", zipped(("data.pkl", GOOD), ("DATA.PKL", EVIL)))
        result = runner.run([WORLD.pthview, "scan", "--sarif", evil, WORLD.folder / "sample.pth", WORLD.folder / "missing"])
        self.assertEqual(2, result.code)
        log = json.loads(result.out)
        self.assertEqual("2.1.0", log["version"])
        run, = log["runs"]
        driver = run["tool"]["driver"]
        self.assertEqual("pthview", driver["name"])
        self.assertRegex(driver["version"], r"^\d+\.\d+")
        self.assertFalse(run["invocations"][0]["executionSuccessful"])
        self.assertEqual(1, len(run["invocations"][0]["toolExecutionNotifications"]))
        self.assertEqual(2, len(run["artifacts"]))
        ids = [rule["id"] for rule in driver["rules"]]
        self.assertEqual(len(ids), len(set(ids)))
        for row in run["results"]:
            self.assertEqual(ids[row["ruleIndex"]], row["ruleId"])
            self.assertIn(row["level"], ("none", "note", "warning", "error"))
            self.assertTrue(row["message"]["text"])
            for location in row["locations"]:
                place = location["physicalLocation"]
                uri = place["artifactLocation"]["uri"]
                self.assertRegex(uri, r"^[A-Za-z0-9._~/%-]+$")
                self.assertEqual(uri, run["artifacts"][place["artifactLocation"]["index"]]["location"]["uri"])
        rows = {row["ruleId"]: row for row in run["results"]}
        self.assertLessEqual({"dangerous-code", "zip-case-twins"}, set(rows))
        place = rows["dangerous-code"]["locations"][0]
        self.assertEqual("archive/DATA.PKL", place["logicalLocations"][0]["fullyQualifiedName"])
        at = place["physicalLocation"]["region"]["byteOffset"]
        self.assertEqual(b"cos\nsystem\n", evil.read_bytes()[at:at + 11])
        self.assertEqual("error", rows["dangerous-code"]["level"])

    def test_strict_raises_the_level(self):
        path = written("unknown.pth", UNKNOWN["class"][0])
        for options, level in ((), "warning"), (("--strict",), "error"):
            log = json.loads(runner.run([WORLD.pthview, "scan", "--sarif", *options, path]).out)
            self.assertEqual([level], [row["level"] for row in log["runs"][0]["results"]])

    def test_verdict(self):
        for name, data in ("partial", DAMAGED), ("tricks", TRICKS["climbs"][0]), ("data", GOOD):
            log = json.loads(runner.run([WORLD.pthview, "scan", "--sarif", written("verdict.pth", data)]).out)
            run, = log["runs"]
            self.assertEqual([name], [row["properties"]["verdict"] for row in run["artifacts"]])
            self.assertEqual(name != "data", "error" in [row["level"] for row in run["results"]])

    def test_excludes_json(self):
        self.assertEqual(2, runner.run([WORLD.pthview, "scan", "--sarif", "--json", WORLD.folder / "sample.pth"]).code)


if __name__ == "__main__":
    main(__doc__)
