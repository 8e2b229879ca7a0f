"""Listing tensors: zip and legacy, 102 MB and 4 GB, beside a standard-library script and torch."""
from measure import alternate, goal, own_memory, size, table

HEADER = ["file", "program", "time", "own memory", "goal"]


def run(bench):
    return resnet(bench) + "\n" + four_gigabytes(bench)


def contenders(bench, zipped, legacy, torch):
    """{label: (command, runs)}; every one lists the same tensors."""
    runs = bench.runs(51)
    chosen = {
        "pthview, zip": ([bench.pthview, "list", zipped], runs),
        "pthview, legacy": ([bench.pthview, "list", legacy], runs),
        "script, zip": ([bench.python, bench.script, zipped], bench.runs(21)),
    }
    if torch and bench.torch:
        chosen["torch, zip"] = ([bench.torch, bench.torch_script, zipped], bench.runs(5))
        # torch refuses to map a legacy file.
    return chosen


def resnet(bench):
    chosen = contenders(bench, bench.files("resnet50.pth"), bench.files("resnet50-legacy.pth"), torch=True)
    times = alternate(chosen)
    memory = {label: own_memory(command) for label, (command, _) in chosen.items()}
    script = times["script, zip"].median
    goals = {"script, zip": [], "torch, zip": []}
    for label in ("pthview, zip", "pthview, legacy"):
        mine = times[label].median
        goals[label] = [
            goal(f"{script / mine:.1f} times faster than the script, at least 5", script / mine >= 5),
            goal(f"{size(memory[label])}, under 12 MB", memory[label] < 12e6)
        ]
        if "torch, zip" in times:
            torch = times["torch, zip"].median / mine
            goals[label].append(goal(f"{torch:.0f} times faster than torch, at least 100", torch >= 100))
    slower = times["pthview, legacy"].median / times["pthview, zip"].median
    goals["pthview, legacy"].append(goal(f"{slower:.2f} times the zip, at most 1.2", slower <= 1.2))
    return table("Listing a ResNet-50 state_dict (102 MB)", HEADER,
                 [["resnet50", label, times[label], size(memory[label]), "; ".join(goals[label])] for label in chosen])


def four_gigabytes(bench):
    chosen = contenders(bench, bench.files("4g.pth"), bench.files("4g-legacy.pth"), torch=True)
    base = contenders(bench, bench.files("resnet50.pth"), bench.files("resnet50-legacy.pth"), torch=False)
    del base["script, zip"]
    both = {**{f"4 GB: {label}": c for label, c in chosen.items()}, **{f"102 MB: {label}": c for label, c in base.items()}}
    times = alternate(both)
    rows = []
    for label, (command, _) in both.items():
        text = ""
        if label.startswith("4 GB: pthview"):
            ratio = times[label].median / times[label.replace("4 GB", "102 MB")].median
            text = goal(f"{ratio:.2f} times the 102 MB, at most 1.2", ratio <= 1.2)
        rows.append([*label.split(": "), times[label], size(own_memory(command)), text])
    return table("Listing 4 GB beside 102 MB", HEADER, rows)
