"""Are arrows of inferred graphs where the living model's are, and parameters as many?

test_flow.py --pthview BIN [--update]: the small models of torch.nn in flow_models_*.py, named as people name theirs. Each is
saved as a state_dict in the order of definition, the same sorted, as safetensors, and whole; the edges that pthview infers
are compared with those of one forward (flow_truth.py), and numbers of parameters with torch's. flow_expected.tsv holds how
many edges of each were right, wrong and missed: fewer right or more wrong ones fail; --update writes it anew.
measure_edges.py does the same for models of packages.
"""
import argparse
import json
import pathlib
import sys
import tempfile
import warnings

import torch

import flow_models_plain
import flow_models_text
import flow_models_vision
import measure_edges

EXPECTED = pathlib.Path(__file__).with_name("flow_expected.tsv")
MODULES = (flow_models_plain, flow_models_text, flow_models_vision)


def measured(pthview):
    """({"family: name": {file: (right, wrong, missed)}}, complaints)."""
    figures, complaints = {}, []
    for family, name, make, arguments in (row for module in MODULES for row in module.MODELS):
        with tempfile.TemporaryDirectory() as text:
            folder = pathlib.Path(text)
            measure_edges.prepare(name, make, arguments, folder)
            if not json.loads((folder / "truth.json").read_text())["whole"]:
                complaints.append(f"{family}: {name}: cannot be saved whole")
            figures[f"{family}: {name}"] = {
                file: (len(right), len(wrong), len(missed))
                for file, right, wrong, missed, _ in measure_edges.measure(folder, pthview)}
            complaints += [f"{family}: {name}: {line}" for line in measure_edges.counted(folder, pthview)]
    return figures, complaints


def rows(figures):
    for name, files in figures.items():
        yield "\t".join([name] + [" ".join(map(str, files[file])) for file in measure_edges.FILES])


def compare(figures, expected):
    for name, files in figures.items():
        if name not in expected:
            yield f"{name}: not in {EXPECTED.name}: --update writes it"
            continue
        for file, text in zip(measure_edges.FILES, expected[name]):
            right, wrong, missed = files[file]
            was = [int(word) for word in text.split()]
            if right < was[0] or wrong > was[1]:
                yield f"{name}: {file}: {right} edges right and {wrong} wrong, not {was[0]} and {was[1]}"
    for name in expected.keys() - figures.keys():
        yield f"{name}: is in {EXPECTED.name}, but there is no such model"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pthview", required=True)
    parser.add_argument("--update", action="store_true")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    figures, complaints = measured(str(pathlib.Path(options.pthview).resolve()))
    if options.update:
        EXPECTED.write_text("# model, then right, wrong and missed edges: in the order of definition, sorted, safetensors\n" +
                            "\n".join(rows(figures)) + "\n")
    lines = [line.split("\t") for line in EXPECTED.read_text().splitlines() if not line.startswith("#")]
    complaints += compare(figures, {name: files for name, *files in lines})
    for line in complaints:
        print(line)
    print(f"{len(figures)} models, {len(complaints)} complaints")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
