"""Starting: pthview beside /bin/true, the least that a process can cost."""
from measure import alternate, goal, own_memory, table

WITHIN = 0.005  # seconds above /bin/true


def run(bench):
    small = bench.files("sample.pth")
    runs = bench.runs(101)
    contenders = {
        "/bin/true": (["/bin/true"], runs),
        "pthview --version": ([bench.pthview, "--version"], runs),
        "pthview list (180 KB file)": ([bench.pthview, "list", small], runs),
    }
    times = alternate(contenders)
    base = times["/bin/true"].median
    rows = []
    for label, (command, _) in contenders.items():
        above = times[label].median - base
        rows.append([
            label, times[label], f"{own_memory(command) / 1e6:.1f} MB",
            goal(f"{above * 1e3:.2f} ms above, at most 5 ms", above <= WITHIN) if label != "/bin/true" else ""
        ])
    return table("Starting", ["command", "time", "own memory", "goal"], rows)
