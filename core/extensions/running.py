"""Running an extension from its files, whatever Python would find under its name."""

import importlib
import importlib.util
import pathlib
import pkgutil
import sys
import traceback
from collections.abc import Iterator
from importlib.machinery import FileFinder, SourceFileLoader
from types import ModuleType
from typing import Any, NamedTuple

from core.extensions.source import Source
from core.mistakes import ExtensionError, kind_and_reason


class Loaded(NamedTuple):
    """What running an extension gave.

    Attributes:
        modules: those that registries look through.
        importable: all of its modules by name.
        path: the file or package that was run.
    """

    modules: tuple[ModuleType, ...]
    importable: dict[str, ModuleType]
    path: pathlib.Path


def run(source: Source) -> Loaded:
    """Run an extension, in place of what this process has run under the same name.

    Raises:
        ExtensionError: it cannot be run, with the file and line.
    """
    before = _taken_out(source.top)
    try:
        modules = tuple(_modules(source))
    except BaseException as error:
        _taken_out(source.top)
        sys.modules.update(before)
        if isinstance(error, KeyboardInterrupt | MemoryError):
            raise
        raise ExtensionError(_failure(source, error)) from None
    return Loaded(modules, _of_top(source.top), source.path)


def _modules(source: Source) -> Iterator[ModuleType]:
    """Import an extension from where it lies, and all modules of a package, but for programs and tests."""
    path = source.path
    if path.is_dir():
        for folder in (path, *(each for each in path.rglob("*") if each.is_dir())):
            sys.path_importer_cache[str(folder)] = FileFinder(str(folder), (_FromSource, [".py"]))
    file = path / "__init__.py" if path.is_dir() else path
    search = [str(path)] if path.is_dir() else None
    spec = importlib.util.spec_from_file_location(
        source.top, file, loader=_FromSource(source.top, str(file)), submodule_search_locations=search
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[source.top] = module
    spec.loader.exec_module(module)
    if source.module != source.top:
        module = importlib.import_module(source.module)
    yield module
    for found in pkgutil.walk_packages(getattr(module, "__path__", ()), f"{source.module}."):
        last = found.name.rpartition(".")[2]
        if last not in ("__main__", "conftest", "setup", "tests") and not last.startswith("test_"):
            yield importlib.import_module(found.name)


class _FromSource(SourceFileLoader):
    """Reads and writes no compiled code, which a digest of sources says nothing of."""

    def path_stats(self, path: str) -> Any:
        """Not to be had, which is what makes Python compile."""
        raise OSError(path)


def _of_top(top: str) -> dict[str, ModuleType]:
    return {name: each for name, each in sys.modules.items() if name == top or name.startswith(f"{top}.")}


def _taken_out(top: str) -> dict[str, ModuleType]:
    """Forget a module and all below it; what was forgotten."""
    found = _of_top(top)
    for name in found:
        del sys.modules[name]
    return found


def _failure(source: Source, error: BaseException) -> str:
    """`file:line: why`, the line being the last one of the extension that was reached."""
    file, line = str(source.path), 0
    for frame in traceback.extract_tb(error.__traceback__):
        if pathlib.Path(frame.filename).is_relative_to(source.path):
            file, line = frame.filename, frame.lineno or 0
    if isinstance(error, SyntaxError) and error.filename and pathlib.Path(error.filename).is_relative_to(source.path):
        file, line = error.filename, error.lineno or 0
    hint = ""
    if isinstance(error, ModuleNotFoundError) and error.name:
        hint = "; what it needs is installed, or a module of the same package that is given as a folder"
    what = (
        "ends the program" if isinstance(error, SystemExit) else f"cannot be imported: {kind_and_reason(error)}{hint}"
    )
    return f"{file}:{line}: {what}" if line else f"{file}: {what}"
