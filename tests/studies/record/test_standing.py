"""Time left goes by steps and what models cost, and only down; the likely gain is that of the tables."""

import pathlib

import pytest

from analysis import search
from core.record.history import History
from studies.record.standing import likely_gain, seconds_left, standing
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


def test_what_misses_the_constraint_is_not_counted_as_on_the_front(tmp_path: pathlib.Path) -> None:
    where = {"sampler": "random", "configurations": 4, "where": "reconstruction_error > 30"}
    writer = StudyWriter(tmp_path, search=where, models={"beta_vae": {"beta": {"log": [1, 16]}}})
    for beta, score, error in ((1.0, 0.9, 20.0), (2.0, 0.8, 50.0), (4.0, 0.6, 40.0)):
        metrics = {"factor_vae_score": score, "reconstruction_error": error}
        writer.complete(writer.configuration("beta_vae", 1, beta=beta), 0, metrics)
    assert (
        standing(StudySpec.model_validate(dict(writer.study.spec)), History.read(writer.path)).front
        == len(writer.study.front())
        == 2
    )


def test_the_likely_gain_is_the_same_as_that_of_the_tables(tmp_path: pathlib.Path) -> None:
    """A configuration that misses the constraint, or has failed, has added nothing, and one that runs says nothing."""
    where = {"sampler": "random", "configurations": 40, "where": "reconstruction_error < 60"}
    writer = StudyWriter(tmp_path, search=where, models={"beta_vae": {"beta": {"log": [1, 16]}}})
    for index in range(12):
        key = writer.configuration("beta_vae", beta=1.0 + index)
        for seed in (0, 1):
            scores = {"factor_vae_score": 0.1 * (index % 7), "reconstruction_error": 30.0 + 7 * (index % 5) + seed}
            if (index, seed) == (3, 1):
                writer.event("end", key, seed, state="FAILED", step=10, reason="why", metrics={}, ledger={})
            elif (index, seed) != (4, 1):
                writer.complete(key, seed, scores)
    told = likely_gain(StudySpec.model_validate(dict(writer.study.spec)), History.read(writer.path))
    assert told is not None
    assert told == search.gain(writer.study)
    assert told.hypervolume == pytest.approx(writer.study.hypervolume())
