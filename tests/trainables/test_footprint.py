"""The share of a device that `gpu: auto` chooses."""

import pathlib

import pytest
import torch

from tests.kit import trial_config
from trainables.footprint import Footprint, fitting_share, measure


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
