"""Serving: from the start of the server to the drawn graph in headless Chromium, beside stock Netron's own server.

tests/browser/timing.mjs looks at the page; the servers are started here, so that their memory can be read too. The
time is the sum of two: until the server prints its address, and from the navigation to the drawn graph. A fresh
browser is started for each run, and all files and programs take turns, so that a slow minute of the machine is one of
each of them.
"""
import json
import os
import pathlib
import re
import select
import signal
import statistics
import subprocess
import tempfile
import time
import zipfile

from measure import clock, goal, size, status_memory, table

TIMING = pathlib.Path(__file__).resolve().parent.parent / "browser" / "timing.mjs"
ADDRESS = re.compile(rb"https?://[^\s'\"]+(?=[\s'\"])")
NETRON = ("import sys\nsys.path.insert(0, sys.argv[1])\nimport netron\n"
          "host, port = netron.start(sys.argv[2], browse=False)\n"
          "print(f'http://{host}:{port}/ ', flush=True)\nnetron.wait()\n")


class Server:
    """A server of ours or of Netron's, until its `stop`."""

    def __init__(self, command):
        start = time.perf_counter()
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT)
        self.url = self._address(120)
        self.seconds = time.perf_counter() - start

    def _address(self, patience):
        output, stream = b"", self.process.stdout.fileno()
        while select.select([stream], [], [], patience)[0]:
            data = os.read(stream, 4096)
            output += data
            found = ADDRESS.search(output)
            if found:
                return found[0].decode()
            if not data:
                break
        self.process.kill()
        raise RuntimeError(f"no address: {output.decode(errors='replace')}")

    def stop(self):
        memory = status_memory(self.process.pid)
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        return memory


def measured(bench, command, unfold):
    server = Server(command)
    try:
        options = ["--unfold"] if unfold else []
        done = subprocess.run([bench.node, str(TIMING), "--url", server.url, "--runs", "1", *options],
                              stdout=subprocess.PIPE, check=True)
        page = json.loads(done.stdout)
    finally:
        memory = server.stop()
    return {
        "time": server.seconds + page["drawn_ms"] / 1e3,
        "drawn": page["drawn_ms"] / 1e3,
        "server": memory,
        "browser": page["browser_mb"] * 1e6,
        "nodes": page["nodes"],
        "unfold": page.get("unfold_ms", 0) / 1e3
    }


# file, tensors, runs, runs of stock Netron, unfold every level
CASES = (
    ("resnet50.pth", 320, 7, 7, False),
    ("1g.pth", 16, 7, 3, False),
    ("4g.pth", 64, 7, 0, False),
    ("50000-nested.pth", 50000, 5, 1, True),
    ("50000-flat.pth", 50000, 5, 0, True),
)


def run(bench):
    if not bench.node:
        return "### Serving\n\nLeft out: node or `.deps/npm` is missing (`tools/bootstrap --test`).\n"
    with tempfile.TemporaryDirectory(prefix="netron-") as unpacked:
        if bench.netron:
            zipfile.ZipFile(bench.netron).extractall(unpacked)
        contenders = []  # key of the result, command, runs, unfold every level
        for name, _, runs, stock, unfold in CASES:
            file = bench.files(name)
            if stock and name.startswith("50000"):
                stock = 0 if bench.quick else stock  # a minute and a half
            contenders.append(((name, "pthview"), [bench.pthview, "serve", file, "--no-open"], bench.runs(runs), unfold))
            if bench.netron and stock:
                command = [bench.python, "-c", NETRON, unpacked, file]
                contenders.append(((name, "stock Netron"), command, bench.runs(stock), False))
        results = {key: [] for key, *_ in contenders}
        for turn in range(max(count for _, _, count, _ in contenders)):
            for key, command, count, unfold in contenders:
                if turn < count:
                    results[key].append(measured(bench, command, unfold))
    return report(results)


def report(results):
    tensors = {name: count for name, count, *_ in CASES}
    rows = []

    def middle(key, what):
        return statistics.median(one[what] for one in results[key]) if key in results else None

    base = ("resnet50.pth", "pthview")
    for key, runs in results.items():
        name, label = key
        taken, browser, server = middle(key, "time"), middle(key, "browser"), middle(key, "server")
        goals = []
        if label == "pthview":
            stock = middle((name, "stock Netron"), "time")
            limit = 64e6 + 1000 * tensors[name]
            goals.append(goal(f"server under {size(limit)}", server < limit))
            if name == "resnet50.pth" and stock:
                goals.append(goal("no slower than stock", taken <= stock))
            if name in ("1g.pth", "4g.pth"):
                ratio, more = taken / middle(base, "time"), browser / middle(base, "browser")
                goals.append(goal(f"{ratio:.2f} times ResNet-50, at most 1.2", ratio <= 1.2))
                goals.append(goal(f"browser {more:.2f} times, at most 1.1", more <= 1.1))
            if name.startswith("50000"):
                unfold = max(one["unfold"] for one in runs)
                goals.append(goal("under 2 s", taken < 2))
                goals.append(goal(f"slowest unfolding {clock(unfold)}, under 1 s", unfold < 1))
                goals.append(goal("under 200 nodes", max(one["nodes"] for one in runs) < 200))
        times = [one["time"] for one in runs]
        rows.append([
            name, label, f"{clock(taken)} ({clock(min(times))} to {clock(max(times))})",
            f"{middle(key, 'nodes'):.0f}",
            size(browser),
            size(server), "; ".join(goals)
        ])
    return table("From the command to the drawn graph (headless Chromium)",
                 ["file", "program", "time", "nodes", "browser memory", "server memory", "goal"], rows)
