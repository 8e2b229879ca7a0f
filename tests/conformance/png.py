"""PNG files of 8-bit RGB or RGBA, read without a library: read(bytes) gives a NumPy array [height, width, 3].

Source: W3C, "Portable Network Graphics (PNG) Specification", sections 5, 9 and 11.
"""
import struct
import zlib

import numpy


def chunks(data):
    assert data[:8] == b"\x89PNG\r\n\x1a\n", data[:8]
    at = 8
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at:at + 8])
        body = data[at + 8:at + 8 + length]
        check, = struct.unpack(">I", data[at + 8 + length:at + 12 + length])
        assert check == zlib.crc32(kind + body), kind
        yield kind, body
        at += 12 + length


def unfilter(kind, row, above, step):
    row = bytearray(row)
    for i in range(len(row)):
        left = row[i - step] if i >= step else 0
        up = above[i]
        corner = above[i - step] if i >= step else 0
        if kind == 1:
            row[i] = row[i] + left & 255
        elif kind == 2:
            row[i] = row[i] + up & 255
        elif kind == 3:
            row[i] = row[i] + (left + up) // 2 & 255
        elif kind == 4:
            guess = left + up - corner
            near = min((abs(guess - left), 0, left), (abs(guess - up), 1, up), (abs(guess - corner), 2, corner))[2]
            row[i] = row[i] + near & 255
    return row


def read(data):
    parts = list(chunks(data))
    width, height, bits, color, _, _, interlaced = struct.unpack(">IIBBBBB", parts[0][1])
    assert parts[0][0] == b"IHDR" and bits == 8 and color in (2, 6) and not interlaced and parts[-1][0] == b"IEND"
    step = 3 if color == 2 else 4
    raw = zlib.decompress(b"".join(body for kind, body in parts if kind == b"IDAT"))
    assert len(raw) == height * (width * step + 1)
    rows, above = [], bytes(width * step)
    for y in range(height):
        line = raw[y * (width * step + 1):(y + 1) * (width * step + 1)]
        above = line[1:] if line[0] == 0 else unfilter(line[0], line[1:], above, step)
        rows.append(bytes(above))
    return numpy.frombuffer(b"".join(rows), numpy.uint8).reshape(height, width, step)[:, :, :3]
