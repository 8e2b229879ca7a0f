#!/usr/bin/env python3
"""Tests of files at addresses: remote_test.py --pthview BIN [unittest arguments]

The servers are of the test's own, on loopback, and count requests and bytes.
"""
import hashlib
import http.client
import json
import os
import pathlib
import pty
import re
import shutil
import signal
import struct
import subprocess
import threading
import time
import zipfile

import range_server
from remote_world import (Case, GIGABYTE, SECONDS, WORLD, layers, main, make_world, remove_world, run,
                          save_safetensors, values)
import make_formats  # found by remote_world, as is torch_format
from torch_format import save


def setUpModule():
    make_world()


def tearDownModule():
    remove_world()


class Metadata(Case):
    """Listing fetches metadata only, and shows what it shows of a file near by."""

    def test_files_of_gigabytes(self):
        for name in ("large.pth", "large_legacy.pth", "large.safetensors"):
            self.assertGreaterEqual((WORLD.folder / name).stat().st_size, 4 * GIGABYTE)
            for verb in ("list", "tree", "info"):
                with self.subTest(name=name, verb=verb):
                    WORLD.server.clear()
                    near, far = run(verb, name), run(verb, WORLD.server.url(name))
                    self.assertEqual(far.returncode, 0, far.stderr)
                    if verb == "info":  # names the file, and says what was not fetched
                        shown = far.stdout.replace(WORLD.server.url(name), name)
                        shown = re.sub(r"(?<=  findings    )info: The local headers of \d+ records were .*\n +", "", shown)
                        self.assertEqual(shown, near.stdout)
                    else:
                        self.assertEqual(far.stdout, near.stdout)
                    self.assertEqual(far.stderr, near.stderr)
                    self.assertIn({"list": "layers.63", "tree": "(0-63): 64 x", "info": "4.0 GiB"}[verb], far.stdout)
                    self.assertLess(WORLD.server.sent, 1 << 20)
                    self.assertLessEqual(len(WORLD.server.requests), 3)

    def test_where_tensors_lie_is_the_same(self):
        for name in ("large.pth", "large_legacy.pth", "large.safetensors", "zip.pth"):
            near = json.loads(self.ok("list", "--json", name))["tensors"]
            far = json.loads(self.ok("list", "--json", WORLD.server.url(name)))["tensors"]
            for row in far:
                self.assertEqual(row["storage"].pop("file"), WORLD.server.url(name))
            for row in near:
                row["storage"].pop("file")
            self.assertEqual(far, near)

    def test_a_header_longer_than_the_first_request(self):
        save_safetensors(WORLD.folder / "many.safetensors",
                         {f"blocks.{i}.attention.weight": values(1, i) for i in range(8000)})
        self.assertEqual(self.ok("list", WORLD.server.url("many.safetensors")), self.ok("list", "many.safetensors"))
        self.assertLessEqual(len(WORLD.server.requests), 4)

    def test_archives_that_other_programs_packed(self):
        """Without torch's padding and descriptors, deflated, with bytes in front and between."""
        with zipfile.ZipFile(WORLD.folder / "large.pth") as large:
            names = [name for name in large.namelist() if "/data/" not in name]
            parts = {name: large.read(name) for name in names}
        for name, method, gap in (("stored", 0, b""), ("deflated", 8, b""), ("gaps", 0, b"?" * 40)):
            with open(WORLD.folder / f"{name}.pth", "wb") as file, zipfile.ZipFile(file, "w", method) as out:
                for part, data in parts.items():
                    out.writestr(part, data)
                for i in range(128):
                    data = values(16, i // 2) if i % 2 else bytes((64 << 20) if i == 126 else 40000)
                    out.writestr(f"archive/data/{i}", data)
                    file.write(gap)
                    out.start_dir = file.tell()
            near = self.ok("list", f"{name}.pth", "--hash")
            self.assertEqual(self.ok("list", WORLD.server.url(f"{name}.pth"), "--hash"), near)
            WORLD.server.clear()
            self.assertEqual(self.ok("list", WORLD.server.url(f"{name}.pth")), self.ok("list", f"{name}.pth"))
            if name in ("stored", "deflated"):
                self.assertLess(WORLD.server.sent, 1 << 20)
                self.assertLessEqual(len(WORLD.server.requests), 3)

    def test_progress(self):
        """A line on a terminal while it takes long, gone when something is printed."""
        def slow(handler):
            if len(WORLD.server.requests) > 1:
                time.sleep(1.2)
            handler.send_file("large.pth")
        WORLD.server.route("slow.pth", slow)
        for options, shown in (((), True), (("--no-progress",), False), (("-q",), False)):
            WORLD.server.clear()
            main_end, terminal = pty.openpty()
            result = run("list", *options, WORLD.server.url("slow.pth"), stderr=terminal, stdout=subprocess.PIPE,
                         capture_output=False)
            os.close(terminal)
            os.set_blocking(main_end, False)
            try:
                text = os.read(main_end, 1 << 16).decode()
            except OSError:  # nothing was written
                text = ""
            os.close(main_end)
            self.assertEqual(result.returncode, 0)
            self.assertEqual("fetching" in text, shown, text)
            if shown:
                self.assertTrue(text.endswith("\r\x1b[K"), text)

    def test_what_is_sent(self):
        self.ok("list", WORLD.server.url("large.pth"))
        version = self.ok("--version").split()[1]
        for _, headers in WORLD.server.requests:
            self.assertEqual(headers.pop("User-Agent"), f"pthview/{version}")
            self.assertRegex(headers.pop("Range"), r"^bytes=\d+-\d+$")
            self.assertEqual(headers.pop("Host"), f"127.0.0.1:{WORLD.server.server_port}")
            self.assertEqual(headers.pop("Accept-Encoding"), "identity")
            headers.pop("Accept")
            headers.pop("Connection", None)
            self.assertEqual(headers, {})

    def test_one_connection(self):
        clients = set()

        def count(handler):
            clients.add(handler.client_address)
            handler.send_file()
        WORLD.server.route("large.pth", count)
        self.ok("list", WORLD.server.url("large.pth"))
        self.assertGreater(len(WORLD.server.requests), 1)
        self.assertEqual(len(clients), 1)

    def test_local_files_start_nothing(self):
        """The program itself carries no HTTP or TLS library."""
        program = pathlib.Path(WORLD.pthview).read_bytes()
        for library in (b"libcpp-httplib", b"libssl"):
            self.assertNotIn(library, program)


class Values(Case):

    def test_show(self):
        for name in ("zip.pth", "legacy.pth", "file.safetensors", "zip.pth.gz"):
            for query in ("layers.2.weight", "layers.5.weight", "layers.6.weight"):
                for options in ((), ("--slice", "0:1")):
                    near, far = (json.loads(self.ok("show", "--json", *options, at, query))["hits"]
                                 for at in (name, WORLD.server.url(name)))
                    for hit in near + far:
                        if hit.get("storage"):
                            hit["storage"].pop("file")
                        hit.get("tensor", {}).get("storage", {}).pop("file", None)
                    self.assertEqual(far, near)
                    self.assertTrue(far[0]["values"])

    def test_of_a_slice_only_its_bytes_are_fetched(self):
        name = WORLD.server.url("large.safetensors")
        for options in ((), ("--json",)):
            WORLD.server.clear()
            out = self.ok("show", *options, "--slice", "0:1", name, "layers.3.weight")
            self.assertIn("slice_statistics" if options else "of the slice: min", out, "of what was fetched all the same")
            self.assertNotIn('"statistics"', out, "those of the whole tensor would fetch it")
            self.assertLess(WORLD.server.sent, 2 << 20)

    def test_hashes(self):
        for name in ("zip.pth", "legacy.pth", "file.safetensors"):
            self.assertEqual(self.ok("list", "--hash", WORLD.server.url(name)), self.ok("list", "--hash", name))
        expected = hashlib.sha256(values(120000, 4)).hexdigest()
        self.assertIn(expected, self.ok("list", "--json", "--hash", WORLD.server.url("zip.pth")))

    def test_convert(self):
        self.ok("convert", WORLD.server.url("zip.pth"), "--to", "onnx", "-o", WORLD.folder / "far.onnx")
        self.assertIn(values(90000, 2), (WORLD.folder / "far.onnx").read_bytes())
        self.assertLess(WORLD.server.sent, 2 * (WORLD.folder / "zip.pth").stat().st_size, "fetched over and over")

    def test_where_the_weights_are_not(self):
        for name, why in (("zip.pth", "came from another machine"), ("zip.pth.gz", "came compressed")):
            result = run("convert", WORLD.server.url(name), "--to", "json", "-o", "-")
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertIn(why, result.stderr)

    def test_a_part_of_a_large_tensor(self):
        """Values come in requests that grow, and never the whole file; a sample of them comes first, in a few more."""
        name = "large.safetensors"
        self.ok("show", WORLD.server.url(name), "layers.40.weight", "--json")
        self.assertLess(WORLD.server.sent, 200 << 20)
        self.assertLess(len(WORLD.server.requests), 80)

    def test_scan(self):
        near, far = (json.loads(run("scan", "--json", at).stdout)["files"][0]
                     for at in ("zip.pth", WORLD.server.url("zip.pth")))
        self.assertEqual(far.pop("file"), WORLD.server.url("zip.pth"))
        near.pop("file")
        self.assertEqual(far, near)
        self.assertGreater(far["counts"]["globals"], 0)

    def test_in_place_is_refused(self):
        self.fails("on this machine", "convert", WORLD.server.url("zip.pth"), "-o", "x.onnx", "--weights", "in-place")
        self.assertEqual(WORLD.server.requests, [])

    def test_a_local_header_that_puts_data_elsewhere(self):
        data = bytearray((WORLD.folder / "zip.pth").read_bytes())
        at = data.index(b"archive/data/2FB")
        extra = struct.unpack_from("<H", data, at - 2)[0]
        struct.pack_into("<H", data, at - 2, extra - 4)  # the data begins 4 bytes before
        (WORLD.folder / "shifted.pth").write_bytes(data)
        self.assertEqual(self.ok("list", WORLD.server.url("shifted.pth")), self.ok("list", "zip.pth"))
        self.fails("header in front of the data", "show", WORLD.server.url("shifted.pth"), "layers.2.weight", "--json")
        self.ok("show", WORLD.server.url("shifted.pth"), "layers.4.weight", "--json")

    def test_a_storage_of_another_length(self):
        data = bytearray((WORLD.folder / "legacy.pth").read_bytes())
        at = data.index(struct.pack("<q", 90000) + values(8, 2))
        struct.pack_into("<q", data, at, 80000)
        (WORLD.folder / "other.pth").write_bytes(data)
        self.assertEqual(self.ok("list", WORLD.server.url("other.pth")), self.ok("list", "legacy.pth"))
        self.fails("header in front of the data", "show", WORLD.server.url("other.pth"), "layers.2.weight", "--json")
        self.ok("show", WORLD.server.url("other.pth"), "layers.4.weight", "--json")


class Shards(Case):

    def setUp(self):
        super().setUp()
        self.folder = WORLD.folder / "sharded"
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        save_safetensors(self.folder / "model 1.safetensors", {"a.weight": values(7)})
        save(layers([9]), self.folder / "model-2.bin", "zip")
        self.index({"a.weight": "model 1.safetensors", "layers.0.weight": "model-2.bin"})

    def index(self, weight_map, name="model.index.json"):
        (self.folder / name).write_text(json.dumps({"weight_map": weight_map}))

    def test_shards_lie_beside_the_index(self):
        near = self.ok("list", "--hash", "sharded/model.index.json")
        far = run("list", "--hash", WORLD.server.url("sharded/model.index.json?download=1", "me:secret@"))
        self.assertEqual(far.stdout, near)
        self.assertEqual(far.stderr, "")
        self.assertIn("layers.0.weight", near)
        self.assertEqual({path for path, _ in WORLD.server.requests}, {
            "/sharded/model.index.json?download=1", "/sharded/model%201.safetensors", "/sharded/model-2.bin"})
        self.assertTrue(all(headers["Authorization"] == range_server.basic("me:secret")
                            for _, headers in WORLD.server.requests))

    def test_what_lies_elsewhere_is_not_asked_for(self):
        other = range_server.Server(WORLD.folder)
        try:
            for name in ("../zip.pth", "/zip.pth", "..", other.url("zip.pth"), "//127.0.0.1/zip.pth", "a\\..\\zip.pth"):
                self.index({"a.weight": name})
                result = json.loads(self.ok("list", "--json", WORLD.server.url("sharded/model.index.json")))
                self.assertEqual([f["code"] for f in result["findings"]][:1], ["shard-name"])
                self.ok("list", "sharded/model.index.json")  # nor when the index is a file here
            self.assertEqual({path for path, _ in WORLD.server.requests}, {"/sharded/model.index.json"})
            self.assertEqual(other.requests, [])
        finally:
            other.stop()

    def test_a_query_or_fragment_in_a_name_is_part_of_the_name(self):
        self.index({"a.weight": "x?y#z%41"})
        self.ok("list", WORLD.server.url("sharded/model.index.json"))
        self.assertEqual(WORLD.server.requests[-1][0], "/sharded/x%3Fy%23z%2541")

    def test_a_missing_shard_is_a_finding_without_secrets(self):
        self.index({"a.weight": "gone.bin"})
        result = run("info", WORLD.server.url("sharded/model.index.json", "me:secret@"))
        self.assertIn("no such file", result.stdout)
        self.assertNotIn("secret", result.stdout + result.stderr)

    def test_a_distributed_checkpoint_by_its_metadata(self):
        (WORLD.folder / "dcp").mkdir()
        make_formats.write_dcp(make_formats.Content(6, 64), WORLD.folder / "dcp")
        near = self.ok("list", "--hash", "dcp")
        self.assertIn("blocks.1.proj.weight", near)
        self.assertEqual(self.ok("list", "--hash", WORLD.server.url("dcp/.metadata")), near)
        self.assertEqual({path for path, _ in WORLD.server.requests},
                         {"/dcp/.metadata", "/dcp/__0_0.distcp", "/dcp/__1_0.distcp"})

    def test_one_file_of_a_distributed_checkpoint_points_to_the_rest(self):
        (WORLD.folder / "dcp-file").mkdir()
        make_formats.write_dcp(make_formats.Content(6, 64), WORLD.folder / "dcp-file")
        self.assertIn("open the folder to see whose chunks these are", self.ok("info", "dcp-file/__0_0.distcp"))
        (WORLD.folder / "dcp-file" / ".metadata").unlink()
        self.assertNotIn("open the folder", self.ok("info", "dcp-file/__0_0.distcp"))

    def test_too_many(self):
        self.index({f"{i}": f"{i}.bin" for i in range(2001)})
        self.fails("2001 shards", "list", WORLD.server.url("sharded/model.index.json"))
        self.assertEqual({path for path, _ in WORLD.server.requests}, {"/sharded/model.index.json"})


class Serve(Case):

    def files(self, *arguments, **options):
        """What the page is told of the files."""
        with subprocess.Popen([WORLD.pthview, "serve", "--no-open", "-q", *arguments], stdout=subprocess.PIPE,
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
        row, = self.files(WORLD.server.url("zip.pth?signature=hush", "me:secret@"))
        self.assertEqual((row["name"], row["tensors"]), ("zip.pth", 7))
        self.assertEqual(row["size"], (WORLD.folder / "zip.pth").stat().st_size)

    def test_standard_input(self):
        with open(WORLD.folder / "zip.pth.gz", "rb") as file, subprocess.Popen(["cat"], stdin=file,
                                                                         stdout=subprocess.PIPE) as cat:
            row, = self.files("-", stdin=cat.stdout)
        self.assertEqual((row["name"], row["tensors"]), ("standard input", 7))

    def test_ctrl_c_while_the_file_is_being_opened(self):
        asked = threading.Event()

        def silent(handler):
            asked.set()
            time.sleep(20)
        WORLD.server.route("silent.pth", silent)
        with subprocess.Popen([WORLD.pthview, "serve", "--no-open", WORLD.server.url("silent.pth")],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            self.assertTrue(asked.wait(SECONDS))
            process.send_signal(signal.SIGINT)
            self.assertEqual(process.wait(2), -signal.SIGINT)

    def test_watching(self):
        for name in (WORLD.server.url("zip.pth"), "-"):
            self.fails("--watch watches files on this machine", "serve", "--no-open", "--watch", name)
        self.assertEqual(WORLD.server.requests, [])


if __name__ == "__main__":
    main(__doc__)
