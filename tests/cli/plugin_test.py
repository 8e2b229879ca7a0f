#!/usr/bin/env python3
"""Tests of external plug-ins: plugin_test.py --pthview BIN [unittest arguments]

The good one is plugins/examples/gguf, as the build tree offers it. The bad ones are written here, a folder each, and
each must end in a clean error (exit code 2, one message, nothing on standard output) or be refused what it tries.
"""
import argparse
import ctypes
import gzip
import json
import os
import pathlib
import re
import select
import shutil
import socket
import stat
import struct
import subprocess
import sys
import tarfile
import tempfile
import textwrap
import time
import unittest
import urllib.request

import gguf_files

OPTIONS = argparse.Namespace(pthview=None)
MAGIC = b"ODDBYTES"

# Every bad plug-in begins so; `answer` sends what a good one would.
PREAMBLE = """\
#!/usr/bin/env python3
import ctypes, json, os, socket, sys, threading, time
def send(protocol=1, **what):
    print(json.dumps({"protocol": protocol, **what}), flush=True)
def answer(text="", **more):
    data = {"file": 0, "offset": 8, "nbytes": 16}
    send(model={"formatText": text, "tensors": [{"name": "w", "dtype": "float32", "shape": [4], "data": data, **more}]})
def attempt(action):
    try:
        return f"did {action()}"
    except Exception as error:
        return f"{type(error).__name__} {getattr(error, 'errno', None)}"
"""
READ_REQUEST = "request = json.loads(sys.stdin.readline())\n"




def without_landlock():
    """From here on this process and those it starts find a kernel without Landlock."""
    refuse = 0x00050000 | 38  # SECCOMP_RET_ERRNO, ENOSYS
    rows = struct.pack("HBBI" * 4, 0x20, 0, 0, 0, 0x15, 0, 1, 444, 0x06, 0, 0, refuse, 0x06, 0, 0, 0x7FFF0000)
    buffer = ctypes.create_string_buffer(rows, len(rows))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", 4, ctypes.addressof(buffer)))
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, program, 0, 0) == 0


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="pthview-plugins-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.plugins = self.folder / "plugins"
        self.plugins.mkdir()
        self.file = self.folder / "odd.bin"
        self.file.write_bytes(MAGIC + bytes(range(16)))

    def install(self, body, name="odd", program=True, **manifest):
        """Writes a plug-in; `body` follows the preamble."""
        home = self.plugins / name
        home.mkdir(exist_ok=True)
        base = {"protocol": 1, "name": name, "text": "Odd bytes", "kinds": ["format"], "encoding": "json",
                "match": [{"magic": MAGIC.decode()}], "limits": {"seconds": 20}}
        (home / "plugin.json").write_text(json.dumps({**base, **manifest}))
        path = home / f"pthview-plugin-{name}"
        if program:
            request = READ_REQUEST if base["encoding"] == manifest.get("encoding", "json") else ""
            path.write_text(PREAMBLE + request + textwrap.dedent(body))
            path.chmod(0o755)
        return home

    def environment(self, **more):
        return {**os.environ, "PTHVIEW_PLUGIN_PATH": str(self.plugins), "XDG_DATA_HOME": str(self.folder / "data"),
                "PTHVIEW_SECRET": "secret", **more}

    def run_pthview(self, *arguments, **environment):
        return subprocess.run([OPTIONS.pthview, *map(str, arguments)], capture_output=True, text=True, timeout=60,
                              stdin=subprocess.DEVNULL, env=self.environment(**environment), cwd=self.folder)

    def document(self, *arguments, **environment):
        done = self.run_pthview(*arguments, **environment)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def info(self):
        return self.document("info", "--json", self.file)["files"][0]

    def assert_error(self, pattern, file=None):
        """The file is refused with one message, and nothing else happens."""
        before = sorted(self.folder.rglob("*"))
        done = self.run_pthview("list", file or self.file)
        self.assertEqual(done.returncode, 2, done.stdout + done.stderr)
        self.assertEqual(done.stdout, "")
        self.assertRegex(done.stderr, pattern)
        self.assertEqual(sorted(self.folder.rglob("*")), before)
        return done.stderr


