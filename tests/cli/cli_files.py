"""The files that the command-line tests work on, made anew in a folder: make(folder). Standard library only."""
import pathlib
import struct
import shutil
import subprocess
import sys

FIXTURES = pathlib.Path(__file__).resolve().parent.parent / "fixtures"
sys.path.insert(0, str(FIXTURES))

import graph_files  # noqa: E402
import hostile_containers  # noqa: E402
import pickle_ops as op  # noqa: E402
from torch_format import Storage, Tensor, legacy_header, save  # noqa: E402


class Records:
    """A zip checkpoint put together by hand: storages are added as tensors name them."""

    def __init__(self):
        self.data = []

    def storage(self, storage_class, item_size, data):
        self.data.append(data)
        return op.storage(storage_class, str(len(self.data) - 1), len(data) // item_size)

    def tensor(self, storage_class, fmt, values, shape, **options):
        data = struct.pack("<" + fmt[0] * len(values), *values)
        return op.tensor_v2(self.storage(storage_class, struct.calcsize(fmt[0]), data), shape, **options)

    def write(self, path, root):
        records = [("data.pkl", op.pickle(root)), ("byteorder", b"little")]
        records += [(f"data/{key}", data) for key, data in enumerate(self.data)]
        path.write_bytes(hostile_containers.zip_file(records + [("version", b"3\n")]))


def floats(values, shape=None):
    data = struct.pack(f"<{len(values)}f", *values)
    return Tensor(Storage("FloatStorage", data), (len(values),) if shape is None else shape)


def hooks():
    return op.reduce_(op.global_("collections", "OrderedDict"))


def quantized(storage, shape, qparams):
    return op.reduce_(op.global_("torch._utils", "_rebuild_qtensor"), storage, op.int_(0), op.ints(shape),
                      op.ints(op.contiguous(shape)), qparams, op.FALSE, hooks())


def dtypes(path):
    """A tensor of each kind that is shown in a way of its own."""
    r = Records()
    brain = b"".join(struct.pack("<f", v)[2:] for v in (1.0, -2.5, 3.140625, 0.0))
    complex_storage = r.storage("ComplexFloatStorage", 8, struct.pack("<4f", 1, 2, -3, 0.5))
    conjugate = op.reduce_(op.global_("torch._utils", "_rebuild_tensor_v2"), complex_storage, op.int_(0), op.ints((2,)),
                           op.ints((1,)), op.FALSE, hooks(), op.str_dict([("conj", op.TRUE)]))
    codes = r.storage("QInt8Storage", 1, struct.pack("<6b", -128, -1, 0, 1, 2, 127))
    per_tensor = op.tuple_(op.global_("torch", "per_tensor_affine"), op.float_(0.5), op.int_(-1))
    per_channel = op.tuple_(op.global_("torch", "per_channel_affine"), r.tensor("DoubleStorage", "d", (0.5, 2.0), (2,)),
                            r.tensor("LongStorage", "q", (0, 1), (2,)), op.int_(0))
    sparse = op.reduce_(
        op.global_("torch._utils", "_rebuild_sparse_tensor"),
        op.reduce_(op.global_("torch.serialization", "_get_layout"), op.unicode_("torch.sparse_coo")),
        op.tuple_(r.tensor("LongStorage", "q", (0, 1, 2, 0), (2, 2)), r.tensor("FloatStorage", "f", (5, 6), (2,)),
                  op.ints((2, 3))))
    tied = r.tensor("FloatStorage", "f", (1, 2), (2,))
    r.write(
        path,
        op.str_dict([
            ("bf16", op.tensor_v2(r.storage("BFloat16Storage", 2, brain), (2, 2))),
            ("half", r.tensor("HalfStorage", "e", (0.1, 65504, 6e-8), (3,))),
            ("double", r.tensor("DoubleStorage", "d", (0.1, 1 / 3), (2,))),
            ("long", r.tensor("LongStorage", "q", (-(2**63), 2**63 - 1), (2,))),
            ("bool", r.tensor("BoolStorage", "B", (1, 0, 1), (3,))),
            ("complex", op.tensor_v2(complex_storage, (2,))),
            ("conjugate", conjugate),
            ("per_tensor", quantized(codes, (2, 3), per_tensor)),
            ("per_channel", quantized(codes, (2, 3), per_channel)),
            ("sparse", sparse),
            ("scalar", r.tensor("FloatStorage", "f", (42,), ())),
            ("empty", r.tensor("FloatStorage", "f", (), (0, 3))),
            ("special", r.tensor("FloatStorage", "f", (float("nan"), float("inf"), float("-inf"), -0.0), (4,))),
            ("transposed", r.tensor("FloatStorage", "f", range(6), (3, 2), strides=(1, 3))),
            ("tied", tied + op.put(200)),
            ("tied_again", op.get(200)),
            ("cube", r.tensor("FloatStorage", "f", range(24), (2, 3, 4))),
            ("large", r.tensor("FloatStorage", "f", range(2000), (20, 100))),
            ("lost", op.tensor_v2(op.storage("FloatStorage", "404", 4), (4,))),
        ]))


def held(path):
    """Tensors that share bytes, hold others, or use few of those that are stored; a key with a backslash."""
    r = Records()
    cls = op.global_("project.quant", "Packed")
    args = op.tuple_(cls, op.global_("torch", "bfloat16"), op.ints((2, 3)), op.ints((3, 1)), op.int_(0),
                     op.reduce_(op.global_("torch.serialization", "_get_layout"), op.unicode_("torch.strided")),
                     op.reduce_(op.global_("torch", "device"), op.unicode_("cpu")), op.FALSE)
    state = op.str_dict([("codes", r.tensor("CharStorage", "b", range(6), (2, 3))),
                         ("scales", r.tensor("FloatStorage", "f", (0.5, 2), (2,))), ("act_quant_scale", op.NONE)])
    wrapper = op.reduce_(op.global_("torch._tensor", "_rebuild_from_type_v2"),
                         op.global_("torch._utils", "_rebuild_wrapper_subclass"), cls, args, state)
    embedding = r.storage("FloatStorage", 4, struct.pack("<4f", 1, 2, 3, 4))
    big = r.storage("FloatStorage", 4, bytes(4000))
    r.write(
        path,
        op.str_dict([
            ("embed.weight", op.tensor_v2(embedding, (2, 2))),
            ("head.weight", op.tensor_v2(embedding, (2, 2))),
            ("packed", wrapper),
            ("slice", op.tensor_v2(big, (3,))),
            ("back\\slash", r.tensor("FloatStorage", "f", (1,), (1,))),
        ]))


def plain(path):
    """Values that are no tensors."""
    Records().write(
        path,
        op.str_dict([
            ("none", op.NONE),
            ("yes", op.TRUE),
            ("epoch", op.int_(3)),
            ("huge", op.int_(10**30)),
            ("lr", op.float_(0.001)),
            ("name", op.unicode_("résumé \U0001f600")),
            ("raw", op.bytes_(b"\x00\x1b\xff")),
            ("betas", op.tuple_(op.float_(0.9), op.float_(0.999))),
            ("nothing", op.list_()),
            ("dtype", op.global_("torch", "bfloat16")),
            ("device", op.reduce_(op.global_("torch", "device"), op.unicode_("cuda"), op.int_(1))),
            ("args", op.build(op.newobj(op.global_("argparse", "Namespace")), op.str_dict([("seed", op.int_(7))]))),
        ]))


# Names that would clear a screen, fake a line, turn text around, or run in a page.
NASTY = ["\x1b[2J\x1b[31mred", "two\nlines\r\tx", "rtl\u202e\u2066gnp.exe", "<img src=x onerror=alert(1)>", "lone\udc80",
         "zero\u200bwidth", "del\x7f\x9b1m", "日本語"]


def nasty(path):
    r = Records()
    rows = [(name, r.tensor("FloatStorage", "f", (1,), (1,))) for name in NASTY]
    rows.append(("plain", op.str_dict([(NASTY[0], op.unicode_(NASTY[1] + NASTY[2]))])))
    r.write(path, op.str_dict(rows))


def module(name, parts):
    """An nn.Module's pickle: `parts` of (_parameters, _buffers, _modules), lists of pairs."""
    state = [("training", op.FALSE)] + [(key, op.ordered_dict(rows)) for key, rows in zip(
        ("_parameters", "_buffers", "_modules"), parts)]
    return op.build(op.newobj(op.global_(*name.rsplit(".", 1))), op.str_dict(state))


def whole_module(path):
    r = Records()

    def parameter(values, shape):
        return op.reduce_(op.global_("torch._utils", "_rebuild_parameter"),
                          r.tensor("FloatStorage", "f", values, shape), op.TRUE, hooks())

    linear = module("torch.nn.modules.linear.Linear",
                    ([("weight", parameter(range(6), (2, 3))), ("bias", parameter((0, 0), (2,)))], [], []))
    relu = module("torch.nn.modules.activation.ReLU", ([], [], []))
    body = module("torch.nn.modules.container.Sequential", ([], [], [("0", linear), ("1", relu)]))
    r.write(path, module("project.nets.Net", ([], [("mean", r.tensor("FloatStorage", "f", (1,), (1,)))], [("body", body)])))


def make(folder):
    """Fills `folder`; what the golden files name is made here."""
    subprocess.run([sys.executable, FIXTURES / "make_sample.py", folder / "sample.pth"], check=True)
    dtypes(folder / "dtypes.pth")
    held(folder / "held.pth")
    graph_files.make(folder)
    plain(folder / "plain.pth")
    nasty(folder / "nasty.pth")
    nasty(folder / "esc\x1b[31m\u202eape.pth")
    whole_module(folder / "module.pth")
    save({f"module.{name}": floats([1, 2])
          for name in ("fc1.weight", "fc1.bias", "fc2.weight")}, folder / "wrapped.pth", "zip")
    save({
        "generator": {"conv.weight": floats([1, 2, 3, 4], (1, 1, 2, 2)), "only": floats([1])},
        "discriminator": {"conv.weight": floats([5, 6, 7, 8], (1, 1, 2, 2))},
        "model_ema": {"conv.weight": floats([9, 9, 9, 9], (1, 1, 2, 2))},
    }, folder / "gan.pth", "zip")
    save({"fc.weight": floats([1, 2, 3, 4], (2, 2)), "fc.bias": floats([0, 1])}, folder / "legacy.pth", "legacy")
    save({f"layer{i}.weight": floats([i]) for i in range(3000)}, folder / "many.pth", "zip")
    good = hostile_containers.good_zip()
    (folder / "cut.pth").write_bytes(good[:-60])
    legacy = hostile_containers.good_legacy()
    (folder / "cut_legacy.pth").write_bytes(legacy[:-20])
    (folder / "bad_opcode.pth").write_bytes(legacy_header(b"\x80\x02\xf0.", []))
    (folder / "danger.pth").write_bytes(
        legacy_header(op.pickle(op.reduce_(op.global_("os", "system"), op.unicode_("touch ran"))), []))
    (folder / "empty.pth").write_bytes(b"")
    (folder / "picture.pth").write_bytes(hostile_containers.PNG)
    (folder / "page.pth").write_bytes(b"<!DOCTYPE html><html><title>404</title></html>")
    (folder / "pointer.pth").write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 +
                                         b"\nsize 12345\n")
    (folder / "text.pth").write_bytes(b"hello\n")
    # Double-width, combining and right-to-left names.
    save({"エンコーダ.層.0.重み": floats([1, 2], (1, 2)), "エンコーダ.層.0.バイアス": floats([1]),
          "שכבה.משקל": floats([1, 2, 3, 4], (2, 2)), "e\u0301tage.poids": floats([1] * 6, (2, 3)),
          "طبقة.الانتباه.وزن.طويل.جدا.لا.يتسع.في.السطر": floats([1])}, folder / "wide.pth", "zip")
    (folder / "runs" / "old").mkdir(parents=True)
    (folder / "empty_folder").mkdir()
    for epoch in (2, 10):
        save({"epoch": epoch, "state_dict": {"fc.weight": floats([1, 2, 3, 4], (2, 2))},
              "optimizer": {"state": {0: {"exp_avg": floats([0, 0, 0, 0], (2, 2))}}, "param_groups": [{"lr": 0.1}]}},
             folder / "runs" / f"epoch_{epoch}.pth", "zip")
    shutil.copy(folder / "legacy.pth", folder / "runs" / "old" / "first.pth")
    (folder / "runs" / "log.txt").write_text("loss 0.1\n")
    (folder / "folder").mkdir()
