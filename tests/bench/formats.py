"""Opening grows with the metadata and never touches weights: one row a format.

Each format's checkpoint is listed three times over: 1,000 tensors of 4 KB, ten times the tensors, and ten times the
bytes a tensor. With ten times the bytes no more may be read than before; with ten times the tensors no more than ten
times the time may pass, beyond what a start costs.
"""
from measure import alternate, at_the_end, bytes_read, clock, goal, size, table

FEW, MANY = 1000, 10000
SMALL, LARGE = 4096, 40960
SLACK = 64 << 10  # bytes: a file's end is read in blocks
# Formats in the order of the table; those that must be unpacked from the first byte to the last are read whole.
ROWS = ("zip", "legacy", "tar", "safetensors", "sharded", "sharded_bin", "dcp", "deepspeed", "torchscript", "lite",
        "flatbuffer", "package", "pt2", "zip_of_one", "gzip", "xz")
PACKED = ("gzip", "xz")
NEEDS_TORCH = ("flatbuffer",)
HEADER = ["format", "1,000 x 4 KB", "10,000 x 4 KB", "1,000 x 40 KB", "read of it", "goal"]


def row(bench, kind, start, baseline):
    python = bench.torch if kind in NEEDS_TORCH else bench.python
    made = {
        label: bench.files.formatted(kind, *of, python)
        for label, of in (("base", (FEW, SMALL)), ("many", (MANY, SMALL)), ("large", (FEW, LARGE)))
    }
    commands = {label: ([bench.pthview, "list", path], bench.runs(21)) for label, (path, _) in made.items()}
    times = {label: found.median for label, found in alternate(commands).items()}
    folder = bench.files.folder.resolve()
    read = {
        label: max(0,
                   at_the_end(command, lambda pid: bytes_read(pid, folder)) -
                   baseline) for label, (command, _) in commands.items()
    }
    growth = max(times["many"] - start, 0) / max(times["base"] - start, 1e-4)
    goals = [goal(f"{growth:.1f} times the time for ten times the tensors, at most 12", growth <= 12)]
    if kind in PACKED:
        goals.append("unpacked from end to end")
    else:
        more = read["large"] / max(read["base"], 1)
        goals.append(
            goal(f"{more:.2f} times the bytes read for ten times the weights, at most 1.1", read["large"]
                 <= 1.1 * read["base"] + SLACK))
    cells = [f"{clock(times[label])}, {size(read[label])}" for label in ("base", "many", "large")]
    return [kind, *cells, f"{100 * read['large'] / made['large'][1]:.1f}%", "; ".join(goals)]


def run(bench):
    version = [bench.pthview, "--version"]
    start = alternate({"start": (version, bench.runs(31))})["start"].median
    baseline = at_the_end(version, lambda pid: bytes_read(pid, bench.files.folder.resolve()))
    chosen = [kind for kind in ROWS if not bench.formats or kind in bench.formats]
    rows = [row(bench, kind, start, baseline) for kind in chosen if bench.torch or kind not in NEEDS_TORCH]
    return table("Formats: time and bytes read by `list`", HEADER, rows)
