"""The extensions that are active in this process, and what their modules define."""

import ast
import contextlib
import importlib
import pathlib
import pkgutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from importlib import metadata
from types import ModuleType
from typing import Any, NamedTuple

from core.configuration import Extension, TrialConfig
from core.extensions.running import Loaded, run
from core.extensions.source import Source, located, require_name
from core.mistakes import ExtensionError, kind_and_reason

GROUP = "disentanglement_studies"  # of the entry points of installed packages


class Definition(NamedTuple):
    """A value of a module of an extension.

    Attributes:
        name: of the module's variable.
    """

    module: ModuleType
    name: str
    value: Any

    @property
    def where(self) -> str:
        """`file:line`."""
        return where(self.module, self.name)


_loaded: dict[Extension, Loaded] = {}  # all that this process has run
_active: tuple[Extension, ...] = ()
_installed: tuple[ModuleType, ...] | None = None
_generation = 0


def load(source: Source) -> Extension:
    """Run an extension that is new to a study, unless this process has; its identity.

    Raises:
        ExtensionError: it cannot be run, with the file and line, or its name is taken.
    """
    identity = source.identity
    if identity not in _loaded:
        if source.top not in {each.module.partition(".")[0] for each in _loaded}:
            require_name(source)
        _loaded[identity] = run(source)
    return identity


def activate(extensions: Iterable[Extension]) -> None:
    """Make these, which this process has loaded, the ones that registries know, and no others."""
    global _active, _generation
    wanted = tuple(extensions)
    if wanted != _active:
        for each in wanted:
            sys.modules.update(_loaded[each].importable)
        _active = wanted
        _generation += 1


def active() -> tuple[Extension, ...]:
    """Those that registries know."""
    return _active


def active_sources() -> list[Source]:
    """Where what registries know was found, for a process that this one starts."""
    return [Source(each.module, _loaded[each].path) for each in _active]


def is_loaded(extensions: Iterable[Extension]) -> bool:
    """Whether this process has run them all, and these very files."""
    return all(each in _loaded for each in extensions)


def use(extensions: Sequence[Extension], folder: pathlib.Path | None = None) -> None:
    """Activate a study's extensions, running those that this process has not.

    Args:
        extensions: of the study.
        folder: with its copies (`keep`); what is not there is looked for where Ray puts what it was given.

    Raises:
        ExtensionError: a copy is missing or not what it was, or it cannot be run.
    """
    load_installed()
    for each in extensions:
        if each not in _loaded:
            _loaded[each] = run(located(each, folder))
    activate(extensions)


def use_for(config: TrialConfig) -> None:
    """Activate what a trial needs, in whatever process it runs; see `use`."""
    use(config.extensions, pathlib.Path(config.code) if config.code else None)


def load_installed() -> None:
    """Run the installed packages that say in the entry-point group `disentanglement_studies` that they extend this one.

    Raises:
        ExtensionError: one cannot be imported.
    """
    global _installed, _generation
    if _installed is None:
        found = []
        for point in metadata.entry_points(group=GROUP):
            try:
                module = importlib.import_module(point.module)
                inner = pkgutil.walk_packages(getattr(module, "__path__", ()), f"{point.module}.")
                found += [module, *(importlib.import_module(each.name) for each in inner)]
            except Exception as error:
                package = point.dist.name if point.dist else point.name
                raise ExtensionError(
                    f"the installed package '{package}' cannot be imported as '{point.value}': {kind_and_reason(error)}"
                ) from None
        _installed = tuple(found)
        _generation += bool(found)


def generation() -> int:
    """Another number whenever `definitions` may be others."""
    return _generation


def definitions(kind: type, of: Extension | None = None) -> Iterator[Definition]:
    """Every value of that kind in the modules of installed packages and active extensions, once; or of one of these."""
    seen: set[int] = set()
    for module in _loaded[of].modules if of else _modules():
        for name, value in list(vars(module).items()):
            if isinstance(value, kind) and id(value) not in seen:
                seen.add(id(value))
                yield Definition(module, name, value)


def constants(name: str) -> Iterator[Definition]:
    """Every module variable of that name, whatever it holds."""
    return (Definition(module, name, vars(module)[name]) for module in _modules() if name in vars(module))


def _modules() -> Iterator[ModuleType]:
    """Of installed packages, then of active extensions."""
    yield from _installed or ()
    for extension in _active:
        yield from _loaded[extension].modules


def where(module: ModuleType, name: str) -> str:
    """`file:line` of the class, function or variable of that name; the file alone where it cannot be told."""
    file = module.__file__ or module.__name__
    with contextlib.suppress(OSError, SyntaxError, ValueError):
        for node in ast.parse(pathlib.Path(file).read_text(encoding="utf-8")).body:
            named = [getattr(node, "name", None)]
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            named += [each.id for each in targets if isinstance(each, ast.Name)]
            if name in named:
                return f"{file}:{node.lineno}"
    return file
