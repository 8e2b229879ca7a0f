"""Files for the tests of `pthview scan`: each of the wrappings and tricks that keep scanners out."""
import base64
import gzip
import json
import lzma
import struct
import zipfile
import zlib

from scan_world import CALL, COMMAND, EVIL, GOOD, SYSTEM, tarred, zipped
import hostile_containers
import pickle_ops as op
from torch_format import legacy_header


def old_tar():
    """torch before 0.1.10, whose storages stand between pickles; the second of them is evil."""
    storage = op.pickle(op.tuple_(op.int_(0), op.unicode_("cpu"), op.global_("torch", "FloatStorage")))
    storages = op.pickle(op.int_(2)) + storage + struct.pack("<q2f", 2, 1.0, 2.0) + EVIL + struct.pack("<q", 0)
    return tarred(sys_info=GOOD, pickle=GOOD, storages=storages, tensors=op.pickle(op.int_(0)))


def numpy_objects():
    header = b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }".ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + EVIL


def named_zip(change):
    """A zip with an evil data.pkl, `change`d."""
    good = hostile_containers.zip_file([("data.pkl", EVIL), ("version", b"3\n")])
    return change(good, hostile_containers.central(good, b"data.pkl"))


def patch(at, fmt, *values):
    return lambda data, entry: hostile_containers.patched(data, entry + at, fmt, *values)


def hidden_record():
    """A local header, with its data, that the central directory does not list."""
    hidden = zipped(("hidden.pkl", EVIL))
    hidden = hidden[:hidden.index(hostile_containers.CENTRAL)]
    whole = zipped(("data.pkl", GOOD), ("version", b"3\n"))
    end = whole.rindex(hostile_containers.END)
    start = whole.index(hostile_containers.CENTRAL)
    offset, = struct.unpack_from("<I", whole, end + 16)
    moved = hostile_containers.patched(whole, end + 16, "<I", offset + len(hidden))
    return moved[:start] + hidden + moved[start:]


