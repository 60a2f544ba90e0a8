"""The metrics that a study computes: those asked for, and those that it needs."""

from typing import Any

import pytest

from studies.study_file.draft import Draft, read_draft
from studies.study_file.requests import complete_metrics, results_of_early_stop, with_results
from studies.study_file.spec import EarlyStop


def draft(**keys: Any) -> Draft:
    return read_draft({"objectives": {"mig": "maximize"}, **keys}, None)[0]


def test_requests_are_completed_by_what_gives_the_results() -> None:
    results = ["mig", "sap_svc", "factor_vae_score/fast", "factor_vae_score"]
    assert with_results(["kl", "mig"], results, ("search", "where"), told=()) == (
        ["kl", "mig", "sap", "factor_vae_score/fast", "factor_vae_score"],
        [],
    )


def test_a_result_that_no_metric_gives_is_told_where_it_is_named() -> None:
    requests, (problem,) = with_results(["mig"], ["mug", "mgi"], ("search", "where"), told=["mgi"])
    assert requests == ["mig"]
    assert problem.path == ("search", "where")
    assert "'mug'" in problem.message


def test_objectives_constraint_and_condition_are_computed_at_the_end() -> None:
    study = draft(
        search={"where": "kl < 60 and irs > 0.1"}, seeds={"min": 1, "max": 2, "until": "std_error(explicitness) < 1"}
    )
    metrics, _, problems = complete_metrics(study)
    assert problems == []
    assert metrics is not None
    assert metrics.final == ["mig", "kl", "irs", "explicitness"]
    assert metrics.during == []


@pytest.mark.parametrize(
    ("rule", "metric", "watched"),
    [("dominated", "kl", ["mig", "irs"]), ("asha", "kl", ["kl"]), ("asha", None, ["mig"]), ("median", None, ["mig"])],
)
def test_what_early_stopping_looks_at(rule: Any, metric: str | None, watched: list[str]) -> None:
    assert results_of_early_stop(EarlyStop(rule=rule, metric=metric, grace=1), ["mig", "irs"]) == watched


def test_what_early_stopping_looks_at_is_computed_during_training() -> None:
    metrics, _, _ = complete_metrics(draft(early_stop={"rule": "asha", "grace": 1}))
    assert metrics is not None
    assert metrics.during == ["mig"]


def test_formulas_are_told_even_where_metrics_cannot_be_read() -> None:
    study = draft(metrics=3, search={"where": "kl"}, seeds={"min": 1, "max": 2, "until": "kl"})
    _, _, problems = complete_metrics(study)
    assert [problem.path for problem in problems] == [("search", "where"), ("seeds", "until")]
    assert complete_metrics(draft(metrics={"final": 3}))[0] is None


def test_an_unknown_objective_is_left_to_the_check_of_objectives() -> None:
    study = draft(objectives={"mgi": "maximize"}, early_stop={"rule": "dominated", "grace": 1})
    assert complete_metrics(study)[2] == []


def test_an_unknown_metric_of_early_stopping() -> None:
    _, _, problems = complete_metrics(draft(early_stop={"rule": "asha", "grace": 1, "metric": "mug"}))
    assert [problem.path for problem in problems] == [("early_stop",)]
