"""The part of the independent reader for zip archives that hold programs: TorchScript, torch.package, torch.export."""
import io
import json
import zipfile

import inert
import independent_reader as reader
import paths
from inert import Inert, Persistent, text

V0_TYPES = {"FLOAT": "float32", "DOUBLE": "float64", "INT64": "int64", "INT32": "int32", "UINT8": "uint8"}
EXPORT_TYPES = [None, "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64", "complex32",
                "complex64", "complex128", "bool", "bfloat16"]


class Pickle(reader.File):
    """One pickle of an archive; its storages are the records below `folder`."""

    def __init__(self, archive, root, name, folder):
        super().__init__()
        self.archive, self.folder, self.names = archive, root + folder, set(archive.namelist())
        self.obj = inert.load(io.BytesIO(archive.read(root + name)))

    def storage_bytes(self, key, dtype, numel):
        name = f"{self.folder}{key}"
        return self.archive.read(name if name in self.names else name + ".storage")


def untagged(value):
    while isinstance(value, Inert) and value.qualname == "torch.jit._pickle.restore_type_tag":
        value = value.args[0]
    return value


def script_rows(file, path=""):
    """A TorchScript object: attributes in a dict, or a state that the class made."""
    out, stack = [], [(file.obj, path)]
    while stack:
        value, path = stack.pop()
        value = untagged(value)
        row = reader.tensor(file, value)
        if row is not None:
            if row.get("data") != "missing":
                out.append({"path": path} | row)
            continue
        if isinstance(value, Inert) and value.qualname == "torch.jit._pickle.build_tensorlist":
            value = value.args[0]
        elif isinstance(value, Inert):
            value = value.state
        if isinstance(value, dict):
            below = list(value.items())
        elif isinstance(value, (list, tuple)):
            below = list(enumerate(value))
        else:
            below = []
        stack += reversed([(item, paths.join(path, text(key))) for key, item in below])
    return out


def script(archive, root, names):
    rows = script_rows(Pickle(archive, root, "data.pkl", "data/"))
    for name in ("constants", "traced_inputs"):
        if f"{root}{name}.pkl" not in names:
            continue
        file = Pickle(archive, root, f"{name}.pkl", f"{name}/")
        # Traced inputs are written without their bytes.
        empty = any(item.startswith(f"{root}{name}/") and not archive.getinfo(item).file_size for item in names)
        if empty:
            file.storage_bytes = lambda key, dtype, numel: bytes(numel * reader.WIDTHS[dtype])
        found = script_rows(file, name)
        rows += [{k: v for k, v in row.items() if k != "sha256" or not empty} for row in found]
    return rows


def script_v0(archive, root):
    model = json.loads(archive.read(f"{root}model.json"))
    names = archive.namelist()
    attributes = inert.load(io.BytesIO(archive.read(f"{root}attributes.pkl"))) if f"{root}attributes.pkl" in names else ()
    rows, stack = [], [(model["mainModule"], "")]

    named = set()

    def add(path, index):
        named.add(int(index))
        meta = model["tensors"][int(index)]
        dtype = V0_TYPES[meta["dataType"]]
        storage = reader.Storage(dtype, archive.read(root + meta["data"]["key"]), "cpu")
        sizes, strides = ([int(n) for n in meta.get(key, ())] for key in ("dims", "strides"))
        rows.append({"path": path} | reader.dense(None, storage, int(meta.get("offset", 0)), sizes, strides))

    while stack:
        module, path = stack.pop()
        for parameter in module.get("parameters", ()):
            add(paths.join(path, parameter["name"]), parameter.get("tensorId", 0))
        for attribute in module.get("attributes", ()):
            value = attributes[int(attribute.get("id", 0))]
            if isinstance(value, Inert) and value.qualname == "torch.jit._pickle.build_tensor_from_id":
                add(paths.join(path, attribute["name"]), value.args[0])
        stack += [(child, paths.join(path, child["name"])) for child in module.get("submodules", ())]
    for index in range(len(model.get("tensors", ()))):
        if index not in named:
            add(f"CONSTANTS.c{index}", index)
    return rows


def package(archive, root, names):
    rows, scripts = [], {}
    for name in names:
        if not name.endswith(".pkl") or name.startswith(f"{root}.data/"):
            continue
        path = name[len(root):-len(".pkl")].replace("/", ".")
        file = Pickle(archive, root, name[len(root):], ".data/")
        obj = file.obj
        if isinstance(obj, Persistent) and text(obj.pid[0]) == "reduce_package":
            function, args = obj.pid[-2:]
            if function.qualname.endswith("unpackage_script_module"):
                scripts[text(args[0])] = path
                continue
            # torch.fx: the attributes of the module are the first argument.
            file.obj = type("Inert", (Inert,), {"qualname": "torch.fx.GraphModule"})()
            file.obj.state = args[0]
        rows += reader.rows_of_object(file)
    for number, path in scripts.items():
        rows += script_rows(Pickle(archive, root, f".data/ts_code/{number}/data.pkl", ".data/"), path)
    return rows


def inner(data):
    return reader.rows_of_object(reader.ZipFile(io.BytesIO(data)))


def export(archive, root, names):
    rows = []
    for folder in ("weights", "constants"):
        for name in names:
            if name.startswith(f"{root}data/{folder}/") and name.endswith("_config.json"):
                rows += [
                    payload(archive, f"{root}data/{folder}/", fqn, meta)
                    for fqn, meta in json.loads(archive.read(name))["config"].items()
                ]
    for name in names:
        if name.startswith(f"{root}data/sample_inputs/"):
            rows += [row | {"path": "sample_inputs" + row["path"]} for row in inner(archive.read(name))]
    for name in names:
        if name[len(root):].startswith(("serialized_state_dict.", "serialized_constants.")):
            rows += inner(archive.read(name))
    return rows


def payload(archive, folder, fqn, meta):
    tensor = meta["tensor_meta"]
    dtype = EXPORT_TYPES[tensor["dtype"]]
    sizes, strides = ([n["as_int"] for n in tensor[key]] for key in ("sizes", "strides"))
    storage = reader.Storage(dtype, archive.read(folder + meta["path_name"]), "cpu")
    row = reader.dense(None, storage, tensor["storage_offset"]["as_int"], sizes, strides)
    return {"path": fqn} | row | {"requires_grad": tensor["requires_grad"]}


def rows_of(stream):
    """The rows of a program's archive; None where the file is another kind of zip."""
    archive = zipfile.ZipFile(stream)
    names = archive.namelist()
    root = names[0].split("/", 1)[0] + "/" if "/" in names[0] else ""
    if f"{root}.data/extern_modules" in names:
        return package(archive, root, names)
    if f"{root}archive_format" in names or f"{root}serialized_exported_program.json" in names:
        return export(archive, root, names)
    if f"{root}constants.pkl" in names:
        return script(archive, root, names)
    if f"{root}model.json" in names:
        return script_v0(archive, root)
    models = [name for name in names if name.endswith((".pt", ".pth", ".bin", ".safetensors"))]
    if f"{root}data.pkl" not in names and len(models) == 1:
        return reader.rows_of_stream(io.BytesIO(archive.read(models[0])))
    return None
