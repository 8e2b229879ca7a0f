#!/usr/bin/env python3
"""Tests of `pthview scan`: scan_test.py --pthview BIN [--corpus DIR] [unittest arguments]

Files that would run something are written here opcode by opcode (nothing here unpickles them), in each of the wrappings
and tricks that keep scanners out; each must be found, with its place. Python's pickletools, which executes nothing, is
asked what the pickles name.
"""
import argparse
import bz2
import gzip
import io
import json
import lzma
import pathlib
import pickletools
import re
import shutil
import struct
import subprocess
import sys
import tarfile
import tempfile
import unittest
import zipfile
import zlib

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "fixtures"), str(HERE.parent / "conformance")]

import hostile_containers  # noqa: E402
import pickle_ops as op  # noqa: E402
import runner  # noqa: E402
from torch_format import Storage, Tensor, legacy_header, save  # noqa: E402

OPTIONS = argparse.Namespace(pthview=None, corpus=None)
FOLDER = None
SYSTEM = ("os", "system")
COMMAND = op.unicode_("touch PTHVIEW_WAS_HERE")
CALL = op.reduce_(op.global_(*SYSTEM), COMMAND)
EVIL = op.pickle(CALL)
GOOD = op.pickle(op.str_dict([("a", op.int_(1))]))
MEGABYTES = 256
LONGEST = 1024  # bytes that scan keeps of a name


def setUpModule():
    global FOLDER
    FOLDER = pathlib.Path(tempfile.mkdtemp(prefix="pthview-scan-"))
    make = HERE.parent / "fixtures"
    for script, out in (("make_hostile.py", "hostile"), ("make_sample.py", "sample.pth")):
        subprocess.run([sys.executable, make / script, FOLDER / out], check=True, stdout=subprocess.DEVNULL)


def tearDownModule():
    shutil.rmtree(FOLDER)


def hostile():
    return sorted(path for path in (FOLDER / "hostile").iterdir() if path.is_file() and path.suffix == ".pth")


def written(name, data):
    path = FOLDER / name
    path.write_bytes(data)
    return path


def scan(path, *options):
    """(exit code, the row of `files`)."""
    result = runner.run([OPTIONS.pthview, "scan", "--json", *options, path])
    return result.code, json.loads(result.out)["files"][0]


def names(row, judgement=None):
    return {f"{use['module']}.{use['name']}" if use["module"] else use["name"]
            for use in row["code"] if judgement in (None, use["judgement"])}


def zipped(*records, compression=zipfile.ZIP_STORED, prefix="archive/"):
    return hostile_containers.plain_zip(list(records), compression, prefix)


def tarred(**members):
    return hostile_containers.tar(**members)


def old_tar():
    """torch before 0.1.10, whose storages stand between pickles; the second of them is evil."""
    storage = op.pickle(op.tuple_(op.int_(0), op.unicode_("cpu"), op.global_("torch", "FloatStorage")))
    storages = op.pickle(op.int_(2)) + storage + struct.pack("<q2f", 2, 1.0, 2.0) + EVIL + struct.pack("<q", 0)
    return tarred(sys_info=GOOD, pickle=GOOD, storages=storages, tensors=op.pickle(op.int_(0)))


def numpy_objects():
    header = b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }".ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + EVIL


def named_zip(change):
    """A zip with an evil data.pkl, `change`d."""
    good = hostile_containers.zip_file([("data.pkl", EVIL), ("version", b"3\n")])
    return change(good, hostile_containers.central(good, b"data.pkl"))


def patch(at, fmt, *values):
    return lambda data, entry: hostile_containers.patched(data, entry + at, fmt, *values)


def hidden_record():
    """A local header, with its data, that the central directory does not list."""
    hidden = zipped(("hidden.pkl", EVIL))
    hidden = hidden[:hidden.index(hostile_containers.CENTRAL)]
    whole = zipped(("data.pkl", GOOD), ("version", b"3\n"))
    end = whole.rindex(hostile_containers.END)
    start = whole.index(hostile_containers.CENTRAL)
    offset, = struct.unpack_from("<I", whole, end + 16)
    moved = hostile_containers.patched(whole, end + 16, "<I", offset + len(hidden))
    return moved[:start] + hidden + moved[start:]


