"""Where an extension lies, what its files are, and the copies that a study keeps of them; nothing here runs one."""

import dataclasses
import functools
import hashlib
import importlib.util
import keyword
import pathlib
import shutil
import sys
from collections.abc import Iterator
from importlib.machinery import ModuleSpec

from core.configuration import Extension
from core.mistakes import ExtensionError

FOLDER = "extensions"  # of a study, which holds its copies
MOST_BYTES = 20_000_000  # of one extension, which every process of a cluster is sent
_OURS = ("analysis", "core", "studies", "trainables")
_LEFT_OUT = ("__pycache__", "venv")  # and what begins with a dot


@dataclasses.dataclass(frozen=True)
class Source:
    """Where an extension lies.

    Attributes:
        module: to import, such as `sparse_vae` or `my_package.models`.
        path: the file, or the folder of the package that `module` begins with.
    """

    module: str
    path: pathlib.Path

    @property
    def top(self) -> str:
        """Name of the file or package."""
        return self.module.partition(".")[0]

    @functools.cached_property
    def identity(self) -> Extension:
        """The module and the digest of its files, as they are now.

        Raises:
            ExtensionError: a file cannot be read, or they are too large.
        """
        return Extension(self.module, _digest(self.path))


def find(entry: str, base: pathlib.Path) -> Source:
    """The extension that a study file means: a path relative to `base`, or the name of an importable module.

    Raises:
        ExtensionError: there is nothing such, or its name cannot be that of an extension.
    """
    return _of_path(_path(entry, base)) if is_path(entry, base) else _of_module(entry)


def is_path(entry: str, base: pathlib.Path) -> bool:
    """Whether an entry of a study file is a path relative to `base`; else it is the name of a module."""
    return entry.endswith(".py") or "/" in entry or _path(entry, base).exists()


def _path(entry: str, base: pathlib.Path) -> pathlib.Path:
    return pathlib.Path(base, pathlib.Path(entry).expanduser())


def _of_path(path: pathlib.Path) -> Source:
    path = path.resolve()
    if path.is_dir() and not (path / "__init__.py").exists():
        raise ExtensionError(f"{path} is no package: it has no __init__.py")
    if not path.exists():
        raise ExtensionError(f"there is no file {path}")
    if path.is_file() and path.suffix != ".py":
        raise ExtensionError(f"{path} is no Python file")
    return Source(path.stem if path.is_file() else path.name, path)


def _of_module(name: str) -> Source:
    top, *rest = name.split(".")
    spec = _spec(top) if all(part.isidentifier() for part in (top, *rest)) else None
    if spec is None or not spec.origin or not spec.origin.endswith(".py"):
        raise ExtensionError(f"there is neither a file {name!r} nor a module of that name in Python that can be sent")
    origin = pathlib.Path(spec.origin)
    path = origin.parent if spec.submodule_search_locations else origin
    inner = path.joinpath(*rest)
    if rest and not (inner.with_suffix(".py").exists() or (inner / "__init__.py").exists()):
        raise ExtensionError(f"the package '{top}' in {path} has no module '{'.'.join(rest)}'")
    return Source(name, path)


def require_name(source: Source) -> None:
    """Refuse a name under which other code would be hidden, here or in another process.

    Raises:
        ExtensionError: with the module that has the name.
    """
    name, path = source.top, source.path
    if not name.isidentifier() or keyword.iskeyword(name):
        raise ExtensionError(f"{path}: {name!r} is no name of a module; take letters, digits and '_'")
    if name in _OURS or name in sys.stdlib_module_names:
        raise ExtensionError(f"{path}: '{name}' is the name of another module; rename the file")
    spec = _spec(name)
    origin = pathlib.Path(spec.origin).resolve() if spec and spec.origin else None
    if origin is not None and origin not in (path, path / "__init__.py"):
        raise ExtensionError(f"{path}: '{name}' is the name of another module, {origin}; rename the file")


def _spec(name: str) -> ModuleSpec | None:
    """Where Python would find a module."""
    try:
        return importlib.util.find_spec(name)
    except ValueError:  # a module without a specification, such as __main__
        return None


def located(extension: Extension, folder: pathlib.Path | None) -> Source:
    """Where the files of an extension lie that it was recorded with.

    Raises:
        ExtensionError: nowhere, or they were changed.
    """
    top = extension.module.partition(".")[0]
    places = [copy_folder(extension, folder)] if folder else []
    changed = None
    for place in (*places, *(pathlib.Path(entry) for entry in sys.path if entry)):
        for path in (place / f"{top}.py", place / top):
            if path.is_file() or (path / "__init__.py").is_file():
                source = Source(extension.module, path)
                if source.identity == extension:
                    return source
                changed = changed or path
    if changed:
        raise ExtensionError(f"{changed} is not the code that the study was launched with: its files were changed")
    where = f" in {folder}" if folder else ""
    raise ExtensionError(f"the study needs its code '{extension.module}', and there is no copy of it{where}")


def copy_folder(extension: Extension, folder: pathlib.Path) -> pathlib.Path:
    """The folder, below that of a study's code, with the copy of these very files."""
    return folder / extension.sha256[:12]


def copy_of(extension: Extension, folder: pathlib.Path) -> pathlib.Path:
    """The file or package that is a study's copy.

    Raises:
        ExtensionError: it is missing or not what it was.
    """
    return located(extension, folder).path


def keep(source: Source, folder: pathlib.Path) -> pathlib.Path:
    """Copy an extension into a study's folder of code, unless it is there; the copy.

    Raises:
        ExtensionError: its files have changed since they were looked at.
        OSError: nothing can be written there.
    """
    target = copy_folder(source.identity, folder)
    if target.exists():
        return target / source.path.name
    part = folder / f".{target.name}.part"
    shutil.rmtree(part, ignore_errors=True)
    for relative, content in _files(source.path):
        file = part / source.path.name / relative if source.path.is_dir() else part / relative
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    if _digest(part / source.path.name) != source.identity.sha256:
        shutil.rmtree(part)
        raise ExtensionError(f"{source.path} was changed while it was read; try again")
    part.rename(target)
    return target / source.path.name


def _files(path: pathlib.Path) -> Iterator[tuple[str, bytes]]:
    """Relative names and contents of an extension's files, sorted; what is compiled or hidden is left out."""
    if path.is_file():
        yield path.name, path.read_bytes()
        return
    for file in sorted(path.rglob("*")):
        parts = file.relative_to(path).parts
        hidden = any(part in _LEFT_OUT or part.startswith(".") for part in parts)
        if file.is_file() and not hidden and file.suffix != ".pyc":
            yield "/".join(parts), file.read_bytes()


def _digest(path: pathlib.Path) -> str:
    digest, size = hashlib.sha256(), 0
    try:
        for name, content in _files(path):
            digest.update(f"{name}\0{len(content)}\0".encode() + content)
            size += len(content)
    except OSError as error:
        raise ExtensionError(f"{path} cannot be read: {error.strerror}") from None
    if size > MOST_BYTES:
        raise ExtensionError(
            f"{path} has {size / 1e6:.0f} MB, and every process is sent its own copy: at most {MOST_BYTES / 1e6:.0f} MB"
        )
    return digest.hexdigest()
