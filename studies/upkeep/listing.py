"""All studies under a root, one row each, and the trial of an identity among them."""

import contextlib
import os
import pathlib
from collections.abc import Sequence
from typing import Any

from analysis.reading.purpose import purpose
from core.configuration import split_identity
from core.mistakes import StudyError, UserError
from core.record import journal, notes
from core.record import study as written
from core.record.history import History
from studies.record.folder import StudyFolder
from studies.record.standing import standing

SORTS = ("changed", "name", "state", "trials", "best", "front", "hours", "disk")


def listing(root: str | os.PathLike[str], sort: str = "changed", tags: Sequence[str] = ()) -> list[dict[str, Any]]:
    """What there is to know of every study at a glance; one that cannot be read has a `fault` and little else.

    Args:
        root: directory of studies.
        sort: the best, largest or newest first; names and states by the alphabet.
        tags: that a study must have.

    Raises:
        StudyError: there is nothing to sort by that name.
    """
    if sort not in SORTS:
        raise StudyError(f"'{sort}' is nothing to sort by; there are {', '.join(SORTS)}")
    rows = [_row(StudyFolder(root, name)) for name in written.names(root)]
    rows = [row for row in rows if set(tags) <= set(row["tags"])]
    if sort == "best":
        return sorted(rows, key=lambda row: (row["objective"] or "~", row["better"]))
    if sort in ("name", "state"):
        return sorted(rows, key=lambda row: str(row[sort]))
    return sorted(rows, key=lambda row: -(row[sort] or 0))


def _row(folder: StudyFolder) -> dict[str, Any]:
    path = folder.path
    row: dict[str, Any] = {
        "name": folder.name,
        "state": "damaged",
        **dict.fromkeys(("trials", "ended", "failed", "objective", "best", "model", "front", "hours")),
        "disk": sum(each.lstat().st_size for each in path.rglob("*") if not each.is_dir()),
        "changed": (path / (journal.FILE if journal.size(path) else written.FILE)).stat().st_mtime,
        "purpose": purpose(path),
        "tags": [],
        "note": None,
        "fault": None,
        "better": 0.0,
    }
    try:
        remarks = notes.read(path)
        row |= {"tags": list(remarks.tags), "note": remarks.notes[-1][1] if remarks.notes else None}
        record = folder.open()
        now = standing(record.spec, History.read(path))
    except (UserError, ValueError, KeyError, TypeError) as error:  # whatever is wrong with one, the others are shown
        return {**row, "fault": str(error).splitlines()[0]}
    row |= {
        "state": now.state(folder.driver() is not None),
        "trials": now.planned,
        "ended": now.ended,
        "failed": now.counts["FAILED"],
    }
    row |= {"front": now.front, "hours": now.seconds / 3600}
    for objective, best in list(now.best.items())[:1]:
        sign = -1.0 if record.spec.objectives[objective] == "maximize" else 1.0
        row |= {"objective": objective, "best": best.value, "model": best.configuration.model}
        row["better"] = sign * best.value
    return row


def study_of(root: str | os.PathLike[str], trial: str, study: str | None = None) -> str:
    """Name of the study under a root that has a trial.

    Args:
        root: directory of studies.
        trial: its identity, `<configuration>-s<seed>`.
        study: that it is of, where several have it.

    Raises:
        StudyError: the identity is none, or no study or more than one has such a trial.
    """
    try:
        configuration, seed = split_identity(trial)
    except ValueError as error:
        raise StudyError(f"{error}; `studies best NAME` lists some") from None
    names = [study] if study else written.names(root)
    found = []
    for name in names:
        path = written.read(root, name).path if study else pathlib.Path(root) / name
        with contextlib.suppress(KeyError, ValueError):
            if seed in History.read(path).configurations[configuration].trials:
                found.append(name)
    if not found:
        where = f"study '{study}'" if study else f"no study under {pathlib.Path(root).resolve()}"
        raise StudyError(f"{where} has {'no' if study else 'a'} trial {trial}; `studies best NAME` lists some")
    if len(found) > 1:
        raise StudyError(f"{trial} is a trial of {', '.join(found)}; say which with --study")
    return found[0]
