"""A step of every model can be timed before any data is there."""

import pathlib

import pytest

import core.data
import trainables
from tests.kit import DATASETS, QUICK, trial_config
from trainables import timing


@pytest.mark.parametrize("name", trainables.names())
def test_a_step_of_every_model_is_timed_without_data(
    name: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = trainables.get(name)
    hyperparameters = kind.Hyperparameters(**trial_config(name, tmp_path).configuration.hyperparameters)
    info = core.data.describe(DATASETS.get(name, QUICK), tmp_path)
    steps = []
    if name != "simulated":
        taken = kind.training_step
        monkeypatch.setattr(kind, "training_step", lambda self, batches: steps.append(1) or taken(self, batches))
    seconds = timing.step_seconds(kind, hyperparameters, info)
    assert len(steps) == (0 if name == "simulated" else 1 + timing.TIMED_STEPS)
    assert (seconds > 0) == (name != "simulated")
    assert not list(tmp_path.iterdir())


def test_the_step_that_is_timed_is_the_one_after_the_warm_up(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = trainables.get("modular")
    own = {"preset": "cycled", "warm_up": 1_000}
    hyperparameters = kind.Hyperparameters(
        **trial_config("modular", tmp_path, hyperparameters=own).configuration.hyperparameters
    )
    parts = {}
    taken = kind.training_step
    monkeypatch.setattr(kind, "training_step", lambda self, batches: parts.update(taken(self, batches)))
    timing.step_seconds(kind, hyperparameters, core.data.describe(QUICK, tmp_path))
    assert {"anchor", "cycle", "relations"} <= set(parts)
    assert float(parts["relations"]) > 0
