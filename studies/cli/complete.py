"""What the shell completes (`studies --install-completion`): names that are there; a mistake completes to nothing."""

import contextlib
import pathlib
from collections.abc import Callable, Iterable
from typing import Any

import typer

from core.mistakes import UserError

Completer = Callable[[typer.Context, str], list[str]]


def _completer(known: Callable[[typer.Context], Iterable[str]]) -> Completer:
    """Of what is known, that which begins as the word that is being typed."""

    def complete(ctx: typer.Context, incomplete: str) -> list[str]:
        with contextlib.suppress(UserError, OSError, ValueError, KeyError, TypeError):
            return [each for each in known(ctx) if each.startswith(incomplete)]
        return []

    complete.__doc__ = known.__doc__
    return complete


def _root(ctx: typer.Context) -> Any:
    return ctx.params.get("root") or "runs"


@_completer
def of_studies(ctx: typer.Context) -> list[str]:
    """Studies of the root."""
    from core.record import study

    return study.names(_root(ctx))


@_completer
def of_catalogue(_: typer.Context) -> list[str]:
    """Shipped studies."""
    from studies import catalogue

    return list(catalogue.files())


@_completer
def of_datasets(_: typer.Context) -> list[str]:
    """Registered data sets."""
    import core.data

    return core.data.names()


@_completer
def of_metrics(ctx: typer.Context) -> list[str]:
    """What a study measures, by its file; without a study all metrics."""
    import core.metrics
    from core.record import study

    name = ctx.params.get("name") or next(iter(ctx.args), None)  # arguments are parsed after options
    if not name:
        return core.metrics.names()
    spec = study.read(_root(ctx), name).spec
    metrics = spec.get("metrics", {})
    return list(dict.fromkeys([*spec["objectives"], *metrics.get("final", ()), *metrics.get("during", ())]))


def of_files(ctx: typer.Context, incomplete: str) -> list[str]:
    """Study files and folders that begin so, and shipped studies."""
    place = pathlib.Path(incomplete)
    folder, start = (place, "") if incomplete.endswith("/") else (place.parent, place.name)
    found: list[str] = []
    with contextlib.suppress(OSError):
        for path in sorted(folder.iterdir()):
            if path.name.startswith(start) and (start or not path.name.startswith(".")):
                if path.is_dir():
                    found.append(f"{path}/")
                elif path.suffix in (".yaml", ".yml"):
                    found.append(str(path))
    return [*found, *of_catalogue(ctx, incomplete)]