class Gguf(Case):
    def setUp(self):
        super().setUp()
        self.file = self.folder / "small.bin"  # its content tells, not its name
        self.file.write_bytes(gguf_files.sample())

    def test_list(self):
        rows = self.document("list", "--json", self.file)["tensors"]
        self.assertEqual([(r["name"], r["dtype"], r["shape"], r["kind"]) for r in rows],
                         [("blk.0.attn_q.weight", "float32", [2, 3], "parameter"),
                          ("blk.0.attn_q.bias", "float16", [4], "parameter"),
                          ("blk.0.ffn_down.weight", "uint8", [2, 68], "parameter")])
        data = self.file.read_bytes()
        place = rows[0]["storage"]
        self.assertEqual(data[place["offset"]:][:4], b"\0\0\x80?")

    def test_values_come_from_the_file(self):
        done = self.run_pthview("show", self.file, "blk.0.attn_q.bias")
        self.assertEqual(done.returncode, 0, done.stderr)
        for number in ("0.5", "1.5", "-2"):
            self.assertIn(number, done.stdout)

    def test_info(self):
        info = self.info()
        self.assertEqual((info["format"], info["format_text"]), ("gguf", "GGUF, version 3"))
        metadata = {row["path"]: (row["kind"], row["text"]) for row in info["metadata"]}
        self.assertEqual(metadata["general.architecture"][1], "llama")
        self.assertEqual(metadata["llama.block_count"][1], "1")
        self.assertEqual(metadata["llama.rope.freq_base"][1], "10000.0")
        self.assertEqual(metadata["tokenizer.add_bos"][1], "True")
        self.assertIn("... 20 in all", metadata["tokenizer.tokens"][1])
        codes = {row["code"] for row in info["findings"]}
        self.assertLessEqual({"plugin", "quantized-blocks"}, codes)

    def test_cut_short(self):
        whole = self.file.read_bytes()
        self.file.write_bytes(whole[:-100])
        rows = self.document("list", "--json", self.file)["tensors"]
        self.assertEqual([row.get("data") for row in rows], [None, None, "oob"])
        self.file.write_bytes(whole[:100])
        self.assert_error(r"at byte \d+: plug-in gguf: the file ends inside its header")

    def test_every_beginning_is_handled(self):
        whole = self.file.read_bytes()
        for length in range(4, len(whole), 61):
            self.file.write_bytes(whole[:length])
            done = self.run_pthview("info", self.file)
            self.assertIn(done.returncode, (0, 2))
            self.assertNotIn("ended with exit code", done.stderr)

    def test_not_a_file_of_its_own(self):
        """Plug-ins are told of files; what is none says so, and not that it is unknown."""
        data = self.file.read_bytes()
        (self.folder / "packed.gz").write_bytes(gzip.compress(data))
        for arguments, given in ((["list", "packed.gz"], None), (["list", "-"], data)):
            done = subprocess.run([OPTIONS.pthview, *arguments], input=given, capture_output=True, timeout=60,
                                  check=False, env=self.environment(), cwd=self.folder)
            self.assertEqual(done.returncode, 2)
            self.assertRegex(done.stderr.decode(), r"plug-in gguf reads, but plug-ins are given only files of their own")
            self.assertIn("\n  try: unpack", done.stderr.decode())
        with tarfile.open(self.folder / "bag.tar", "w") as bag:
            bag.add(self.file, "model.gguf")
        done = self.run_pthview("list", "bag.tar")
        self.assertIn("without a checkpoint in it", done.stderr)

    def test_serve(self):
        with subprocess.Popen([OPTIONS.pthview, "serve", "--no-open", "--quiet", str(self.file)], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=self.environment()) as server:
            try:
                self.assertTrue(select.select([server.stdout], [], [], 30)[0], "no address")
                url = server.stdout.readline().strip()
                self.assertTrue(url.startswith("http://"), url)
                opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(),
                                                     urllib.request.ProxyHandler({}))
                opener.open(url, timeout=30).read()
                root = re.match(r"http://[^/]+/", url).group()
                files = opener.open(root + "api/v1/files", timeout=30).read().decode()
                self.assertIn('"format":"GGUF, version 3","tensors":3', files)
            finally:
                server.terminate()
                server.wait(30)


