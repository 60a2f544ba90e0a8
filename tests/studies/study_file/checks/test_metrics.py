"""Objectives, and the metrics that a study computes."""

from typing import Any

import pytest

from core.data import DatasetInfo
from studies.study_file.checks.metrics import check_objectives, check_request, check_requests
from studies.study_file.spec import Metrics

LABELLED = DatasetInfo("sprites", ("shape", "scale"), (3, 6), (1, 64, 64), 18, "rendered", True)
FACES = DatasetInfo("faces", (), (), (1, 64, 64), 20, "original", False)
PATH = ("metrics", "final", 0)


@pytest.mark.parametrize("objectives", [None, {}, [], "mig", ["mig"]])
def test_a_study_has_an_objective(objectives: Any) -> None:
    assert ["at least one objective" in problem.message for problem in check_objectives(objectives)] == [True]


@pytest.mark.parametrize(
    ("key", "direction", "message"),
    [
        ("mig", "up", "'maximize' or 'minimize', not 'up'"),
        ("mgi", "maximize", "did you mean 'mig'"),
        ("factor_vae_score/fats", "maximize", "has no protocol 'fats'"),
        ("sap_svc/r2", "maximize", "protocol 'r2' of metric 'sap' does not give 'sap_svc'"),
        ("factor_vae_score/fast", "minimize", "found by 'maximize'"),
        ("reconstruction_error", "maximize", "found by 'minimize'"),
    ],
)
def test_an_objective_is_a_result_with_its_better_direction(key: str, direction: str, message: str) -> None:
    (problem,) = check_objectives({"sap_svc": "maximize", key: direction})
    assert problem.path == ("objectives", key)
    assert message in problem.message


def test_a_request_is_told_where_it_stands() -> None:
    found = check_requests(Metrics(during=["mig", "mug"], final=["sapp"]), ["vae"], LABELLED)
    assert [problem.path for problem in found] == [("metrics", "during", 1), ("metrics", "final", 0)]


def test_a_metric_of_factors_is_refused_once_without_them() -> None:
    (problem,) = check_request("mig", PATH, ["vae", "beta_vae"], FACES)
    assert problem.message == "'mig' needs ground-truth factors, which 'faces' does not have"
    assert not list(check_request("reconstruction_error", PATH, ["vae"], FACES))


def test_every_model_has_the_inputs_of_a_request() -> None:
    (problem,) = check_request("relation_accuracy", PATH, ["vae", "modular"], LABELLED)
    assert problem.message.startswith("model 'vae': 'relation_accuracy' needs ")


def test_a_simulation_is_asked_for_any_metric() -> None:
    assert not list(check_request("relation_accuracy", PATH, ["simulated"], FACES))


def test_without_a_data_set_only_the_name_of_a_metric_is_checked() -> None:
    assert not list(check_request("relation_accuracy", PATH, ["vae"], None))
    assert len(list(check_request("mug", PATH, ["vae"], None))) == 1
