import pathlib

import numpy as np
import pytest

from tests.analysis.kit import StudyWriter

GOOD = {"factor_vae_score": 0.9, "reconstruction_error": 40.0, "train/kl": 3.0}
POOR = {"factor_vae_score": 0.5, "reconstruction_error": 90.0, "train/kl": 3.0}


@pytest.fixture
def writer(tmp_path: pathlib.Path) -> StudyWriter:
    return StudyWriter(tmp_path)


def test_planned_trials_follow_the_last_seeds_event(writer: StudyWriter) -> None:
    first, second = writer.configuration("beta_vae", 1, beta=4.0), writer.configuration("chyvae", 1, nu=33)
    writer.complete(first, 0, GOOD)
    assert writer.study.configurations()["state"].tolist() == ["COMPLETED", "PENDING"]
    writer.write("seeds", configuration=first, seeds=3)
    trials = writer.study.trials()
    assert trials["configuration"].tolist() == [first] * 3 + [second]
    assert trials["seed"].tolist() == [0, 1, 2, 0]
    assert trials["state"].tolist() == ["COMPLETED", "PENDING", "PENDING", "PENDING"]
    assert writer.study.configurations()["state"].tolist() == ["RUNNING", "PENDING"]
    assert writer.study.front().empty


def test_a_configuration_fails_with_its_first_trial(writer: StudyWriter) -> None:
    key = writer.configuration("beta_vae", 2, beta=4.0)
    writer.event("end", key, 1, state="FAILED", step=50, reason="diverged", metrics={}, ledger={})
    row = writer.study.configurations().iloc[0]
    assert (row["state"], row["n"]) == ("FAILED", 0)
    assert writer.study.trials()["reason"].fillna("").tolist() == ["", "diverged"]


@pytest.mark.parametrize("event", ["reopen", "enlarge"])
def test_a_trial_that_goes_on_is_pending_and_has_no_final_metrics(writer: StudyWriter, event: str) -> None:
    key = writer.configuration("beta_vae", 1, beta=4.0)
    writer.complete(key, 0, GOOD)
    writer.event(event, key, 0)
    row = writer.study.trials().iloc[0]
    assert (row["state"], row["steps"]) == ("PENDING", 100)
    assert "factor_vae_score" not in writer.study.trials()
    writer.complete(key, 0, POOR, step=200)
    row = writer.study.trials().iloc[0]
    assert (row["state"], row["steps"], row["factor_vae_score"]) == ("COMPLETED", 200, 0.5)


def test_only_feasible_configurations_are_on_the_front(tmp_path: pathlib.Path) -> None:
    writer = StudyWriter(tmp_path, search={"where": "reconstruction_error < 50"})
    good, poor = writer.configuration("beta_vae", 1, beta=4.0), writer.configuration("beta_vae", 1, beta=1.0)
    writer.complete(good, 0, GOOD)
    writer.complete(poor, 0, {**POOR, "factor_vae_score": 0.99})
    assert writer.study.front()["configuration"].tolist() == [good]


def test_tables_of_a_study_without_configurations(writer: StudyWriter) -> None:
    study = writer.study
    assert study.trials().empty
    assert study.configurations().empty
    assert study.front().empty
    assert study.hypervolume() == 0.0


def test_curves_count_a_repeated_step_once(writer: StudyWriter) -> None:
    key = writer.configuration("beta_vae", 1, beta=4.0)
    for value in (1.0, 2.0):
        writer.event("report", key, 0, step=50, metrics={"mig": value}, ledger={})
    curves = writer.study.curves()
    assert curves[["step", "metric", "value"]].values.tolist() == [[50, "mig", 2.0]]


def test_means_and_deviations_over_seeds(writer: StudyWriter) -> None:
    key = writer.configuration("beta_vae", 2, beta=4.0)
    writer.complete(key, 0, GOOD)
    writer.complete(key, 1, POOR)
    row = writer.study.configurations().iloc[0]
    assert row["n"] == 2
    assert row["factor_vae_score_mean"] == pytest.approx(0.7)
    assert row["factor_vae_score_std"] == pytest.approx(np.std([0.9, 0.5], ddof=1))