class Protocol(Case):
    def test_good(self):
        self.install("answer('Odd, version 7')")
        self.assertEqual(self.info()["format_text"], "Odd, version 7")

    def test_progress_before_the_answer(self):
        self.install("for i in range(1000): send(progress={'done': str(i)})\nanswer()")
        self.assertEqual(len(self.document("list", "--json", self.file)["tensors"]), 1)

    def test_protobuf(self):
        # Model{tensors: {name "w", dtype "uint8", shape [4], data {offset 8, nbytes 4}}} as protobuf writes it.
        home = self.install("", encoding="protobuf")
        program = home / "pthview-plugin-odd"
        program.write_text(textwrap.dedent("""\
            #!/usr/bin/env python3
            import sys
            request = sys.stdin.buffer.read()
            assert request[0] == len(request) - 1 and request[1:3] == b"\\x08\\x01", request
            def field(number, body): return bytes([number << 3 | 2, len(body)]) + body
            tensor = field(1, b"w") + field(2, b"uint8") + field(3, b"\\4") + field(6, b"\\x10\\x08\\x18\\4")
            message = b"\\x08\\x01" + field(4, field(4, tensor))
            sys.stdout.buffer.write(bytes([len(message)]) + message)
            """))
        row, = self.document("list", "--json", "--hash", self.file)["tensors"]
        self.assertEqual((row["name"], row["shape"], row["storage"]["offset"]), ("w", [4], 8))

    def test_neighbours(self):
        (self.folder / "odd.extra").write_bytes(bytes(16))
        self.install("assert len(request['files']) == 2\nanswer(data={'file': 1, 'offset': '0', 'nbytes': '16'})",
                     neighbours=["*.extra"])
        row, = self.document("list", "--json", self.file)["tensors"]
        self.assertTrue(row["storage"]["file"].endswith("odd.extra"), row)

    def test_not_mine_goes_on(self):
        self.install("send(failure={'code': 'UNRECOGNIZED'})", name="a")
        self.install("answer('from b')", name="b")
        self.assertEqual(self.info()["format_text"], "from b")
        shutil.rmtree(self.plugins / "b")
        self.assertNotIn("plug-in", self.assert_error("odd.bin"))

    def test_failure(self):
        self.install("send(failure={'code': 'CORRUPT', 'message': 'no end', 'offset': 5})")
        self.assert_error("odd.bin at byte 5: plug-in odd: no end|odd.bin: at byte 5: plug-in odd: no end")

    def test_nothing_of_the_environment(self):
        self.install("answer(repr(sorted(os.environ)) + os.getcwd())")
        text = self.info()["format_text"]
        self.assertNotIn("PTHVIEW_SECRET", text)
        self.assertTrue(text.endswith("plugins/odd"), text)

    def test_built_in_formats_ask_no_plugin(self):
        self.install(f"open({str(self.folder / 'ran')!r}, 'w')", match=[{"extension": ".safetensors"}])
        header = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
        file = self.folder / "a.safetensors"
        file.write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
        self.assertEqual(self.document("info", "--json", file)["files"][0]["format"], "safetensors")


