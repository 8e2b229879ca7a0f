"""Converting to ONNX: in place of 4 GB, and with the weights copied, beside `cp` of the same bytes."""
import os
import shutil

from measure import alternate, goal, own_memory, size, table


def run(bench):
    rows = [in_place(bench)]
    rows += copied(bench, "1g-filled.pth", "inline")
    if not bench.quick:
        rows += copied(bench, "4g-filled.pth", "external")
    return table("Converting to ONNX", ["what", "program", "time", "own memory", "goal"], rows)


def command(bench, file, out, weights):
    return [bench.pthview, "convert", file, "-o", out, "--weights", weights, "--force", "--quiet"]


def in_place(bench):
    # The output has to lie in the checkpoint's folder or above it.
    file = bench.files("4g.pth")
    out = str(bench.files.folder / "in-place.onnx")
    mine = command(bench, file, out, "in-place")
    times = alternate({"pthview": (mine, bench.runs(21))})["pthview"]
    memory = own_memory(mine)
    os.unlink(out)
    return ["in place, 4 GB", "pthview", times, size(memory), goal("under 100 ms", times.median < 0.1)]


def copied(bench, name, weights):
    file = bench.files(name)
    bench.files.warm(name)
    folder = bench.files.folder / "out"

    def clear(_):
        # Unwritten pages of the last run would be paid for by the next.
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        os.sync()

    chosen = {
        "pthview": (command(bench, file, str(folder / "model.onnx"), weights), bench.runs(7)),
        "cp": (["cp", file, str(folder / "copy.pth")], bench.runs(7)),
    }
    times = alternate(chosen, before=clear)
    clear(None)
    memory = own_memory(chosen["pthview"][0])
    clear(None)
    ratio = times["pthview"].median / times["cp"].median
    what = f"{weights}, {name.split('-')[0].replace('g', ' GB')}"
    return [[what, "pthview", times["pthview"], size(memory), goal(f"{ratio:.2f} times `cp`, at most 1.2", ratio <= 1.2)],
            [what, "cp", times["cp"], "", ""]]
