"""Compares rows of `pthview list --json --all --hash` with expected rows, and says every difference.

An expected row is a dict; a field that is absent or None is not compared. How the row is found: by `path`; else by
`name`; else by dtype, shape and hash. `optional` rows may be missing, and are not compared.
"""
import collections

import paths

FIELDS = ("dtype", "shape", "strides", "offset", "numel", "device", "requires_grad", "layout", "kind")


def _facts(row):
    return row.get("dtype"), tuple(row.get("shape") or ()), row.get("sha256")


def _label(row):
    return repr(row.get("path") or row.get("name") or _facts(row))


class _Finder:
    """Rows of pthview, each to be taken once."""

    def __init__(self, rows):
        self.rows = rows
        self.free = set(range(len(rows)))
        self.tables = [collections.defaultdict(list) for _ in range(3)]
        for index, row in enumerate(rows):
            for table, key in zip(self.tables, self.keys(row)):
                table[key].append(index)

    @staticmethod
    def keys(row):
        path = row.get("path")
        return paths.canonical(path) if path is not None else None, row.get("name"), _facts(row)

    def take(self, expected):
        by = 0 if expected.get("path") is not None else 1 if expected.get("name") is not None else 2
        for index in self.tables[by].get(self.keys(expected)[by], ()):
            if index in self.free:
                self.free.remove(index)
                return index
        return None


def _row_differences(want, got):
    for field in FIELDS:
        value = want.get(field)
        if value is not None and value != got.get(field):
            yield f"{field} is {got.get(field)!r}, not {value!r}"
    if want.get("sha256"):
        if got.get("sha256") != want["sha256"]:
            yield f"sha256 is {got.get('sha256')} (data: {got.get('data')}), not {want['sha256']}"
    if want.get("data") and got.get("data") != want["data"]:
        yield f"data is {got.get('data')!r}, not {want['data']!r}"
    if want.get("path") and paths.strict(want["path"]) and got.get("path") != want["path"]:
        yield f"path is spelt {got.get('path')!r}, not {want['path']!r}"
    if want.get("path") and "same_as" in want:
        first, seen = want["same_as"], got.get("same_as")
        if (first is None) != (seen is None) or (first and paths.canonical(first) != paths.canonical(seen)):
            yield f"same_as is {seen!r}, not {first!r}"
    if want.get("components") and got.get("components") is not None:
        yield from _component_differences(want["components"], got["components"])


def _component_differences(want, got):
    got = {row.get("name"): row for row in got}
    for row in want:
        other = got.get(row["name"])
        if other is None:
            yield f"component {row['name']!r} is missing (there are {sorted(map(str, got))})"
            continue
        for field in ("dtype", "shape", "sha256"):
            if row.get(field) is not None and other.get(field) not in (row[field], None):
                yield f"component {row['name']!r}: {field} is {other.get(field)!r}, not {row[field]!r}"


def _storage_differences(pairs):
    """Tied tensors must share storage, and others must not."""
    place_of, group_of = {}, {}
    for want, got in pairs:
        if want.get("storage_id") is None or not got.get("storage"):
            continue
        storage = got["storage"]
        place = (storage.get("file"), storage.get("record"), storage.get("offset"))
        first = place_of.setdefault(want["storage_id"], (place, want))
        if first[0] != place:
            yield f"{_label(want)}: its storage is {place}, yet it shares that of {_label(first[1])}, {first[0]}"
        group = group_of.setdefault(place, (want["storage_group"], want))
        if group[0] != want["storage_group"]:
            yield f"{_label(want)}: has the storage of {_label(group[1])}, {place}, and should not"


def differences(expected, rows, ordered=True):
    """Every difference, a line each."""
    finder = _Finder(rows)
    out, pairs, last = [], [], -1
    for want in sorted(expected, key=lambda row: row.get("path") is None and 1 + (row.get("name") is None)):
        index = finder.take(want)
        if index is None:
            if not want.get("optional"):
                out.append(f"{_label(want)}: no such row")
            continue
        if want.get("optional"):
            continue
        pairs.append((want, rows[index]))
        out += [f"{_label(want)}: {text}" for text in _row_differences(want, rows[index])]
        if want.get("path") is not None and ordered:
            if index < last:
                out.append(f"{_label(want)}: is not where the file's order has it")
            last = index
    out += list(_storage_differences(pairs))
    # Arrays deep inside objects of unknown classes: pthview looks further than the readers it is compared with.
    out += [f"{_label(rows[index])}: a row that should not be there" for index in sorted(finder.free)
            if rows[index].get("class") != "numpy.ndarray"]
    return out
