"""The server as a client sees it, over real sockets on loopback: serve_http_test.py --pthview BIN --fixture FILE

BIN is `pthview` (run as `pthview serve`) or `pthview-serve`; FILE any checkpoint with a readable tensor. Python's standard
library only. Every wait is bounded.
"""
import argparse
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from urllib.parse import urlsplit

TIMEOUT = 10  # seconds that any single wait may take
STOP_LIMIT = 1.0  # seconds from Ctrl-C to the end, whatever clients do
OPTIONS = argparse.Namespace(pthview=None, fixture=None)


class Server:
    """One running server; a context manager."""

    def __init__(self, *arguments):
        program = [OPTIONS.pthview]
        if os.path.basename(OPTIONS.pthview) == "pthview":
            program.append("serve")
        self.process = subprocess.Popen([*program, "--no-open", *arguments], stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:(\d+)/\?token=([0-9a-f]+)$", line.rstrip())
        if not found:
            self.process.wait(TIMEOUT)
            message = self.process.stderr.read()
            self.__exit__()
            raise RuntimeError(f"no address: {line!r} {message!r}")
        self.line = line
        self.port = int(found[1])
        self.token = found[2]
        self.cookie = f"pthview_{self.port}={self.token}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(TIMEOUT)
        self.process.stdout.close()
        self.process.stderr.close()

    def request(self, path, method="GET", cookie=True, headers=None, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT)
        try:
            sent = {"Cookie": self.cookie} if cookie else {}
            sent.update(headers or {})
            connection.request(method, path, body=body, headers=sent)
            response = connection.getresponse()
            return response, response.read()
        finally:
            connection.close()

    def json(self, path):
        response, body = self.request(path)
        if response.status != 200:
            raise AssertionError(f"{path}: {response.status} {body[:200]!r}")
        return json.loads(body)

    def connect(self, data=b""):
        client = socket.create_connection(("127.0.0.1", self.port), timeout=TIMEOUT)
        client.sendall(data)
        return client

    def get(self, path):
        """A GET as bytes, for a socket of one's own."""
        return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nCookie: {self.cookie}\r\n\r\n".encode()

    def stop(self, number=signal.SIGINT):
        """Seconds until it ended."""
        start = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(TIMEOUT)
        return time.monotonic() - start


def receive(client):
    """All that comes until the other side closes; at most 1 MB."""
    data = b""
    try:
        while len(data) < 1 << 20 and (part := client.recv(65536)):
            data += part
    except ConnectionResetError:
        pass
    return data


class Access(unittest.TestCase):
    """Who is answered."""

    @classmethod
    def setUpClass(cls):
        cls.server = Server(OPTIONS.fixture)

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()

    def test_prints_what_it_serves(self):
        self.assertTrue(self.server.line.startswith(f"Serving {os.path.basename(OPTIONS.fixture)} at http://127.0.0.1:"))

    def test_token_becomes_a_cookie_and_leaves_the_address(self):
        response, _ = self.server.request(f"/?a=1&token={self.server.token}&file=0%20x", cookie=False)
        self.assertEqual(response.status, 303)
        self.assertEqual(response.getheader("Location"), "/?a=1&file=0%20x")
        cookies = response.headers.get_all("Set-Cookie")
        session = next(c for c in cookies if c.startswith(self.server.cookie + ";"))
        self.assertIn("HttpOnly", session)
        self.assertIn("SameSite=Strict", session)
        consent = next(c for c in cookies if c.startswith("consent="))
        self.assertNotIn("HttpOnly", consent)

    def test_nothing_without_the_cookie(self):
        for path in ("/", "/view.js", "/data/0.netron", "/api/v1/files", "/api/v1/files/0/tensors/0", "/api/v1/events",
                     "/?token=00000000000000000000000000000000", f"/view.js?token={self.server.token}"):
            response, body = self.server.request(path, cookie=False)
            self.assertEqual(response.status, 403, path)
            self.assertTrue(response.getheader("Content-Type").startswith("text/plain"))
            self.assertIn(b"pthview serve", body)
        for cookie in (f"pthview_{self.server.port}=", f"pthview_{self.server.port}={self.server.token[:-1]}",
                       f"pthview_1={self.server.token}"):
            response, _ = self.server.request("/", cookie=False, headers={"Cookie": cookie})
            self.assertEqual(response.status, 403, cookie)

    def test_host(self):
        for host in ("127.0.0.1", "localhost:9", "[::1]:8080", f"127.0.0.1:{self.server.port}"):
            response, _ = self.server.request("/api/v1/files", headers={"Host": host})
            self.assertEqual(response.status, 200, host)
        for host in ("evil.example", f"evil.example:{self.server.port}", "127.0.0.1.evil.example", ""):
            response, _ = self.server.request("/api/v1/files", headers={"Host": host})
            self.assertEqual(response.status, 403, host)
            response, _ = self.server.request(f"/?token={self.server.token}", headers={"Host": host})
            self.assertEqual(response.status, 403, host)
        client = self.server.connect(f"GET / HTTP/1.1\r\nCookie: {self.server.cookie}\r\nConnection: close\r\n\r\n".encode())
        with client:
            self.assertTrue(receive(client).startswith(b"HTTP/1.1 403"), "a request without Host")

    def test_origin(self):
        host = f"127.0.0.1:{self.server.port}"
        response, _ = self.server.request("/api/v1/files", headers={"Origin": f"http://{host}"})
        self.assertEqual(response.status, 200)
        for origin in ("http://evil.example", "null", "http://127.0.0.1:1", f"http://localhost:{self.server.port}"):
            response, _ = self.server.request("/api/v1/files", headers={"Origin": origin})
            self.assertEqual(response.status, 403, origin)

    def test_methods(self):
        for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
            response, _ = self.server.request("/api/v1/files", method=method)
            self.assertEqual(response.status, 405, method)
        response, body = self.server.request("/data/0.netron", method="HEAD")
        self.assertEqual((response.status, body), (200, b""))
        self.assertGreater(int(response.getheader("Content-Length")), 100)

    def test_a_body_is_not_taken_for_a_request(self):
        smuggled = self.server.get("/api/v1/files")
        head = (f"POST / HTTP/1.1\r\nHost: 127.0.0.1:{self.server.port}\r\n"
                f"Content-Length: {len(smuggled)}\r\n\r\n").encode()
        with self.server.connect(head + smuggled) as client:
            answer = receive(client)
        self.assertEqual(answer.count(b"HTTP/1.1 "), 1, answer)
        self.assertTrue(answer.startswith(b"HTTP/1.1 405"), answer)

    def test_headers_on_every_answer(self):
        for path, cookie in (("/", True), ("/", False), ("/view.js", True), ("/nothing", True), ("/api/v1/files", True),
                             ("/api/v1/files/9/model", True), (f"/?token={self.server.token}", False)):
            response, _ = self.server.request(path, cookie=cookie)
            policy = response.getheader("Content-Security-Policy")
            self.assertTrue(policy and policy.startswith("default-src 'self';"), path)
            self.assertIn("frame-ancestors 'none'", policy)
            self.assertEqual(response.getheader("X-Content-Type-Options"), "nosniff")
            self.assertEqual(response.getheader("Referrer-Policy"), "no-referrer")
            self.assertEqual(response.getheader("Cross-Origin-Resource-Policy"), "same-origin")
        self.assertEqual(self.server.request("/api/v1/files")[0].getheader("Cache-Control"), "no-store")


class Content(unittest.TestCase):
    """What is answered."""

    @classmethod
    def setUpClass(cls):
        cls.server = Server(OPTIONS.fixture)

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()

    def test_assets(self):
        response, body = self.server.request("/")
        self.assertEqual(response.status, 200)
        self.assertIn(b'<meta name="version" content="0.0.0">', body)
        response, body = self.server.request("/view.js?cb=123")
        self.assertEqual(response.status, 200)
        self.assertTrue(response.getheader("Content-Type").startswith("text/javascript"))
        self.assertEqual(int(response.getheader("Content-Length")), len(body))
        again, _ = self.server.request("/view.js", headers={"If-None-Match": response.getheader("ETag")})
        self.assertEqual(again.status, 304)

    def test_paths_lead_nowhere_else(self):
        for path in ("/../patches.json", "/..%2f..%2fetc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "//etc/passwd",
                     "/./view.js", "/view.js%00.png", "/patches.json", "/data/../0.netron", "/data/00.netron",
                     "/data/.netron", "/api/v1/files/0", "/api/v1/files/0/tensors", "/api/v1/files/0/tensors/x",
                     "/api/v1/files/0/tensors/99999999", "/api/v1/files/0/tensors/18446744073709551616",
                     "/api/v1/files/1/model", "/api/v1/nothing"):
            response, _ = self.server.request(path)
            self.assertEqual(response.status, 404, path)

    def test_range_gives_the_whole(self):
        _, whole = self.server.request("/data/0.netron")
        for value in ("bytes=0-10", "bytes=5-", "bytes=-3", "bytes=0-0,2-4"):
            response, body = self.server.request("/data/0.netron", headers={"Range": value})
            self.assertEqual((response.status, body), (200, whole), value)

    def test_the_document_is_the_same_under_both_addresses(self):
        response, body = self.server.request("/data/0.netron?version=1")
        self.assertTrue(body.startswith(b'{"signature":"pthview/1"'), body[:40])
        self.assertEqual(int(response.getheader("Content-Length")), len(body))
        document = json.loads(body)
        self.assertEqual(document, self.server.json("/api/v1/files/0/model"))
        modules, tensors = document["modules"], document["tensors"]
        self.assertEqual({len(column) for column in modules.values()}, {len(modules["path"])})
        self.assertEqual({len(column) for column in tensors.values()}, {len(tensors["path"])})
        self.assertTrue(all(parent < i for i, parent in enumerate(modules["parent"])))
        self.assertTrue(all(0 <= module < len(modules["path"]) for module in tensors["module"]))
        files = self.server.json("/api/v1/files")
        self.assertEqual(files["files"][0]["tensors"], len(tensors["path"]))
        self.assertEqual(files["files"][0]["size"], os.path.getsize(OPTIONS.fixture))
        self.assertNotIn(os.path.dirname(os.path.abspath(OPTIONS.fixture)), json.dumps([files, document]))

    def test_a_tensor(self):
        tensors = self.server.json("/api/v1/files/0/model")["tensors"]
        index = next(i for i, data in enumerate(tensors["data"]) if data == 0 and tensors["layout"][i] == "")
        tensor = self.server.json(f"/api/v1/files/0/tensors/{index}?values=3")
        self.assertEqual(tensor["path"], tensors["path"][index])
        self.assertLessEqual(len(tensor["values"]), 3)
        self.assertEqual(tensor["statistics"]["count"], tensor["count"])
        heatmap = self.server.json(f"/api/v1/files/0/heatmap/{index}")
        self.assertEqual(len(heatmap["values"]), heatmap["rows"] * heatmap["columns"])

    def test_search(self):
        tensors = self.server.json("/api/v1/files/0/model")["tensors"]
        name = tensors["name"][-1]
        found = self.server.json(f"/api/v1/files/0/search?q={name.upper()}&limit=1")
        self.assertGreaterEqual(found["total"], 1)
        self.assertEqual(len(found["hits"]), 1)
        self.assertEqual(self.server.request("/api/v1/files/0/search?q=" + "x" * 500)[0].status, 400)

    def test_events_end_without_watch(self):
        self.assertEqual(self.server.request("/api/v1/events")[0].status, 204)

    def test_keep_alive(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=TIMEOUT)
        connection.connect()
        used = connection.sock
        for _ in range(20):
            connection.request("GET", "/api/v1/files", headers={"Cookie": self.server.cookie})
            response = connection.getresponse()
            response.read()
            self.assertEqual(response.status, 200)
        self.assertIs(connection.sock, used)
        connection.close()


class Limits(unittest.TestCase):
    """Clients that ask for too much, or take too long."""

    def setUp(self):
        self.server = Server(OPTIONS.fixture)
        self.addCleanup(self.server.__exit__)

    def assert_answers(self):
        start = time.monotonic()
        self.assertEqual(self.server.request("/api/v1/files")[0].status, 200)
        self.assertLess(time.monotonic() - start, 2, "other clients delayed it")

    def peak_memory(self):
        with open(f"/proc/{self.server.process.pid}/status", encoding="ascii") as status:
            return int(re.search(r"VmHWM:\s+(\d+) kB", status.read())[1]) * 1024

    def test_large_headers(self):
        before = self.peak_memory()
        for header in (b"X: " + b"y" * (32 << 20) + b"\r\n", b"X: y\r\n" * (4 << 20)):
            with self.server.connect() as client:
                answer = b""
                try:
                    client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n" + header + b"\r\n")
                    answer = receive(client)
                except (BrokenPipeError, ConnectionResetError):
                    pass  # closed while it was still being sent
                self.assertNotIn(b" 200 ", answer)
        self.assertLess(self.peak_memory() - before, 16 << 20)
        self.assert_answers()

    def test_long_address(self):
        with self.server.connect(b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n") as client:
            client.shutdown(socket.SHUT_WR)
            self.assertTrue(receive(client).startswith(b"HTTP/1.1 414"))
        self.assert_answers()

    def test_many_ranges(self):
        value = "bytes=" + ",".join(["0-1"] * 1900)
        self.assertIn(self.server.request("/view.js", headers={"Range": value})[0].status, (200, 400))
        self.assert_answers()

    def test_nonsense(self):
        for data in (b"\r\n\r\n", b"\0" * 100, b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\x00" * 50,
                     b"GET /%zz%00%ff HTTP/1.1\r\nHost: localhost\r\n\r\n"):
            with self.server.connect(data) as client:
                client.shutdown(socket.SHUT_WR)
                self.assertNotIn(b" 200 ", receive(client), data)
        self.assert_answers()

    def test_slow_clients_block_nobody(self):
        clients = [self.server.connect(data) for data in [b"", b"GET / HTTP/1.1\r\nHost: l"] * 50]
        self.addCleanup(lambda: [client.close() for client in clients])
        self.assert_answers()

    def test_stalled_readers_block_nobody(self):
        # More answers asked for than buffers hold, and none read.
        clients = [self.server.connect(self.server.get("/view.js") * 30) for _ in range(20)]
        self.addCleanup(lambda: [client.close() for client in clients])
        self.assert_answers()


class Files(unittest.TestCase):
    """Files that change, or cannot be opened."""

    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        self.path = os.path.join(self.folder, "model.pth")
        shutil.copy(OPTIONS.fixture, self.path)

    def rewrite(self):
        """Another file of the same content under the same name."""
        shutil.copy(OPTIONS.fixture, self.path + ".new")
        os.replace(self.path + ".new", self.path)

    def test_truncated_while_served(self):
        with Server(self.path) as server:
            tensors = server.json("/api/v1/files/0/model")["tensors"]
            index = next(i for i, data in enumerate(tensors["data"]) if data == 0 and tensors["layout"][i] == "")
            server.json(f"/api/v1/files/0/tensors/{index}")
            os.truncate(self.path, 100)
            for kind in ("tensors", "heatmap"):
                response, body = server.request(f"/api/v1/files/0/{kind}/{index}")
                self.assertEqual(response.status, 409)
                error = json.loads(body)["error"]
                self.assertIn(error["code"], ("changed", "truncated"))
                self.assertTrue(error["message"])
                self.assertNotIn(self.folder, body.decode())
            self.assertEqual(server.request("/data/0.netron")[0].status, 200)
            self.assertEqual(server.request("/")[0].status, 200)

    def read_event(self, stream):
        """The next `changed` event's data."""
        while line := stream.readline():
            if line.rstrip() == b"event: changed":
                return json.loads(stream.readline().split(b":", 1)[1])
        raise AssertionError("the stream ended")

    def test_watch(self):
        with Server("--watch", self.path) as server:
            self.assertIs(server.json("/api/v1/files")["watch"], True)
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=TIMEOUT)
            self.addCleanup(connection.close)
            connection.request("GET", "/api/v1/events", headers={"Cookie": server.cookie})
            response = connection.getresponse()
            self.assertEqual(response.getheader("Content-Type"), "text/event-stream")
            self.rewrite()
            self.assertEqual(self.read_event(response), {"id": "0", "version": 2})
            self.assertEqual(server.json("/api/v1/files/0/model")["version"], 2)
            # A state that cannot be opened leaves the old model, and says so.
            with open(self.path, "wb") as torn:
                torn.write(b"half")
            self.assertEqual(self.read_event(response), {"id": "0", "version": 2})
            self.assertTrue(server.json("/api/v1/files")["files"][0]["error"])
            self.assertEqual(server.json("/api/v1/files/0/model")["version"], 2)
            self.rewrite()
            self.assertEqual(self.read_event(response), {"id": "0", "version": 3})
            self.assertIsNone(server.json("/api/v1/files")["files"][0]["error"])

    def test_event_streams_are_few(self):
        with Server("--watch", self.path) as server:
            clients = [server.connect(server.get("/api/v1/events")) for _ in range(12)]
            try:
                firsts = [client.recv(12) for client in clients]
            finally:
                for client in clients:
                    client.close()
            self.assertEqual(firsts.count(b"HTTP/1.1 200"), 8)
            self.assertEqual(firsts.count(b"HTTP/1.1 503"), 4)

    def test_several_files_one_broken(self):
        broken = os.path.join(self.folder, "broken.pth")
        with open(broken, "wb") as file:
            file.write(b"\x89PNG\r\n\x1a\n" + bytes(50))
        with Server(broken, self.path) as server:
            files = server.json("/api/v1/files")["files"]
            self.assertEqual([file["name"] for file in files], ["broken.pth", "model.pth"])
            self.assertRegex(files[0]["error"], "^broken[.]pth: ")  # and not the whole path
            self.assertIsNone(files[1]["error"])
            response, body = server.request("/data/0.netron")
            self.assertGreaterEqual(response.status, 400)
            self.assertIn("error", json.loads(body))
            self.assertEqual(server.request("/data/1.netron")[0].status, 200)
        with self.assertRaises(RuntimeError) as none_left:
            Server(broken)
        self.assertIn("broken.pth", str(none_left.exception))


class Ending(unittest.TestCase):
    """Ports and Ctrl-C."""

    def test_a_second_server_on_the_port_fails(self):
        with Server(OPTIONS.fixture) as server:
            with self.assertRaises(RuntimeError) as error:
                Server("--port", str(server.port), OPTIONS.fixture)
            self.assertIn(str(server.port), str(error.exception))
            self.assertEqual(server.request("/api/v1/files")[0].status, 200)
            port = server.port
        with Server("--port", str(port), OPTIONS.fixture) as again:
            self.assertEqual(again.port, port)

    def test_other_addresses_are_not_listened_on(self):
        with Server(OPTIONS.fixture) as server:
            for address in ("127.0.0.2", "::1"):
                with self.assertRaises(OSError):
                    socket.create_connection((address, server.port), timeout=TIMEOUT)

    def test_ends_at_once_whatever_clients_do(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with Server("--watch", OPTIONS.fixture) as server:
                idle = http.client.HTTPConnection("127.0.0.1", server.port, timeout=TIMEOUT)
                idle.request("GET", "/api/v1/files", headers={"Cookie": server.cookie})
                idle.getresponse().read()
                silent = server.connect()
                half = server.connect(b"GET / HTT")
                stalled = server.connect(server.get("/view.js") * 30)
                events = server.connect(server.get("/api/v1/events"))
                self.assertTrue(events.recv(12).startswith(b"HTTP/1.1 200"))
                self.assertLess(server.stop(number), STOP_LIMIT)
                self.assertEqual(server.process.returncode, 0)
                self.assertEqual(server.process.stderr.read(), "")
                rest = b""
                while more := events.recv(4096):
                    rest += more
                self.assertIn(b"event: bye\n", rest)
                for client in (idle, silent, half, stalled, events):
                    client.close()

    def test_usage(self):
        for arguments in (["--port", "x", OPTIONS.fixture], ["--host", "0.0.0.0", OPTIONS.fixture], ["/nowhere.pth"]):
            with self.assertRaises(RuntimeError):
                Server(*arguments)

    def test_errors_look_like_those_of_other_verbs(self):
        for arguments, wanted in ((["--port", "x", OPTIONS.fixture], "pthview: --port takes .*\n  try: see `pthview"),
                                  (["/nowhere.pth"], "pthview: /nowhere.pth: cannot open: .*\n")):
            done = subprocess.run([OPTIONS.pthview, "serve", "--no-open", *arguments], capture_output=True, text=True,
                                  timeout=60, check=False)
            self.assertEqual(done.returncode, 2)
            self.assertRegex(done.stderr, "^" + wanted)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--pthview", required=True)
    parser.add_argument("--fixture", required=True)
    OPTIONS, rest = parser.parse_known_args()
    OPTIONS.pthview = os.path.abspath(OPTIONS.pthview)
    unittest.main(argv=[sys.argv[0], *rest])
