#!/usr/bin/env python3
"""Tests of what servers may do to pthview: bad_server_test.py --pthview BIN [unittest arguments]

Servers of the test's own, on loopback, send other bytes than they were asked for, too many or none, redirect elsewhere,
change the file meanwhile, and have certificates of nobody.
"""
import os
import pathlib
import re
import signal
import socket
import subprocess
import threading
import time

import range_server
from remote_world import (Case, GIGABYTE, HEAD, SECONDS, WORLD, main, make_world, remove_world, run)


def setUpModule():
    make_world()


def tearDownModule():
    remove_world()


class Redirects(Case):

    def redirect(self, path, location, status=302):
        WORLD.server.route(path, lambda handler: handler.answer(status, [("Location", location)], b"moved"))

    def test_followed_and_remembered(self):
        for status in (301, 302, 303, 307, 308):
            WORLD.server.clear()
            self.redirect("first", "/dir/second?x=1", status)
            self.redirect("dir/second", "third")
            WORLD.server.route("dir/third", lambda handler: handler.send_file("large.pth"))
            self.assertEqual(self.ok("list", WORLD.server.url("first")), self.ok("list", "large.pth"))
            paths = [path for path, _ in WORLD.server.requests]
            self.assertEqual(paths, ["/first", "/dir/second?x=1", "/dir/third", "/dir/third"])

    def test_a_new_address_when_the_old_one_expires(self):
        served = []

        def expire(handler):
            served.append(handler.path)
            handler.answer(403) if handler.path == served[0] and len(served) > 1 else handler.send_file("large.pth")
        counter = iter(range(9))
        WORLD.server.route("first", lambda handler: handler.answer(302, [("Location", f"/signed?{next(counter)}")]))
        WORLD.server.route("signed", expire)
        self.assertEqual(self.ok("list", WORLD.server.url("first")), self.ok("list", "large.pth"))
        self.assertEqual(served, ["/signed?0", "/signed?0", "/signed?1"])

    def test_endless(self):
        self.redirect("loop", "/loop")
        self.fails("redirects more than 5 times", "list", WORLD.server.url("loop"))
        self.assertEqual(len(WORLD.server.requests), 6)

    def test_elsewhere(self):
        for location in ("file:///etc/passwd", "ftp://127.0.0.1/x", "javascript:0", "", "http://", "http://a b/"):
            self.redirect("away", location)
            self.fails("redirects to", "list", WORLD.server.url("away"))

    def test_credentials_stay_at_home(self):
        other = range_server.Server(WORLD.folder)
        try:
            self.redirect("away", other.url("large.pth", "evil:evil@"))
            self.redirect("home", WORLD.server.url("large.pth"))
            self.ok("list", WORLD.server.url("away", "me:secret@"))
            self.ok("list", WORLD.server.url("home", "me:secret@"))
            self.assertTrue(other.requests)
            self.assertTrue(all("Authorization" not in headers for _, headers in other.requests))
            self.assertTrue(all("Authorization" in headers for _, headers in WORLD.server.requests))
        finally:
            other.stop()


class Secrets(Case):

    def test_name_and_password(self):
        def guarded(handler):
            if handler.headers["Authorization"] == range_server.basic("me@home:p:w/d"):
                handler.send_file("zip.pth")
            else:
                handler.answer(401, [("WWW-Authenticate", "Basic")])
        WORLD.server.route("guarded.pth", guarded)
        self.fails("name and a password", "list", WORLD.server.url("guarded.pth"))
        for verb in (("list",), ("list", "--json"), ("info",), ("info", "--json"), ("scan",), ("tree", "--json")):
            text = self.ok(*verb, WORLD.server.url("guarded.pth?signature=hush", "me%40home:p%3Aw%2Fd@"))
            if "info" in verb or "--json" in verb:
                self.assertIn(WORLD.server.url("guarded.pth"), text)
            for secret in ("home", "p%3A", "p:w", "hush"):
                self.assertNotIn(secret, text)
        self.assertTrue(WORLD.server.requests[-1][0].endswith("?signature=hush"))

    def test_errors_hide_them_too(self):
        address = WORLD.server.url("gone.pth?signature=hush", "me:secret@")
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
        self.fails("no such file", "list", WORLD.server.url("a b\r\nX-Evil: 1\u00e9.pth#top"))
        self.assertEqual(WORLD.server.requests[0][0], "/a%20b%0D%0AX-Evil:%201%C3%A9.pth")


