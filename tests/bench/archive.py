"""Writing checkpoints anew: `convert` to safetensors and .pth beside `cp`, and `normalize` beside the loop that people write
in Python, and beside the machine's limit: the slower of SHA-256 over all cores and synced writing."""
import os
import pathlib
import random
import shutil
import subprocess
import sys
import time

from measure import alternate, clock, goal, once, own_memory, size, table

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "fixtures"))
import torch_format  # noqa: E402  pylint: disable=wrong-import-position

LOOP = HERE / "peer_archive.py"
MEMORY = pathlib.Path("/dev/shm")


def run(bench):
    rows = converted(bench) + many(bench)
    if not bench.quick:
        rows += large(bench) + small(bench)
    return table("Writing checkpoints anew", ["what", "program", "time", "own memory", "goal"], rows)


def folder_of(bench):
    return bench.files.folder / "out"


def clear(bench):
    shutil.rmtree(folder_of(bench), ignore_errors=True)
    folder_of(bench).mkdir()
    os.sync()


def converted(bench):
    file = bench.files("1g-filled.pth")
    bench.files.warm("1g-filled.pth")
    out = folder_of(bench)
    chosen = {
        kind: ([bench.pthview, "convert", file, "-o", str(out / f"model.{kind}"), "--quiet"], bench.runs(7))
        for kind in ("safetensors", "pth")
    }
    chosen["cp"] = (["cp", file, str(out / "copy.pth")], bench.runs(7))
    times = alternate(chosen, before=lambda _: clear(bench))
    rows = []
    for kind in ("safetensors", "pth"):
        clear(bench)
        ratio = times[kind].median / times["cp"].median
        rows.append([f"convert to {kind}, 1 GB", "pthview", times[kind], size(own_memory(chosen[kind][0])),
                     goal(f"{ratio:.2f} times `cp`, at most 1.2", ratio <= 1.2)])
    return rows + [["1 GB", "cp", times["cp"], "", ""]]


def checkpoints(bench, name, count, least, most):
    """A folder of legacy checkpoints of random values, 10 tensors each."""
    folder = bench.files.folder / name
    if not folder.exists():
        part = bench.files.folder / f".{name}"
        shutil.rmtree(part, ignore_errors=True)
        numbers = random.Random(1)
        for i in range(count):
            below = part / f"{i // 1000:03}"
            below.mkdir(parents=True, exist_ok=True)
            length = numbers.randint(least, most) // 40
            state = {f"layer{k}.weight": torch_format.Tensor(torch_format.Storage("FloatStorage", numbers.randbytes(4 * length)),
                                                             (length,)) for k in range(10)}
            torch_format.save({"state_dict": state, "epoch": i}, below / f"{i:06}.pth", "legacy")
        part.rename(folder)
    for path in folder.rglob("*.pth"):
        path.read_bytes()
    return folder, sum(path.stat().st_size for path in folder.rglob("*.pth"))


HASHING = """
import concurrent.futures, hashlib, os, sys
block = bytes(1 << 20)
cores = os.cpu_count()
def work(_):
    digest = hashlib.sha256()
    for _ in range(int(sys.argv[1]) // len(block) // cores):
        digest.update(block)  # without the interpreter's lock
with concurrent.futures.ThreadPoolExecutor(cores) as pool:
    list(pool.map(work, range(cores)))
"""


def limits(bench, nbytes):
    """What a machine cannot do faster: SHA-256 of so many bytes over all cores, and writing and syncing them."""
    return {
        "hashing": ([sys.executable, "-c", HASHING, str(nbytes)], 3),
        "writing": (["dd", "if=/dev/zero", f"of={folder_of(bench) / 'plain'}", "bs=4M", f"count={nbytes >> 22}", "conv=fsync"], 5),
    }


def normalize(bench, source, *options):
    return [bench.pthview, "normalize", str(source), "-o", str(folder_of(bench) / "archive"), "--quiet", *options]


def limit_text(times, nbytes):
    limit = max(times["hashing"].median, times["writing"].median)
    share = limit / times["pthview"].median
    return goal(f"{share:.2f} of the limit, {nbytes / limit / 1e9:.1f} GB/s; at least 0.75", share >= 0.75)