def padded():
    """An evil pickle in front of a gigabyte that it does not read, in a megabyte."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    zeros, _ = hostile_containers.zeros_deflated(1 << 30)
    packed = packer.compress(EVIL) + packer.flush(zlib.Z_FULL_FLUSH) + zeros
    return hostile_containers.deflated_record(b"data.pkl", packed, 1, (1 << 30) + len(EVIL), [("version", b"3\n")])


def deflated(data):
    packer = zlib.compressobj(1, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


def recorded(name, packed, *others):
    """A zip with a deflated record, whose size and checksum are wrong."""
    return hostile_containers.deflated_record(name, packed, 1, 1, list(others) or [("version", b"3\n")])


def behind_a_bomb():
    zeros, _ = hostile_containers.zeros_deflated(1 << 30)
    return recorded(b"data.pkl", zeros, ("weights", gzip.compress(op.pickle(op.bytes_(bytes(5000)), op.POP, CALL))))


def latin1(data):
    return op.reduce_(op.global_("_codecs", "encode"), op.unicode_(data.decode("latin-1")), op.unicode_("latin1"))


def load_from_bytes(data):
    return op.pickle(op.reduce_(op.global_("torch.storage", "_load_from_bytes"), data), protocol=3)


def getattr_of(thing, name):
    return op.reduce_(op.global_("__builtin__", "getattr"), thing, op.unicode_(name))


# name -> (file, a dangerous name that must be found)
FOUND = {
    # how a name is put together
    "global": (EVIL, "os.system"),
    "protocol_0": (b"cposix\nsystem\n(S'true'\ntR.", "posix.system"),
    "inst": (b"(S'true'\nios\nsystem\n.", "os.system"),
    "obj": (op.pickle(op.MARK, op.global_(*SYSTEM), COMMAND, b"o"), "os.system"),
    "stack_global": (op.pickle(op.reduce_(op.stack_global(*SYSTEM), COMMAND), protocol=4), "os.system"),
    "stack_global_by_memo":
        (op.pickle(op.unicode_("os"), op.put(0), op.POP, op.unicode_("system"), op.put(1), op.POP, op.get(0), op.get(1),
                   b"\x93", op.tuple_(COMMAND), op.REDUCE, protocol=4), "os.system"),
    "stack_global_by_string":
        (b"S'\\x6f\\163'\nS'system'\n\x93(S'true'\ntR.", "os.system"),
    "stack_global_by_unicode_line": (b"V\\u006fs\nVsystem\n\x93(S'true'\ntR.", "os.system"),
    "stack_global_far_memo":
        (op.pickle(op.unicode_("os"), b"r\xff\xff\xff\xff", op.POP, op.unicode_("x" * 3_000_000), op.POP,
                   b"j\xff\xff\xff\xff", op.unicode_("system"), b"\x93", op.tuple_(COMMAND), op.REDUCE, protocol=4),
         "os.system"),
    "dotted": (op.pickle(op.reduce_(op.stack_global("torch", "os.system"), COMMAND), protocol=4), "torch.os.system"),
    "module_of_a_module": (op.pickle(op.global_("linecache_of_mine", "os")), "linecache_of_mine.os"),
    "getattr": (op.pickle(op.reduce_(getattr_of(op.global_("torch", "serialization"), "os.system"), COMMAND)),
                "torch.serialization.os.system"),
    "getattr_of_a_result":
        (op.pickle(op.reduce_(getattr_of(op.reduce_(op.global_("mine", "module")), "system"), COMMAND)),
         "mine.module().system"),
    "computed_name":
        (op.pickle(op.reduce_(op.global_("builtins", "str"), op.unicode_("os")), op.unicode_("system"), b"\x93",
                   protocol=4), "?.system"),
    "build_on_a_class":
        (op.pickle(op.build(op.global_("torch", "Tensor"), op.str_dict([("x", op.int_(1))]))), "torch.Tensor"),
    "newobj": (op.pickle(op.global_("subprocess", "Popen"), op.tuple_(COMMAND), b"\x81"), "subprocess.Popen"),
    "name_of_a_megabyte": (op.pickle(op.global_("os.path." * 100_000, "x")), None),
    # published ways around lists
    "pip": (op.pickle(op.reduce_(op.global_("pip", "main"), COMMAND)), "pip.main"),
    "submodule": (op.pickle(op.global_("asyncio.unix_events", "_UnixSubprocessTransport._start")), None),
    "torch_config": (op.pickle(op.global_("torch.utils._config_module", "load_config")), None),
    "runstring": (op.pickle(op.global_("numpy.testing._private.utils", "runstring")), None),
    # where it stands
    "second_pickle": (GOOD + EVIL, "os.system"),
    "third_pickle": (GOOD + GOOD + EVIL, "os.system"),
    "broken_behind": (op.pickle(CALL, b"\xff"), "os.system"),
    "cut_behind": (EVIL[:-1], "os.system"),
    "refused_before": (op.pickle(op.EMPTY_LIST, op.int_(1), op.int_(2), op.SETITEM, op.POP, CALL), "os.system"),
    "underflow_before": (op.pickle(op.APPEND, CALL), "os.system"),
    "legacy_object": (legacy_header(EVIL, []), "os.system"),
    "legacy_magic": (EVIL + legacy_header(GOOD, []), "os.system"),
    "legacy_keys": (legacy_header(GOOD, [])[:-len(op.pickle(op.EMPTY_LIST))] + EVIL, "os.system"),
    "legacy_behind": (legacy_header(GOOD, []) + EVIL, "os.system"),
    "bytes": (op.pickle(op.bytes_(EVIL), protocol=3), "os.system"),
    "load_from_bytes": (load_from_bytes(op.bytes_(legacy_header(EVIL, []))), "os.system"),
    "load_from_bytes_zip": (load_from_bytes(op.bytes_(zipped(("data.pkl", EVIL)))), "os.system"),
    "load_from_bytes_latin1": (load_from_bytes(latin1(legacy_header(EVIL, []))), "os.system"),
    "bytes_in_bytes": (op.pickle(op.bytes_(op.pickle(op.bytes_(EVIL), protocol=3)), protocol=3), "os.system"),
    "zip_data_pkl": (zipped(("data.pkl", EVIL)), "os.system"),
    "zip_constants_pkl": (zipped(("data.pkl", GOOD), ("constants.pkl", EVIL)), "os.system"),
    "zip_record_without_a_name": (zipped(("data.pkl", GOOD), ("data/7", EVIL)), "os.system"),
    "zip_deflated": (zipped(("data.pkl", EVIL), compression=zipfile.ZIP_DEFLATED), "os.system"),
    "zip_in_zip": (zipped(("model.pt", zipped(("data.pkl", EVIL)))), "os.system"),
    "zip_padded": (padded(), "os.system"),
    "gzip": (gzip.compress(EVIL, mtime=0), "os.system"),
    "gzip_of_zip": (gzip.compress(zipped(("data.pkl", EVIL)), mtime=0), "os.system"),
    "zip_record_of_empty_blocks": (recorded(b"data/7", b"\0\0\0\xff\xff" * 2000 + deflated(EVIL)), "os.system"),
    "zip_record_behind_a_bomb": (behind_a_bomb(), "os.system"),
    "tar_behind_100_mb_in_a_record": (zipped(("model", tarred(a=bytes(100 << 20), b=EVIL)),
                                             compression=zipfile.ZIP_DEFLATED), "os.system"),
    "tar_gz_cut_behind_100_mb": (gzip.compress(tarred(a=bytes(100 << 20), b=EVIL), 1, mtime=0)[:-9], "os.system"),
    "tar_xz_broken_behind_100_mb":
        (hostile_containers.patched(lzma.compress(tarred(a=bytes(100 << 20), b=EVIL), preset=0) +
                                    lzma.compress(EVIL), -60, "<B", 0x55), "os.system"),
    "tar_in_record_cut_behind_100_mb":
        (recorded(b"model", deflated(tarred(a=bytes(100 << 20), b=EVIL))[:-9]), "os.system"),
    "gzip_cut": (gzip.compress(EVIL + bytes(1000), mtime=0)[:-9], "os.system"),
    "xz": (lzma.compress(EVIL), "os.system"),
    "tar": (tarred(weights=EVIL), "os.system"),
    "tar_gz_of_zip": (gzip.compress(tarred(**{"model.pth": zipped(("data.pkl", EVIL))}), mtime=0), "os.system"),
    "tar_gz_behind_100_mb": (gzip.compress(tarred(a=bytes(100 << 20), b=EVIL), 1, mtime=0), "os.system"),
    "gzip_in_cut_gzip": (gzip.compress(gzip.compress(EVIL, mtime=0) + bytes(1000), mtime=0)[:-9], "os.system"),
    "xz_cut": (lzma.compress(EVIL + bytes(1000))[:-9], "os.system"),
    "xz_broken": (lzma.compress(EVIL) + lzma.compress(b"x" * 1000)[:40] + bytes(400), "os.system"),
    "old_tar": (old_tar(), "os.system"),
    "numpy_objects": (numpy_objects(), "os.system"),
    "npz": (zipped(("a.npy", numpy_objects()), prefix=""), "os.system"),
    # what archives say about themselves
    "encrypted_flag": (named_zip(patch(8, "<H", 0x0809)), "os.system"),
    "crc_lie": (named_zip(patch(16, "<I", 0x12345678)), "os.system"),
    "method_lie": (named_zip(patch(10, "<H", 8)), "os.system"),
    "overlap": (named_zip(patch(20, "<II", len(EVIL) + 200, len(EVIL) + 200)), "os.system"),
    "twins": (zipped(("data.pkl", GOOD)), None),  # replaced below: zipfile warns
    "case_twins": (zipped(("data.pkl", GOOD), ("DATA.PKL", EVIL)), "os.system"),
    "local_name_differs": (zipped(("data.pkl", EVIL)).replace(b"archive/data.pkl", b"archive/readme.1", 1), "os.system"),
    "not_in_the_directory": (hidden_record(), "os.system"),
    "pickle_before_zip": (EVIL + zipped(("data.pkl", GOOD)), "os.system"),
    "zip_before_zip": (zipped(("data.pkl", EVIL)) + zipped(("data.pkl", GOOD)), "os.system"),
    "no_end_record": (zipped(("data.pkl", EVIL))[:-10], "os.system"),
    # TorchScript
    "torchscript_save":
        (zipped(("code/__torch__/m.py", b"def forward(self, x):\n  ops.aten.save(x, \"/tmp/x\")\n"),
                ("constants.pkl", GOOD)), "ops.aten.save"),
    "torchscript_from_file":
        (zipped(("code/__torch__/m.py", b"  _0 = torch.from_file(\"/etc/passwd\", False, 10)\n")), "torch.from_file"),
}
FOUND["twins"] = (hostile_containers.zip_file([("data.pkl", GOOD), ("data.pkl", EVIL)]), "os.system")

# Finding codes that must be there as well.
CODES = {
    "encrypted_flag": "zip-encrypted",
    "crc_lie": "zip-crc",
    "method_lie": "zip-local-method",
    "overlap": "zip-overlap",
    "twins": "zip-name-twins",
    "case_twins": "zip-case-twins",
    "local_name_differs": "zip-local-name",
    "not_in_the_directory": "zip-hidden",
    "no_end_record": "zip-rebuilt",
    "gzip_cut": "scan-packed",
    "gzip_in_cut_gzip": "scan-packed",
    "tar_gz_cut_behind_100_mb": "scan-packed",
    "tar_xz_broken_behind_100_mb": "scan-packed",
    "tar_in_record_cut_behind_100_mb": "scan-packed",
    "xz_cut": "scan-packed",
    "xz_broken": "scan-packed",
    "zip_padded": "scan-packed",
    "broken_behind": "scan-pickle",
    "underflow_before": "scan-pickle",
}

# name -> (file, names judged unknown); nothing in them is dangerous.
UNKNOWN = {
    "class": (op.pickle(op.newobj(op.global_("models.yolo", "Model"))), {"models.yolo.Model"}),
    "own_code_package": (op.pickle(op.newobj(op.global_("code.models", "Net"))), {"code.models.Net"}),
    "getattr": (op.pickle(getattr_of(op.global_("outer", "Class"), "Inner")),
                {"__builtin__.getattr", "outer.Class.Inner"}),
    "extension": (op.pickle(b"\x82\x07"), {"copyreg.extension 7"}),
    "torchscript_setstate":
        (zipped(("code/__torch__/m.py", b"  def __setstate__(self, state):\n    _0 = ops.torchvision.nms(a, b)\n"),
                ("constants.pkl", GOOD)), {"__setstate__", "ops.torchvision.nms", "TorchScript"}),
    "package_source": (zipped((".data/version", b"6"), ("m.py", b"import os\nos.system('true')\nmodel.eval()\n")),
                       {"Python module", "os.system"}),
    "native": (zipped(("data/model.so", b"\x7fELF" + bytes(60))), {"native library"}),
}


def packed(*opcodes):
    """A torch archive with a deflated data.pkl of protocol 2. (bytes, count): so many times; they never stand in memory
    all, for a process that is started counts what its parent took."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as target:
        with target.open("archive/data.pkl", "w") as record:
            for data, count in ((b"\x80\x02", 1), *(part if isinstance(part, tuple) else (part, 1) for part in opcodes)):
                piece = max(1, (1 << 20) // len(data))
                for _ in range(count // piece):
                    record.write(data * piece)
                record.write(data * (count % piece))
    return out.getvalue()


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
    "damaged": (lambda: GOOD[:-1] + b"\xff", "scan-pickle"),
}

# name -> (file, code of a finding of severity danger); nothing dangerous is named in them.
TRICKS = {
    "twins": (hostile_containers.zip_file([("data.pkl", GOOD), ("data.pkl", GOOD)]), "zip-name-twins"),
    "climbs": (zipped(("data.pkl", GOOD), ("../../etc/x", b"a")), "zip-name-climbs"),
    "crc_lie": (zipped(("data.pkl", GOOD)).replace(struct.pack("<I", zlib.crc32(GOOD)), b"lie!"), "zip-crc"),
}


class Limits(unittest.TestCase):
    def test_said_and_no_verdict_of_data(self):
        for name, (make, want) in LIMITED.items():
            with self.subTest(name):
                run = runner.run([OPTIONS.pthview, "scan", "--json", written("limited.pth", make())])
                if not OPTIONS.sanitized:
                    self.assertEqual([], runner.complaints(run, (1,), MEGABYTES))
                row = json.loads(run.out)["files"][0]
                self.assertIn(row["verdict"], ("partial", "dangerous") if want is None else ("partial",))
                self.assertIn(want or "scan-limit", [finding["code"] for finding in row["findings"]])
                self.assertGreater(row["counts"]["unread"], 0)

    def test_text(self):
        """The limit is named with its number."""
        out = runner.run([OPTIONS.pthview, "scan", written("limited.pth", LIMITED["lists"][0]())]).out.decode()
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


class Tricks(unittest.TestCase):
    def test_danger_counts(self):
        for name, (data, want) in TRICKS.items():
            with self.subTest(name):
                code, row = scan(written("tricks.pth", data))
                self.assertEqual((1, "tricks"), (code, row["verdict"]), row)
                self.assertIn((want, "danger"), [(finding["code"], finding["severity"]) for finding in row["findings"]])

    def test_archives_in_a_row_are_none(self):
        """Shards of distributed checkpoints, which may well be of one shape."""
        code, row = scan(written("row.distcp", zipped(("data.pkl", GOOD)) * 3), "--strict")
        self.assertEqual((0, "data", 3), (code, row["verdict"], row["counts"]["pickles"]))
        self.assertIn(("zip-two-directories", "warning"),
                      [(finding["code"], finding["severity"]) for finding in row["findings"]])


class Found(unittest.TestCase):
    def test_every_hostile_pickle(self):
        paths = [path for path in hostile() if path.name.startswith("runs_")]
        self.assertGreater(len(paths), 10)
        for path in paths:
            with self.subTest(path.name):
                code, row = scan(path)
                self.assertEqual(1, code)
                self.assertEqual("dangerous", row["verdict"])

    def test_every_way(self):
        for name, (data, want) in FOUND.items():
            with self.subTest(name):
                code, row = scan(written(name, data))
                self.assertEqual(1, code, row)
                dangerous = names(row, "dangerous")
                self.assertTrue(dangerous)
                if want:
                    self.assertIn(want, dangerous)
                if name in CODES:
                    self.assertIn(CODES[name], [finding["code"] for finding in row["findings"]])

    def test_place(self):
        _, row = scan(written("place.pth", named_zip(lambda data, _: data)))
        use = next(use for use in row["code"] if use["judgement"] == "dangerous")
        self.assertEqual(("archive/data.pkl", "GLOBAL", EVIL.index(b"cos\n"), "REDUCE", EVIL.index(b"R.")),
                         (use["record"], use["how"], use["byte"], use["call"], use["call_byte"]))
        data = (FOLDER / "place.pth").read_bytes()
        self.assertEqual(b"cos\nsystem\n", data[use["file_byte"]:use["file_byte"] + 11])

    def test_text(self):
        result = runner.run([OPTIONS.pthview, "scan", written("text.pth", zipped(("data.pkl", EVIL)))])
        out = result.out.decode()
        self.assertIn(f"dangerous  os.system, called at byte {EVIL.index(b'R.')} of archive/data.pkl", out)
        self.assertIn("looked at  1 pickle with 1 global, 1 record", out)
        sources = zipped((".data/version", b"6"), ("a.py", b""), ("b.py", b""))
        out = runner.run([OPTIONS.pthview, "scan", written("text.pth", sources)]).out.decode()
        self.assertIn(", 2 sources or libraries, 3 records", out)

    def test_names_are_escaped(self):
        result = runner.run([OPTIONS.pthview, "scan", written("esc.pth", op.pickle(op.global_("os", "\x1b[31m")))])
        self.assertEqual(1, result.code)
        self.assertNotIn(b"\x1b", result.out)


class NotFound(unittest.TestCase):
    def test_state_dicts(self):
        paths = [FOLDER / "sample.pth"]
        tensor = Tensor(Storage("FloatStorage", struct.pack("<4f", 1, 2, 3, 4)), (2, 2))
        for container in ("zip", "legacy"):
            paths.append(FOLDER / f"state_dict.{container}.pth")
            save({"layer.weight": tensor, "epoch": 3}, paths[-1], container)
        for path in paths:
            with self.subTest(path.name):
                code, row = scan(path, "--strict")
                self.assertEqual(0, code, row)
                self.assertEqual(("data", 0), (row["verdict"], row["counts"]["unread"]))
                self.assertGreater(row["counts"]["globals"], 0)

    def test_unknown(self):
        for name, (data, want) in UNKNOWN.items():
            with self.subTest(name):
                path = written(name, data)
                code, row = scan(path)
                self.assertEqual((0, "unknown"), (code, row["verdict"]))
                self.assertLessEqual(want, names(row, "unknown"))
                self.assertEqual(1, scan(path, "--strict")[0])

    def test_what_only_looks_like_a_pickle(self):
        """Lines of text and numbers that happen to be opcodes."""
        for data in (b"io\ncollections\nbuiltins\nos\n", b"config\nos\nsystem\n", b"cat\nsystem\n" * 20):
            code, row = scan(written("text.zip", zipped(("data.pkl", GOOD), (".data/extern", data))))
            self.assertEqual((0, "data", 0), (code, row["verdict"], row["counts"]["unread"]), row)

    def test_never_says_safe(self):
        for path in (FOLDER / "sample.pth", hostile()[0]):
            out = runner.run([OPTIONS.pthview, "scan", path]).out.lower()
            for word in (b"safe", b"clean", b"harmless"):
                self.assertNotIn(word, out)

    def test_what_is_not_looked_into_is_an_error(self):
        for name, data in {"text": b"This is not a model.\n", "empty": b"", "bz2": bz2.compress(EVIL),
                           "gzip": gzip.compress(b"text\n" * 9), "xz": lzma.compress(b"text\n" * 9)}.items():
            result = runner.run([OPTIONS.pthview, "scan", written(name, data)])
            self.assertEqual(2, result.code)
            self.assertIn(name.encode(), result.err)
        self.assertEqual(2, runner.run([OPTIONS.pthview, "scan", FOLDER / "missing"]).code)

    def test_others_are_scanned_besides_an_error(self):
        evil = written("evil.pth", EVIL)
        result = runner.run([OPTIONS.pthview, "scan", "--json", FOLDER / "missing", evil])
        self.assertEqual(2, result.code)
        rows = json.loads(result.out)["files"]
        self.assertIn("error", rows[0])
        self.assertEqual("dangerous", rows[1]["verdict"])

    def test_directory(self):
        folder = FOLDER / "tree" / "deep"
        folder.mkdir(parents=True)
        (folder / "evil.bin").write_bytes(EVIL)
        (folder / "readme.md").write_text("text\n")
        result = runner.run([OPTIONS.pthview, "scan", "--json", FOLDER / "tree"])
        self.assertEqual(1, result.code)
        self.assertEqual([str(folder / "evil.bin")], [row["file"] for row in json.loads(result.out)["files"]])


class Sarif(unittest.TestCase):
    def test_structure(self):
        evil = written("a b#ü.pth", zipped(("data.pkl", GOOD), ("DATA.PKL", EVIL)))
        result = runner.run([OPTIONS.pthview, "scan", "--sarif", evil, FOLDER / "sample.pth", FOLDER / "missing"])
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
            log = json.loads(runner.run([OPTIONS.pthview, "scan", "--sarif", *options, path]).out)
            self.assertEqual([level], [row["level"] for row in log["runs"][0]["results"]])

    def test_verdict(self):
        for name, data in ("partial", LIMITED["damaged"][0]()), ("tricks", TRICKS["climbs"][0]), ("data", GOOD):
            log = json.loads(runner.run([OPTIONS.pthview, "scan", "--sarif", written("verdict.pth", data)]).out)
            run, = log["runs"]
            self.assertEqual([name], [row["properties"]["verdict"] for row in run["artifacts"]])
            self.assertEqual(name != "data", "error" in [row["level"] for row in run["results"]])

    def test_excludes_json(self):
        self.assertEqual(2, runner.run([OPTIONS.pthview, "scan", "--sarif", "--json", FOLDER / "sample.pth"]).code)


def pickled_names(data):
    """What pickletools sees: {(opcode, module, name, byte)} of GLOBAL and INST, the literal ones of STACK_GLOBAL, and
    where reading ended."""
    out, memo, stack, at = set(), {}, [], 0
    opcode = None
    try:
        for opcode, argument, position in pickletools.genops(data):
            at = position
            if opcode.name in ("GLOBAL", "INST"):
                out.add((opcode.name, *argument.split(" ", 1), position))
            elif "STRING" in opcode.name or "UNICODE" in opcode.name:
                stack.append(argument)
                continue
            elif opcode.name == "MEMOIZE":
                memo[len(memo)] = stack[-1] if stack else None
                continue
            elif "PUT" in opcode.name:
                memo[int(argument)] = stack[-1] if stack else None
                continue
            elif "GET" in opcode.name:
                stack.append(memo.get(int(argument)))
                continue
            elif opcode.name == "STACK_GLOBAL" and len(stack) > 1 and None not in stack[-2:]:
                out.add((opcode.name, stack[-2], stack[-1], position))
            stack.append(None)
    except Exception:  # pickletools raises what it likes on broken pickles
        pass
    return out, opcode is not None and opcode.name == "STOP", at


class Differential(unittest.TestCase):
    def compare(self, label, data):
        want, stopped, end = pickled_names(data)
        if not stopped:
            return 0
        want = {(how, module[:LONGEST], name[:LONGEST], at) for how, module, name, at in want}
        _, row = scan(written("one.pkl", zipped(("data.pkl", data[:end + 1]))))
        have = {(use["how"], use["module"], use["name"]) for use in row["code"]
                if use["record"] == "archive/data.pkl" and use["how"] in ("GLOBAL", "INST", "STACK_GLOBAL")}
        self.assertEqual({(how, module, name) for how, module, name, _ in want}, have, label)
        first = {}
        for *key, at in want:
            first[tuple(key)] = min(at, first.get(tuple(key), at))
        for use in row["code"]:
            key = (use["how"], use["module"], use["name"])
            if key in first and use["record"] == "archive/data.pkl":
                self.assertEqual(first[key], use["byte"], label)
        return len(first)

    def pickles(self, paths):
        for path in paths:
            data = path.read_bytes()
            if not zipfile.is_zipfile(io.BytesIO(data)):
                yield path.name, data
                continue
            try:
                with zipfile.ZipFile(io.BytesIO(data)) as archive:
                    for record in archive.infolist():
                        if record.filename.endswith(".pkl") and record.file_size < 4_000_000:
                            yield f"{path.name}: {record.filename}", archive.read(record)
            except (zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, EOFError, OSError, zlib.error):
                continue  # hostile on purpose

    def test_files_of_the_tests(self):
        odd = ("names.", "nested_lists_10_million")  # names that no text encoding has; 30 s of pickletools
        paths = [path for path in hostile() if not path.name.startswith(odd)] + [FOLDER / "sample.pth"]
        self.assertGreater(sum(self.compare(*item) for item in self.pickles(paths)), 100)

    def test_corpus(self):
        if OPTIONS.corpus is None or not OPTIONS.corpus.is_dir():
            self.skipTest("no corpus")
        paths = [path for path in OPTIONS.corpus.rglob("*") if path.is_file() and path.stat().st_size < 8_000_000]
        count = 0
        for label, data in self.pickles(sorted(paths)):
            with self.subTest(label):
                count += self.compare(label, data)
        self.assertGreater(count, 500)


class Corpus(unittest.TestCase):
    def test_nothing_real_is_called_dangerous(self):
        if OPTIONS.corpus is None or not OPTIONS.corpus.is_dir():
            self.skipTest("no corpus")
        result = runner.run([OPTIONS.pthview, "scan", "--json", OPTIONS.corpus], seconds=120)
        self.assertIn(result.code, (0, 2))
        rows = json.loads(result.out)["files"]
        self.assertGreater(len(rows), 200)
        for row in rows:
            self.assertIn(row.get("verdict"), ("data", "unknown", None), row["file"])


class Confined(unittest.TestCase):
    """However bad the file: no socket, no other program, no file opened for writing, little memory."""
    CALLS = "trace=%network,execve,execveat,fork,vfork,%file"

    def traced(self, *arguments):
        with tempfile.NamedTemporaryFile() as log:
            run = runner.run(["strace", "-f", "-qq", "-o", log.name, "-e", self.CALLS, OPTIONS.pthview, *arguments],
                             cwd=FOLDER)
            return run, pathlib.Path(log.name).read_text(errors="replace").splitlines()

    def setUp(self):
        if OPTIONS.sanitized:
            self.skipTest("sanitizers take memory and make system calls of their own")

    @unittest.skipUnless(shutil.which("strace"), "strace is not installed")
    def test_system_calls(self):
        self.assertIn(f"{OPTIONS.pthview}", self.traced("--version")[1][0], "strace sees nothing here")
        forbidden = re.compile(r"\b(socket|socketpair|connect|bind|v?fork|mkdir|mknod|unlink|rename|link|symlink|chmod|"
                               r"chown|truncate)\w*\(|O_WRONLY|O_RDWR|O_CREAT")
        for path in hostile():
            for verb in (["scan", "--json"], ["list", "--json", "--all"]):
                run, calls = self.traced(*verb, path)
                self.assertIn(run.code, (0, 1, 2), path.name)
                programs = [call for call in calls if "execve" in call]
                self.assertEqual(1, len(programs), programs)
                bad = [call for call in calls if forbidden.search(call)]
                self.assertEqual([], bad, f"{verb[0]} {path.name}")
        self.assertFalse((FOLDER / "PTHVIEW_WAS_HERE").exists())

    def test_memory(self):
        for path in hostile():
            with self.subTest(path.name):
                run = runner.run([OPTIONS.pthview, "scan", "--json", path], seconds=20)
                self.assertEqual([], runner.complaints(run, (0, 1, 2), MEGABYTES))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pthview", type=pathlib.Path, required=True)
    parser.add_argument("--corpus", type=pathlib.Path, help="a folder of real files; tests on it are left out without")
    parser.add_argument("--sanitized", action="store_true", help="BIN has sanitizers: memory and calls of their own")
    _, rest = parser.parse_known_args(namespace=OPTIONS)
    OPTIONS.pthview = OPTIONS.pthview.resolve()
    unittest.main(argv=[sys.argv[0], *rest])
