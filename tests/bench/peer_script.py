#!/usr/bin/env python3
"""peer_script.py FILE: what someone without pthview writes to see a checkpoint's tensors. Zip files only.

Python's standard library: zipfile finds the pickle, and an unpickler whose every global is inert reads it. It measures
what the least possible Python costs, so it checks nothing.
"""
import collections
import pickle
import sys
import zipfile


class Inert:

    def __init__(self, *arguments):
        self.arguments = arguments

    def __setstate__(self, state):
        self.state = state


def tensor(storage, offset, shape, strides, *rest):
    return storage[1].__name__, shape


class Unpickler(pickle.Unpickler):

    def find_class(self, module, name):
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        return tensor if name.startswith("_rebuild_tensor") else type(name, (Inert,), {})

    def persistent_load(self, storage):
        return storage


with zipfile.ZipFile(sys.argv[1]) as archive:
    record = next(name for name in archive.namelist() if name.endswith("/data.pkl"))
    with archive.open(record) as file:
        state_dict = Unpickler(file).load()
for key, (dtype, shape) in state_dict.items():
    print(key, dtype, shape)
