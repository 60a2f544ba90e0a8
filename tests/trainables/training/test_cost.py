"""The share of a device that `gpu: auto` chooses, and the time of a step before any data is there."""

import pathlib
from typing import Any

import pytest
import torch

import core.data
import trainables
from studies.testing.trials import DATASETS, QUICK, trial_config
from trainables.training.cost import (
    CONTEXT,
    TIMED_IMAGES,
    TIMED_STEPS,
    Footprint,
    fitting_share,
    measure,
    outside_of_pytorch,
    share_of_time,
    step_seconds,
)


def footprint(used: float, busy: float) -> Footprint:
    return Footprint(bytes_used=int(used * 2**30), bytes_total=100 * 2**30, busy=busy, step_seconds=0.001)


@pytest.mark.parametrize(
    ("used", "busy", "share"),
    [
        (1.0, 0.30, 1 / 3),  # the device is busy for a third of the time
        (20.0, 0.01, 1 / 4),  # 20 GB and a margin of a fifth
        (1.0, 1.0, 1.0),
        (90.0, 0.1, 1.0),
        (0.1, 0.001, 1 / 64),
    ],
)
def test_the_share_is_what_memory_and_time_leave(used: float, busy: float, share: float) -> None:
    assert fitting_share([footprint(used, busy)]) == pytest.approx(share)


def test_the_context_counts_as_nvml_says_or_as_it_usually_is() -> None:
    assert outside_of_pytorch(2 << 30, 5 << 30, 2 << 30) == 1 << 30
    assert outside_of_pytorch(None, 5 << 30, 2 << 30) == outside_of_pytorch(2 << 30, None, 2 << 30) == CONTEXT


def test_a_profile_without_kernels_means_that_nothing_is_known() -> None:
    assert share_of_time(0.0, 2.0) == 1.0
    assert (share_of_time(0.5, 2.0), share_of_time(3.0, 2.0)) == (0.25, 1.0)


def test_the_neediest_model_decides_and_without_a_device_it_is_a_whole_one() -> None:
    assert fitting_share([footprint(1.0, 0.1), footprint(1.0, 0.5)]) == 0.5
    assert fitting_share([]) == 1.0


@pytest.mark.skipif(torch.cuda.is_available(), reason="a CUDA device is there")
def test_nothing_is_measured_without_a_device(tmp_path: pathlib.Path) -> None:
    assert measure(trial_config("beta_vae", tmp_path)) is None


@pytest.mark.cuda
def test_a_footprint_is_measured_on_a_device(tmp_path: pathlib.Path) -> None:
    measured = measure(trial_config("beta_vae", tmp_path, steps=100))
    assert measured is not None
    assert 0 < measured.bytes_used < measured.bytes_total
    assert 0.0 < measured.busy <= 1.0


@pytest.mark.parametrize("name", trainables.names())
def test_a_step_of_every_model_is_timed_without_data(
    name: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind: Any = trainables.get(name)
    info = core.data.describe(DATASETS.get(name, QUICK), tmp_path)
    steps = []
    if kind.learns:
        taken = kind.training_step
        monkeypatch.setattr(kind, "training_step", lambda self, batches: steps.append(1) or taken(self, batches))
    seconds = step_seconds(trial_config(name, tmp_path).configuration, info)
    assert len(steps) == (1 + TIMED_STEPS if kind.learns else 0)
    assert (seconds > 0) == kind.learns
    assert not list(tmp_path.iterdir())


def test_of_a_large_batch_a_part_is_timed(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kind: Any = trainables.get("beta_vae")
    monkeypatch.setattr("time.process_time", iter([0.0, 3.0]).__next__)
    shown = []
    monkeypatch.setattr(kind, "training_step", lambda _, batches: shown.append(len(batches[0].images)))
    configuration = trial_config("beta_vae", tmp_path, hyperparameters={"batch_size": 16 * TIMED_IMAGES}).configuration
    assert step_seconds(configuration, core.data.describe(QUICK, tmp_path)) == 16 * 3.0 / TIMED_STEPS
    assert shown == [TIMED_IMAGES] * (1 + TIMED_STEPS)


def test_the_step_that_is_timed_is_the_one_after_the_warm_up(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind: Any = trainables.get("modular")
    own = {"preset": "cycled", "warm_up": 1_000}
    configuration = trial_config("modular", tmp_path, hyperparameters=own).configuration
    parts = {}
    taken = kind.training_step
    monkeypatch.setattr(kind, "training_step", lambda self, batches: parts.update(taken(self, batches)))
    step_seconds(configuration, core.data.describe(QUICK, tmp_path))
    assert {"anchor", "cycle", "relations"} <= set(parts)
    assert float(parts["relations"]) > 0
