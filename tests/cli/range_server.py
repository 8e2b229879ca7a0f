"""An HTTP server on loopback that sends files by ranges, counts what it sends, and misbehaves when it is asked to."""
import base64
import http.server
import os
import pathlib
import ssl
import subprocess
import threading
import urllib.parse


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60

    def log_message(self, *_):
        pass

    def do_GET(self):
        server = self.server
        with server.lock:
            server.requests.append((self.path, dict(self.headers)))
        path = self.path.split("?")[0]
        try:
            server.routes.get(path, Handler.send_file)(self)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def range(self):
        """(first, last) of the request; last may lie behind the end of the file."""
        first, last = self.headers["Range"].removeprefix("bytes=").split("-")
        return int(first), int(last)

    def answer(self, status, headers=(), body=b""):
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        if not any(name == "Content-Length" for name, _ in headers):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.send(body)

    def send(self, data):
        self.wfile.write(data)
        with self.server.lock:
            self.server.sent += len(data)

    def send_file(self, name=None, status=206, change=None):
        """A part of a file below the server's folder; `change` may alter a dict of the answer's headers."""
        name = name or urllib.parse.unquote(self.path.split("?")[0].lstrip("/"))
        path = self.server.folder / name
        if not path.is_file():
            self.answer(404)
            return
        first, last = self.range()
        size = path.stat().st_size
        last = min(last, size - 1)
        if first >= size:
            self.answer(416, [("Content-Range", f"bytes */{size}")])
            return
        headers = {"Content-Range": f"bytes {first}-{last}/{size}", "ETag": f'"{name}"',
                   "Content-Length": str(last - first + 1)}
        if change:
            change(headers)
        self.send_response_only(status)
        for item in headers.items():
            self.send_header(*item)
        self.end_headers()
        with path.open("rb") as file:
            file.seek(first)
            left = last - first + 1
            while left:
                piece = file.read(min(left, 1 << 20))
                self.send(piece)
                left -= len(piece)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, folder, certificate=None):
        super().__init__(("127.0.0.1", 0), Handler)
        self.folder = pathlib.Path(folder)
        self.lock = threading.Lock()
        self.requests = []
        self.sent = 0
        self.routes = {}
        self.scheme = "http"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self.socket = context.wrap_socket(self.socket, server_side=True)
            self.scheme = "https"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        pass  # clients that hang up are part of the tests

    def stop(self):
        self.shutdown()
        self.server_close()

    def url(self, path, credentials="", host="127.0.0.1"):
        return f"{self.scheme}://{credentials}{host}:{self.server_port}/{path}"

    def clear(self):
        with self.lock:
            self.requests.clear()
            self.sent = 0

    def route(self, path, function):
        self.routes["/" + path] = function


def make_certificate(folder, names="IP:127.0.0.1,DNS:localhost"):
    """(certificate, key), signed by itself; made with the openssl tool."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=pthview test",
                    "-addext", f"subjectAltName={names}"], check=True, capture_output=True)
    return os.fspath(certificate), os.fspath(key)


def basic(credentials):
    return "Basic " + base64.b64encode(credentials.encode()).decode()
