"""Answers that say whose number is whose."""

import json
import pathlib
from typing import Any

import pytest

from studies.cli.rows import verdict
from tests.analysis.kit import random_study


def test_the_best_have_their_identity_in_json(tmp_path: pathlib.Path, ask: Any) -> None:
    study = random_study(tmp_path)
    (trial,) = study.best(top=1)
    (row,) = map(json.loads, ask("best", "made", "--top", "1", "--json")[1].splitlines())
    assert (row["trial"], row["checkpoint"]) == (trial.identity, trial.checkpoint)
    assert row["mlflow_run_id"] is None
    assert json.loads(ask("show", row["trial"], "--json")[1])["metrics"]["mig"] == row["mig"]


def test_the_front_as_expected_over_all_seeds(tmp_path: pathlib.Path, ask: Any) -> None:
    study = random_study(tmp_path, configurations=24, seeds=1)
    rows = [json.loads(line) for line in ask("front", "made", "--expected", "--json")[1].splitlines()]
    assert [row["configuration"] for row in rows] == list(study.front(by="expected")["configuration"])
    assert {"mig_mean", "mig_expected"} & set(rows[0]) == set()  # no objective
    assert {f"factor_vae_score_{part}" for part in ("mean", "expected", "error")} <= set(rows[0])
    _, out, _ = ask("front", "made", "--expected")
    assert f"as expected over all seeds, hypervolume {study.hypervolume(by='expected'):.4g}" in out
    assert "±" in out


def test_two_models_are_compared_by_their_names(tmp_path: pathlib.Path, ask: Any) -> None:
    random_study(tmp_path)
    _, out, _ = ask("compare", "made", "chyvae", "beta_vae", "--metric", "factor_vae_score")
    assert out.startswith("'chyvae' minus 'beta_vae', 95 % intervals, best configuration of each model")
    assert out.endswith("factor_vae_score: 'chyvae' is better: the interval leaves out 0\n")
    (row,) = map(json.loads, ask("compare", "made", "chyvae", "beta_vae", "--metric", "mig", "--json")[1].splitlines())
    assert (row["of_first"], row["of_second"]) == ("chyvae", "beta_vae")
    assert row["first"] - row["second"] == pytest.approx(row["difference"])


def test_two_studies_are_compared_by_their_names(tmp_path: pathlib.Path, ask: Any) -> None:
    random_study(tmp_path, "one")
    random_study(tmp_path, "two")
    _, out, _ = ask("compare", "one", "two")
    assert out.startswith("'one' minus 'two', 95 % intervals, configurations of both studies")
    assert out.splitlines()[-1] == "reconstruction_error: open: the interval holds 0"
    assert ask("compare", "one", "chyvae")[::2] == (
        2,
        "with which model is 'chyvae' compared? there are beta_vae, factor_vae, chyvae\n",
    )
    assert "no model 'vea'" in ask("compare", "one", "vea", "chyvae")[2]


@pytest.mark.parametrize(
    ("low", "high", "direction", "sentence"),
    [
        (-0.1, 0.3, "maximize", "open: the interval holds 0"),
        (0.1, 0.3, "maximize", "'a' is better: the interval leaves out 0"),
        (-0.3, -0.1, "maximize", "'b' is better: the interval leaves out 0"),
        (0.1, 0.3, "minimize", "'b' is better: the interval leaves out 0"),
        (0.1, 0.3, None, "'a' is higher: the interval leaves out 0"),
        (float("nan"), float("nan"), "maximize", "open: one pair has no spread"),
    ],
)
def test_a_comparison_ends_with_a_sentence(low: float, high: float, direction: str | None, sentence: str) -> None:
    row = {"pairs": 3, "low": low, "high": high, "difference": (low + high) / 2}
    assert verdict(row, "a", "b", direction) == sentence
