"""The journal of a study: one append-only file of JSON lines, an event each (`core.record.events`).

The driver alone writes it. It is at once what `resume` starts from, what the tables of `analysis` are made of, and the
spool from which the stores of Optuna and MLflow are fed. A repeated event (a trial that lost its last interval and ran
it again) replaces the earlier one.
"""

import dataclasses
import json
import os
import pathlib
import time
from collections.abc import Iterator
from typing import TypeVar

from core.record.events import Event, from_line, to_line

FILE = "journal.jsonl"
RUN_IDS = "mlflow_runs.jsonl"  # beside it: identity and MLflow run id of every run that was created

E = TypeVar("E", bound=Event)


class Journal:
    """Appends events; each one is on its way to the disk when `write` returns."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.path = folder / FILE
        _drop_torn_line(self.path)
        self._stream = self.path.open("ab", buffering=0)

    def write(self, event: E) -> E:
        """Append an event; the result is stamped with the driver's clock."""
        stamped = dataclasses.replace(event, time=round(time.time(), 3))
        self._stream.write(json.dumps(to_line(stamped), separators=(",", ":")).encode() + b"\n")
        return stamped

    def sync(self) -> None:
        """Force what was written to the disk; without it a crash of the whole machine may lose the last seconds."""
        os.fsync(self._stream.fileno())

    def close(self) -> None:
        """Sync and close."""
        self.sync()
        self._stream.close()


def read(folder: pathlib.Path, offset: int = 0) -> Iterator[tuple[int, Event]]:
    """Events from a byte offset on, each with the offset just behind it; a line still being written is left out."""
    path = folder / FILE
    if not path.exists():
        return
    with path.open("rb") as stream:
        stream.seek(offset)
        for line in stream:
            if not line.endswith(b"\n"):
                return
            offset += len(line)
            yield offset, from_line(json.loads(line))


def size(folder: pathlib.Path) -> int:
    """Bytes of the journal; 0 before there is one."""
    path = folder / FILE
    return path.stat().st_size if path.exists() else 0


def _drop_torn_line(path: pathlib.Path) -> None:
    """Cut a last line that a killed driver did not finish."""
    if not path.exists():
        return
    with path.open("rb+") as stream:
        data = stream.read()
        if data and not data.endswith(b"\n"):
            stream.truncate(data.rfind(b"\n") + 1)


def run_ids(folder: pathlib.Path) -> dict[str, str]:
    """MLflow run id by identity (of a trial, a configuration, or `study`)."""
    path = folder / RUN_IDS
    lines = path.read_text().splitlines() if path.exists() else []
    return dict(json.loads(line) for line in lines)
