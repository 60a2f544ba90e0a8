"""Run one trial again, without Ray, and compare with what was recorded."""

import dataclasses
import math
from typing import Any

from core.checkpoints import newest
from core.configuration import TrialConfig
from core.record import journal
from core.storage import Folder
from studies.folder import Folders, StudyFolder
from studies.study_file import StudyError


@dataclasses.dataclass(frozen=True)
class Comparison:
    """One reported value, then and now."""

    step: int
    metric: str
    recorded: float
    replayed: float

    @property
    def equal(self) -> bool:
        """To the last bit."""
        return self.recorded == self.replayed


def replay(folder: StudyFolder, identity: str, steps: int | None = None) -> list[Comparison]:
    """Train a trial again from its seed, up to `steps` (default: all), and compare every report.

    Raises:
        StudyError: there is no such trial, or nothing of it was saved.
    """
    from trainables.training.run import start

    recorded: dict[int, dict[str, float]] = {}
    for _, event in journal.read(folder.path):
        if event["type"] == "report" and event["trial"] == identity:
            recorded[event["step"]] = event["metrics"]
    if not recorded:
        raise StudyError(f"study '{folder.name}' has no reports of a trial '{identity}'; `studies best` lists trials")
    config = _config(folder, identity)
    run = start(config)
    rows: list[Comparison] = []
    while True:
        report = run.advance()
        then = recorded.get(report.step, {})
        rows += [
            Comparison(report.step, key, then[key], value)
            for key, value in report.metrics.items()
            if key in then and math.isfinite(value)
        ]
        if report.done or report.step >= (steps or config.steps):
            return rows


def _config(folder: StudyFolder, identity: str) -> TrialConfig:
    """The trial's configuration as its checkpoint has it."""
    checkpoint = newest(Folder(Folders(folder.stores(), folder.name).of(identity)))
    if checkpoint is None:
        raise StudyError(f"trial '{identity}' has no checkpoint to take its configuration from")
    config: dict[str, Any] = dict(checkpoint.description["trial"])
    return TrialConfig.from_json(config)