def padded():
    """An evil pickle in front of a gigabyte that it does not read, in a megabyte."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    zeros, _ = hostile_containers.zeros_deflated(1 << 30)
    packed = packer.compress(EVIL) + packer.flush(zlib.Z_FULL_FLUSH) + zeros
    return hostile_containers.deflated_record(b"data.pkl", packed, 1, (1 << 30) + len(EVIL), [("version", b"3\n")])


def deflated(data):
    packer = zlib.compressobj(1, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


def recorded(name, packed, *others):
    """A zip with a deflated record, whose size and checksum are wrong."""
    return hostile_containers.deflated_record(name, packed, 1, 1, list(others) or [("version", b"3\n")])


def behind_a_bomb():
    zeros, _ = hostile_containers.zeros_deflated(1 << 30)
    return recorded(b"data.pkl", zeros, ("weights", gzip.compress(op.pickle(op.bytes_(bytes(5000)), op.POP, CALL))))


def latin1(data):
    return op.reduce_(op.global_("_codecs", "encode"), op.unicode_(data.decode("latin-1")), op.unicode_("latin1"))


def load_from_bytes(data):
    return op.pickle(op.reduce_(op.global_("torch.storage", "_load_from_bytes"), data), protocol=3)


def getattr_of(thing, name):
    return op.reduce_(op.global_("__builtin__", "getattr"), thing, op.unicode_(name))


def json_of(data):
    """As Stable-Baselines3 writes it."""
    return json.dumps({"policy_class": {":type:": "<class 'type'>", ":serialized:": base64.b64encode(data).decode()},
                       "gamma": 0.99}, indent=4).encode()


FX_SOURCE = b"import os\nos.getpid()\ndef forward(self): pass\n"
FX_MODULE = op.pickle(op.reduce_(op.global_("torch.fx.graph_module", "reduce_graph_module"),
                                 op.str_dict([("_code", op.unicode_(FX_SOURCE.decode()))]), op.unicode_("")))


# name -> (file, a dangerous name that must be found)
FOUND = {
    # how a name is put together
    "global": (EVIL, "os.system"),
    "protocol_0": (b"cposix\nsystem\n(S'true'\ntR.", "posix.system"),
    "inst": (b"(S'true'\nios\nsystem\n.", "os.system"),
    "obj": (op.pickle(op.MARK, op.global_(*SYSTEM), COMMAND, b"o"), "os.system"),
    "stack_global": (op.pickle(op.reduce_(op.stack_global(*SYSTEM), COMMAND), protocol=4), "os.system"),
    "stack_global_by_memo":
        (op.pickle(op.unicode_("os"), op.put(0), op.POP, op.unicode_("system"), op.put(1), op.POP, op.get(0), op.get(1),
                   b"\x93", op.tuple_(COMMAND), op.REDUCE, protocol=4), "os.system"),
    "stack_global_by_string":
        (b"S'\\x6f\\163'\nS'system'\n\x93(S'true'\ntR.", "os.system"),
    "stack_global_by_unicode_line": (b"V\\u006fs\nVsystem\n\x93(S'true'\ntR.", "os.system"),
    "stack_global_far_memo":
        (op.pickle(op.unicode_("os"), b"r\xff\xff\xff\xff", op.POP, op.unicode_("x" * 3_000_000), op.POP,
                   b"j\xff\xff\xff\xff", op.unicode_("system"), b"\x93", op.tuple_(COMMAND), op.REDUCE, protocol=4),
         "os.system"),
    "dotted": (op.pickle(op.reduce_(op.stack_global("torch", "os.system"), COMMAND), protocol=4), "torch.os.system"),
    "module_of_a_module": (op.pickle(op.global_("linecache_of_mine", "os")), "linecache_of_mine.os"),
    "getattr": (op.pickle(op.reduce_(getattr_of(op.global_("torch", "serialization"), "os.system"), COMMAND)),
                "torch.serialization.os.system"),
    "getattr_of_a_result":
        (op.pickle(op.reduce_(getattr_of(op.reduce_(op.global_("mine", "module")), "system"), COMMAND)),
         "mine.module().system"),
    "computed_name":
        (op.pickle(op.reduce_(op.global_("builtins", "str"), op.unicode_("os")), op.unicode_("system"), b"\x93",
                   protocol=4), "?.system"),
    "build_on_a_class":
        (op.pickle(op.build(op.global_("torch", "Tensor"), op.str_dict([("x", op.int_(1))]))), "torch.Tensor"),
    "newobj": (op.pickle(op.global_("subprocess", "Popen"), op.tuple_(COMMAND), b"\x81"), "subprocess.Popen"),
    "name_of_a_megabyte": (op.pickle(op.global_("os.path." * 100_000, "x")), None),
    # published ways around lists
    "pip": (op.pickle(op.reduce_(op.global_("pip", "main"), COMMAND)), "pip.main"),
    "submodule": (op.pickle(op.global_("asyncio.unix_events", "_UnixSubprocessTransport._start")), None),
    "torch_config": (op.pickle(op.global_("torch.utils._config_module", "load_config")), None),
    "runstring": (op.pickle(op.global_("numpy.testing._private.utils", "runstring")), None),
    # where it stands
    "second_pickle": (GOOD + EVIL, "os.system"),
    "third_pickle": (GOOD + GOOD + EVIL, "os.system"),
    "broken_behind": (op.pickle(CALL, b"\xff"), "os.system"),
    "cut_behind": (EVIL[:-1], "os.system"),
    "refused_before": (op.pickle(op.EMPTY_LIST, op.int_(1), op.int_(2), op.SETITEM, op.POP, CALL), "os.system"),
    "underflow_before": (op.pickle(op.APPEND, CALL), "os.system"),
    "legacy_object": (legacy_header(EVIL, []), "os.system"),
    "legacy_magic": (EVIL + legacy_header(GOOD, []), "os.system"),
    "legacy_keys": (legacy_header(GOOD, [])[:-len(op.pickle(op.EMPTY_LIST))] + EVIL, "os.system"),
    "legacy_behind": (legacy_header(GOOD, []) + EVIL, "os.system"),
    "bytes": (op.pickle(op.bytes_(EVIL), protocol=3), "os.system"),
    "load_from_bytes": (load_from_bytes(op.bytes_(legacy_header(EVIL, []))), "os.system"),
    "load_from_bytes_zip": (load_from_bytes(op.bytes_(zipped(("data.pkl", EVIL)))), "os.system"),
    "load_from_bytes_latin1": (load_from_bytes(latin1(legacy_header(EVIL, []))), "os.system"),
    "bytes_in_bytes": (op.pickle(op.bytes_(op.pickle(op.bytes_(EVIL), protocol=3)), protocol=3), "os.system"),
    "zip_data_pkl": (zipped(("data.pkl", EVIL)), "os.system"),
    "zip_constants_pkl": (zipped(("data.pkl", GOOD), ("constants.pkl", EVIL)), "os.system"),
    "zip_record_without_a_name": (zipped(("data.pkl", GOOD), ("data/7", EVIL)), "os.system"),
    "zip_deflated": (zipped(("data.pkl", EVIL), compression=zipfile.ZIP_DEFLATED), "os.system"),
    "zip_in_zip": (zipped(("model.pt", zipped(("data.pkl", EVIL)))), "os.system"),
    "zip_padded": (padded(), "os.system"),
    "gzip": (gzip.compress(EVIL, mtime=0), "os.system"),
    "gzip_of_zip": (gzip.compress(zipped(("data.pkl", EVIL)), mtime=0), "os.system"),
    "zip_record_of_empty_blocks": (recorded(b"data/7", b"\0\0\0\xff\xff" * 2000 + deflated(EVIL)), "os.system"),
    "zip_record_behind_a_bomb": (behind_a_bomb(), "os.system"),
    "tar_behind_100_mb_in_a_record": (zipped(("model", tarred(a=bytes(100 << 20), b=EVIL)),
                                             compression=zipfile.ZIP_DEFLATED), "os.system"),
    "tar_gz_cut_behind_100_mb": (gzip.compress(tarred(a=bytes(100 << 20), b=EVIL), 1, mtime=0)[:-9], "os.system"),
    "tar_xz_broken_behind_100_mb":
        (hostile_containers.patched(lzma.compress(tarred(a=bytes(100 << 20), b=EVIL), preset=0) +
                                    lzma.compress(EVIL), -60, "<B", 0x55), "os.system"),
    "tar_in_record_cut_behind_100_mb":
        (recorded(b"model", deflated(tarred(a=bytes(100 << 20), b=EVIL))[:-9]), "os.system"),
    "gzip_cut": (gzip.compress(EVIL + bytes(1000), mtime=0)[:-9], "os.system"),
    "xz": (lzma.compress(EVIL), "os.system"),
    "tar": (tarred(weights=EVIL), "os.system"),
    "tar_gz_of_zip": (gzip.compress(tarred(**{"model.pth": zipped(("data.pkl", EVIL))}), mtime=0), "os.system"),
    "tar_gz_behind_100_mb": (gzip.compress(tarred(a=bytes(100 << 20), b=EVIL), 1, mtime=0), "os.system"),
    "gzip_in_cut_gzip": (gzip.compress(gzip.compress(EVIL, mtime=0) + bytes(1000), mtime=0)[:-9], "os.system"),
    "xz_cut": (lzma.compress(EVIL + bytes(1000))[:-9], "os.system"),
    "xz_broken": (lzma.compress(EVIL) + lzma.compress(b"x" * 1000)[:40] + bytes(400), "os.system"),
    "old_tar": (old_tar(), "os.system"),
    "numpy_objects": (numpy_objects(), "os.system"),
    "npz": (zipped(("a.npy", numpy_objects()), prefix=""), "os.system"),
    # what archives say about themselves
    "encrypted_flag": (named_zip(patch(8, "<H", 0x0809)), "os.system"),
    "crc_lie": (named_zip(patch(16, "<I", 0x12345678)), "os.system"),
    "method_lie": (named_zip(patch(10, "<H", 8)), "os.system"),
    "overlap": (named_zip(patch(20, "<II", len(EVIL) + 200, len(EVIL) + 200)), "os.system"),
    "twins": (zipped(("data.pkl", GOOD)), None),  # replaced below: zipfile warns
    "case_twins": (zipped(("data.pkl", GOOD), ("DATA.PKL", EVIL)), "os.system"),
    "local_name_differs": (zipped(("data.pkl", EVIL)).replace(b"archive/data.pkl", b"archive/readme.1", 1), "os.system"),
    "not_in_the_directory": (hidden_record(), "os.system"),
    "pickle_before_zip": (EVIL + zipped(("data.pkl", GOOD)), "os.system"),
    "zip_before_zip": (zipped(("data.pkl", EVIL)) + zipped(("data.pkl", GOOD)), "os.system"),
    "no_end_record": (zipped(("data.pkl", EVIL))[:-10], "os.system"),
    # names without calls, and text inside
    "only_named": (b"cos\nsystem\n.", "os.system"),
    "only_named_and_cut": (b"cos\nsystem\n", "os.system"),
    "named_behind_a_value_and_cut": (b"I1\ncos\nsystem\n", "os.system"),
    "fx_source": (FX_MODULE, "torch.fx.graph_module.reduce_graph_module"),
    "fx_source_lazy": (FX_MODULE.replace(b"fx.graph_module", b"fx._lazy_graph_module"),
                       "torch.fx._lazy_graph_module.reduce_graph_module"),
    "datapipes_handlers": (op.pickle(op.reduce_(op.global_("torch.utils.data.datapipes.utils.decoder",
                                                           "basichandlers"), op.unicode_("pickle"))), None),
    "json_base64": (zipped(("data", json_of(EVIL)), ("_version", b"2")), "os.system"),
    "json_base64_deflated": (zipped(("data", json_of(EVIL)), compression=zipfile.ZIP_DEFLATED), "os.system"),
    "json_base64_escaped": (zipped(("data", json_of(EVIL).replace(b"gAJ", b"\\u0067AJ"))), "os.system"),
    "json_alone": (json_of(EVIL), "os.system"),
    "gzip_broken_behind_a_pickle_in_bytes":
        (op.pickle(op.bytes_(gzip.compress(EVIL, mtime=0)[:-12] + bytes(9)), protocol=3), "os.system"),
    # TorchScript
    "torchscript_save":
        (zipped(("code/__torch__/m.py", b"def forward(self, x):\n  ops.aten.save(x, \"/tmp/x\")\n"),
                ("constants.pkl", GOOD)), "ops.aten.save"),
    "torchscript_from_file":
        (zipped(("code/__torch__/m.py", b"  _0 = torch.from_file(\"/etc/passwd\", False, 10)\n")), "torch.from_file"),
}
FOUND["twins"] = (hostile_containers.zip_file([("data.pkl", GOOD), ("data.pkl", EVIL)]), "os.system")

# Finding codes that must be there as well.
CODES = {
    "encrypted_flag": "zip-encrypted",
    "crc_lie": "zip-crc",
    "method_lie": "zip-local-method",
    "overlap": "zip-overlap",
    "twins": "zip-name-twins",
    "case_twins": "zip-case-twins",
    "local_name_differs": "zip-local-name",
    "not_in_the_directory": "zip-hidden",
    "no_end_record": "zip-rebuilt",
    "gzip_cut": "scan-packed",
    "gzip_in_cut_gzip": "scan-packed",
    "tar_gz_cut_behind_100_mb": "scan-packed",
    "tar_xz_broken_behind_100_mb": "scan-packed",
    "tar_in_record_cut_behind_100_mb": "scan-packed",
    "xz_cut": "scan-packed",
    "xz_broken": "scan-packed",
    "zip_padded": "scan-packed",
    "broken_behind": "scan-pickle",
    "underflow_before": "scan-pickle",
}

# name -> (file, names judged unknown); nothing in them is dangerous.
UNKNOWN = {
    "class": (op.pickle(op.newobj(op.global_("models.yolo", "Model"))), {"models.yolo.Model"}),
    "own_code_package": (op.pickle(op.newobj(op.global_("code.models", "Net"))), {"code.models.Net"}),
    "getattr": (op.pickle(getattr_of(op.global_("outer", "Class"), "Inner")),
                {"__builtin__.getattr", "outer.Class.Inner"}),
    "extension": (op.pickle(b"\x82\x07"), {"copyreg.extension 7"}),
    "torchscript_setstate":
        (zipped(("code/__torch__/m.py", b"  def __setstate__(self, state):\n    _0 = ops.torchvision.nms(a, b)\n"),
                ("constants.pkl", GOOD)), {"__setstate__", "ops.torchvision.nms", "TorchScript"}),
    "package_source": (zipped((".data/version", b"6"), ("m.py", b"import os\nos.system('true')\nmodel.eval()\n")),
                       {"Python module", "os.system"}),
    "native": (zipped(("data/model.so", b"\x7fELF" + bytes(60))), {"native library"}),
}

# name -> (file, code of a finding of severity danger); nothing dangerous is named in them.
TRICKS = {
    "twins": (hostile_containers.zip_file([("data.pkl", GOOD), ("data.pkl", GOOD)]), "zip-name-twins"),
    "climbs": (zipped(("data.pkl", GOOD), ("../../etc/x", b"a")), "zip-name-climbs"),
    "crc_lie": (zipped(("data.pkl", GOOD)).replace(struct.pack("<I", zlib.crc32(GOOD)), b"lie!"), "zip-crc"),
}
