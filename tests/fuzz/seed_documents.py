"""Documents for fuzzers to begin with: annotated JSON, and what a plug-in says."""
import base64
import json
import struct


def annotated_json():
    """A document with every table that there is, its values inside and in a file."""
    tensor = {
        "path": "state_dict.fc.weight",
        "name": "fc.weight",
        "part": 0,
        "kind": "parameter",
        "dtype": "float32",
        "shape": [2, 2],
        "layout": "strided",
        "strides": [2, 1],
        "offset": 0,
        "storage": 0,
        "numel": 4,
        "nbytes": 16,
        "device": "cpu",
        "requires_grad": False
    }
    value = base64.b64encode(struct.pack("<4f", 1, 2, 3, 4)).decode()
    document = {
        "schema": "pthview.model/1",
        "file": "model.pth",
        "format": "torch-zip",
        "format_text": "a file",
        "producer": "torch",
        "pthview": "0.1.0",
        "data": "base64",
        "files": [{
            "name": "model.pth",
            "nbytes": 1000
        }],
        "parts": [{
            "kind": "model",
            "path": "state_dict",
            "root": 0
        }, {
            "kind": "optimizer",
            "path": "optimizer"
        }],
        "storages": [{
            "key": "0",
            "record": "archive/data/0",
            "dtype": "float32",
            "device": "cpu",
            "nbytes": 16,
            "base64": value
        }, {
            "key": "1",
            "record": "archive/data/1",
            "dtype": "float32",
            "device": "cpu",
            "nbytes": 16,
            "file": 0,
            "offset": 64
        }],
        "quantizations": [],
        "components": [],
        "tensors": [
            tensor, tensor | {
                "path": "state_dict.fc.bias",
                "name": "fc.bias",
                "storage": 1
            }, tensor | {
                "path": "state_dict.tied",
                "name": "tied",
                "same_as": 0
            }
        ],
        "modules": [{
            "path": "",
            "name": "",
            "class": "Net",
            "origin": "inferred",
            "children": [1],
            "tensors": []
        }, {
            "path": "fc",
            "name": "fc",
            "class": "Linear",
            "origin": "inferred",
            "parent": 0,
            "children": [],
            "tensors": [0, 1, 2],
            "attributes": [{
                "name": "in_features",
                "text": "2",
                "origin": "inferred"
            }]
        }],
        "graphs": [{
            "name":
                "0",
            "origin":
                "inferred",
            "part":
                0,
            "inputs": [0],
            "outputs": [2],
            "values": [{
                "name": "x0"
            }, {
                "name": "fc.weight",
                "tensor": 0,
                "type": "float32[2, 2]"
            }, {
                "name": "x1"
            }],
            "nodes": [{
                "name": "fc",
                "op": "Linear",
                "module": 1,
                "inputs": [{
                    "name": "input",
                    "values": [0]
                }, {
                    "name": "weight",
                    "values": [1]
                }],
                "outputs": [{
                    "name": "output",
                    "values": [2]
                }]
            }]
        }],
        "graph_roots": [0],
        "metadata": [{
            "path": "epoch",
            "kind": "int",
            "text": "3",
            "part": 0
        }],
        "findings": [{
            "severity": "info",
            "code": "seed",
            "where": "",
            "text": "made for a fuzzer"
        }]
    }
    return {
        "document": json.dumps(document, indent=1).encode(),
        "head": json.dumps({
            "schema": "pthview.model/1"
        }).encode()
    }


def plugin_messages():
    """A first byte for the encoding (0: JSON), then what a plug-in writes."""
    model = {
        "formatText": "a format",
        "producer": "a program",
        "tensors": [{
            "name": "w",
            "dtype": "float32",
            "shape": [2, 3],
            "data": {
                "offset": "8",
                "nbytes": "24"
            }
        }, {
            "name": "v",
            "dtype": "uint8",
            "shape": [4],
            "kind": "BUFFER",
            "requiresGrad": False,
            "data": {
                "offset": "64",
                "nbytes": "4"
            }
        }],
        "metadata": [{
            "path": "epoch",
            "integer": "3"
        }, {
            "path": "lr",
            "number": 0.5
        }, {
            "path": "name",
            "text": "x"
        }],
        "findings": [{
            "severity": "INFO",
            "code": "seed",
            "text": "made for a fuzzer"
        }]
    }
    messages = {
        "model": [{
            "protocol": 1,
            "progress": {
                "done": "1",
                "total": "2"
            }
        }, {
            "protocol": 1,
            "model": model
        }],
        "failure": [{
            "protocol": 1,
            "failure": {
                "code": "CORRUPT",
                "message": "no",
                "offset": "4"
            }
        }]
    }
    found = {
        name: b"\0" + "".join(json.dumps(message) + "\n" for message in rows).encode()
        for name, rows in messages.items()
    }
    # protobuf: a length, then protocol = 1 (field 1, varint)
    return found | {"protobuf": b"\1\2\x08\1"}


def scene():
    """A drawing with a shape of each kind (lib/analysis/pictures/scene_wire.cc draws the layout)."""
    image = struct.pack("<qq", 2, 1) + bytes([255, 0, 0, 0, 0, 255])
    none = struct.pack("<qq", 0, 0)
    box = struct.pack("<4d", 1, 2, 30, 40)
    point = struct.pack("<2d", 5, 6)
    rows = [(0, box, 2, b"", none), (1, box, 2, b"", none), (2, box + point, 3, b"", none),
            (3, point, 1, b"fc.weight", none), (4, box, 2, b"", image)]
    out = b"PICT" + struct.pack("<2dQ", 100, 80, len(rows))
    for kind, points, count, text, pixels in rows:
        out += bytes([kind, 10, 20, 30, 1, 3]) + struct.pack("<2d", 1, 12)
        out += struct.pack("<Q", count) + points + struct.pack("<Q", len(text)) + text + pixels
    return {"every_kind": out}
