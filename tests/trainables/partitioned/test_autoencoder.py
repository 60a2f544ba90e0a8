"""The modular autoencoder and its predecessor: phases, who gets which gradient, and how they fail."""

import pathlib
from typing import Any

import numpy as np
import pytest
import torch

import core.data
import core.metrics
import trainables
from core.storage import Folder
from studies.testing.trials import trial_config
from trainables.training.run import TrainingRun, start

PRESETS = ("paper_literal", "label_conditioned", "anchored", "modular")


def training_run(folder: pathlib.Path, name: str = "modular", **hyperparameters: Any) -> TrainingRun:
    return TrainingRun(trial_config(name, folder, hyperparameters=hyperparameters))


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("name", ["modular", "weak"])
def test_every_recipe_trains_through_its_warm_up_and_restores_inside_it(
    name: str, preset: str, tmp_path: pathlib.Path
) -> None:
    """Interrupted inside the warm-up, exactly at its end, and inside the phase of the relational learner."""
    changes = {"preset": preset, "warm_up": 4}
    config = trial_config(name, tmp_path, steps=6, evaluate_every=2, hyperparameters=changes)
    straight, reports = start(config), []
    for stop in (2, 4, 6):
        reports.append(straight.advance())
        straight.save(Folder(tmp_path / f"at{stop}"))
    for number, stop in enumerate((2, 4)):
        resumed = start(config)
        assert resumed.restore(Folder(tmp_path / f"at{stop}")) == stop
        assert resumed.advance().metrics == reports[number + 1].metrics
    assert ("train/cycle" in reports[-1].metrics) == (preset == "modular")
    if preset != "modular":
        assert reports[0].metrics["train/relations"] == 0 < reports[-1].metrics["train/relations"]


def test_the_cycle_reaches_the_decoder_only(tmp_path: pathlib.Path) -> None:
    model = training_run(tmp_path).model
    model.cycle(8).backward()
    assert all(parameter.grad is None for parameter in model.encoder.parameters())
    assert all(parameter.grad is not None for parameter in model.decoder.parameters())
    assert all(parameter.requires_grad for parameter in model.encoder.parameters())


def test_the_relational_learner_and_the_discriminator_leave_the_autoencoder_alone(tmp_path: pathlib.Path) -> None:
    model = training_run(tmp_path).model
    before = [parameter.clone() for parameter in model.encoder.parameters()]
    model.train_learner()
    model.train_discriminator(torch.randn(20, 2 * 8 + 33 + 1)[:, : 8 + 33 + 2], 10, None)
    assert all(parameter.grad is None for parameter in [*model.encoder.parameters(), *model.decoder.parameters()])
    for old, new in zip(before, model.encoder.parameters(), strict=True):
        torch.testing.assert_close(old, new, rtol=0, atol=0)


def test_the_components_are_estimated_from_the_annotated_images_at_the_end_of_the_warm_up(
    tmp_path: pathlib.Path,
) -> None:
    run = training_run(tmp_path, "weak", preset="anchored", warm_up=2)
    run.advance()
    run.model.before_step(2)
    images, factors = (part(run.model._annotated) for part in (run.dataset.images, run.dataset.factors))
    codes = run.model.encode(images)
    for shape in range(3):
        own = codes[factors[:, 0] == shape]
        np.testing.assert_allclose(run.model.prior.means[0, shape].numpy(), own.mean(0), rtol=1e-4, atol=1e-5)
        factor = run.model.prior.factors[0, shape].numpy()
        expected = 0.1 * np.cov(own.T) + 3e-3 * np.eye(8)
        np.testing.assert_allclose(factor @ factor.T, expected, rtol=1e-3, atol=1e-5)


def test_metrics_see_values_or_codes_as_asked(tmp_path: pathlib.Path) -> None:
    for representation, width in (("values", 2), ("codes", 16)):
        run = training_run(tmp_path, representation=representation)
        codes = run.model.encode(run.dataset.images(np.arange(5)))
        assert codes.shape == (5, 16)
        assert run.model.scored(codes).shape == (5, width)
    assert run.model.sample(3).shape == (3, 1, 64, 64)


def test_an_oracle_that_moves_means_has_a_relation_accuracy_near_one(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trainables.partitioned.autoencoder.judge_of", _judge)
    run = training_run(tmp_path)
    model = run.model

    def oracle(codes: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        values = model.read_values(codes)
        split, means = codes.reshape(len(codes), 2, 8).copy(), model.prior.means.numpy()
        for row, number in enumerate(numbers):
            _, factor, table = model.relations[number]
            old = values[row, factor]
            split[row, factor] += means[factor, table[old]] - means[factor, old]
        return split.reshape(codes.shape)

    inputs = {**model.metric_inputs(run.dataset), "apply_relation": oracle}
    assert set(model.extra_inputs) == set(inputs)
    of_pixels = ("reencode", "judge", "image_codes", "image_values")
    latent = {name: value for name, value in inputs.items() if name not in of_pixels}
    assert core.metrics.compute("relation_accuracy", **latent)["relation_accuracy"] > 0.95


def _judge(dataset: Any) -> Any:
    def judge(images: np.ndarray) -> np.ndarray:
        return np.zeros((len(images), len(dataset.factor_sizes)), np.int64)

    judge.accuracy = np.ones(2)  # type: ignore[attr-defined]
    return judge


def test_what_cannot_be_annotated_is_refused_before_training() -> None:
    info = core.data.describe("dsprites.v2")
    weak, modular = (trainables.get(name).Hyperparameters for name in ("weak", "modular"))
    assert "27 combinations" in weak(num_annotated=20).refuse(info)
    assert weak().refuse(info) is None
    assert "3 values" in modular(num_annotated=2).refuse(info)
    assert "no factors" in modular().refuse(_without_factors())


def _without_factors() -> core.data.DatasetInfo:
    return core.data.DatasetInfo("celeba", (), (), (3, 64, 64), 1_000, "original", False)


def test_the_ways_to_fail_are_said(tmp_path: pathlib.Path) -> None:
    model = training_run(tmp_path).model
    fine = {
        "train/reconstruction": 50.0,
        "factor_accuracy": 0.99,
        "relation_accuracy": 0.99,
        "relation_accuracy_judged": 0.97,
    }
    assert model.warnings(fine) == []
    assert "mean image" in model.warnings({**fine, "train/reconstruction": 700.0})[0]
    assert "leak" in model.warnings({**fine, "relation_accuracy_judged": 0.4})[0]
    assert "posX is read near chance" in model.warnings({**fine, "factor_accuracy_of_0": 0.03})[0]
    model.judge_accuracy = 0.9
    assert "judge itself" in model.warnings(fine)[0]
    model.judge_accuracy = 1.0
    assert "overlap" in model.warnings({**fine, "relation_accuracy": 0.6})[0]


def test_codes_that_are_not_numbers_at_the_end_of_the_warm_up_fail_the_trial_with_a_reason(
    tmp_path: pathlib.Path,
) -> None:
    run = training_run(tmp_path, preset="anchored", warm_up=1)
    with torch.no_grad():
        run.model.encoder[0].weight.fill_(torch.nan)
    report = run.advance()
    assert report.done
    assert "diverged" in str(report.failure)
