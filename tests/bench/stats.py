"""Statistics, diff and lineage beside bare loops, NumPy, torch and memcmp; all files in the page cache."""
import json
import os
import pathlib
import resource
import shutil
import subprocess

from measure import alternate, goal, own_memory, size, table

HERE = pathlib.Path(__file__).resolve().parent
GIGABYTE = 1 << 30


def bare(bench):
    """The bare loops, compiled as fast as the compiler can."""
    program = bench.files.folder / "bare_loops"
    source = HERE / "bare_loops.cc"
    if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
        subprocess.run(["g++", "-std=c++20", "-O3", "-march=native", "-ffast-math", "-pthread", source, "-o", program],
                       check=True)
    return str(program)


def made(bench, name, *words):
    path = bench.files.folder / name
    if not path.exists():
        part = path.with_name(f"part-{name}")
        subprocess.run([bench.torch, HERE / "peer_values.py", "make", part, *map(str, words)], check=True)
        part.rename(path)
    return str(path)


def place(path):
    """Where the values begin, and how many bytes they are."""
    with open(path, "rb") as file:
        start = 8 + int.from_bytes(file.read(8), "little")
    return [str(start), str(os.path.getsize(path) - start)]


def cpu_seconds(command):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=False, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def speed(path, times):
    return f"{os.path.getsize(path) / times.median / 1e9:.1f} GB/s"


def figures(bench):
    rows = []
    for dtype in ("f32", "bf16", "f16"):
        path = made(bench, f"values-{dtype}.safetensors", dtype, GIGABYTE, 1)
        commands = {
            "pthview stats": [bench.pthview, "stats", "-q", path],
            "bare loop": [bare(bench), "moments", dtype, path, *place(path)],
            "bare read": [bare(bench), "read", path, *place(path)],
        }
        times = alternate({label: (command, bench.runs(15)) for label, command in commands.items()})
        share = times["bare loop"].median / times["pthview stats"].median
        mine = cpu_seconds(commands["pthview stats"])
        for label in commands:
            text = goal(f"{share:.2f} of the bare loop, at least 0.8", share >= 0.8) if label == "pthview stats" else ""
            memory = size(own_memory(commands[label]))
            rows.append([f"1 GB {dtype}", label, times[label], speed(path, times[label]), memory, text])
        for peer in ("numpy", "torch") if dtype == "f32" else ():  # a minute each
            seconds = cpu_seconds([bench.torch, str(HERE / "peer_values.py"), peer, path])
            rows.append([f"1 GB {dtype}", peer, f"{seconds:.2f} CPU s", "", "",
                         goal(f"{seconds / mine:.0f} times the CPU of pthview ({mine:.2f} s), at least 25",
                              seconds / mine >= 25)])
    return table("All figures but percentiles and spectra", ["file", "program", "time", "speed", "own memory", "goal"], rows)


def compared(bench):
    a = made(bench, "values-f32.safetensors", "f32", GIGABYTE, 1)
    same = bench.files.folder / "values-f32-copy.safetensors"
    if not same.exists():
        same.write_bytes(pathlib.Path(a).read_bytes())
    other = made(bench, "values-f32-noise.safetensors", "f32", GIGABYTE, 1, 1e-3)
    rows = []
    memcmp = [bare(bench), "memcmp", a, *place(a), str(same), place(same)[0]]
    read = [bare(bench), "read", a, *place(a)]
    equal = [bench.pthview, "diff", "-q", a, str(same)]
    times = alternate({"pthview diff, equal": (equal, bench.runs(15)), "memcmp": (memcmp, bench.runs(15)),
                       "bare read of one": (read, bench.runs(15))})
    share = times["memcmp"].median / times["pthview diff, equal"].median
    rows.append(["equal", "pthview diff", times["pthview diff, equal"],
                 goal(f"{share:.2f} of memcmp's speed, at least 0.8", share >= 0.8)])
    rows.append(["equal", "memcmp", times["memcmp"], ""])
    seconds = cpu_seconds([bench.torch, str(HERE / "peer_values.py"), "equal", a, str(same)])
    rows.append(["equal", "torch.equal", f"{seconds:.2f} CPU s", ""])
    # diff answers 1 here, which is no failure.
    unlike = ["sh", "-c", '"$0" diff -q "$1" "$2"; test $? = 1', bench.pthview, a, other]
    unequal = alternate({"diff": (unlike, bench.runs(15)), "read": (read, bench.runs(15))})
    share = 2 * unequal["read"].median / unequal["diff"].median
    rows.append(["differing", "pthview diff", unequal["diff"],
                 goal(f"{share:.2f} of the speed of reading both, at least 0.5", share >= 0.5)])
    rows.append(["", "bare read of one", times["bare read of one"], ""])
    return table("Comparing two files of 1 GB", ["tensors", "program", "time", "goal"], rows)


