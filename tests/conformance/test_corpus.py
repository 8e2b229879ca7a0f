#!/usr/bin/env python3
"""pthview on a folder of real files: PYTHON test_corpus.py --pthview BIN --corpus DIR [--megabytes N] [--update]

DIR holds index.tsv (path, bytes, sha256, kind, note). Each file must open with findings or give one clear error,
within 20 s and 512 MB; where the independent reader can read it too, all rows must agree. What opened how must be
what corpus_expected.tsv says; --update writes it anew. The table of kinds by outcome is printed. Without DIR the test
is skipped (exit code 77).

corpus_expected.tsv: path; begin of the file's sha256; `opens` or the error's code; format; tensors; their bytes; how
many of them the independent reader has with the same hash (`-` when it cannot read the file); findings as SEVERITY
CODE COUNT; begin of the sha256 of all rows (path, dtype, shape, hash).
"""
import argparse
import collections
import csv
import hashlib
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
# What the plug-in for TorchScript's graphs says (test_script_graph.py is about it): it is there only with LibTorch.
OF_THE_PLUG_IN = ("recorded-graph", "unknown-operator")
TABLE = pathlib.Path(__file__).resolve().parent / "corpus_expected.tsv"
COLUMNS = ("path", "sha256", "verdict", "format", "tensors", "bytes", "compared", "findings", "rows")


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


def required(rows):
    """Rows that may be missing elsewhere (attributes of modules, bare storages) are there in these files, somewhere:
    they are found by what they hold, once each, as an object's insides may be reached twice."""
    out = [row for row in rows if not row.get("optional")]
    known = {row.get("sha256") for row in out}
    for row in rows:
        if row.get("optional") and "sha256" in row and row["sha256"] not in known:
            known.add(row["sha256"])
            row = row | {"optional": False, "path": None, "name": None}
        if row not in out:
            out.append(row)
    return out


def facts(name, path, info, tensors, compared):
    """The row of corpus_expected.tsv."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    if "error" in info:
        return dict(zip(COLUMNS, (name, digest, info["error"]["code"], "-", "-", "-", "-", "-", "-")))
    findings = collections.Counter(f"{finding['severity']} {finding['code']}" for finding in info["findings"]
                                   if finding["code"] not in OF_THE_PLUG_IN)
    rows = "\n".join(
        f"{row['path']}\t{row['dtype']}\t{row['shape']}\t{row.get('sha256') or row.get('data')}" for row in tensors)
    cells = (name, digest, "opens", info["format"], len(tensors), sum(row["nbytes"] for row in tensors),
             "-" if compared is None else compared,
             "; ".join(f"{key} {count}" for key, count in sorted(findings.items())) or "-",
             hashlib.sha256(rows.encode("utf-8", "surrogatepass")).hexdigest()[:16])
    return dict(zip(COLUMNS, map(str, cells)))


def check(args, name):
    """(outcome, lines that say what is wrong, row of corpus_expected.tsv)."""
    path = args.corpus / name
    result = runner.run([args.pthview, "info", "--json", path], SECONDS)
    wrong = runner.complaints(result, (0, 2), args.megabytes)
    if wrong:
        return "WRONG", wrong, None
    try:
        info = runner.parse(result)["files"][0]
    except ValueError as error:
        return "WRONG", [f"info --json is no JSON: {error}"], None
    if result.code == 2:
        return "error", [], facts(name, path, info, [], None)
    expected = read_apart(path)
    result = runner.run([args.pthview, "list", "--json", "--all", "--hash", path], SECONDS)
    wrong = runner.complaints(result, (0,), args.megabytes)
    if wrong:
        return "WRONG", wrong, None
    tensors = runner.parse(result)["tensors"]
    if expected is None:
        return "opened", [], facts(name, path, info, tensors, None)
    expected = required(expected)
    wrong = compare.differences(expected, tensors)
    hashed = sum("sha256" in row and not row.get("optional") for row in expected)
    return "WRONG" if wrong else "opened, agrees", wrong[:20], facts(name, path, info, tensors, hashed)


def read_table():
    with TABLE.open(newline="", encoding="utf-8") as stream:
        return {row["path"]: row for row in csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE)}


def write_table(rows):
    lines = ["\t".join(COLUMNS)] + ["\t".join(row[column] for column in COLUMNS) for row in rows]
    TABLE.write_text("\n".join(lines) + "\n", encoding="utf-8")


def changes(want, got):
    """What differs from the table, a line a column."""
    if want is None:
        return [f"is not in {TABLE.name}; --update puts it there"]
    return [f"{column} is {got[column]}, not {want[column]}" for column in COLUMNS if want[column] != got[column]]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pthview", type=pathlib.Path, required=True)
    parser.add_argument("--corpus", type=pathlib.Path, required=True)
    parser.add_argument("--megabytes", type=int, default=512, help="limit of memory (sanitizers need more)")
    parser.add_argument("--verbose", action="store_true", help="a line for every file")
    parser.add_argument("--update", action="store_true", help=f"write {TABLE.name} anew")
    args = parser.parse_args()
    args.pthview = args.pthview.resolve()
    index = args.corpus / "index.tsv"
    if not index.exists():
        print(f"skipped: no {index}")
        return SKIPPED
    kinds = collections.defaultdict(collections.Counter)
    failed, rows, known = 0, [], {} if args.update else read_table()
    with index.open(newline="", encoding="utf-8") as stream:
        entries = [(row["path"], row["kind"]) for row in csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE)]
    for name, kind in entries:
        outcome, wrong, row = check(args, name)
        if row and not wrong and not args.update:
            wrong = changes(known.get(name), row)
            outcome = "WRONG" if wrong else outcome
        rows.append(row)
        kinds[kind][outcome] += 1
        failed += outcome == "WRONG"
        if args.verbose or wrong:
            print("\n  ".join([f"{outcome}: {name} ({kind})", *wrong]))
    if args.update and not failed:
        write_table(sorted(rows, key=lambda row: row["path"]))
    outcomes = ("opened, agrees", "opened", "error", "WRONG")
    print("\n" + "".join(f"{text:>16}" for text in outcomes) + "  kind")
    for kind in sorted(kinds):
        print("".join(f"{kinds[kind][outcome]:>16}" for outcome in outcomes) + f"  {kind}")
    print("".join(f"{sum(row[outcome] for row in kinds.values()):>16}" for outcome in outcomes) + "  all")
    opened = [row for row in rows if row and row["verdict"] == "opens"]
    compared = sum(int(row["compared"]) for row in opened if row["compared"] != "-")
    print(
        f"{sum(int(row['tensors']) for row in opened):,} tensors in {len(opened)} files, {compared:,} compared by hash")
    return 1 if failed or not entries else 0


if __name__ == "__main__":
    sys.exit(main())
