"""The recorded graph of an exported ResNet-50: as text, as JSON, simplified, as a picture; and in the browser, there with
those of 50,000 operators one behind the other and beside each other (tests/fixtures/make_wide.py)."""
import pathlib
import statistics
import sys
import tempfile
import zipfile

from measure import alternate, goal, own_memory, table
from serve import NETRON, measured

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "fixtures"))

import make_wide  # noqa: E402

WITHIN = 0.05  # seconds
DRAWN_WITHIN = 2.0  # seconds, from the navigation
NODES = 50_000


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
    return drawn(bench, path) + table("The recorded graph of a ResNet-50 (.pt2, 102 MB)", ["command", "time", "own memory", "goal"], rows)


def drawn(bench, resnet):
    if not bench.node:
        return ""
    netron = bench.netron or bench.fetch_netron()
    files = {"resnet50.pt2": resnet}
    for shape in ("long", "wide", "flat"):
        files[f"{NODES:,} operators, {shape}"] = bench.files.scratch(f"{shape}.pt2")
        make_wide.write(pathlib.Path(files[f"{NODES:,} operators, {shape}"]), NODES, shape)
    with tempfile.TemporaryDirectory(prefix="netron-") as unpacked:
        commands = {(name, "pthview"): [bench.pthview, "serve", path, "--no-open"] for name, path in files.items()}
        if netron:
            zipfile.ZipFile(netron).extractall(unpacked)
            commands[("resnet50.pt2", "stock Netron")] = [bench.python, "-c", NETRON, unpacked, resnet]
        results = {key: [] for key in commands}
        for _ in range(bench.runs(5)):
            for key, command in commands.items():
                results[key].append(measured(bench, command, False))
    middle = lambda key, what: statistics.median(each[what] for each in results[key])
    stock = ("resnet50.pt2", "stock Netron")
    rows = []
    for key in results:
        name, program = key
        goals = []
        if program == "pthview" and name.startswith("resnet"):
            if stock in results:
                goals.append(goal("no slower than stock", middle(key, "time") <= middle(stock, "time")))
        elif program == "pthview":
            goals = [goal("drawn under 2 s", middle(key, "drawn") < DRAWN_WITHIN),
                     goal("under 200 nodes", max(each["nodes"] for each in results[key]) < 200)]
        seconds = lambda what: f"{middle(key, what):.2f} s"
        rows.append([name, program, seconds("time"), seconds("drawn"), str(results[key][0]["nodes"]),
                     f"{middle(key, 'browser') / 1e6:,.0f} MB", f"{middle(key, 'server') / 1e6:,.0f} MB", "; ".join(goals)])
    columns = ["file", "program", "from the command", "from the navigation", "nodes", "browser memory", "server memory", "goal"]
    return table("Recorded graphs drawn (headless Chromium)", columns, rows)
