"""Any trial as a Ray Tune `Trainable`; the one file here that imports Ray."""

import dataclasses
import math
import os
import time
import traceback
from typing import Any

from ray import tune

from core.configuration import TrialConfig
from core.storage import Folder
from trainables.run import Report, Run, start


class StudyTrainable(tune.Trainable):
    """One trial of a study; an actor that is done with one is reused for the next.

    A trial's folder, named by its identity, is where it saves after every report and where it looks first: whatever
    died (actor, node, driver), the trial goes on from the newest whole checkpoint there. Tune's own checkpoints, which
    its last snapshot may not know, are not relied on.
    """

    run: Run | None = None

    def setup(self, config: dict[str, Any]) -> None:
        """Open the trial; errors are reported by the first `step`, since Ray would try a failed setup for ever."""
        self.trial_config = TrialConfig.from_json(config)
        self.folder = Folder(self.trial_config.folder)
        self.run = None
        self.seconds_waiting, self.ready = 0.0, time.perf_counter()
        self.resumed_from = 0
        self.error: str | None = None
        os.environ["OMP_NUM_THREADS"] = str(self.trial_config.threads)
        try:
            self._require_folder()
            self.run = start(self.trial_config)
            self.resumed_from = self.run.restore(self.folder)
        except Exception as error:
            self.error = _describe(error)
        self.ready = time.perf_counter()

    def _require_folder(self) -> None:
        """A node that does not share the study's folder would keep checkpoints where nobody else finds them."""
        if self.folder.local is not None and not self.folder.local.parent.exists():
            raise FileNotFoundError(
                f"node {os.uname().nodename} does not see {self.folder.local.parent}: checkpoints of a cluster belong "
                "into a shared directory or, with --storage URI, an object store"
            )

    def step(self) -> dict[str, Any]:
        """Train to the next report, evaluate, save."""
        self.seconds_waiting += time.perf_counter() - self.ready
        result = self._advance()
        self.ready = time.perf_counter()
        return result

    def _advance(self) -> dict[str, Any]:
        if self.run is None:
            return self._failed(self.error or "the trial could not be opened")
        try:
            report = self.run.advance()
            self.run.save(self.folder)
        except Exception as error:
            return self._failed(_describe(error))
        return self._result(report)

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Write the trial's state into Tune's directory, in the same format as the trial's own folder."""
        if self.run is not None:
            self.run.save(Folder(checkpoint_dir))

    def load_checkpoint(self, checkpoint_dir: str | None) -> None:
        """Go on from Tune's directory, unless the trial's own folder is already further."""
        if self.run is not None and checkpoint_dir is not None:
            self.run.restore(Folder(checkpoint_dir))

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take the next trial into this process."""
        self.setup(new_config)
        return True

    def _failed(self, reason: str) -> dict[str, Any]:
        step = self.run.step if self.run is not None else 0
        return self._result(Report(step, {}, {}, done=True, failure=reason))

    def _result(self, report: Report) -> dict[str, Any]:
        """The report as one value: Tune keeps running means of every number that it finds in a result, for ever."""
        metrics = {key: value for key, value in report.metrics.items() if math.isfinite(value)}
        ledger = {**report.ledger, "seconds_waiting": round(self.seconds_waiting, 3)}
        whole = dataclasses.replace(report, metrics=metrics, ledger=ledger)
        return {"report": whole, "done": report.done, "resumed_from": self.resumed_from}


def _describe(error: Exception) -> str:
    """One line for the table; the traceback goes to the trial's log."""
    traceback.print_exc()
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0] if text else 'no message'}"
