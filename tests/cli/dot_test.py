#!/usr/bin/env python3
"""What pthview-dot may do: dot_test.py --dot BIN [unittest arguments]"""
import argparse
import pathlib
import struct
import subprocess
import tempfile
import time
import unittest
import xml.etree.ElementTree
import zlib

OPTIONS = argparse.Namespace(dot=None)


def png(width, height):
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = b"".join(b"\0" + b"\x80" * width for _ in range(height))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def draw(text, kind):
    return subprocess.run([OPTIONS.dot, kind], input=text.encode(), capture_output=True, timeout=30, check=False)


class Dot(unittest.TestCase):

    def test_draws(self):
        root = xml.etree.ElementTree.fromstring(draw('digraph { a -> b [label="x"]; }', "svg").stdout)
        titles = [each.text for each in root.iter("{http://www.w3.org/2000/svg}title")]
        self.assertIn("a->b", titles)
        self.assertEqual(draw("digraph { a -> b; }", "png").stdout[:4], b"\x89PNG")

    def test_refuses_what_is_no_graph(self):
        self.assertNotEqual(draw("digraph {", "svg").returncode, 0)
        self.assertNotEqual(draw("digraph { a; }", "nonsense").returncode, 0)

    def test_is_confined_before_it_reads(self):
        with subprocess.Popen([OPTIONS.dot, "svg"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            deadline = time.monotonic() + 30
            status = {}
            while status.get("Seccomp") != "2" and time.monotonic() < deadline:
                lines = pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines()
                status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
                time.sleep(0.01)
            self.assertEqual((status.get("Seccomp"), status.get("NoNewPrivs")), ("2", "1"))
            limits = pathlib.Path(f"/proc/{process.pid}/limits").read_text()
            self.assertRegex(limits, r"Max file size +0 +0 ")
            self.assertRegex(limits, r"Max address space +2147483648 ")
            out, _ = process.communicate(b"digraph { a; }", timeout=30)
            self.assertIn(b"<svg", out)

    def test_reads_no_file_that_a_graph_names(self):
        with tempfile.TemporaryDirectory() as folder:
            picture = pathlib.Path(folder) / "large.png"
            picture.write_bytes(png(600, 400))
            there = draw(f'digraph {{ a [label="" shape=none image="{picture}"]; }}', "png").stdout
            gone = draw(f'digraph {{ a [label="" shape=none image="{picture}.gone"]; }}', "png").stdout
            self.assertEqual(there, gone)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dot", type=pathlib.Path, required=True)
    _, rest = parser.parse_known_args(namespace=OPTIONS)
    OPTIONS.dot = OPTIONS.dot.resolve()
    unittest.main(argv=["dot_test.py", *rest])
