#!/usr/bin/env python3
"""Bombs and padding: scan_limits_test.py --pthview BIN [--sanitized] [unittest arguments]

Little on disk, millions of opcodes: `pthview scan` ends soon, takes little memory, and says what it did not look at.
"""
import gzip
import io
import json
import struct
import unittest
import zipfile

from scan_world import (CALL, DAMAGED, EVIL, GOOD, MEGABYTES, WORLD, main, names, packed, scan, set_up, tarred,
                        tear_down, written, zipped)
import pickle_ops as op
import runner


setUpModule, tearDownModule = set_up, tear_down


def far_names():
    """Names from the memo in an order in which each has to be unpacked again."""
    skip = op.bytes_(bytes(60_000)) + op.POP
    texts = (b"\x8c\x06m%05dr" % i + struct.pack("<I", i) + op.POP + skip for i in range(3000))
    used = ((i * factor % 3000 for factor in (1777, 991)) for i in range(3000))
    return packed(*texts, *(b"".join(b"j" + struct.pack("<I", i) for i in pair) + b"\x930" for pair in used), b"N.")


def several(count, opcode, times):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as target:
        for i in range(count):
            target.writestr(f"archive/{i}.pkl", b"\x80\x02" + opcode * times + b".")
        target.writestr("archive/z.pkl", EVIL)
    return out.getvalue()


def numbered(form, count):
    return (form % i for i in range(count))


# name -> (file, code of the finding that says that not all was looked at). Little on disk, millions of opcodes.
LIMITED = {
    "marks": (lambda: packed((b"(", 60_000_000), b"."), "scan-limit"),
    "marks_gzip": (lambda: gzip.compress(b"\x80\x02" + b"(" * 40_000_000 + b".", 1, mtime=0), "scan-limit"),
    "marks_beyond_what_may_be_unpacked": (lambda: packed((b"(", 300_000_000), b"."), "scan-limit"),
    "lists": (lambda: packed(b"](", (b"]", 60_000_000), b"e."), "scan-limit"),
    "memo": (lambda: packed((b"}\x94", 30_000_000), b"."), "scan-limit"),
    "memo_from_above": (lambda: packed(b"N", *(b"r" + struct.pack("<I", 4_000_000_000 - i) for i in range(250_000)),
                                       (b"j\0\0\0\0)R0", 1), b"."), "scan-limit"),
    "tuples": (lambda: packed(b"cm\nx\n", (b"\x85", 60_000_000), b"."), "scan-limit"),
    "extensions": (lambda: packed((b"\x82\x05", 5_000_000), b"."), "scan-limit"),
    "names": (lambda: packed(*numbered(b"cm%d\nx\n0", 100_000), b"N."), "scan-names"),
    "long_names": (lambda: packed(*numbered(b"cm." + b"\x01" * 900 + b"%d\nx\n0", 100_000), b"N."), "scan-names"),
    "far_names": (far_names, None),
    "padding": (lambda: packed((b"N0", 139_000_000), CALL, b"."), "scan-limit"),
    "may_begin_anywhere":
        (lambda: tarred(sys_info=GOOD, pickle=GOOD, storages=b"c" * 10_000_000, tensors=GOOD), "scan-limit"),
    "callee_under_3_million_values":
        (lambda: packed(op.global_("mine", "call"), b"(", (b"N", 3_000_000), b"t", b"R."), "scan-limit"),
    "damaged": (lambda: DAMAGED, "scan-pickle"),
}


class Limits(unittest.TestCase):
    def test_said_and_no_verdict_of_data(self):
        for name, (make, want) in LIMITED.items():
            with self.subTest(name):
                run = runner.run([WORLD.pthview, "scan", "--json", written("limited.pth", make())])
                if not WORLD.sanitized:
                    self.assertEqual([], runner.complaints(run, (1,), MEGABYTES))
                row = json.loads(run.out)["files"][0]
                self.assertIn(row["verdict"], ("partial", "dangerous") if want is None else ("partial",))
                self.assertIn(want or "scan-limit", [finding["code"] for finding in row["findings"]])
                self.assertGreater(row["counts"]["unread"], 0)

    def test_text(self):
        """The limit is named with its number."""
        out = runner.run([WORLD.pthview, "scan", written("limited.pth", LIMITED["lists"][0]())]).out.decode()
        self.assertIn(": nothing but data is named in the part that could be looked at; 1 part could not be, ", out)
        self.assertRegex(out, r"Looked at up to byte \d{8} only: \d{8} opcodes")

    def test_what_was_found_before_is_reported(self):
        code, row = scan(written("before.pth", packed(CALL, (b"N", 60_000_000), b".")))
        self.assertEqual((1, "dangerous"), (code, row["verdict"]))
        self.assertEqual({"os.system"}, names(row, "dangerous"))

    def test_padding_hides_nothing(self):
        """The stack forgets its bottom, not what comes after it."""
        for pad in (b"(", b"N", b"}\x94", b"h\0\x85"):
            data = packed(op.global_("mine", "x"), b"q\0", (pad, 5_000_000), CALL, b".")
            code, row = scan(written("padded.pth", data))
            self.assertEqual((1, {"os.system"}), (code, names(row, "dangerous")), pad)
            self.assertEqual("REDUCE", next(use["call"] for use in row["code"] if use["name"] == "system"))

    def test_a_bomb_leaves_something_for_what_stands_behind_it(self):
        row = scan(written("behind.pth", several(3, b"(", 40_000_000)))[1]
        self.assertEqual({"os.system"}, names(row, "dangerous"))

    def test_large_is_no_bomb(self):
        """Three million opcodes that are there."""
        pickle = op.pickle(op.EMPTY_LIST, b"(", b"N" * 3_000_000, b"e")
        for compression in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            code, row = scan(written("large.pth", zipped(("data.pkl", pickle), compression=compression)), "--strict")
            self.assertEqual((0, "data", 0), (code, row["verdict"], row["counts"]["unread"]), row)


if __name__ == "__main__":
    main(__doc__)