class Bad(Case):
    def check(self, body, pattern, **manifest):
        self.install(body, **manifest)
        return self.assert_error(r"plug-in odd: .*" + pattern)

    def test_crash(self):
        self.check("ctypes.string_at(0)", r"crashed \(signal 11, SIGSEGV\)")

    def test_abort(self):
        self.check("os.abort()", r"crashed \(signal 6, SIGABRT\)")

    def test_exit_code(self):
        self.check("raise KeyError('something')", r"exit code 1.*KeyError: 'something'")

    def test_no_answer(self):
        self.check("pass", "without an answer")

    def test_half_a_message(self):
        self.check("print('{\"protocol\": 1, ', end='')", "middle of a message")

    def test_hang(self):
        start = time.monotonic()
        self.check("while True: time.sleep(100)", "no answer within 0.5 s", limits={"seconds": 0.5})
        self.assertLess(time.monotonic() - start, 15)

    def test_endless_progress(self):
        self.check("while True: send(progress={'done': 1})", "no answer within 1 s", limits={"seconds": 1})

    def test_processor_time(self):
        self.check("while True: pass", "more than 1 s of processor time", limits={"seconds": 50, "cpu_seconds": 1})

    def test_garbage(self):
        self.check("sys.stdout.buffer.write(bytes(range(256)) * 9)", "JSON is broken at byte")

    def test_garbage_protobuf(self):
        self.check("sys.stdout.buffer.write(b'\\xff' * 100)", "does not begin with the length", encoding="protobuf")

    def test_text_that_is_not_utf8(self):
        message = self.check(r"sys.stdout.buffer.write(b'\x07\x08\x01\x22\x03\x0a\x01\xff')", "is not a message",
                             encoding="protobuf")
        self.assertNotIn("libprotobuf", message)

    def test_another_kind_of_value(self):
        self.check("send(model={'tensors': 7})", "a single value cannot be the value of `tensors`")

    def test_another_answer(self):
        self.check("send(verified={'same': True})", "answered something else")

    def test_huge_output(self):
        self.check("while True: sys.stdout.write('x' * 65536)", "a message of more than 16777216 bytes")

    def test_huge_length(self):
        self.check("sys.stdout.buffer.write(b'\\xff\\xff\\xff\\xff\\x0f')", "a message of more than",
                   encoding="protobuf")

    def test_wrong_version(self):
        self.check("send(protocol=2, model={})", "says protocol 2, this pthview speaks 1")

    def test_unknown_file(self):
        self.check("answer(data={'file': 3})", "file 3 of the 1")

    def test_no_interpreter(self):
        home = self.install("")
        (home / "pthview-plugin-odd").write_text("#!/nowhere/python\n")
        self.assert_error("plug-in odd: it does not start: No such file")

    def test_hostile_text(self):
        message = self.check("send(failure={'code': 'CORRUPT', 'message': '\\x1b[2J' + 'x' * 100000})", r"\\x1b\[2J")
        self.assertNotIn("\x1b", message)
        self.assertLess(len(message), 2000)

    def test_memory(self):
        self.check("a = bytearray(1 << 29)\nanswer()", "exit code 1.*MemoryError", limits={"memory_mb": 256})

    def test_lies(self):
        for lie in ({"data": {"offset": str((1 << 64) - 1), "nbytes": 16}}, {"data": {"offset": 20, "nbytes": 16}},
                    {"data": {"offset": 8, "nbytes": str((1 << 64) - 1)}, "shape": [1 << 62, 4]},
                    {"strides": [1 << 62]}, {"strides": [-1]}, {"storageOffset": -1}, {"storageOffset": 1 << 62},
                    {"shape": [-4]}, {"shape": [1 << 40, 1 << 40]}, {"strides": [1, 1]}, {"dtype": "float7"},
                    {"shape": [5]}, {"shape": [1] * 5000}):
            with self.subTest(lie=str(lie)[:80]):
                self.install(f"answer(**{lie!r})")
                document = self.document("list", "--json", self.file)
                row, = document["tensors"]
                self.assertIn(row["data"], ("oob", "missing"))
                self.assertTrue(any(f["severity"] == "error" for f in document["findings"]), document["findings"])


