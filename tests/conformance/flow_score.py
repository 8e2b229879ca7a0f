"""Inferred edges beside real ones: how many of those drawn are right, how many of the real ones are drawn."""
import json
import subprocess
from collections import defaultdict


def inferred_edges(pthview, path, out, aliases):
    """Edges of the inferred graph between layers and ~adds; other operations hand through."""
    subprocess.run([pthview, "convert", "-q", "--force", "--data", "none", str(path), "-o", str(out)], check=True,
                   capture_output=True)
    document = json.loads(out.read_text())
    edges, evidence = set(), {}
    for graph in document["graphs"]:
        if graph["origin"] != "inferred":
            continue
        sources = {}
        for node in graph["nodes"]:
            given = defaultdict(set)
            for argument in node["inputs"]:
                if "evidence" in argument:
                    why = graph["evidence"][argument["evidence"]]
                    for value in argument["values"]:
                        for source in sources.get(value, ()):
                            given[source] = why["kind"] + ": " + why["text"]
            module = document["modules"][node["module"]]["path"] if "module" in node else ""
            if node["op"].startswith("~") and node["op"] != "~add":
                made = set(given)
            else:
                name = node["name"] if node["op"] == "~add" else aliases.get(module, module)
                for source, why in given.items():
                    edges.add((source, name))
                    evidence[source, name] = why
                made = {name}
            for argument in node["outputs"]:
                for value in argument["values"]:
                    sources[value] = made
    return edges, evidence


def is_add(name):
    return name.rsplit(".", 1)[-1].startswith("~add")


def merged(edges):
    """Sums of sums are one sum."""
    while True:
        taken = defaultdict(set)
        for source, target in edges:
            taken[source].add(target)
        joint = next(((a, next(iter(targets))) for a, targets in taken.items()
                      if is_add(a) and len(targets) == 1 and is_add(next(iter(targets)))), None)
        if joint is None:
            return edges
        inner, outer = joint
        edges = {(a, outer if b == inner else b) for a, b in edges if (a, b) != (inner, outer)}


def compare(mine, truth, known):
    """(right, wrong, missed). A ~add of mine is that of the truth which shares most of what is added. An edge at a module
    of which only is known what feeds it is right where it is true of something inside it."""
    truth = merged(truth)
    mine = merged(mine)
    everything = known | {name for edge in truth for name in edge}
    inside = defaultdict(set)
    for name in {a for edge in mine for a in edge if not is_add(a) and a not in known}:
        inside[name] = {other for other in everything if other.startswith(name + ".")}
    operands, given = defaultdict(set), defaultdict(set)
    for edges, table in ((truth, operands), (mine, given)):
        for a, b in edges:
            if is_add(b):
                table[b].add(a)
    same, free = {}, set(operands)

    def meant(name):
        return inside[name] if name in inside else {same.get(name, name)}

    pending = list(given)
    while pending:
        best = None
        for name in pending:
            for other in free:
                shared = sum(1 if a in inside else 100 for a in given[name] if meant(a) & operands[other])
                if shared and (best is None or shared > best[0]):
                    best = (shared, name, other)
        if best is None:
            break
        _, name, other = best
        same[name] = other
        pending.remove(name)
        free.discard(other)
    right, wrong, found = set(), set(), set()
    for a, b in mine:
        true = {(x, y) for x in meant(a) for y in meant(b) if (x, y) in truth}
        if a not in inside and b not in inside:
            found |= true
        (right if true else wrong).add((a, b))
    return right, wrong, truth - found


def parameters(pthview, path):
    """What `info` counts."""
    run = subprocess.run([pthview, "info", "--json", str(path)], check=False, capture_output=True)
    parts = json.loads(run.stdout)["files"][0]["parts"]
    return sum(part["parameters"] for part in parts if part["kind"] == "model")


class Table:
    """Figures by family."""

    def __init__(self):
        self.families = defaultdict(lambda: defaultdict(lambda: [0, 0, 0]))
        self.models = defaultdict(int)
        self.miscounted = defaultdict(int)

    def add(self, family, file, right, wrong, missed):
        for name in (family, "all"):
            for at, edges in enumerate((right, wrong, missed)):
                self.families[name][file][at] += len(edges)

    def add_model(self, family, miscounts):
        for name in (family, "all"):
            self.models[name] += 1
            self.miscounted[name] += bool(miscounts)

    def figures(self, family):
        """(precision, recall in the order of definition, recall of safetensors)."""
        files = self.families[family]
        right, wrong = (sum(counts[at] for counts in files.values()) for at in (0, 1))
        recall = {name: counts[0] / max(1, counts[0] + counts[2]) for name, counts in files.items()}
        return right / max(1, right + wrong), recall["defined.pth"], recall["m.safetensors"]

    def reaches(self, precision, recall):
        figures = self.figures("all")
        return figures[0] >= precision and min(figures[1:]) >= recall and not self.miscounted["all"]

    def lines(self, markdown):
        out = []
        if markdown:
            out += ["", "| family | models | edges | drawn | wrong | precision | recall | recall, sorted | miscounted |",
                    "|---|---|---|---|---|---|---|---|---|"]
        for family in sorted(self.families, key=lambda name: (name == "all", name)):
            files = self.families[family]
            right, wrong = (sum(counts[at] for counts in files.values()) for at in (0, 1))
            precision, recall, recall_sorted = self.figures(family)
            edges = sum(files["defined.pth"][at] for at in (0, 2))
            cells = [family, self.models[family], edges, right + wrong, wrong, f"{precision:.3f}", f"{recall:.3f}",
                     f"{recall_sorted:.3f}", self.miscounted[family]]
            if markdown:
                out.append("| " + " | ".join(map(str, cells)) + " |")
            else:
                out.append("{:26} models {:3} edges {:6} drawn {:6} wrong {:3} precision {} recall {} sorted {} miscounted {}".format(*cells))
        return out
