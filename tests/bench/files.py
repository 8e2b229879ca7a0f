"""The files that are measured, made once by tests/fixtures/make_large.py and kept in the cache folder."""
import pathlib
import shutil
import subprocess
import sys

MAKER = pathlib.Path(__file__).resolve().parent.parent / "fixtures" / "make_large.py"
FORMATS = MAKER.with_name("make_formats.py")
EXPORTED = MAKER.with_name("make_exported.py")
SAMPLE = MAKER.with_name("make_sample.py")

FILES = {
    "sample.pth": None,
    "resnet50.pth": ["--resnet50"],
    "resnet50-legacy.pth": ["--resnet50", "--format", "legacy"],
    "1g.pth": ["--bytes", "1G"],
    "1g-filled.pth": ["--bytes", "1G", "--fill"],
    "4g.pth": ["--bytes", "4G"],
    "4g-legacy.pth": ["--bytes", "4G", "--format", "legacy"],
    "4g-filled.pth": ["--bytes", "4G", "--fill"],
    "5000-nested.pth": ["--tensors", "5000"],
    "50000-nested.pth": ["--tensors", "50000"],
    "50000-flat.pth": ["--tensors", "50000", "--flat"],
    "500000-nested.pth": ["--tensors", "500000"],
}


class Cache:

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)

    def __call__(self, name):
        """Path of a file of FILES, made now if it is not there."""
        path = self.folder / name
        if not path.exists():
            print(f"making {name}", file=sys.stderr)
            part = self.folder / f".{name}"
            script = [SAMPLE, part] if FILES[name] is None else [MAKER, part, *FILES[name]]
            subprocess.run([sys.executable, *script], check=True)
            part.rename(path)
        return str(path)

    def formatted(self, kind, tensors, nbytes, python):
        """What is to be opened of a checkpoint that make_formats.py writes, and the bytes of all its files."""
        folder = self.folder / f"{kind}-{tensors}-{nbytes}"
        if not folder.exists():
            print(f"making {folder.name}", file=sys.stderr)
            part = self.folder / f".{folder.name}"
            shutil.rmtree(part, ignore_errors=True)
            made = subprocess.run([python, FORMATS, part, kind, str(tensors), str(nbytes)],
                                  check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
            (part / "open.txt").write_text(pathlib.Path(made.splitlines()[-1]).relative_to(part).as_posix())
            part.rename(folder)
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and path.name != "open.txt")
        return str(folder / (folder / "open.txt").read_text()), size

    def exported(self, name, python):
        """Path of the ResNet-50 that torch exports."""
        path = self.folder / name
        if not path.exists():
            print(f"making {name}", file=sys.stderr)
            part = self.folder / f".{name}"
            subprocess.run([python, EXPORTED, part], check=True, stderr=subprocess.DEVNULL)
            part.rename(path)
        return str(path)

    def scratch(self, name):
        """Path of an output beside the inputs; what is there is removed."""
        path = self.folder / "out" / name
        path.parent.mkdir(exist_ok=True)
        path.unlink(missing_ok=True)
        return str(path)

    def warm(self, *names):
        """Reads the files once, so that they come from the page cache for whoever is measured first."""
        for name in names:
            with open(self(name), "rb", buffering=0) as file:
                block = bytearray(1 << 22)
                while file.readinto(block):
                    pass
