"""Outcomes that are kept in a folder, so that a benchmark of hours goes on where it was stopped."""

import dataclasses
import hashlib
import json
import pathlib
from typing import Any

import numpy as np

from benchmarks.search.judge import Outcome, Setting, judge
from core.files import write_whole


@dataclasses.dataclass(frozen=True)
class Task:
    """One search.

    Attributes:
        problem: name of it.
        setting: how it is searched.
        seed: of the repetition.
        key: of all that its outcome depends on but the seed, the code included.
        folder: where its outcome is kept; none: nowhere.
    """

    problem: str
    setting: Setting
    seed: int
    key: str
    folder: pathlib.Path | None

    @property
    def file(self) -> pathlib.Path | None:
        """Where its outcome is, once it is there."""
        digest = hashlib.sha256(f"{self.key} {self.seed}".encode()).hexdigest()[:16]
        return self.folder / f"{self.problem}-{digest}.json" if self.folder else None


def judged(task: Task) -> Outcome:
    """The outcome of a search, made now or read."""
    if task.file and task.file.exists():
        return _read(json.loads(task.file.read_text()))
    outcome = judge((task.problem, task.setting, task.seed))
    if task.file:
        write_whole(task.file, json.dumps(_plain(outcome)))
    return outcome


def _plain(outcome: Outcome) -> dict[str, Any]:
    values = {field.name: getattr(outcome, field.name) for field in dataclasses.fields(outcome)}
    first = outcome.first_seeds
    return values | {
        "steps": outcome.steps.tolist(),
        "volumes": outcome.volumes.tolist(),
        "expected": list(outcome.expected.items()),
        "first_seeds": _plain(first) if first else None,
    }


def _read(values: dict[str, Any]) -> Outcome:
    first = values["first_seeds"]
    return Outcome(
        **values
        | {
            "steps": np.array(values["steps"]),
            "volumes": np.array(values["volumes"]),
            "expected": dict(values["expected"]),
            "first_seeds": _read(first) if first else None,
        }
    )
