"""Models that learn from few labels: annealing, stages, and what each stage trains."""

import pathlib
from typing import Any

import pytest
import torch

import trainables
from core.data import describe
from studies.testing.trials import trial_config
from trainables.training.run import TrainingRun


def training_run(name: str, folder: pathlib.Path, **hyperparameters: Any) -> TrainingRun:
    return TrainingRun(trial_config(name, folder, hyperparameters=hyperparameters))


@pytest.mark.parametrize(
    ("annealing", "weights"), [("fixed", [10, 10, 10]), ("linear", [0, 5, 10]), ("fine_tune", [0, 0, 10])]
)
def test_the_weight_of_the_labels_is_annealed(annealing: str, weights: list[float], tmp_path: pathlib.Path) -> None:
    model = training_run("few_labels", tmp_path, annealing=annealing, anneal_steps=4).model
    found = []
    for step in (0, 2, 4):
        model.steps_done.fill_(step)
        found.append(float(model.weight()))
    assert found == weights


@pytest.mark.parametrize("supervision", ["xent", "l2", "cov", "embed"])
def test_every_kind_of_supervision_trains(supervision: str, tmp_path: pathlib.Path) -> None:
    report = training_run("few_labels", tmp_path, supervision=supervision).advance()
    assert report.failure is None
    assert report.metrics["train/supervised"] > 0


def test_labels_need_factors_and_dimensions() -> None:
    info = describe("dsprites")
    kind = trainables.get("few_labels").Hyperparameters
    assert kind().refuse(info) is None
    assert "5 factors" in kind(num_latents=4).refuse(info)


def moved(run: TrainingRun, steps: int) -> set[str]:
    """Names of the parts whose parameters changed in so many steps."""
    model = run.model
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    run.train(run.step + steps)
    return {
        name.split(".")[0] for name, parameter in model.named_parameters() if not torch.equal(before[name], parameter)
    }


def test_each_stage_trains_its_parts_and_finds_codes_of_the_images_that_it_saw(tmp_path: pathlib.Path) -> None:
    run = training_run("zero_dim", tmp_path, latent_steps=2, regression_steps=2)
    residuals = run.model.residuals.detach().clone()
    seen = {int(i) for source in run.sources for step in range(2) for i in source.at(step).index}
    assert moved(run, 2) == {"residuals", "values", "classifiers", "decoder"}
    changed = torch.nonzero((run.model.residuals != residuals).any(1))[:, 0].tolist()
    assert set(changed) == seen
    assert moved(run, 2) == {"encoder"}
    assert moved(run, 2) == {"encoder", "decoder"}
    assert run.model.warm_up_steps(run.model.hyperparameters) == 4


@pytest.mark.parametrize(
    ("optimizer", "group", "expected"),
    [
        ("codes", 0, {0: 1e-2, 5: 1e-2, 500: 5.05e-3, 999: 1e-4}),
        ("codes", 1, {0: 1e-4, 500: 1e-4}),
        ("codes", 2, {0: 1e-3, 500: 5.5e-4, 999: 1e-4}),
        ("encoder", 0, {1_000: 1e-3, 1_250: 5.05e-4, 1_499: 1e-5}),
        ("tuning", 0, {1_500: 1e-4, 1_900: 1e-4}),
    ],
)
def test_the_learning_rates_fall_along_a_cosine(
    optimizer: str, group: int, expected: dict[int, float], tmp_path: pathlib.Path
) -> None:
    run = training_run("zero_dim", tmp_path, latent_steps=1_000, regression_steps=500, learning_rate=1e-3)
    rates = {}
    for step in expected:
        run.model.before_step(step)
        run.model.steps_done.fill_(step)
        run.model.training_step([source.at(step) for source in run.sources])
        rates[step] = float(run.model.optimizers[optimizer].param_groups[group]["lr"])
    assert rates == pytest.approx(expected, rel=1e-3)


def test_a_code_is_a_number_per_factor_and_the_residual(tmp_path: pathlib.Path) -> None:
    run = training_run("zero_dim", tmp_path)
    codes = run.model.encode(run.dataset.images([0, 1, 2]))
    assert codes.shape == (3, 2 + 7)
    assert run.model.sample(4).shape == (4, 1, 64, 64)
