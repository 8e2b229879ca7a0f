"""Precision and recall of inferred edges, by family, against what a forward of the living model shows.

    python3 measure_edges.py --pthview BIN [--only TEXT] [--wrong] [--missed] [--markdown]

Each model is saved three times: its state_dict in the order of definition, the same sorted by name, and as safetensors.
A package that is not installed is left out and said to be. Weights are never written: only names and shapes matter.
"""
import argparse
import json
import os
import pathlib
import struct
import sys
import tempfile
from collections import defaultdict

import torch

import flow_families
import flow_score
import flow_truth

DTYPES = {torch.float32: ("F32", 4), torch.int64: ("I64", 8), torch.float16: ("F16", 2), torch.bool: ("BOOL", 1), torch.int32: ("I32", 4), torch.uint8: ("U8", 1)}


def save_torch(state, path):
    torch.save({name: torch.zeros((), dtype=t.dtype).expand(t.shape) for name, t in state.items()}, path)


def save_safetensors(state, model, path):
    """Shared tensors once, as transformers saves them; the bytes are a hole in the file."""
    seen, header, offset = {}, {}, 0
    named = dict(list(model.named_parameters(remove_duplicate=False)) + list(model.named_buffers(remove_duplicate=False)))
    rows = []
    for name, tensor in state.items():
        key = id(named.get(name, tensor))
        if key in seen:
            continue
        seen[key] = name
        rows.append(name)
    for name in sorted(rows):
        kind, size = DTYPES[state[name].dtype]
        end = offset + size * state[name].numel()
        header[name] = {"dtype": kind, "shape": list(state[name].shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + offset)


def rows(only):
    for family in flow_families.FAMILIES:
        try:
            for row in family():
                if not only or any(word in f"{row[0]} {row[1]}" for word in only.split(",")):
                    yield row
        except ImportError as error:
            print(f"left out: {family.__name__}: {error}", file=sys.stderr)


def measure(name, make, arguments, pthview, folder):
    torch.manual_seed(1)
    model = make()
    args, kwargs = arguments()
    truth, aliases = flow_truth.flow_of(model, args, kwargs, train="aux" in name)
    state = {name: t for name, t in model.state_dict().items() if isinstance(t, torch.Tensor)}
    save_torch(state, folder / "defined.pth")
    save_torch(dict(sorted(state.items())), folder / "sorted.pth")
    save_safetensors(state, model, folder / "m.safetensors")
    known = set(aliases.values())
    for name in ("defined.pth", "sorted.pth", "m.safetensors"):
        mine, evidence = flow_score.inferred_edges(pthview, folder / name, folder / "out.json", aliases)
        yield name, *flow_score.compare(mine, truth, known), evidence
        (folder / name).unlink()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--pthview", required=True)
    parser.add_argument("--only", default="")
    parser.add_argument("--wrong", action="store_true")
    parser.add_argument("--missed", action="store_true")
    parser.add_argument("--markdown", action="store_true")
    options = parser.parse_args()
    totals = defaultdict(lambda: [0, 0, 0])
    for family, name, make, arguments in rows(options.only):
        with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
            try:
                results = list(measure(name, make, arguments, options.pthview, pathlib.Path(folder)))
            except Exception as error:  # noqa: BLE001  (a package's own failure must not hide the others' figures)
                print(f"{family:26} {name:28} not measured: {type(error).__name__}: {str(error)[:150]}", file=sys.stderr)
                continue
        cells = []
        for file, right, wrong, missed, evidence in results:
            for at, edges in enumerate((right, wrong, missed)):
                totals[family][at] += len(edges)
            cells.append(f"{len(right)}+{len(wrong)}/{len(right) + len(missed)}")
            if options.wrong:
                for a, b in sorted(wrong):
                    print(f"  wrong {file}: {a} -> {b}   [{evidence.get((a, b), '')}]")
            if options.missed and file == "defined.pth":
                for a, b in sorted(missed):
                    print(f"  missed: {a} -> {b}")
        print(f"{family:26} {name:28} {'  '.join(cells)}", flush=True)
    everything = [0, 0, 0]
    if options.markdown:
        print("\n| family | edges drawn | precision | recall |\n|---|---|---|---|")
    for family, counts in sorted(totals.items()):
        everything = [a + b for a, b in zip(everything, counts)]
        print(line(family, counts, options.markdown))
    print(line("all", everything, options.markdown))


def line(family, counts, markdown):
    right, wrong, missed = counts
    precision = right / max(1, right + wrong)
    recall = right / max(1, right + missed)
    if markdown:
        return f"| {family} | {right + wrong} | {precision:.3f} | {recall:.3f} |"
    return f"{family:26} drawn {right + wrong:6} precision {precision:.3f} recall {recall:.3f}"


if __name__ == "__main__":
    main()
