"""Precision and recall of inferred edges, by family, against what a forward of the living model shows; and parameters.

    python3 measure_edges.py --pthview BIN [--only TEXT,...] [--wrong] [--missed] [--markdown] [--cache FOLDER]
                             [--least PRECISION RECALL]

Each model is saved three times: its state_dict in the order of definition, the same sorted by name, and as safetensors.
`info` counts its parameters, of the state_dict and of the model saved whole. A package that is not installed is left out
and said to be. Weights are never written: only names and shapes matter. With --cache, files and truths are kept there, and
the next run with that folder only asks pthview.
"""
import argparse
import hashlib
import json
import os
import pathlib
import shutil
import sys
import tempfile
from collections import defaultdict

import torch

import flow_files
import flow_score
import flow_truth

FILES = ("defined.pth", "sorted.pth", "m.safetensors")


def rows(only):
    import flow_families

    for family in flow_families.FAMILIES:
        try:
            for row in family():
                if not only or any(word in f"{row[0]} {row[1]}" for word in only.split(",")):
                    yield row
        except ImportError as error:
            print(f"left out: {family.__name__}: {error}", file=sys.stderr)


def prepare(name, make, arguments, folder):
    """Files of the model, and what is true of it, in `folder`."""
    torch.manual_seed(1)
    model = make()
    args, kwargs = arguments()
    truth, aliases = flow_truth.flow_of(model, args, kwargs, train="aux" in name)
    count = sum(p.numel() for p in model.parameters())
    whole = flow_files.save_all(model, folder)
    (folder / "truth.json").write_text(json.dumps(
        {"edges": sorted(truth), "aliases": aliases, "parameters": count, "whole": whole}))


def measure(folder, pthview):
    truth = json.loads((folder / "truth.json").read_text())
    edges, known = {tuple(edge) for edge in truth["edges"]}, set(truth["aliases"].values())
    for file in FILES:
        mine, evidence = flow_score.inferred_edges(pthview, folder / file, folder / "out.json", truth["aliases"])
        yield file, *flow_score.compare(mine, edges, known), evidence
    (folder / "out.json").unlink()


def counted(folder, pthview):
    """What is wrong with the counts of parameters: a line each."""
    truth = json.loads((folder / "truth.json").read_text())
    for file in ["defined.pth"] + (["whole.pt"] if truth["whole"] else []):
        counts = flow_score.parameters(pthview, folder / file)
        if counts != truth["parameters"]:
            yield f"{file}: {counts} parameters, not {truth['parameters']}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pthview", required=True)
    parser.add_argument("--only", default="")
    parser.add_argument("--wrong", action="store_true")
    parser.add_argument("--missed", action="store_true")
    parser.add_argument("--markdown", action="store_true")
    parser.add_argument("--cache", default="")
    parser.add_argument("--least", nargs=2, type=float, metavar=("PRECISION", "RECALL"), help="fails below, over all models")
    options = parser.parse_args()
    table = flow_score.Table()
    for family, name, make, arguments in rows(options.only):
        with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
            if options.cache:
                folder = os.path.join(options.cache, hashlib.sha256(f"{family} {name}".encode()).hexdigest()[:16])
                os.makedirs(folder, exist_ok=True)
            folder = pathlib.Path(folder)
            try:
                if not (folder / "truth.json").exists():
                    prepare(name, make, arguments, folder)
                results = list(measure(folder, options.pthview))
                miscounts = list(counted(folder, options.pthview))
            except Exception as error:  # noqa: BLE001  (a package's own failure must not hide the others' figures)
                print(f"{family:26} {name:28} not measured: {type(error).__name__}: {str(error)[:150]}", file=sys.stderr)
                if options.cache:
                    shutil.rmtree(folder, ignore_errors=True)
                continue
        cells = []
        for file, right, wrong, missed, evidence in results:
            table.add(family, file, right, wrong, missed)
            cells.append(f"{len(right)}+{len(wrong)}/{len(right) + len(missed)}")
            if options.wrong:
                for a, b in sorted(wrong):
                    print(f"  wrong {file}: {a} -> {b}   [{evidence.get((a, b), '')}]")
            if options.missed and file == "defined.pth":
                for a, b in sorted(missed):
                    print(f"  missed: {a} -> {b}")
        table.add_model(family, miscounts)
        for line in miscounts:
            print(f"  counted {line}")
        print(f"{family:26} {name:28} {'  '.join(cells)}", flush=True)
    print("\n".join(table.lines(options.markdown)))
    if options.least and not table.reaches(*options.least):
        sys.exit(f"less than a precision of {options.least[0]} or a recall of {options.least[1]}, or parameters miscounted")


if __name__ == "__main__":
    main()
