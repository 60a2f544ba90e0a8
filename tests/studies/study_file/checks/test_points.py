"""The configurations to try first."""

from typing import Any

import pytest

from studies.study_file.checks.points import check_points
from studies.study_file.spec import Search

MODELS: dict[str, dict[str, Any]] = {"beta_vae": {"beta": {"log": [1, 16]}, "batch_size": 32}, "vae": {}}


@pytest.mark.parametrize(
    ("point", "messages"),
    [
        ({"model": "beta_vae", "beta": 4.0}, []),
        ({"model": "beta_vea", "beta": 4.0}, ["did you mean 'beta_vae'"]),
        ({"beta": 4.0}, ["names no model"]),
        ({"model": "beta_vae", "beta": -4.0}, ["is not legal"]),
        ({"model": "beta_vae", "batch_size": 64}, ["'batch_size' is not searched"]),
        ({"model": "beta_vae", "bta": 4.0}, ["is not legal", "did you mean 'beta'"]),
    ],
)
def test_a_point(point: dict[str, Any], messages: list[str]) -> None:
    found = list(check_points(Search(points=[{"model": "vae"}, point]), MODELS))
    assert [problem.path for problem in found] == [("search", "points", 1)] * len(messages)
    assert all(message in problem.message for message, problem in zip(messages, found, strict=True))


def test_a_point_of_a_study_with_one_model_need_not_name_it() -> None:
    assert not list(check_points(Search(points=[{"beta": 4.0}]), {"beta_vae": MODELS["beta_vae"]}))
