"""The contract of every model, over the registry: a new file is tested the moment it exists."""

import dataclasses
import pathlib
from typing import Any

import pytest

import core.data
import trainables
from studies.testing import models
from studies.testing.contract import Bench, Check, NotApplicable

NAMES = trainables.names()
NETWORKS = [name for name in NAMES if trainables.get(name).learns]
CASES = [(name, check) for name in NAMES for check in models.OF_ALL]
CASES += [
    (name, check) for name in NETWORKS for check in models.OF_WHAT_LEARNS if check is not models.odd_hyperparameters
]


@pytest.mark.parametrize(("name", "check"), CASES, ids=[f"{name}-{check.__name__}" for name, check in CASES])
def test_a_model_keeps_the_contract(name: str, check: Check, tmp_path: pathlib.Path) -> None:
    try:
        check(Bench(name, tmp_path, tmp_path / "data"))
    except NotApplicable as reason:
        pytest.skip(str(reason))


@pytest.mark.parametrize("number", range(models.DRAWS))
@pytest.mark.parametrize("name", NETWORKS)
def test_what_validates_takes_a_step(name: str, number: int, tmp_path: pathlib.Path) -> None:
    models.step_with_odd_ones(Bench(name, tmp_path, tmp_path / "data"), number)


@pytest.mark.parametrize(
    ("name", "values", "sentence"),
    [
        ("modular", {"num_latents": 1, "num_annotated": 100}, "num_latents is 1"),
        ("modular", {"num_annotated": 10**6}, "images to train on"),
        ("few_labels", {"num_annotated": 10**6}, "images to train on"),
        ("zero_dim", {"num_annotated": 10**6}, "images to train on"),
        ("ada_gvae", {"changed": 4}, "changed is 4, but 'dsprites.quick' has 4 factors"),
        ("beta_tcvae", {"estimator": "mss", "batch_size": 60_000}, "batch_size is 60,000"),
    ],
)
def test_what_can_never_train_is_refused(
    name: str, values: dict[str, Any], sentence: str, tmp_path: pathlib.Path
) -> None:
    info = core.data.describe("dsprites.quick", tmp_path)
    assert sentence in str(trainables.get(name).Hyperparameters(**values).refuse(info))


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        ({"has_factors": False, "factor_names": (), "factor_sizes": ()}, "has no factors"),
        ({"complete": False}, "no image of some combinations"),
        ({"factor_names": ("shape",), "factor_sizes": (3,)}, "has one factor only"),
    ],
)
def test_pairs_of_a_set_whose_factors_cannot_be_changed_are_refused(
    facts: dict[str, Any], sentence: str, tmp_path: pathlib.Path
) -> None:
    info = dataclasses.replace(core.data.describe("dsprites.quick", tmp_path), **facts)
    assert sentence in str(trainables.get("ada_gvae").Hyperparameters().refuse(info))


def test_the_nearest_name_is_proposed() -> None:
    with pytest.raises(ValueError, match="did you mean 'beta_vae'"):
        trainables.get("beta_vea")
