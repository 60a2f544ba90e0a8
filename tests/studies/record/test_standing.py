"""Time left goes by steps and what models cost, and only down."""

import pathlib

import pytest

from core.record.history import History
from studies.record.standing import seconds_left
from studies.study_file.spec import StudySpec
from tests.analysis.kit import StudyWriter


def test_the_time_left_is_the_cost_of_the_steps_left_over_the_slots(tmp_path: pathlib.Path) -> None:
    writer = StudyWriter(tmp_path)
    spec = StudySpec.model_validate(dict(writer.study.spec))

    def left(planned: int) -> float | None:
        return seconds_left(spec, History.read(writer.path), planned)

    assert left(8) is None
    cheap = writer.configuration("beta_vae", beta=4.0)
    writer.event("start", cheap, 0)
    dear = writer.configuration("factor_vae", seeds=1, gamma=4.0)
    writer.event("start", dear, 0)
    assert left(8) is None
    ledger = {"seconds_training": 5.0, "seconds_evaluating": 0.0}
    writer.event("report", cheap, 0, step=50, metrics={}, ledger=ledger)  # 0.1 s a step
    writer.event("report", dear, 0, step=50, metrics={}, ledger={**ledger, "seconds_training": 15.0})  # 0.3 s
    # in two slots: what is left of both, a whole second seed, and a trial of nobody knows which model
    assert left(4) == pytest.approx((50 * 0.1 + 50 * 0.3 + 100 * 0.1 + 100 * 0.2) / 2)
