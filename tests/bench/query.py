"""Queries over 50,000 tensors, without figures, beside the listing of the same file."""
from measure import alternate, goal, table

COLUMNS = "name, dtype, shape, numel, nbytes, kind, device, requires_grad"
QUERIES = {
    "query, what list shows": [f"SELECT {COLUMNS} FROM tensors"],
    "query, as CSV": ["--csv", f"SELECT {COLUMNS} FROM tensors"],
    "query, grouped": ["SELECT dtype, count(*), sum(numel) FROM tensors GROUP BY dtype"],
    "query, one name": ["SELECT shape FROM tensors WHERE name = 'none'"],
}


def run(bench):
    file = bench.files("50000-nested.pth")
    chosen = {"list": ([bench.pthview, "list", file], bench.runs(31))}
    for label, (*options, sql) in QUERIES.items():
        chosen[label] = ([bench.pthview, "query", *options, file, sql], bench.runs(31))
    times = alternate(chosen)
    rows = []
    for label in chosen:
        ratio = times[label].median / times["list"].median
        text = goal(f"{ratio:.2f} times list, at most 2", ratio <= 2) if label != "list" else ""
        rows.append([label, times[label], text])
    return table("Queries over 50,000 tensors", ["what", "time", "goal"], rows)
