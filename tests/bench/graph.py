"""The recorded graph of an exported ResNet-50: as text, as JSON, simplified, as a picture."""
from measure import alternate, goal, own_memory, table

WITHIN = 0.05  # seconds


def run(bench):
    if not bench.torch:
        return ""
    path = bench.files.exported("resnet50.pt2", bench.torch)
    runs = bench.runs(31)
    picture = bench.files.scratch("graph.svg")
    commands = {
        "graph": ([bench.pthview, "graph", path], runs),
        "graph --simplify": ([bench.pthview, "graph", "--simplify", "-q", path], runs),
        "graph --json": ([bench.pthview, "graph", "--json", path], runs),
        "graph -o graph.svg": ([bench.pthview, "graph", "--force", "-q", "-o", picture, path], bench.runs(5)),
    }
    times = alternate(commands)
    rows = []
    for label, (command, _) in commands.items():
        cell = goal("under 50 ms", times[label].median <= WITHIN) if "svg" not in label else ""
        rows.append([label, times[label], f"{own_memory(command) / 1e6:.1f} MB", cell])
    return table("The recorded graph of a ResNet-50 (.pt2, 102 MB)", ["command", "time", "own memory", "goal"], rows)
