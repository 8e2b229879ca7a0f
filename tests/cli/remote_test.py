#!/usr/bin/env python3
"""Tests of files at addresses and on standard input: remote_test.py --pthview BIN [unittest arguments]

The servers are of the test's own, on loopback. They count requests and bytes, and do what bad servers do.
"""
import argparse
import gzip
import hashlib
import http.client
import json
import os
import pathlib
import pty
import random
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "fixtures"), str(HERE)]

import range_server  # noqa: E402
from torch_format import Hole, Storage, Tensor, save  # noqa: E402

OPTIONS = argparse.Namespace(pthview=None)
FOLDER = None
SERVER = None
GIGABYTE = 1 << 30
HEAD = 128 << 10  # what opening asks for
SECONDS = 60  # that any command may take before it counts as hanging


def values(count, seed=1):
    return struct.pack(f"<{count}f", *(random.Random(seed + i).uniform(-1, 1) for i in range(count)))


def layers(sizes):
    return {f"layers.{i}.weight": Tensor(Storage("FloatStorage", values(size, i)), (size,))
            for i, size in enumerate(sizes)}


def save_safetensors(path, tensors, header_only=False):
    """`tensors`: {name: bytes or Hole}, float32 each."""
    header, at = {}, 0
    for name, data in tensors.items():
        header[name] = {"dtype": "F32", "shape": [len(data) // 4], "data_offsets": [at, at + len(data)]}
        at += len(data)
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for data in tensors.values():
            if isinstance(data, Hole):
                file.seek(len(data), os.SEEK_CUR)
            else:
                file.write(data)
        file.truncate(file.tell())


def large(count=64, each=64 << 20):
    """4 GB without a byte of it on disk; between the large ones stand small ones, as in real models."""
    Hole.crcs[each] = 0
    state = {}
    for i in range(count):
        state[f"layers.{i}.weight"] = Tensor(Storage("FloatStorage", Hole(each)), (each // 4,))
        state[f"layers.{i}.bias"] = Tensor(Storage("FloatStorage", values(16, i)), (16,))
    return state


def setUpModule():
    global FOLDER, SERVER
    FOLDER = pathlib.Path(tempfile.mkdtemp(prefix="pthview-remote-"))
    save(large(), FOLDER / "large.pth", "zip")
    save(large(), FOLDER / "large_legacy.pth", "legacy")
    save_safetensors(FOLDER / "large.safetensors", {f"layers.{i}.weight": Hole(64 << 20) for i in range(64)})
    sizes = [40000, 3, 90000, 17, 120000, 1, 50000]
    save(layers(sizes), FOLDER / "zip.pth", "zip")
    save(layers(sizes), FOLDER / "legacy.pth", "legacy")
    save(layers([5]), FOLDER / "small.pth", "zip")
    save_safetensors(FOLDER / "file.safetensors", {f"layers.{i}.weight": values(n, i) for i, n in enumerate(sizes)})
    (FOLDER / "zip.pth.gz").write_bytes(gzip.compress((FOLDER / "zip.pth").read_bytes(), 1))
    (FOLDER / "empty.pth").write_bytes(b"")
    SERVER = range_server.Server(FOLDER)


def tearDownModule():
    SERVER.stop()
    shutil.rmtree(FOLDER)


def run(*arguments, environment=None, **options):
    """The finished process, with text as it came."""
    options.setdefault("stdin", subprocess.DEVNULL)
    variables = {**os.environ, "LC_ALL": "C.UTF-8", **(environment or {})}
    return subprocess.run([OPTIONS.pthview, *map(str, arguments)], capture_output=True, cwd=FOLDER, text=True,
                          timeout=SECONDS, check=False, env=variables, **options)


class Case(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        SERVER.clear()
        SERVER.routes.clear()

    def ok(self, *arguments, **options):
        result = run(*arguments, **options)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout

    def fails(self, pattern, *arguments, **options):
        """The error that it ends with, which names the file first."""
        result = run(*arguments, **options)
        self.assertEqual(result.returncode, 2, result.stdout + result.stderr)
        self.assertRegex(result.stderr, pattern)
        self.assertEqual(result.stderr.count("pthview: "), 1, result.stderr)
        self.assertEqual(result.stdout, "")
        return result.stderr


class Metadata(Case):
    """Listing fetches metadata only, and shows what it shows of a file near by."""

    def test_files_of_gigabytes(self):
        for name in ("large.pth", "large_legacy.pth", "large.safetensors"):
            self.assertGreaterEqual((FOLDER / name).stat().st_size, 4 * GIGABYTE)
            for verb in ("list", "tree", "info"):
                with self.subTest(name=name, verb=verb):
                    SERVER.clear()
                    near, far = run(verb, name), run(verb, SERVER.url(name))
                    self.assertEqual(far.returncode, 0, far.stderr)
                    if verb == "info":  # names the file, and says what was not fetched
                        shown = far.stdout.replace(SERVER.url(name), name)
                        shown = re.sub(r"(?<=  findings  )info: The local headers of \d+ records were not fetched.*\n +",
                                       "", shown)
                        self.assertEqual(shown, near.stdout)
                    else:
                        self.assertEqual(far.stdout, near.stdout)
                    self.assertEqual(far.stderr, near.stderr)
                    self.assertIn({"list": "layers.63", "tree": "(63)", "info": "4.0 GiB"}[verb], far.stdout)
                    self.assertLess(SERVER.sent, 1 << 20)
                    self.assertLessEqual(len(SERVER.requests), 3)

    def test_where_tensors_lie_is_the_same(self):
        for name in ("large.pth", "large_legacy.pth", "large.safetensors", "zip.pth"):
            near = json.loads(self.ok("list", "--json", name))["tensors"]
            far = json.loads(self.ok("list", "--json", SERVER.url(name)))["tensors"]
            for row in far:
                self.assertEqual(row["storage"].pop("file"), SERVER.url(name))
            for row in near:
                row["storage"].pop("file")
            self.assertEqual(far, near)

    def test_a_header_longer_than_the_first_request(self):
        save_safetensors(FOLDER / "many.safetensors", {f"blocks.{i}.attention.weight": values(1, i) for i in range(8000)})
        self.assertEqual(self.ok("list", SERVER.url("many.safetensors")), self.ok("list", "many.safetensors"))
        self.assertLessEqual(len(SERVER.requests), 4)

    def test_what_is_sent(self):
        self.ok("list", SERVER.url("large.pth"))
        version = self.ok("--version").split()[1]
        for _, headers in SERVER.requests:
            self.assertEqual(headers.pop("User-Agent"), f"pthview/{version}")
            self.assertRegex(headers.pop("Range"), r"^bytes=\d+-\d+$")
            self.assertEqual(headers.pop("Host"), f"127.0.0.1:{SERVER.server_port}")
            self.assertEqual(headers.pop("Accept-Encoding"), "identity")
            headers.pop("Accept")
            headers.pop("Connection", None)
            self.assertEqual(headers, {})

    def test_one_connection(self):
        clients = set()

        def count(handler):
            clients.add(handler.client_address)
            handler.send_file()
        SERVER.route("large.pth", count)
        self.ok("list", SERVER.url("large.pth"))
        self.assertGreater(len(SERVER.requests), 1)
        self.assertEqual(len(clients), 1)

    def test_local_files_start_nothing(self):
        """The program itself carries no HTTP or TLS library."""
        program = pathlib.Path(OPTIONS.pthview).read_bytes()
        for library in (b"libcpp-httplib", b"libssl"):
            self.assertNotIn(library, program)


class Values(Case):

    def test_show(self):
        for name in ("zip.pth", "legacy.pth", "file.safetensors", "zip.pth.gz"):
            for query in ("layers.2.weight", "layers.5.weight", "layers.6.weight"):
                for options in ((), ("--slice", "0:1")):
                    near, far = (json.loads(self.ok("show", "--json", *options, at, query))["hits"]
                                 for at in (name, SERVER.url(name)))
                    for hit in near + far:
                        if hit.get("storage"):
                            hit["storage"].pop("file")
                        hit.get("tensor", {}).get("storage", {}).pop("file", None)
                    self.assertEqual(far, near)
                    self.assertTrue(far[0]["values"])

    def test_hashes(self):
        for name in ("zip.pth", "legacy.pth", "file.safetensors"):
            self.assertEqual(self.ok("list", "--hash", SERVER.url(name)), self.ok("list", "--hash", name))
        expected = hashlib.sha256(values(120000, 4)).hexdigest()
        self.assertIn(expected, json.dumps(json.loads(self.ok("list", "--json", "--hash", SERVER.url("zip.pth")))))

    def test_convert(self):
        self.ok("convert", SERVER.url("zip.pth"), "--to", "onnx", "-o", FOLDER / "far.onnx")
        self.assertIn(values(90000, 2), (FOLDER / "far.onnx").read_bytes())
        self.assertLess(SERVER.sent, 2 * (FOLDER / "zip.pth").stat().st_size, "nothing is fetched over and over")

    def test_a_part_of_a_large_tensor(self):
        """Values come in requests that grow, and never the whole file."""
        name = "large.safetensors"
        self.ok("show", SERVER.url(name), "layers.40.weight", "--json")
        self.assertLess(SERVER.sent, 200 << 20)
        self.assertLess(len(SERVER.requests), 60)

    def test_scan(self):
        near, far = (json.loads(run("scan", "--json", at).stdout)["files"][0] for at in ("zip.pth", SERVER.url("zip.pth")))
        self.assertEqual(far.pop("file"), SERVER.url("zip.pth"))
        near.pop("file")
        self.assertEqual(far, near)
        self.assertGreater(far["counts"]["globals"], 0)

    def test_in_place_is_refused(self):
        self.fails("on this machine", "convert", SERVER.url("zip.pth"), "-o", "x.onnx", "--weights", "in-place")
        self.assertEqual(SERVER.requests, [])

    def test_a_local_header_that_puts_data_elsewhere(self):
        data = bytearray((FOLDER / "zip.pth").read_bytes())
        at = data.index(b"archive/data/2FB")
        extra = struct.unpack_from("<H", data, at - 2)[0]
        struct.pack_into("<H", data, at - 2, extra - 4)  # the data begins 4 bytes before
        (FOLDER / "shifted.pth").write_bytes(data)
        self.assertEqual(self.ok("list", SERVER.url("shifted.pth")), self.ok("list", "zip.pth"))
        self.fails("header in front of the data", "show", SERVER.url("shifted.pth"), "layers.2.weight", "--json")
        self.ok("show", SERVER.url("shifted.pth"), "layers.4.weight", "--json")

    def test_a_storage_of_another_length(self):
        data = bytearray((FOLDER / "legacy.pth").read_bytes())
        at = data.index(struct.pack("<q", 90000) + values(8, 2))
        struct.pack_into("<q", data, at, 80000)
        (FOLDER / "other.pth").write_bytes(data)
        self.assertEqual(self.ok("list", SERVER.url("other.pth")), self.ok("list", "legacy.pth"))
        self.fails("header in front of the data", "show", SERVER.url("other.pth"), "layers.2.weight", "--json")
        self.ok("show", SERVER.url("other.pth"), "layers.4.weight", "--json")


class Shards(Case):

    def setUp(self):
        super().setUp()
        self.folder = FOLDER / "sharded"
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        save_safetensors(self.folder / "model 1.safetensors", {"a.weight": values(7)})
        save(layers([9]), self.folder / "model-2.bin", "zip")
        self.index({"a.weight": "model 1.safetensors", "layers.0.weight": "model-2.bin"})

    def index(self, weight_map, name="model.index.json"):
        (self.folder / name).write_text(json.dumps({"weight_map": weight_map}))

    def test_shards_lie_beside_the_index(self):
        near = self.ok("list", "--hash", "sharded/model.index.json")
        far = run("list", "--hash", SERVER.url("sharded/model.index.json?download=1", "me:secret@"))
        self.assertEqual(far.stdout, near)
        self.assertEqual(far.stderr, "")
        self.assertIn("layers.0.weight", near)
        self.assertEqual({path for path, _ in SERVER.requests}, {
            "/sharded/model.index.json?download=1", "/sharded/model%201.safetensors", "/sharded/model-2.bin"})
        self.assertTrue(all(headers["Authorization"] == range_server.basic("me:secret")
                            for _, headers in SERVER.requests))

    def test_what_lies_elsewhere_is_not_asked_for(self):
        other = range_server.Server(FOLDER)
        try:
            for name in ("../zip.pth", "/zip.pth", "..", other.url("zip.pth"), "//127.0.0.1/zip.pth", "a\\..\\zip.pth"):
                self.index({"a.weight": name})
                result = json.loads(self.ok("list", "--json", SERVER.url("sharded/model.index.json")))
                self.assertEqual([f["code"] for f in result["findings"]][:1], ["shard-name"])
                self.ok("list", "sharded/model.index.json")  # nor when the index is a file here
            self.assertEqual({path for path, _ in SERVER.requests}, {"/sharded/model.index.json"})
            self.assertEqual(other.requests, [])
        finally:
            other.stop()

    def test_a_query_or_fragment_in_a_name_is_part_of_the_name(self):
        self.index({"a.weight": "x?y#z%41"})
        self.ok("list", SERVER.url("sharded/model.index.json"))
        self.assertEqual(SERVER.requests[-1][0], "/sharded/x%3Fy%23z%2541")

    def test_a_missing_shard_is_a_finding_without_secrets(self):
        self.index({"a.weight": "gone.bin"})
        result = run("info", SERVER.url("sharded/model.index.json", "me:secret@"))
        self.assertIn("no such file", result.stdout)
        self.assertNotIn("secret", result.stdout + result.stderr)

    def test_too_many(self):
        self.index({f"{i}": f"{i}.bin" for i in range(2001)})
        self.fails("2001 shards", "list", SERVER.url("sharded/model.index.json"))
        self.assertEqual({path for path, _ in SERVER.requests}, {"/sharded/model.index.json"})


class Redirects(Case):

    def redirect(self, path, location, status=302):
        SERVER.route(path, lambda handler: handler.answer(status, [("Location", location)], b"moved"))

    def test_followed_and_remembered(self):
        for status in (301, 302, 303, 307, 308):
            SERVER.clear()
            self.redirect("first", "/dir/second?x=1", status)
            self.redirect("dir/second", "third")
            SERVER.route("dir/third", lambda handler: handler.send_file("large.pth"))
            self.assertEqual(self.ok("list", SERVER.url("first")), self.ok("list", "large.pth"))
            paths = [path for path, _ in SERVER.requests]
            self.assertEqual(paths, ["/first", "/dir/second?x=1", "/dir/third", "/dir/third"])

    def test_a_new_address_when_the_old_one_expires(self):
        served = []

        def expire(handler):
            served.append(handler.path)
            handler.answer(403) if handler.path == served[0] and len(served) > 1 else handler.send_file("large.pth")
        counter = iter(range(9))
        SERVER.route("first", lambda handler: handler.answer(302, [("Location", f"/signed?{next(counter)}")]))
        SERVER.route("signed", expire)
        self.assertEqual(self.ok("list", SERVER.url("first")), self.ok("list", "large.pth"))
        self.assertEqual(served, ["/signed?0", "/signed?0", "/signed?1"])

    def test_endless(self):
        self.redirect("loop", "/loop")
        self.fails("redirects more than 5 times", "list", SERVER.url("loop"))
        self.assertEqual(len(SERVER.requests), 6)

    def test_elsewhere(self):
        for location in ("file:///etc/passwd", "ftp://127.0.0.1/x", "javascript:0", "", "http://", "http://a b/"):
            self.redirect("away", location)
            self.fails("redirects to", "list", SERVER.url("away"))

    def test_credentials_stay_at_home(self):
        other = range_server.Server(FOLDER)
        try:
            self.redirect("away", other.url("large.pth", "evil:evil@"))
            self.redirect("home", SERVER.url("large.pth"))
            self.ok("list", SERVER.url("away", "me:secret@"))
            self.ok("list", SERVER.url("home", "me:secret@"))
            self.assertTrue(other.requests)
            self.assertTrue(all("Authorization" not in headers for _, headers in other.requests))
            self.assertTrue(all("Authorization" in headers for _, headers in SERVER.requests))
        finally:
            other.stop()


class Secrets(Case):

    def test_name_and_password(self):
        def guarded(handler):
            if handler.headers["Authorization"] == range_server.basic("me@home:p:w/d"):
                handler.send_file("zip.pth")
            else:
                handler.answer(401, [("WWW-Authenticate", "Basic")])
        SERVER.route("guarded.pth", guarded)
        self.fails("name and a password", "list", SERVER.url("guarded.pth"))
        for verb in (("list",), ("list", "--json"), ("info",), ("info", "--json"), ("scan",), ("tree", "--json")):
            text = self.ok(*verb, SERVER.url("guarded.pth?signature=hush", "me%40home:p%3Aw%2Fd@"))
            if "info" in verb or "--json" in verb:
                self.assertIn(SERVER.url("guarded.pth"), text)
            for secret in ("home", "p%3A", "p:w", "hush"):
                self.assertNotIn(secret, text)
        self.assertTrue(SERVER.requests[-1][0].endswith("?signature=hush"))

    def test_errors_hide_them_too(self):
        address = SERVER.url("gone.pth?signature=hush", "me:secret@")
        bad = "http://me:secret@host:port/x?signature=hush"
        for arguments in (("list", address), ("info", "--json", address), ("scan", "--json", address),
                          ("show", address, "x"), ("convert", address), (address,), ("list", bad), ("info", bad, bad),
                          ("serve", "--watch", address), ("scan", "--sarif", address), ("serve", "--no-open", address)):
            result = run(*arguments)
            self.assertEqual(result.returncode, 2)
            for secret in ("secret", "hush"):
                self.assertNotIn(secret, result.stdout + result.stderr, arguments)

    def test_addresses_that_are_none(self):
        for address in ("http://", "https:///x", "http://host:99999/x", "http://[::1/x", "http://[host]/x",
                        "http://ho st/x", "http://host\r\nX: y/"):
            self.fails("address cannot be used", "list", address)

    def test_odd_bytes_are_encoded(self):
        self.fails("no such file", "list", SERVER.url("a b\r\nX-Evil: 1\u00e9.pth#top"))
        self.assertEqual(SERVER.requests[0][0], "/a%20b%0D%0AX-Evil:%201%C3%A9.pth")


class BadServers(Case):

    def serve(self, answer, name="bad.pth"):
        SERVER.route(name, answer)
        return SERVER.url(name)

    def altered(self, change, name="large.pth", after=0):
        """The address of a file whose answers `change` alters, from the request number `after` on."""
        count = iter(range(1 << 30))
        return self.serve(lambda handler: handler.send_file(name, change=change if next(count) >= after else None))

    def test_statuses(self):
        for status, words, requests in ((404, "no such file", 1), (410, "no more", 1), (403, "refuses", 1),
                                        (401, "password", 1), (418, "status 418", 1), (204, "status 204", 1),
                                        (416, "refuses", 1), (500, "fails", 4), (503, "too busy", 4),
                                        (429, "too often", 4)):
            with self.subTest(status=status):
                SERVER.clear()
                address = self.serve(lambda handler, status=status: handler.answer(status, body=b"<p>no</p>"))
                self.assertIn(address, self.fails(words, "list", address))
                self.assertEqual(len(SERVER.requests), requests)

    def test_a_failure_that_passes(self):
        for status in (500, 502, 503, 504, 429):
            count = iter(range(99))
            address = self.serve(lambda handler: handler.answer(status) if next(count) in (0, 2) else
                                 handler.send_file("large.pth"))
            self.assertEqual(self.ok("list", address), self.ok("list", "large.pth"))

    def test_a_connection_that_breaks_off(self):
        """Goes on where it stopped."""
        def breaking(handler):
            first, last = handler.range()
            data = (FOLDER / "zip.pth").read_bytes()
            size = len(data)
            last = min(last, size - 1)
            part = data[first:last + 1]
            handler.send_response_only(206)
            handler.send_header("Content-Range", f"bytes {first}-{last}/{size}")
            handler.send_header("Content-Length", str(len(part)))
            handler.end_headers()
            handler.send(part[:len(part) - len(part) // 3] if handler.server.breaks else part)
            handler.close_connection = True
            handler.server.breaks -= 1 if handler.server.breaks else 0
        SERVER.breaks = 3
        address = self.serve(breaking)
        self.assertEqual(self.ok("list", "--hash", address), self.ok("list", "--hash", "zip.pth"))
        asked = [headers["Range"] for _, headers in SERVER.requests]
        self.assertEqual(asked[0], f"bytes=0-{HEAD - 1}")
        self.assertEqual(asked[1], f"bytes={HEAD - HEAD // 3}-{HEAD - 1}")
        SERVER.breaks = 1 << 30
        self.fails("broke off", "list", address)

    def test_whole_files_only(self):
        whole = (FOLDER / "zip.pth").read_bytes()
        address = self.serve(lambda handler: handler.answer(200, body=whole))
        self.assertEqual(self.ok("list", "--hash", address), self.ok("list", "--hash", "zip.pth"))
        self.assertEqual(len(SERVER.requests), 1)
        address = self.serve(lambda handler: handler.answer(200, [("Content-Length", str(4 * GIGABYTE))]))
        text = self.fails(f"no range requests.*{4 * GIGABYTE} bytes", "list", address)
        self.assertIn("| pthview list -", text)

    def test_whole_files_of_unknown_length(self):
        def unknown(handler, pieces):
            handler.send_response_only(200)
            handler.send_header("Connection", "close")
            handler.end_headers()
            for piece in pieces:
                handler.send(piece)
            handler.close_connection = True
        whole = (FOLDER / "zip.pth").read_bytes()
        address = self.serve(lambda handler: unknown(handler, [whole]))
        self.assertEqual(self.ok("list", address), self.ok("list", "zip.pth"))
        SERVER.clear()
        zeros = bytes(1 << 20)
        address = self.serve(lambda handler: unknown(handler, (zeros for _ in range(1 << 20))))
        self.fails("more than 64 MB", "list", address)
        self.assertLess(SERVER.sent, 100 << 20)

    def test_an_empty_file(self):
        self.fails("file is empty", "list", SERVER.url("empty.pth"))
        self.fails("file is empty", "list", self.serve(lambda handler: handler.answer(200)))

    def test_changes_while_it_is_read(self):
        for name, value in (("ETag", '"other"'), ("Last-Modified", "Thu, 01 Jan 1970 00:00:00 GMT")):
            address = self.altered(lambda headers: headers.update({name: value}), after=1)
            self.fails("changed while it was read", "list", address)

        def grows(headers):
            headers["Content-Range"] = re.sub(r"/\d+", f"/{5 * GIGABYTE}", headers["Content-Range"])
        self.fails("changed while it was read", "list", self.altered(grows, after=1))
        count = iter(range(99))
        address = self.serve(lambda handler: handler.answer(416) if next(count) else handler.send_file("large.pth"))
        self.fails("changed while it was read", "list", address)
        count = iter(range(99))
        address = self.serve(lambda handler: handler.answer(200, [("ETag", '"new"')], b"new") if next(count) else
                             handler.send_file("large.pth"))
        self.fails("changed while it was read", "list", address)

    def test_lies_about_what_is_sent(self):
        size = (FOLDER / "large.pth").stat().st_size

        def says(**changes):
            return lambda headers: headers.update({k.replace("_", "-"): v for k, v in changes.items()})
        for words, change in (
                ("asked for bytes", says(Content_Range=f"bytes 1-{HEAD}/{size}")),
                ("asked for bytes", says(Content_Range=f"bytes 0-{HEAD - 2}/{size}", Content_Length=str(HEAD - 1))),
                ("asked for bytes", says(Content_Range=f"bytes 0-{HEAD - 1}/{HEAD - 5}")),
                ("does not say which", lambda headers: headers.pop("Content-Range")),
                ("does not say which", says(Content_Range="bytes 5-1/9")),
                ("does not say which", says(Content_Range=f"bytes 0-{HEAD - 1}")),
                ("does not say which", says(Content_Range="bytes 0-18446744073709551616/18446744073709551617")),
                ("does not say which", says(Content_Type="multipart/byteranges; boundary=x")),
                ("how large", says(Content_Range=f"bytes 0-{HEAD - 1}/*")),
                ("how large", says(Content_Range=f"bytes 0-{HEAD - 1}/{(1 << 64) - 1}")),
                ("contradicts", says(Content_Length=str(HEAD + 1))),
                ("contradicts", says(Content_Length=str(HEAD - 1))),
                ("compresses", says(Content_Encoding="gzip")),
        ):
            with self.subTest(words=words):
                self.fails(words, "list", self.altered(change))

    def test_more_than_announced(self):
        def chunks(handler):
            handler.send_response_only(206)
            handler.send_header("Content-Range", f"bytes 0-{HEAD - 1}/{GIGABYTE}")
            handler.send_header("Transfer-Encoding", "chunked")
            handler.end_headers()
            for _ in range(1 << 20):
                handler.send(b"10000\r\n" + bytes(65536) + b"\r\n")
        self.fails("more than it announces", "list", self.serve(chunks))
        self.assertLess(SERVER.sent, 100 << 20)

    def test_endless_headers(self):
        def endless(handler, piece):
            handler.wfile.write(b"HTTP/1.1 206 Partial Content\r\nX: ")
            while True:
                handler.send(piece)
        for piece in (b"x" * 65536, b"\r\n".join([b"X: y"] * 10000)):
            self.fails("endless header|broke off", "list", self.serve(lambda handler, piece=piece: endless(handler, piece)))

        def informing(handler):
            while True:
                handler.send(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)
        self.fails("endless header|broke off", "list", self.serve(informing))

    def test_no_http_at_all(self):
        def noise(handler):
            handler.send(b"\x16\x03\x01 what? \r\n\r\n")
            handler.close_connection = True
        self.fails("broke off", "list", self.serve(noise))

    def test_silence_and_drops(self):
        patience = {"PTHVIEW_HTTP_TIMEOUT": "1"}

        def silent(handler):
            time.sleep(20)

        def drop(handler, start):
            handler.send(start)
            while True:
                handler.send(b"x")
                time.sleep(0.1)
        head = f"HTTP/1.1 206 x\r\nContent-Length: {HEAD}\r\nContent-Range: bytes 0-{HEAD - 1}/{GIGABYTE}\r\n".encode()
        for answer in (silent, lambda handler: drop(handler, b"HTTP/1.1 206 x\r\nX: "),
                       lambda handler: drop(handler, head + b"\r\n")):
            self.fails("does not answer", "list", self.serve(answer), environment=patience)

    def test_nobody_listens(self):
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            self.fails("cannot connect", "list", f"http://127.0.0.1:{unused.getsockname()[1]}/x.pth")

    def test_what_is_no_checkpoint(self):
        (FOLDER / "page.pth").write_text("<!DOCTYPE html><p>Log in")
        self.fails("HTML page", "list", SERVER.url("page.pth"))

    def test_one_of_several(self):
        result = run("info", SERVER.url("gone.pth"), SERVER.url("zip.pth"))
        self.assertEqual(result.returncode, 2)
        self.assertIn("no such file", result.stderr)
        self.assertIn("PyTorch zip", result.stdout)


class Tls(Case):

    @classmethod
    def setUpClass(cls):
        cls.certificate, key = range_server.make_certificate(FOLDER)
        cls.server = range_server.Server(FOLDER, (cls.certificate, key))
        cls.trusting = {"SSL_CERT_FILE": cls.certificate}

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def setUp(self):
        super().setUp()
        self.server.clear()
        self.server.routes.clear()

    def test_list_and_values(self):
        for verb in (("list", "--hash"), ("tree",)):
            self.assertEqual(self.ok(*verb, self.server.url("zip.pth"), environment=self.trusting),
                             self.ok(*verb, "zip.pth"))
        self.ok("list", self.server.url("zip.pth", host="localhost"), environment=self.trusting)

    def test_one_connection(self):
        clients = set()

        def count(handler):
            clients.add(handler.client_address)
            handler.send_file()
        self.server.route("large.pth", count)
        self.ok("list", self.server.url("large.pth"), environment=self.trusting)
        self.assertEqual((len(clients), len(self.server.requests)), (1, 2))

    def test_an_unknown_certificate(self):
        self.fails("certificate .* not trusted", "list", self.server.url("zip.pth"))
        self.assertEqual(self.server.requests, [])

    def test_a_certificate_for_another_host(self):
        folder = FOLDER / "tls"
        folder.mkdir(exist_ok=True)
        certificate, key = range_server.make_certificate(folder, "DNS:elsewhere.example")
        other = range_server.Server(FOLDER, (certificate, key))
        try:
            self.fails("certificate .* not trusted", "list", other.url("zip.pth"),
                       environment={"SSL_CERT_FILE": certificate})
            self.assertEqual(other.requests, [])
        finally:
            other.stop()

    def test_no_way_down_to_http(self):
        self.server.route("down", lambda handler: handler.answer(302, [("Location", SERVER.url("zip.pth"))]))
        self.fails("from https to http", "list", self.server.url("down"), environment=self.trusting)
        self.assertEqual(SERVER.requests, [])

    def test_http_behind_https(self):
        self.fails("secure connection", "list", SERVER.url("zip.pth").replace("http:", "https:"))


class StandardInput(Case):

    def piped(self, *arguments, data=None, **options):
        data = (FOLDER / "zip.pth").read_bytes() if data is None else data
        variables = {**os.environ, **options.pop("environment", {})}
        result = subprocess.run([OPTIONS.pthview, *map(str, arguments)], input=data, capture_output=True, cwd=FOLDER,
                                timeout=SECONDS, check=False, env=variables, **options)
        return result.returncode, result.stdout.decode(), result.stderr.decode()

    def test_pipe(self):
        spool = FOLDER / "spool"
        spool.mkdir(exist_ok=True)
        for name in ("zip.pth", "legacy.pth", "file.safetensors", "zip.pth.gz"):
            code, out, err = self.piped("list", "--hash", "-", data=(FOLDER / name).read_bytes(),
                                        environment={"TMPDIR": str(spool)})
            self.assertEqual((code, out, err), (0, self.ok("list", "--hash", name), ""))
        self.assertEqual(list(spool.iterdir()), [])
        self.assertIn("\n", self.piped("info", "-")[1])
        self.assertTrue(self.piped("info", "-")[1].startswith("-\n"))

    def test_the_folder_is_used(self):
        """What is piped goes to TMPDIR, and not into memory: under a limit that its bytes alone would break."""
        spool = FOLDER / "spool2"
        spool.mkdir(exist_ok=True)
        size = 64 << 20
        with subprocess.Popen([OPTIONS.pthview, "list", "-"], stdin=subprocess.PIPE, stderr=subprocess.PIPE,
                              env={**os.environ, "TMPDIR": str(spool)}) as process:
            process.stdin.write(bytes(size))
            links = {os.readlink(f"/proc/{process.pid}/fd/{fd}") for fd in os.listdir(f"/proc/{process.pid}/fd")}
            resident = int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{process.pid}/status").read_text())[1])
            process.communicate(timeout=SECONDS)
        self.assertTrue(any(link.startswith(str(spool)) and link.endswith("(deleted)") for link in links), links)
        self.assertLess(resident, size >> 11)

    def test_nowhere_to_keep_it(self):
        code, out, _ = self.piped("list", "-", environment={"TMPDIR": "/nonexistent"})
        self.assertEqual((code, out), (0, self.ok("list", "zip.pth")))

    def test_file(self):
        with open(FOLDER / "large.pth", "rb") as file:
            self.assertEqual(self.ok("list", "-", stdin=file), self.ok("list", "large.pth"))

    def test_file_that_was_read_from(self):
        """Only what is left of it is the stream."""
        (FOLDER / "behind.bin").write_bytes(b"line\n" + (FOLDER / "legacy.pth").read_bytes())
        with (FOLDER / "behind.bin").open("rb") as file:
            done = subprocess.run(["sh", "-c", f"read line; '{OPTIONS.pthview}' list -"],
                                  stdin=file, capture_output=True, text=True, timeout=SECONDS, check=False)
        self.assertEqual((done.stdout, done.stderr), (self.ok("list", "legacy.pth"), ""))

    def test_a_pipe_that_is_not_ready(self):
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        data = (FOLDER / "small.pth").read_bytes()
        with subprocess.Popen([OPTIONS.pthview, "list", "-"], stdin=reading, stdout=subprocess.PIPE) as process:
            os.close(reading)
            time.sleep(0.2)  # it finds nothing yet
            os.write(writing, data[:100])
            time.sleep(0.1)
            os.write(writing, data[100:])
            os.close(writing)
            out, _ = process.communicate(timeout=SECONDS)
        self.assertEqual(out.decode(), self.ok("list", "small.pth"))

    def test_errors(self):
        code, _, err = self.piped("list", "-", data=b"")
        self.assertEqual((code, err.split("\n")[0]), (2, "pthview: -: the file is empty"))
        code, _, err = self.piped("list", "-", data=b"\x89PNG")
        self.assertIn("pthview: -: not a PyTorch file: it looks like a PNG", err)
        code, out, err = self.piped("info", "-", "-")
        self.assertEqual(code, 2)
        self.assertTrue(out.startswith("-\n"))
        self.assertIn("once only", err)
        code, _, err = self.piped("convert", "-", "-o", "y.onnx", "--weights", "in-place")
        self.assertEqual(code, 2)
        self.assertIn("on this machine", err)
        folder = os.open(FOLDER, os.O_RDONLY)
        self.fails("directory", "list", "-", stdin=folder)
        os.close(folder)

    def test_terminal(self):
        main, terminal = pty.openpty()
        try:
            text = self.fails("is a terminal", "list", "-", stdin=terminal)
            self.assertIn("| pthview list -", text)
        finally:
            os.close(main)
            os.close(terminal)

    def test_other_verbs(self):
        self.assertEqual(self.piped("tree", "-")[1], self.ok("tree", "zip.pth"))
        self.assertIn("layers.2.weight", self.piped("show", "-", "layers.2.weight")[1])
        self.assertIn("-:", self.piped("scan", "-")[1])
        code, out, _ = self.piped("convert", "-", "--to", "json", "-o", "-")
        self.assertEqual(code, 0)
        json.loads(out)

    def test_output_over_the_input(self):
        shutil.copy(FOLDER / "zip.pth", FOLDER / "input.json")
        with open(FOLDER / "input.json", "rb") as file:
            self.fails("would replace", "convert", "-", "-o", "input.json", "--force", stdin=file)

    def test_a_file_called_dash(self):
        shutil.copy(FOLDER / "small.pth", FOLDER / "-")
        try:
            self.assertEqual(self.ok("list", "./-"), self.ok("list", "small.pth"))
            self.assertEqual(self.piped("list", "-")[1], self.ok("list", "zip.pth"))
        finally:
            (FOLDER / "-").unlink()


class Serve(Case):

    def files(self, *arguments, **options):
        """What the page is told of the files."""
        with subprocess.Popen([OPTIONS.pthview, "serve", "--no-open", "-q", *arguments], stdout=subprocess.PIPE,
                              text=True, **options) as process:
            try:
                line = process.stdout.readline()
                found = re.search(r":(\d+)/\?token=([0-9a-f]+)", line)
                self.assertTrue(found, line)
                connection = http.client.HTTPConnection("127.0.0.1", int(found[1]), timeout=SECONDS)
                connection.request("GET", "/api/v1/files", headers={"Cookie": f"pthview_{found[1]}={found[2]}"})
                with connection.getresponse() as response:
                    text = response.read()
                connection.close()
                return json.loads(text)["files"]
            finally:
                process.kill()

    def test_address(self):
        row, = self.files(SERVER.url("zip.pth?signature=hush", "me:secret@"))
        self.assertEqual((row["name"], row["tensors"], row["size"]), ("zip.pth", 7, (FOLDER / "zip.pth").stat().st_size))

    def test_standard_input(self):
        with open(FOLDER / "zip.pth.gz", "rb") as file, subprocess.Popen(["cat"], stdin=file,
                                                                         stdout=subprocess.PIPE) as cat:
            row, = self.files("-", stdin=cat.stdout)
        self.assertEqual((row["name"], row["tensors"]), ("standard input", 7))

    def test_watching(self):
        for name in (SERVER.url("zip.pth"), "-"):
            self.fails("--watch watches files on this machine", "serve", "--no-open", "--watch", name)
        self.assertEqual(SERVER.requests, [])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pthview", required=True, help="the program to test")
    options, rest = parser.parse_known_args(namespace=OPTIONS)
    options.pthview = str(pathlib.Path(options.pthview).resolve())
    unittest.main(argv=[sys.argv[0]] + rest)


if __name__ == "__main__":
    main()
