"""Run one trial again, without Ray, and compare with what was recorded."""

import dataclasses
import math

from core.checkpoints import newest
from core.configuration import TrialConfig
from core.formulas.costs import MEASURED
from core.mistakes import StudyError
from core.record import journal
from core.record.events import TrialReported
from core.record.history import History
from core.storage import Folder
from studies.record.folder import Record
from studies.record.trial import make_trial


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


def replay(record: Record, identity: str, steps: int | None = None) -> list[Comparison]:
    """Train a trial again from its seed, up to `steps` (default: all), and compare every result but measured costs.

    Raises:
        StudyError: there is no such trial.
    """
    from trainables.training.run import start

    recorded = {
        event.step: event
        for _, event in journal.read(record.folder.path)
        if isinstance(event, TrialReported) and event.trial == identity
    }
    if not recorded:
        name = record.folder.name
        raise StudyError(f"study '{name}' has no reports of a trial '{identity}'; `studies best {name}` lists trials")
    config = _config(record, next(iter(recorded.values())))
    run, spec = start(config), record.spec
    rows: list[Comparison] = []
    while True:
        result = run.advance()
        then = recorded.get(result.step)
        if then is not None:
            now = spec.results(result.metrics, config.configuration, then.ledger)
            rows += [
                Comparison(result.step, key, then.metrics[key], value)
                for key, value in now.items()
                if key in then.metrics and key not in MEASURED and math.isfinite(value)
            ]
        if result.done or result.step >= (steps or config.steps):
            return rows


def _config(record: Record, report: TrialReported) -> TrialConfig:
    """The trial's configuration as its checkpoint has it; where none was kept, as the study would start it now."""
    checkpoint = newest(Folder(record.written.trial_uri(report.trial)))
    if checkpoint is None:
        configuration = History.read(record.folder.path).configurations[report.configuration].configuration
        return make_trial(record, configuration, report.seed, 1.0 if "gpu_seconds" in report.ledger else 0.0)
    config = TrialConfig.from_json(checkpoint.description["trial"])
    return dataclasses.replace(config, code=str(record.folder.code) if config.extensions else "")
