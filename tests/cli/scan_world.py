"""What the tests of `pthview scan` share: running it, the folder of their files, small files that would run something.

Such files are written opcode by opcode; nothing here unpickles them.
"""
import argparse
import io
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
# What imports this finds the modules of those folders too, so that it comes first.
sys.path[:0] = [str(HERE.parent / "fixtures"), str(HERE.parent / "conformance")]

import hostile_containers  # noqa: E402
import pickle_ops as op  # noqa: E402
import runner  # noqa: E402

WORLD = argparse.Namespace(pthview=None, corpus=None, sanitized=False, folder=None)
SYSTEM = ("os", "system")
COMMAND = op.unicode_("touch PTHVIEW_WAS_HERE")
CALL = op.reduce_(op.global_(*SYSTEM), COMMAND)
EVIL = op.pickle(CALL)
GOOD = op.pickle(op.str_dict([("a", op.int_(1))]))
DAMAGED = GOOD[:-1] + b"\xff"
MEGABYTES = 256


def set_up():
    """Call it as setUpModule: the folder, with the hostile files and the sample."""
    WORLD.folder = pathlib.Path(tempfile.mkdtemp(prefix="pthview-scan-"))
    make = HERE.parent / "fixtures"
    for script, out in (("make_hostile.py", "hostile"), ("make_sample.py", "sample.pth")):
        subprocess.run([sys.executable, make / script, WORLD.folder / out], check=True, stdout=subprocess.DEVNULL)


def tear_down():
    shutil.rmtree(WORLD.folder)


def hostile():
    return sorted(path for path in (WORLD.folder / "hostile").iterdir() if path.is_file() and path.suffix == ".pth")


def written(name, data):
    path = WORLD.folder / name
    path.write_bytes(data)
    return path


def scan(path, *options):
    """(exit code, the row of `files`)."""
    result = runner.run([WORLD.pthview, "scan", "--json", *options, path])
    return result.code, json.loads(result.out)["files"][0]


def names(row, judgement=None):
    return {f"{use['module']}.{use['name']}" if use["module"] else use["name"]
            for use in row["code"] if judgement in (None, use["judgement"])}


def zipped(*records, compression=zipfile.ZIP_STORED, prefix="archive/"):
    return hostile_containers.plain_zip(list(records), compression, prefix)


def tarred(**members):
    return hostile_containers.tar(**members)


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


def main(description):
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pthview", type=pathlib.Path, required=True)
    parser.add_argument("--corpus", type=pathlib.Path, help="a folder of real files; tests on it are left out without")
    parser.add_argument("--sanitized", action="store_true", help="BIN has sanitizers: memory and calls of their own")
    _, rest = parser.parse_known_args(namespace=WORLD)
    WORLD.pthview = WORLD.pthview.resolve()
    unittest.main(argv=[sys.argv[0], *rest])
