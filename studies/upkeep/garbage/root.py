"""In a root: what killed processes left half-written, and weights that a study does not keep."""

import contextlib
import functools
import pathlib
import re
import time
from collections.abc import Iterator

import filelock

from core import checkpoints
from core.mistakes import StudyError, UserError
from core.record import study as written
from core.record.history import History
from core.storage import Folder
from studies.record.folder import Record, StudyFolder
from studies.record.retention import FrontOnly
from studies.search.plan import is_complete
from studies.upkeep.garbage.item import Doubt, Item, of_path
from studies.upkeep.plan import bytes_in

HALF_WRITTEN = re.compile(r"\..+\.[0-9a-f]{32}")  # an entry of a folder, before it has its name
QUIET = 3600.0  # seconds since somebody last wrote to what has no lock
OURS = ("mlartifacts",)


def in_root(root: pathlib.Path) -> Iterator[Item | Doubt]:
    """What may go of a root, apart from MLflow's store."""
    yield from _unfinished(root)
    names = written.names(root)
    for name in names:
        folder = StudyFolder(root, name)
        try:
            record = folder.open()
            history = History.read(folder.path)
        except (UserError, ValueError, KeyError, TypeError) as error:
            yield Doubt(f"study '{name}': {str(error).splitlines()[0]}")
            continue
        if folder.driver() is None:
            yield from _of_study(record, history)
    known = {*names, *OURS}
    for path in sorted(root.iterdir()):
        if path.is_dir() and path.name not in known and not path.name.startswith("."):
            yield Doubt(f"{path} is a folder without the record of a study")


def _unfinished(root: pathlib.Path) -> Iterator[Item]:
    """Archives and a store that were never finished."""
    for path in sorted(root.glob(".*.tar.gz.part")):
        if time.time() - path.lstat().st_mtime > QUIET:
            yield of_path(f"remove {path}, an archive that was never finished", path)
    part = root / ".mlflow.db.part"
    if part.exists() and _is_free(root / ".mlflow.db.lock"):
        yield of_path(
            f"remove {part}, a store that was never finished", part, lambda: _is_free(root / ".mlflow.db.lock")
        )


def _is_free(lock: pathlib.Path) -> bool:
    """Whether nobody holds a lock."""
    with contextlib.suppress(filelock.Timeout, OSError), filelock.FileLock(lock, timeout=0):
        return True
    return False


def _of_study(record: Record, history: History) -> Iterator[Item]:
    name, trials = record.folder.name, Folder(record.written.trials_uri)
    if trials.local is not None and trials.local.is_dir():
        halves = [
            path
            for trial in trials.local.iterdir()
            if trial.is_dir()
            for path in trial.iterdir()
            if HALF_WRITTEN.fullmatch(path.name)
        ]
        if halves:
            act = functools.partial(_remove, record.folder, halves)
            what = f"remove what killed trials of study '{name}' left half-written: {len(halves)} folders"
            yield Item(what, sum(map(bytes_in, halves)), act)
    if record.spec.retention == "front":
        behind = [folder for folder in _behind(record, history) if checkpoints.names(folder)]
        if behind:
            size = sum(bytes_in(each.local / kept) for each in behind if each.local for kept in checkpoints.names(each))
            what = f"drop the weights of {len(behind)} trials of study '{name}', which keeps those of its front alone"
            yield Item(what, size, functools.partial(_drop_behind, record.folder))


def _behind(record: Record, history: History) -> Iterator[Folder]:
    over = is_complete(record.spec, history)
    return FrontOnly(record.spec, history, record.written.trial_uri).behind(over=over)


def _remove(folder: StudyFolder, paths: list[pathlib.Path]) -> None:
    with contextlib.suppress(StudyError), folder.driving():  # somebody drives it by now
        for path in paths:
            of_path("", path).act()


def _drop_behind(folder: StudyFolder) -> None:
    with contextlib.suppress(StudyError), folder.driving():
        record, history = folder.open(), History.read(folder.path)
        over = is_complete(record.spec, history)
        FrontOnly(record.spec, history, record.written.trial_uri)(over=over)
