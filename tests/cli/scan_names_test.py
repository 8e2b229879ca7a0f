#!/usr/bin/env python3
"""What `pthview scan` names, against Python: scan_names_test.py --pthview BIN [--corpus DIR] [unittest arguments]

Python's pickletools, which executes nothing, is asked what the pickles name.
"""
import io
import pickletools
import unittest
import zipfile
import zlib

from scan_world import WORLD, hostile, main, scan, set_up, tear_down, written, zipped


LONGEST = 1024  # bytes that scan keeps of a name

setUpModule, tearDownModule = set_up, tear_down


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
        paths = [path for path in hostile() if not path.name.startswith(odd)] + [WORLD.folder / "sample.pth"]
        self.assertGreater(sum(self.compare(*item) for item in self.pickles(paths)), 100)

    def test_corpus(self):
        if WORLD.corpus is None or not WORLD.corpus.is_dir():
            self.skipTest("no corpus")
        paths = [path for path in WORLD.corpus.rglob("*") if path.is_file() and path.stat().st_size < 8_000_000]
        count = 0
        for label, data in self.pickles(sorted(paths)):
            with self.subTest(label):
                count += self.compare(label, data)
        self.assertGreater(count, 500)


if __name__ == "__main__":
    main(__doc__)
