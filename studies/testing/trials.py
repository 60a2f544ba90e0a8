"""Trials that are small enough for a test, of any model."""

import dataclasses
import pathlib
from typing import Any

import trainables
from core.configuration import Configuration, TrialConfig

TINY = {"network": "tiny", "batch_size": 16, "learning_rate": 2e-3}

# Hyperparameters that make a model small enough for a unit test, beyond those of TINY.
SMALL: dict[str, dict[str, Any]] = {
    "factor_vae": {"discriminator_units": 128, "discriminator_layers": 3, "discriminator_learning_rate": 1e-3},
    "modular": {"num_annotated": 100, "units": 32},
    "weak": {"num_annotated": 30, "units": 32, "warm_up": 3},
    "few_labels": {"num_annotated": 100, "annealing": "linear", "anneal_steps": 3},
    "zero_dim": {"num_annotated": 100, "latent_steps": 1, "regression_steps": 2},
    "cascade_vae_c": {"stage_steps": 1},
    "cascade_vae": {"stage_steps": 1, "warm_up_stages": 1},
}

QUICK = {"name": "dsprites.quick", "fix": {"shape": 0, "scale": 5}}
# Three combinations with many images each, for the model that needs an annotated image of every combination.
DATASETS: dict[str, Any] = {"weak": {"name": "dsprites.quick", "factors": ["shape"], "fix": {"scale": 5}}}


def configuration(model: str, **hyperparameters: Any) -> Configuration:
    """A configuration with a tiny network, where the model has one.

    Raises:
        ValueError: the hyperparameters are not legal together.
    """
    kind = trainables.get(model)
    annotated = {"num_annotated": 100} if "num_annotated" in kind.Hyperparameters.model_fields else {}
    values = {**TINY, **annotated, **SMALL.get(model, {})} if kind.learns else {}
    complete = kind.Hyperparameters(**{**values, **hyperparameters})
    return Configuration(model, complete.model_dump(mode="json"))


def trial_config(model: str, folder: pathlib.Path, *, seed: int = 0, **changes: Any) -> TrialConfig:
    """A trial of four steps, which is evaluated after two; data sets and its checkpoints lie in the folder.

    Raises:
        ValueError: the hyperparameters are not legal together.
    """
    hyperparameters = changes.pop("hyperparameters", {})
    config = TrialConfig(
        study="test",
        configuration=configuration(model, **hyperparameters),
        seed=seed,
        study_seed=0,
        dataset=DATASETS.get(model, QUICK),
        data_root=str(folder / "data"),
        steps=4,
        evaluate_every=2,
        metrics=(),
        final_metrics=("reconstruction_error",),
        folder=str(folder / "trials" / f"{model}-{seed}"),
    )
    return dataclasses.replace(config, **changes)
