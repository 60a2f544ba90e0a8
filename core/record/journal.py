"""The journal of a study: one append-only file of JSON lines, written by the driver alone.

It is at once the record that `resume` starts from, the table that `analysis` reads, and the spool from which the
stores of Optuna and MLflow are fed. Events are dictionaries with a `type`:

=================  ======================================================================================
session            a driver started: host, pid, versions, source revision
share              the GPU `share` that `gpu: auto` chose, and the `footprints` that were measured
lesson             a result of another study that the sampler starts from: `origin`, `model`,
                   `hyperparameters`, `values`
configuration      a configuration was suggested: `configuration`, `number`, `model`, `hyperparameters`,
                   and what the sampler must find again as `notes`
seeds              a configuration is to have `seeds` trials
enlarge            a trial ran out of memory and gets a larger GPU `share`: `trial`
spared             early stopping would have ended a configuration, which runs on as a control: `configuration`
reopen             a completed trial gets a larger budget of steps: `trial`
start              a trial began or went on: `trial`, `configuration`, `seed`, `step`, `host`, `pid`
report             a trial reported: `trial`, `step`, `metrics`, `ledger`
end                a trial ended: `trial`, `state`, `reason`, `step`, `metrics`, `ledger`
configuration_end  all seeds ended: `configuration`, `state`, `values`, `reason`
=================  ======================================================================================

`time` is seconds since the epoch on the driver's clock, so that clocks of other nodes never matter. A repeated event
(a trial that lost its last interval and ran it again) replaces the earlier one.
"""

import json
import os
import pathlib
import time
from collections.abc import Iterator
from typing import Any, Literal

TrialState = Literal["PENDING", "RUNNING", "COMPLETED", "PRUNED", "FAILED"]
ENDED: tuple[TrialState, ...] = ("COMPLETED", "PRUNED", "FAILED")

FILE = "journal.jsonl"
RUN_IDS = "mlflow_runs.jsonl"  # beside it: identity and MLflow run id of every run that was created
Event = dict[str, Any]


class Journal:
    """Appends events; each one is on its way to the disk when `write` returns."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.path = folder / FILE
        _drop_torn_line(self.path)
        self._stream = self.path.open("ab", buffering=0)

    def write(self, type: str, **fields: Any) -> Event:  # noqa: A002 - the field's name in the file
        """Append one event, stamped with the driver's clock."""
        event = {"type": type, "time": round(time.time(), 3), **fields}
        self._stream.write(json.dumps(event, separators=(",", ":")).encode() + b"\n")
        return event

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
            yield offset, json.loads(line)


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