class Refused(Case):
    """Each tries something and says in its answer what came of it."""

    def outcome(self, action, **manifest):
        before = sorted(self.folder.rglob("*"))
        self.install(f"def action():\n{textwrap.indent(textwrap.dedent(action), '    ')}\nanswer(attempt(action))",
                     **manifest)
        text = self.info()["format_text"]
        added = set(self.folder.rglob("*")) - set(before)
        self.assertEqual({path.name for path in added} - {"odd", "plugin.json", "pthview-plugin-odd"}, set())
        return text

    def assert_refused(self, action, errors="PermissionError (1|13)", **manifest):
        self.assertRegex(self.outcome(action, **manifest), f"^({errors})$")

    def test_the_check_itself(self):
        self.assertEqual(self.outcome("return open(request['files'][0]['path'], 'rb').read(8)"), f"did {MAGIC}")

    def test_write_a_file(self):
        self.assert_refused(f"open({str(self.folder / 'new')!r}, 'w')")
        self.assert_refused("open('new', 'w')")
        self.assert_refused("open('/tmp/pthview-plugin-test', 'x')")
        self.assert_refused("os.mkdir('new')")

    def test_write_to_its_input(self):
        before = self.file.read_bytes()
        for action in ("open(request['files'][0]['path'], 'r+b')", "os.truncate(request['files'][0]['path'], 0)",
                       "os.open(request['files'][0]['path'], os.O_RDONLY | os.O_TRUNC)",
                       "os.unlink(request['files'][0]['path'])",
                       "os.chmod(request['files'][0]['path'], 0o777)", "os.utime(request['files'][0]['path'])",
                       "os.rename(request['files'][0]['path'], request['files'][0]['path'] + '2')"):
            with self.subTest(action=action):
                self.assert_refused(action, errors=r"PermissionError (1|13)|OSError 18")
        self.assertEqual(self.file.read_bytes(), before)
        self.assertEqual(stat.S_IMODE(self.file.stat().st_mode) & 0o111, 0)

    def test_read_another_file(self):
        secret = self.folder / "secret"
        secret.write_text("secret")
        self.assert_refused(f"return open({str(secret)!r}).read()")
        self.assert_refused("return open('/etc/passwd').read()")
        self.assert_refused("return os.listdir('/')")
        self.assert_refused("return open(f'/proc/{os.getppid()}/environ').read()")
        self.assertEqual(self.outcome(f"return open({str(secret)!r}).read()", read=[str(secret)]), "did secret")

    def test_open_a_socket(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            self.assert_refused(f"socket.create_connection(('127.0.0.1', {port}))")
        self.assert_refused("socket.socket(socket.AF_UNIX)")
        self.assert_refused("socket.socket(socket.AF_INET, socket.SOCK_DGRAM)")

    def test_start_processes(self):
        self.assert_refused("os.fork()")
        self.assert_refused("import subprocess\nsubprocess.run(['/bin/true'])")
        self.assert_refused("os.setsid()")

    def test_threads_are_fine(self):
        self.assertEqual(self.outcome("""
            thread = threading.Thread(target=len, args=[[]])
            thread.start()
            thread.join()"""), "did None")

    def test_signal_others(self):
        self.assert_refused("os.kill(os.getppid(), 0)", errors="PermissionError 1")

    def test_raise_its_limits(self):
        self.assert_refused("import resource\nresource.setrlimit(resource.RLIMIT_AS, (-1, -1))",
                            errors="PermissionError 1|ValueError None")

    def test_many_files(self):
        self.assert_refused("return [os.open('/dev/null', os.O_RDONLY) for _ in range(100)]", errors="OSError 24")

    def test_memory_by_other_means(self):
        self.assert_refused("os.write(os.memfd_create('m'), b'x' * 100)", errors="OSError 27|did None")
        self.assertNotEqual(self.outcome("return os.write(os.memfd_create('m'), b'x' * 100)"), "did 100")

    def test_without_landlock_nothing_runs_unless_asked(self):
        self.install("answer(attempt(lambda: open('/etc/passwd').name) + attempt(socket.socket))")

        def run(**environment):
            return subprocess.run([OPTIONS.pthview, "info", "--json", self.file], capture_output=True, text=True,
                                  timeout=60, env=self.environment(**environment), preexec_fn=without_landlock)

        refused = run()
        self.assertEqual(refused.returncode, 2)
        self.assertIn("offers no Landlock", refused.stderr)
        document = json.loads(run(PTHVIEW_PLUGIN_UNCONFINED="1").stdout)
        # The other two parts of the sandbox stay.
        self.assertEqual(document["files"][0]["format_text"], "did /etc/passwdPermissionError 1")

    def test_nothing_inherited(self):
        self.assertEqual(self.outcome("return [n for n in range(3, 60) if not attempt(lambda: os.fstat(n))"
                                      ".startswith('OSError 9')]"), "did []")


class Discovery(Case):
    def plugins_json(self):
        return [row for row in self.document("plugins", "--json")["plugins"] if row["from"] != "built in"]

    def test_listed(self):
        self.install("answer()", match=[{"magic": "X", "extension": ".odd"}, {"magic_hex": "00 ff"}])
        row = next(row for row in self.plugins_json() if row["name"] == "odd")
        self.assertEqual((row["kind"], row["text"], row["from"]), ("format", "Odd bytes", str(self.plugins / "odd")))
        self.assertNotIn("problem", row)
        text = self.run_pthview("plugins").stdout
        self.assertIn("Odd bytes", text)
        self.assertIn(str(self.plugins / "odd"), text)

    def test_example_comes_with_the_build(self):
        self.assertIn("gguf", [row["name"] for row in self.plugins_json()])

    def test_users_folder(self):
        home = self.install("answer('user')")
        target = self.folder / "data" / "pthview" / "plugins"
        target.mkdir(parents=True)
        home.rename(target / "odd")
        self.assertEqual(self.info()["format_text"], "user")

    def test_first_of_a_name_wins(self):
        self.install("answer('first')")
        second = self.folder / "second"
        shutil.copytree(self.plugins, second)
        document = self.document("plugins", "--json", PTHVIEW_PLUGIN_PATH=f"{self.plugins}:{second}")
        rows = [row for row in document["plugins"] if row["name"] == "odd"]
        self.assertEqual([row.get("problem", "")[:7] for row in rows], ["", "another"])

    def test_problems(self):
        for change, pattern in (({"protocol": 2}, "speaks protocol 2"), ({"name": "../x"}, "`name`"),
                                ({"kinds": ["game"]}, "`kinds`"), ({"encoding": "xml"}, "`encoding`"),
                                ({"match": []}, "`match`"), ({"match": [{}]}, "says nothing"),
                                ({"limits": {"seconds": -1}}, "limits.seconds"), ({"colour": 1}, "`colour`"),
                                ({"read": ["/"]}, "`read`")):
            with self.subTest(change=change):
                self.install("answer()", program=True, **{"name": "odd", **change} if "name" not in change else {})
                if "name" in change:
                    manifest = self.plugins / "odd" / "plugin.json"
                    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), **change}))
                problems = [row["problem"] for row in self.plugins_json() if "problem" in row]
                self.assertRegex(" ".join(problems), pattern)
                self.assertIn("not used", self.run_pthview("plugins").stdout)
                self.assertEqual(self.run_pthview("info", self.file).returncode, 2)

    def test_missing_program(self):
        self.install("", program=False)
        problems = [row["problem"] for row in self.plugins_json() if "problem" in row]
        self.assertRegex(problems[0], "pthview-plugin-odd is missing")

    def test_anyone_may_write(self):
        home = self.install("answer()")
        (home / "pthview-plugin-odd").chmod(0o777)
        problems = [row["problem"] for row in self.plugins_json() if "problem" in row]
        self.assertRegex(problems[0], "anyone may write")

    def test_kinds_that_are_not_used_yet(self):
        self.install("", kinds=["verifier"], match=[])
        self.assertIn("not used by this version", self.run_pthview("plugins").stdout)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--pthview", required=True)
    options, rest = parser.parse_known_args()
    OPTIONS.pthview = str(pathlib.Path(options.pthview).resolve())
    unittest.main(argv=[sys.argv[0], *rest])


if __name__ == "__main__":
    main()