class BadServers(Case):

    def serve(self, answer, name="bad.pth"):
        WORLD.server.route(name, answer)
        return WORLD.server.url(name)

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
                WORLD.server.clear()
                address = self.serve(lambda handler, status=status: handler.answer(status, body=b"<p>no</p>"))
                self.assertIn(address, self.fails(words, "list", address))
                self.assertEqual(len(WORLD.server.requests), requests)

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
            data = (WORLD.folder / "zip.pth").read_bytes()
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
        WORLD.server.breaks = 3
        address = self.serve(breaking)
        self.assertEqual(self.ok("list", "--hash", address), self.ok("list", "--hash", "zip.pth"))
        asked = [headers["Range"] for _, headers in WORLD.server.requests]
        self.assertEqual(asked[0], f"bytes=0-{HEAD - 1}")
        self.assertEqual(asked[1], f"bytes={HEAD - HEAD // 3}-{HEAD - 1}")
        WORLD.server.breaks = 1 << 30
        self.fails("broke off", "list", address)

    def test_whole_files_only(self):
        whole = (WORLD.folder / "zip.pth").read_bytes()
        address = self.serve(lambda handler: handler.answer(200, body=whole))
        self.assertEqual(self.ok("list", "--hash", address), self.ok("list", "--hash", "zip.pth"))
        self.assertEqual(len(WORLD.server.requests), 1)
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
        whole = (WORLD.folder / "zip.pth").read_bytes()
        address = self.serve(lambda handler: unknown(handler, [whole]))
        self.assertEqual(self.ok("list", address), self.ok("list", "zip.pth"))
        WORLD.server.clear()
        zeros = bytes(1 << 20)
        address = self.serve(lambda handler: unknown(handler, (zeros for _ in range(1 << 20))))
        self.fails("more than 64 MB", "list", address)
        self.assertLess(WORLD.server.sent, 100 << 20)

    def test_an_empty_file(self):
        self.fails("file is empty", "list", WORLD.server.url("empty.pth"))
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
        size = (WORLD.folder / "large.pth").stat().st_size

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
        self.assertLess(WORLD.server.sent, 100 << 20)

    def test_endless_headers(self):
        def endless(handler, piece):
            handler.wfile.write(b"HTTP/1.1 206 Partial Content\r\nX: ")
            while True:
                handler.send(piece)
        for piece in (b"x" * 65536, b"\r\n".join([b"X: y"] * 10000)):
            address = self.serve(lambda handler, piece=piece: endless(handler, piece))
            self.fails("endless header|broke off", "list", address)

        def informing(handler):
            while True:
                handler.send(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)
        self.fails("endless header|broke off", "list", self.serve(informing))

    def test_a_body_that_comes_before_its_head_has_been_read(self):
        """The fetching program is held up while head and body arrive, as on a busy machine."""
        def held_up(handler):
            if len(WORLD.server.requests) == 1:
                return handler.send_file("large.pth")
            parents = {}
            for status in pathlib.Path("/proc").glob("[0-9]*/status"):
                try:
                    fields = dict(line.split(":\t", 1) for line in status.read_text().splitlines() if ":\t" in line)
                except OSError:  # gone meanwhile
                    continue
                if fields["Name"].startswith("pthview-fetch"):
                    parents[int(fields["PPid"])] = int(fields["Pid"])
            os.kill(parents[process.pid], signal.SIGSTOP)
            threading.Timer(0.4, os.kill, (parents[process.pid], signal.SIGCONT)).start()
            handler.send_file("large.pth")
        WORLD.server.route("large", held_up)
        with subprocess.Popen([WORLD.pthview, "show", WORLD.server.url("large"), "layers.5.weight"],
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
            self.assertEqual((process.stderr.read(), process.wait(SECONDS)), (b"", 0))

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
        (WORLD.folder / "page.pth").write_text("<!DOCTYPE html><p>Log in")
        self.fails("HTML page", "list", WORLD.server.url("page.pth"))

    def test_one_of_several(self):
        result = run("info", WORLD.server.url("gone.pth"), WORLD.server.url("zip.pth"))
        self.assertEqual(result.returncode, 2)
        self.assertIn("no such file", result.stderr)
        self.assertIn("PyTorch zip", result.stdout)


class Tls(Case):

    @classmethod
    def setUpClass(cls):
        cls.certificate, key = range_server.make_certificate(WORLD.folder)
        cls.server = range_server.Server(WORLD.folder, (cls.certificate, key))
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
        folder = WORLD.folder / "tls"
        folder.mkdir(exist_ok=True)
        certificate, key = range_server.make_certificate(folder, "DNS:elsewhere.example")
        other = range_server.Server(WORLD.folder, (certificate, key))
        try:
            self.fails("certificate .* not trusted", "list", other.url("zip.pth"),
                       environment={"SSL_CERT_FILE": certificate})
            self.assertEqual(other.requests, [])
        finally:
            other.stop()

    def test_no_way_down_to_http(self):
        self.server.route("down", lambda handler: handler.answer(302, [("Location", WORLD.server.url("zip.pth"))]))
        self.fails("from https to http", "list", self.server.url("down"), environment=self.trusting)
        self.assertEqual(WORLD.server.requests, [])

    def test_http_behind_https(self):
        self.fails("secure connection", "list", WORLD.server.url("zip.pth").replace("http:", "https:"))


if __name__ == "__main__":
    main(__doc__)