def lineage(bench):
    folder = bench.files.folder / "family"
    if not folder.exists():
        part = folder.with_name("part-family")
        subprocess.run([bench.torch, HERE / "peer_values.py", "family", part, "20", str(100 << 20)], check=True)
        part.rename(folder)
    files = [str(path) for path in sorted(folder.iterdir())]
    read = ["sh", "-c", 'for file do "$0" read "$file" 0 $(stat -c %s "$file"); done', bare(bench), *files]
    times = alternate({"pthview lineage": ([bench.pthview, "lineage", *files], bench.runs(10)),
                       "bare reads": (read, bench.runs(10))})
    ratio = times["pthview lineage"].median / times["bare reads"].median
    rows = [["pthview lineage", times["pthview lineage"], size(own_memory([bench.pthview, "lineage", *files])),
             goal(f"{ratio:.1f} times the reads, under 5", ratio < 5)], ["bare reads", times["bare reads"], "", ""]]
    return table("Lineage of 20 checkpoints of 100 MB", ["program", "time", "own memory", "goal"], rows)


def forget(path):
    """Takes a file out of the page cache."""
    os.sync()
    with open(path, "rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def large(bench):
    """16 GB of the values of the small file, again and again, read from the disk; left out where that has no room."""
    path = bench.files.folder / "16g.safetensors"
    if not path.exists():
        if bench.quick or shutil.disk_usage(bench.files.folder).free < 24 * GIGABYTE:
            return ""
        size_of_one = 4 * 32768 * 32768
        header = json.dumps({f"layer{i}.weight": {"dtype": "F32", "shape": [32768, 32768],
                                                  "data_offsets": [i * size_of_one, (i + 1) * size_of_one]}
                             for i in range(4)}).encode()
        header += b" " * (-len(header) % 8)
        with open(made(bench, "values-f32.safetensors", "f32", GIGABYTE, 1), "rb") as file:
            file.seek(4096)
            block = file.read(GIGABYTE // 4)
        part = path.with_name("part-16g")
        with open(part, "wb") as file:
            file.write(len(header).to_bytes(8, "little") + header)
            for _ in range(4 * size_of_one // len(block)):
                file.write(block)
        part.rename(path)
    path = str(path)
    commands = {"pthview stats": [bench.pthview, "stats", "-q", path], "bare read": [bare(bench), "read", path, *place(path)]}
    times = alternate({label: (command, 3) for label, command in commands.items()}, before=lambda _: forget(path), warm=False)
    memory = own_memory(commands["pthview stats"])
    ratio = times["pthview stats"].median / times["bare read"].median
    rows = [["pthview stats", times["pthview stats"], speed(path, times["pthview stats"]), size(memory),
             goal(f"{ratio:.2f} times the read, at most 1.1", ratio <= 1.1) + "; "
             + goal(f"{size(memory)}, under 256 MB", memory < 256e6)],
            ["bare read", times["bare read"], speed(path, times["bare read"]), "", ""]]
    return table("All figures of 16 GB from the disk", ["program", "time", "speed", "own memory", "goal"], rows)


def run(bench):
    if not bench.torch:
        raise RuntimeError("torch makes the files: tools/bootstrap --test")
    return "\n".join(text for text in (figures(bench), compared(bench), lineage(bench), large(bench)) if text)
