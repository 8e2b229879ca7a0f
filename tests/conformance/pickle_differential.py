#!/usr/bin/env python3
"""Compares the pickle machine with Python's own on random pickles.

    pickle_differential.py --dump PICKLE_DUMP [--cases N] [--seed S] [--corpus DIR]

PTHVIEW_TEST_CASES in the environment sets N where --cases does not.

A case is a random value pickled by Python (protocols 0 to 5, both of its picklers, with objects of unknown classes,
persistent ids, extension codes and out-of-band buffers), a pickle put together from single opcodes that today's picklers
no longer write, or one of those with a few bytes changed. Python reads it with every call taken out, and its result must
print as pickle_dump prints it. Where bytes were changed, both may refuse; Python may refuse more (it checks UTF-8).
--corpus writes the pickles to files, as seeds for fuzz_pickle.
"""
import argparse
import io
import os
import random
import struct
import subprocess
import sys

from pickle_maker import changed, composed, pickled, same_every_time
from pickle_reference import Reader, show


def expected(data):
    try:
        return show(Reader(data).load())
    except RecursionError:
        raise
    except Exception as error:  # Python refuses in many ways
        return error


def dump(program, cases):
    stdin = b"".join(struct.pack("<I", len(c)) + c for c in cases)
    out = io.BytesIO(subprocess.run([program], input=stdin, stdout=subprocess.PIPE, check=True, timeout=600).stdout)
    for _ in cases:
        status, length = out.readline().split()
        yield status == b"ok", out.read(int(length) + 1)[:-1].decode("utf-8")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--dump", required=True)
    parser.add_argument("--cases", type=int, default=int(os.environ.get("PTHVIEW_TEST_CASES", 3000)))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--corpus")
    options = parser.parse_args()
    sys.setrecursionlimit(3000)
    rng = random.Random(options.seed)
    cases = []
    for i in range(options.cases):
        case = pickled(rng) if i % 2 else composed(rng)
        cases.append((case, False))
        cases.append((changed(rng, case), True))
    if options.corpus:
        for i, (case, _) in enumerate(cases):
            with open(os.path.join(options.corpus, f"{i:05}"), "wb") as file:
                file.write(case)
    wrong = compared = 0
    for (case, is_changed), (ok, text) in zip(cases, dump(options.dump, [c for c, _ in cases])):
        want = expected(case)
        if isinstance(want, Exception):
            bad = not is_changed
        elif ok:
            bad = want != text
            compared += 1
        else:
            bad = True
        if bad:
            wrong += 1
            if wrong <= 10:
                print(f"pickle {case[:300]!r}\n  python:  {str(want)[:300]!r} {type(want).__name__}\n  pthview: {text[:300]!r}")
                at = len(os.path.commonprefix([str(want), text]))
                print(f"  differ at {at}: {str(want)[at:at + 80]!r} / {text[at:at + 80]!r}")
    print(f"{len(cases)} pickles, {compared} read by both, {wrong} differ")
    return 1 if wrong or compared < options.cases else 0


if __name__ == "__main__":
    same_every_time()
    sys.exit(main())
