"""Models and their search spaces."""

import dataclasses
from typing import Any

import pytest

from core.data import DatasetInfo
from studies.study_file.checks.models import check_defaults, check_grid, check_models, check_trainable
from studies.study_file.document import Problem
from studies.study_file.draft import Draft, read_draft
from studies.study_file.space import ModelSpace
from studies.study_file.spec import model_space

LABELLED = DatasetInfo("sprites", ("shape", "scale", "x"), (3, 6, 4), (1, 64, 64), 7_200, "rendered", True)
FACES = DatasetInfo("faces", (), (), (1, 64, 64), 20, "original", False)


def draft(models: dict[Any, Any], **keys: Any) -> Draft:
    return read_draft({"dataset": "dsprites.quick", "models": models, **keys}, None)[0]


def space(model: str, **raw: Any) -> ModelSpace:
    found, problems = model_space(model, raw, {})
    assert found is not None, problems
    return found


def test_every_model_is_checked_and_an_unknown_one_stops_none() -> None:
    found = check_models(draft({"vea": {}, "vae": 3, "beta_vae": {"beta": -1.0}, "dip_vae": None}))
    assert [problem.path for problem in found] == [("models", "vea"), ("models", "vae"), ("models", "beta_vae", "beta")]
    assert "must be a mapping of hyperparameters, not 3" in found[1].message


def test_a_mistake_in_defaults_is_told_once() -> None:
    found = check_models(draft({"vae": {}, "beta_vae": {}}, defaults={"batch_size": 1}))
    assert [problem.path for problem in found] == [("defaults", "batch_size")]


@pytest.mark.parametrize(("sampler", "count"), [("grid", 1), ("random", 0)])
def test_only_a_grid_asks_for_the_number_of_points(sampler: str, count: int) -> None:
    study = draft({"beta_vae": {"beta": {"log": [1, 16]}}}, search={"sampler": sampler})
    assert len(check_models(study)) == count


def test_a_grid_takes_values_choices_and_ranges_with_points() -> None:
    ready = space("beta_vae", beta={"log": [1, 16], "num": 5}, batch_size=32, num_latents=[5, 10])
    assert not list(check_grid(ready))
    (problem,) = check_grid(space("beta_vae", beta={"log": [1, 16]}))
    assert problem.path == ("models", "beta_vae", "beta")


def test_a_model_that_the_data_set_does_not_suit() -> None:
    message = "it learns from labelled images, and 'faces' has no factors"
    assert list(check_trainable(space("zero_dim", batch_size=[16, 32]), FACES)) == [
        Problem(("models", "zero_dim"), message)
    ]
    assert not list(check_trainable(space("zero_dim"), LABELLED))


def test_images_that_there_is_no_network_for() -> None:
    odd = dataclasses.replace(LABELLED, image_shape=(1, 48, 48))
    (problem,) = check_trainable(space("vae"), odd)
    assert problem.path == ("dataset",)
    assert problem.message.startswith("images of 'sprites' are 48×48, and there are networks for squares of 28, 32, 64")
    assert not list(check_trainable(space("vae"), dataclasses.replace(LABELLED, image_shape=(3, 128, 128))))
    assert not list(check_trainable(space("simulated"), odd))


def test_a_point_that_the_data_set_does_not_suit() -> None:
    (problem,) = check_trainable(space("few_labels", num_latents=[10, 2], batch_size=[16, 32]), LABELLED)
    assert problem == Problem(("models", "few_labels", "num_latents"), "num_latents is 2, but 'sprites' has 3 factors")


def test_a_default_is_for_a_model_of_the_study() -> None:
    (problem,) = check_defaults(draft({"vae": {}, "beta_vae": {}}, defaults={"beta": 4.0, "nu": 20}))
    assert problem.path == ("defaults", "nu")


def test_without_models_nothing_is_said_of_defaults() -> None:
    assert not list(check_defaults(draft({"vea": {}}, defaults={"nu": 20})))
