import pathlib

import numpy as np
import pytest

from core.mistakes import QueryError
from tests.analysis.kit import StudyWriter, random_study

GOOD = {"factor_vae_score": 0.9, "reconstruction_error": 40.0, "train/kl": 3.0}
POOR = {"factor_vae_score": 0.5, "reconstruction_error": 90.0, "train/kl": 3.0}


@pytest.fixture
def writer(tmp_path: pathlib.Path) -> StudyWriter:
    return StudyWriter(tmp_path)


def test_tables_are_made_anew_when_the_study_grows_and_belong_to_the_caller(tmp_path: pathlib.Path) -> None:
    writer = StudyWriter(tmp_path)
    study = writer.study
    key = writer.configuration("beta_vae", 1, beta=4.0)
    assert study.configurations()["state"].tolist() == ["PENDING"]
    mine = study.trials()
    mine["state"] = "mine"
    assert study.trials()["state"].tolist() == ["PENDING"]
    writer.complete(key, 0, {"factor_vae_score": 0.5, "reconstruction_error": 40.0})
    assert study.configurations()["state"].tolist() == ["COMPLETED"]
    (study.path / "mlflow_runs.jsonl").write_text(f'["{key}-s0", "run"]\n')
    assert study.trials()["mlflow_run_id"].tolist() == ["run"]


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


@pytest.mark.parametrize(("event", "fields"), [("reopen", {}), ("enlarge", {"share": 0.5})])
def test_a_trial_that_goes_on_is_pending_and_has_no_final_metrics(
    writer: StudyWriter, event: str, fields: dict[str, float]
) -> None:
    key = writer.configuration("beta_vae", 1, beta=4.0)
    writer.complete(key, 0, GOOD)
    writer.event(event, key, 0, **fields)
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


def front_of(writer: StudyWriter, points: list[tuple[float, float]]) -> list[str]:
    keys = []
    for index, (score, error) in enumerate(points):
        key = writer.configuration("beta_vae", 1, beta=float(index + 1))
        writer.complete(key, 0, {"factor_vae_score": score, "reconstruction_error": error})
        keys.append(key)
    return keys


def test_the_knee_is_farthest_ahead_of_the_line_between_the_ends(writer: StudyWriter) -> None:
    keys = front_of(writer, [(0.9, 100.0), (0.85, 50.0), (0.7, 40.0), (0.5, 20.0)])
    assert writer.study.knee()["configuration"] == keys[1]


def test_two_points_have_no_knee(writer: StudyWriter) -> None:
    front_of(writer, [(0.9, 100.0), (0.5, 20.0)])
    with pytest.raises(QueryError, match="two points, its ends: a knee needs at least 3"):
        writer.study.knee()


def test_the_front_by_expected_values_leaves_the_lucky_behind(writer: StudyWriter) -> None:
    rng = np.random.default_rng(0)
    for index, beta in enumerate(np.geomspace(1.0, 16.0, 30).round(3)):
        key = writer.configuration("beta_vae", 1, beta=float(beta))
        lucky = 0.5 if index == 20 else 0.0
        score = 0.5 - 0.1 * np.log2(beta) / 4 + lucky + 0.02 * rng.normal()
        error = 40.0 + beta + 0.1 * rng.normal()
        writer.complete(key, 0, {"factor_vae_score": score, "reconstruction_error": error})
        if index == 20:
            seen_best = key
    study = writer.study
    assert study.front()["configuration"].iloc[0] == seen_best
    front = study.front(by="expected")
    assert seen_best not in set(front["configuration"])
    assert {"factor_vae_score_mean", "factor_vae_score_expected", "factor_vae_score_error"} <= set(front.columns)
    assert study.hypervolume(by="expected") < study.hypervolume()


def test_neighbours_count_also_where_the_constraint_does_not_hold(tmp_path: pathlib.Path) -> None:
    writer = StudyWriter(tmp_path, search={"sampler": "random", "where": "reconstruction_error < 45"})
    rng = np.random.default_rng(1)
    for beta in np.geomspace(1.0, 16.0, 24).round(3).tolist():
        metrics = {"factor_vae_score": 0.5 + 0.1 * rng.normal(), "reconstruction_error": 40.0 + beta}
        writer.complete(writer.configuration("beta_vae", 1, beta=beta), 0, metrics)
    study = writer.study
    found = study.expected()
    assert found["configuration"].tolist() == study.feasible()["configuration"].tolist()
    assert 6 < len(found) < 24
    whole = StudyWriter(tmp_path, "whole")
    for _, row in study.configurations().iterrows():
        metrics = {key: row[f"{key}_mean"] for key in study.objectives}
        whole.complete(whole.configuration("beta_vae", 1, beta=row["beta"]), 0, metrics)
    beside = whole.study.expected().head(len(found))
    assert found["factor_vae_score_expected"].to_numpy() == pytest.approx(
        beside["factor_vae_score_expected"].to_numpy()
    )


