#!/usr/bin/env python3
"""pthview on a folder of real files: PYTHON test_corpus.py --pthview BIN --corpus DIR [--megabytes N]

DIR holds index.tsv (path, bytes, sha256, kind, note). Each file must open with findings or give one clear error,
within 20 s and 512 MB; where the independent reader can read it too, all rows must agree. The table of kinds by
outcome is printed. Without DIR the test is skipped (exit code 77).
"""
import argparse
import collections
import csv
import os
import pathlib
import pickle
import resource
import signal
import sys

import compare
import independent_reader
import runner

SECONDS = 20
SKIPPED = 77


def read_apart(path):
    """The independent reader's rows, from a limited child of its own; None where it cannot read the file."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        try:
            resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
            signal.alarm(SECONDS)
            rows = independent_reader.rows_of(path)
            with os.fdopen(write, "wb") as out:
                pickle.dump(rows, out)
        except BaseException:
            os._exit(1)
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as stream:
        data = stream.read()
    status = os.waitpid(child, 0)[1]
    return pickle.loads(data) if status == 0 else None


def check(args, path):
    """(outcome, lines that say what is wrong)."""
    result = runner.run([args.pthview, "info", "--json", path], SECONDS)
    wrong = runner.complaints(result, (0, 2), args.megabytes)
    if wrong:
        return "WRONG", wrong
    if result.code == 2:
        return "error", []
    try:
        runner.parse(result)
    except ValueError as error:
        return "WRONG", [f"info --json is no JSON: {error}"]
    rows = read_apart(path)
    if rows is None:
        return "opened", []
    result = runner.run([args.pthview, "list", "--json", "--all", "--hash", path], SECONDS)
    wrong = runner.complaints(result, (0,), args.megabytes)
    if not wrong:
        wrong = compare.differences(rows, runner.parse(result)["tensors"])
    return ("WRONG", wrong[:20]) if wrong else ("opened, agrees", [])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pthview", type=pathlib.Path, required=True)
    parser.add_argument("--corpus", type=pathlib.Path, required=True)
    parser.add_argument("--megabytes", type=int, default=512, help="limit of memory (sanitizers need more)")
    parser.add_argument("--verbose", action="store_true", help="a line for every file")
    args = parser.parse_args()
    args.pthview = args.pthview.resolve()
    index = args.corpus / "index.tsv"
    if not index.exists():
        print(f"skipped: no {index}")
        return SKIPPED
    table = collections.defaultdict(collections.Counter)
    failed = 0
    with index.open(newline="", encoding="utf-8") as stream:
        entries = [(row["path"], row["kind"]) for row in csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE)]
    for name, kind in entries:
        outcome, wrong = check(args, args.corpus / name)
        table[kind][outcome] += 1
        failed += outcome == "WRONG"
        if args.verbose or wrong:
            print("\n  ".join([f"{outcome}: {name} ({kind})", *wrong]))
    outcomes = ("opened, agrees", "opened", "error", "WRONG")
    print("\n" + "".join(f"{text:>16}" for text in outcomes) + "  kind")
    for kind in sorted(table):
        print("".join(f"{table[kind][outcome]:>16}" for outcome in outcomes) + f"  {kind}")
    print("".join(f"{sum(row[outcome] for row in table.values()):>16}" for outcome in outcomes) + "  all")
    return 1 if failed or not entries else 0


if __name__ == "__main__":
    sys.exit(main())
