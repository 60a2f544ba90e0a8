"""All that may go: of a root, of MLflow, of the temporary directory, and of the caches of data sets."""

import functools
import os
import pathlib
from collections.abc import Iterator

import core.data
from core.files import redact
from core.mistakes import StudyError, UserError
from core.record import study as written
from core.record.places import sqlite_file
from studies.cluster.temporary import ended_sessions
from studies.record.folder import StudyFolder
from studies.upkeep.garbage.in_mlflow import in_mlflow
from studies.upkeep.garbage.item import Doubt, Item, of_path
from studies.upkeep.garbage.root import in_root


def garbage(
    root: str | os.PathLike[str], data_root: str | None = None, *, caches: bool = False
) -> Iterator[Item | Doubt]:
    """What may go, and what stays because nobody can be sure of it.

    Args:
        root: directory of studies.
        data_root: directory of data sets.
        caches: also caches of rendered data sets that no study under the root uses; other roots may.

    Raises:
        StudyError: there is no such root.
    """
    place = pathlib.Path(root).expanduser().resolve()
    if not place.is_dir():
        raise StudyError(f"there is no directory {place}; give another --root")
    yield from in_root(place)
    try:
        yield from in_mlflow(place)
    except StudyError as error:
        yield Doubt(str(error))
    yield from _in_optuna(place)
    for session in ended_sessions():
        yield of_path(f"remove {session}, sockets and logs of a Ray that has ended", session)
    if caches:
        yield from _caches(place, data_root)


def _in_optuna(root: pathlib.Path) -> Iterator[Doubt]:
    """Storages that studies of other roots may be in, too."""
    shared = set()
    for name in written.names(root):
        try:
            record = StudyFolder(root, name).open()
        except (UserError, ValueError, KeyError, TypeError):
            continue
        file = sqlite_file(record.stores.optuna)
        if record.stores.optuna and (file is None or not file.is_relative_to(record.folder.path)):
            shared.add(record.stores.optuna)
    for url in sorted(shared):
        yield Doubt(
            f"studies in Optuna's storage {redact(url)}, which may be of other roots; `studies delete NAME` takes one"
        )


def _caches(root: pathlib.Path, data_root: str | None) -> Iterator[Item]:
    """Whole caches that are rendered again where they are needed."""
    used = set()
    for name in written.names(root):
        record = written.read(root, name)
        used.add(core.data.cache_path(record.spec["dataset"], record.stores.data))
    for row in core.data.catalogue(data_root):
        path = pathlib.Path(row["cache"]) if row["cache"] else None
        if path is None or not row["bytes"] or row["source"] != "rendered" or path in used:
            continue
        used.add(path)
        what = f"remove {path}, which no study under {root} uses; it is rendered again where it is needed"
        yield Item(what, path.stat().st_size, functools.partial(_remove_cache, path))


def _remove_cache(path: pathlib.Path) -> None:
    """With its record, which says what it holds."""
    for each in (path.with_suffix(".json"), path):
        each.unlink(missing_ok=True)