def test_what_no_seed_changes_is_expected_as_it_is(tmp_path: pathlib.Path) -> None:
    objectives = {"factor_vae_score": "maximize", "parameters": "minimize"}
    writer = StudyWriter(tmp_path, objectives=objectives)
    for beta in range(1, 9):
        key = writer.configuration("beta_vae", 1, beta=float(beta))
        writer.complete(key, 0, {"factor_vae_score": 0.1 * (beta % 3), "parameters": 100.0 * (beta % 4)})
    found = writer.study.expected()
    assert found["parameters_expected"].tolist() == found["parameters_mean"].tolist()
    assert (found["parameters_error"] == 0.0).all()
    assert found["factor_vae_score_expected"].tolist() != found["factor_vae_score_mean"].tolist()


def test_nearest_on_the_front(writer: StudyWriter) -> None:
    keys = front_of(writer, [(0.9, 100.0), (0.85, 50.0), (0.5, 20.0), (0.4, 49.0)])
    assert writer.study.nearest(reconstruction_error=48)["configuration"] == keys[1]
    assert writer.study.nearest(reconstruction_error=30, factor_vae_score=0.5)["configuration"] == keys[2]
    with pytest.raises(QueryError, match="did you mean 'reconstruction_error'"):
        writer.study.nearest(reconstruction_eror=1)
    with pytest.raises(QueryError, match="needs a target"):
        writer.study.nearest()


def test_questions_to_an_empty_front_are_refused(writer: StudyWriter) -> None:
    with pytest.raises(QueryError, match="no front yet"):
        writer.study.knee()


def test_compare_two_models_by_their_best_configurations(tmp_path: pathlib.Path) -> None:
    study = random_study(tmp_path)
    row = study.compare("chyvae", "beta_vae", metric="factor_vae_score").iloc[0]
    means = study.configurations().groupby("model")["factor_vae_score_mean"].max()
    assert row["pairs"] == 3
    assert row["difference"] == pytest.approx(means["chyvae"] - means["beta_vae"])
    assert row["low"] < row["difference"] < row["high"]
    with pytest.raises(QueryError, match="no model 'vea'"):
        study.compare("vea", "beta_vae")


def test_compare_studies_over_their_common_configurations(tmp_path: pathlib.Path) -> None:
    first, second = random_study(tmp_path, "first"), random_study(tmp_path, "second")
    table = first.compare(second)
    assert table["metric"].tolist() == ["factor_vae_score", "reconstruction_error"]
    assert set(table["pairs"]) == {36}
    assert (table["difference"] == 0.0).all()


def test_searched_hyperparameters_are_those_with_ranges(writer: StudyWriter) -> None:
    writer.configuration("beta_vae", 1, beta=4.0, batch_size=50)
    assert writer.study.searched("beta_vae") == ["beta"]


def test_costs_are_columns_and_objectives(tmp_path: pathlib.Path) -> None:
    objectives = {"factor_vae_score": "maximize", "num_annotated": "minimize", "seconds_training": "minimize"}
    writer = StudyWriter(tmp_path, objectives=objectives, costs=["num_annotated", "seconds_training"])
    without = writer.configuration("beta_vae", 2, beta=4.0)
    told = writer.configuration("few_labels", 2, num_annotated=250)
    pending = writer.configuration("few_labels", 1, num_annotated=900)
    for seed in (0, 1):
        writer.complete(without, seed, {**POOR, "num_annotated": 0.0, "seconds_training": 1.0})
        writer.complete(told, seed, {**GOOD, "num_annotated": 250.0, "seconds_training": 1.0})
    study = writer.study
    assert study.trials().columns.is_unique
    assert study.trials()["num_annotated"].tolist() == [0, 0, 250, 250, 900]
    table = study.configurations().set_index("configuration")
    assert table.columns.is_unique
    assert table.loc[without, ["num_annotated_mean", "num_annotated_std", "seconds_training_std"]].tolist() == [0, 0, 0]
    assert table.loc[pending, "num_annotated"] == 900
    assert study.front()["configuration"].tolist() == [told, without]
    assert study.best("seconds_training", where="num_annotated < 100")[0].configuration == without
    assert study.direction("device_seconds") == "minimize"
