"""Many tensors: 5,000, 50,000 and 500,000 rows, and whether time and memory grow in proportion.

The script and pthview take turns, as everywhere. Whether time grows in proportion is told from further runs of pthview
alone, one behind the other: what a turn of the script leaves behind (on a virtual machine: memory that the host has to
find again, 2 ms a megabyte) would be measured as pthview's, and only where it needs much memory.
"""
from measure import alternate, goal, own_memory, size, table

COUNTS = (5000, 50000, 500000)


def run(bench):
    counts = COUNTS[:2] if bench.quick else COUNTS
    rows, per_tensor = [], {}
    for count in counts:
        file = bench.files(f"{count}-nested.pth")
        few = count > 50000
        chosen = {
            "pthview": ([bench.pthview, "list", file], bench.runs(7 if few else 31)),
            "script": ([bench.python, bench.script, file], bench.runs(3 if few else 9)),
        }
        times = alternate(chosen)
        alone = alternate({"pthview": (chosen["pthview"][0], bench.runs(15 if few else 31))})["pthview"]
        memory = {label: own_memory(command) for label, (command, _) in chosen.items()}
        faster = times["script"].median / times["pthview"].median
        goals = []
        if count == 50000:
            goals = [
                goal(f"{faster:.1f} times faster than the script, at least 12", faster >= 12),
                goal(f"{size(memory['pthview'])}, under 64 MB", memory["pthview"] < 64e6)
            ]
        if count >= 50000:
            growth = alone.median / count / per_tensor[count // 10]
            goals.append(goal(f"time a tensor {growth:.2f} times that of {count // 10:,}, at most 1.2", growth <= 1.2))
        per_tensor[count] = alone.median / count
        times["pthview, one behind the other"] = alone
        for label, taken in times.items():
            rows.append([
                f"{count:,}", label, taken, f"{taken.median / count * 1e6:.2f} µs",
                size(memory[label]) if label in memory else "", "; ".join(goals) if label == "pthview" else ""
            ])
    return table("Many tensors (4 x 4, nested names)", ["tensors", "program", "time", "a tensor", "own memory", "goal"],
                 rows)