def limit_rows(what, times):
    return [[what, text, times[key], "", ""]
            for key, text in (("hashing", "SHA-256 over all cores"), ("writing", "writing and syncing"))]


def many(bench):
    folder, nbytes = checkpoints(bench, "500-legacy", 500, 1_000_000, 4_000_000)
    mine = normalize(bench, folder)
    chosen = {"pthview": (mine, bench.runs(5)), **limits(bench, nbytes)}
    if bench.torch:
        chosen["loop"] = ([bench.torch, str(LOOP), str(folder), str(folder_of(bench) / "loop")], 3)
    times = alternate(chosen, before=lambda _: clear(bench))
    clear(bench)
    memory = own_memory(mine)
    what = f"500 legacy files, {nbytes / 1e9:.1f} GB"
    rows = [[what, "pthview", times["pthview"], size(memory), limit_text(times, nbytes)]]
    if "loop" in times:
        ratio = times["loop"].median / times["pthview"].median
        rows.append([what, "Python loop", times["loop"], "", goal(f"pthview {ratio:.1f} times as fast, at least 6", ratio >= 6)])
    return rows + in_memory(bench, folder) + limit_rows(what, times)


def in_memory(bench, folder):
    """The same without a disk to wait for: what the processor takes."""
    if not (bench.torch and MEMORY.is_dir()):
        return []
    out = MEMORY / "pthview-bench"
    shutil.rmtree(out, ignore_errors=True)
    times = alternate({"pthview": ([bench.pthview, "normalize", str(folder), "-o", str(out), "--quiet"], bench.runs(5)),
                       "loop": ([bench.torch, str(LOOP), str(folder), str(out)], 3)},
                      before=lambda _: shutil.rmtree(out, ignore_errors=True))
    shutil.rmtree(out, ignore_errors=True)
    what = "the same, into memory"
    ratio = times["loop"].median / times["pthview"].median
    return [[what, "pthview", times["pthview"], "", ""],
            [what, "Python loop", times["loop"], "", goal(f"pthview {ratio:.1f} times as fast, at least 6", ratio >= 6)]]


def large(bench):
    file = bench.files("4g-filled.pth")
    bench.files.warm("4g-filled.pth")
    mine = normalize(bench, file)
    nbytes = os.path.getsize(file)
    times = alternate({"pthview": (mine, bench.runs(3)), **limits(bench, nbytes)}, before=lambda _: clear(bench), warm=False)
    clear(bench)
    memory = own_memory(mine)
    return [["one file, 4 GB", "pthview", times["pthview"], size(memory), limit_text(times, nbytes)],
            ["one file, 4 GB", "pthview", "", size(memory), goal("under 64 MB of its own", memory < 64e6)],
            *limit_rows("one file, 4 GB", times)]


def small(bench):
    """Time a file, memory, and what a kill half way makes the next run do again."""
    rows, each = [], []
    for count in (10_000, 100_000):
        folder, _ = checkpoints(bench, f"{count}-small", count, 2000, 4000)
        clear(bench)
        seconds = once(normalize(bench, folder))
        each.append(seconds / count)
        clear(bench)
        memory = own_memory(normalize(bench, folder)) if count == 100_000 else None
        rows.append([f"{count:,} small files", "pthview", clock(seconds), size(memory) if memory else "",
                     goal(f"{each[-1] / each[0]:.2f} times as long a file; under 256 MB",
                          each[-1] / each[0] < 1.3 and (memory or 0) < 256e6) if memory else ""])
    clear(bench)
    process = subprocess.Popen(normalize(bench, folder), stdout=subprocess.DEVNULL)  # pylint: disable=consider-using-with
    time.sleep(seconds / 2)
    process.kill()
    process.wait()
    archive = folder_of(bench) / "archive"
    known = sum(1 for _ in open(archive / ".pthview/journal.jsonl", "rb"))
    written = sum(1 for path in archive.rglob("*.safetensors"))  # those in staging too: begun, and to be done again
    again = (written - known) / len(each) / 50_000
    rows.append(["killed half way", "pthview", "", "", goal(f"{again:.2%} of the work done again, under 1%", again < 0.01)])
    clear(bench)
    return rows
