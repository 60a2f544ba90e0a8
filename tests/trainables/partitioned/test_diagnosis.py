"""Every known way to fail, produced with hand-made codes and measured by the real metric, is said."""

import math
import pathlib
from typing import Any

import numpy as np
import pytest
import torch

import core.metrics
from core.metrics.quadratic import quadratic_hits
from studies.testing.trials import trial_config
from trainables.partitioned.diagnosis import Facts, remarks
from trainables.partitioned.priors import MixturePrior
from trainables.partitioned.recipes import RECIPES
from trainables.training.run import TrainingRun

NAMES, SIZES, DIMENSIONS = ("shape", "posX"), (3, 3), 4
VALUES = np.random.default_rng(0).integers(3, size=(600, 2))
FINE = {"train/reconstruction": 50.0}


def facts(preset: str = "modular", **changes: Any) -> Facts:
    plain = Facts(
        names=NAMES,
        sizes=SIZES,
        recipe=RECIPES[preset],
        num_latents=DIMENSIONS,
        ridge=1e-5,
        annotated=(np.full(3, 40), np.full(3, 40)),
        warming=False,
        mean_image_error=630.0,
        judge_accuracy=1.0,
    )
    return plain._replace(**changes)


def placed(values: np.ndarray) -> np.ndarray:
    """Codes (N, 8): value v of a factor at the unit vector v of its partition, and a little noise."""
    noise = np.random.default_rng(1).normal(scale=0.1, size=(len(values), 2, DIMENSIONS))
    return (np.eye(DIMENSIONS)[values] + noise).reshape(len(values), -1)


def read(codes: np.ndarray) -> np.ndarray:
    return codes.reshape(len(codes), 2, DIMENSIONS)[:, :, :3].argmax(2)


def measured(codes: np.ndarray, judge: Any = read) -> dict[str, float]:
    """What the metric says of images with these codes under a relational learner that moves the first factor."""
    table = [1, 2, 0]

    def edit(codes: np.ndarray, _: np.ndarray) -> np.ndarray:
        values = read(codes)
        values[:, 0] = np.array(table)[values[:, 0]]
        return placed(values)

    found = core.metrics.compute(
        "relation_accuracy",
        relations=[("next", 0, table)],
        value_counts=SIZES,
        sample_prior=lambda values, _: placed(values),
        apply_relation=edit,
        classify=read,
        judge=judge,
        image_codes=codes,
        image_values=VALUES,
        partitions=2,
    )
    return {**FINE, **found}


def stuck(codes: np.ndarray) -> np.ndarray:
    """A judge of decoded images that follow no edit: whatever was done to their codes, they show what they showed."""
    return VALUES if len(codes) == len(VALUES) else read(codes)


def test_a_model_that_works_is_left_alone() -> None:
    metrics = measured(placed(VALUES))
    assert remarks(facts(), metrics) == []
    assert metrics["refit_accuracy"] == metrics["reconstruction_judged"] == 1.0
    assert metrics["leak"] == pytest.approx(1 / 3, abs=0.08)
    assert metrics["leak_of_0_in_1"] == pytest.approx(1 / 3, abs=0.1)


def test_values_at_the_places_of_others_are_swapped() -> None:
    shifted = VALUES.copy()
    shifted[:, 0] = (shifted[:, 0] + 1) % 3
    metrics = measured(placed(shifted))
    assert metrics["factor_accuracy_of_0"] == 0.0
    assert metrics["refit_accuracy_of_0"] == 1.0
    (said,) = (each for each in remarks(facts("label_conditioned"), metrics) if "swapped" in each)
    assert said.startswith("values of shape are swapped or not anchored: read right in 0.00")
    assert said.endswith("take a preset with an anchor")


def test_a_factor_that_its_partition_does_not_hold_is_not_called_swapped() -> None:
    codes = placed(VALUES)
    codes[:, :DIMENSIONS] = np.random.default_rng(2).normal(size=(600, DIMENSIONS))
    metrics = measured(codes)
    assert metrics["refit_accuracy_of_0"] < 0.45
    assert any(said.startswith("shape is read near chance") for said in remarks(facts(), metrics))
    assert not any("swapped" in said for said in remarks(facts(), metrics))


def test_a_partition_that_tells_another_factor_leaks_only_where_edits_fail() -> None:
    codes = placed(VALUES)
    codes[:, 2 * DIMENSIONS - 1] += VALUES[:, 0]  # the last dimension of posX tells the shape
    leaking = measured(codes, stuck)
    assert leaking["leak_of_0_in_1"] > 0.95
    assert leaking["leak_of_1_in_0"] < 0.5
    (said,) = remarks(facts("anchored"), leaking)
    assert "that of posX tells shape in" in said
    assert "take the preset modular" in said
    assert remarks(facts(), measured(codes)) == []
    (said,) = remarks(facts(), measured(placed(VALUES), stuck))
    assert "tell little of other factors" in said
    (said,) = remarks(facts(annotated=(np.full(9, 40),)), measured(placed(VALUES), stuck))
    assert "partition" not in said


def test_edits_are_not_asked_to_be_better_than_what_the_judge_sees_of_unedited_images() -> None:
    """As where a rotated square looks the same."""
    metrics = {**FINE, "factor_accuracy": 0.95, "relation_accuracy_judged": 0.4}
    assert "edits of images are not" in remarks(facts(), {**metrics, "reconstruction_judged": 0.9})[0]
    ambiguous = facts(judge_joint=0.55)
    assert remarks(ambiguous, {**metrics, "reconstruction_judged": 0.5}) == []
    (said,) = remarks(ambiguous, {**metrics, "reconstruction_judged": 0.3})
    assert "seen right in 0.30 of them, and in 0.55 of real images" in said


def test_prior_samples_that_decode_to_something_else_are_an_early_sign() -> None:
    metrics = {**measured(placed(VALUES)), "generation_accuracy": 0.4}
    (said,) = remarks(facts("anchored"), metrics)
    assert "0.40 of cases only" in said


def test_components_without_images_or_with_too_few() -> None:
    (empty,) = remarks(facts(annotated=(np.array([5, 0, 9]), np.full(3, 40))), FINE)
    assert "1 of 3 components of shape have no annotated image" in empty
    thin = facts("anchored", annotated=(np.full(3, 40), np.array([4, 5, 3])))
    (said,) = remarks(thin, FINE)
    assert "2 of 3 components of posX" in said
    assert remarks(thin._replace(ridge=3e-3), FINE) == []
    assert remarks(thin._replace(recipe=RECIPES["modular"]), FINE) == []


@pytest.mark.parametrize(("scale", "word"), [(1e-3, "collapsed"), (1.0, None), (50.0, "left their prior")])
def test_codes_that_collapse_or_explode_before_the_components_are_estimated(scale: float, word: str | None) -> None:
    prior = MixturePrior((3, 3), 4, radius=0.0, sigma=0.3)
    generator = torch.Generator().manual_seed(0)
    codes = scale * (2 * torch.rand(900, 2, 4, generator=generator) - 1)
    components = torch.randint(3, (900, 2), generator=generator)
    prior.fit(codes, components, shrink=0.1, ridge=1e-8)
    variance = prior.variance(shrink=0.1, ridge=1e-8)
    assert variance == pytest.approx(scale**2 / 3, rel=0.05)
    said = remarks(facts("anchored", variance=variance), FINE)
    assert [word in each for each in said] == ([True] if word else [])


@pytest.mark.parametrize(("anchor", "word"), [(0.9, None), (40.0, "6.3 σ from their components"), (1e-3, "0.03 σ")])
def test_annotated_codes_are_told_from_their_components(anchor: float, word: str | None) -> None:
    said = remarks(facts(), {**FINE, "train/anchor": anchor})
    assert [word in each for each in said] == ([True] if word else [])
    assert remarks(facts(warming=True), {**FINE, "train/anchor": anchor}) == []


def test_a_reconstruction_like_the_mean_image_and_a_poor_judge() -> None:
    (said,) = remarks(facts(), {"train/reconstruction": 631.0})
    assert "no better than the mean image (630)" in said
    assert remarks(facts(warming=True), {"train/reconstruction": 631.0}) == []
    (said,) = remarks(facts(judge_accuracy=0.9), FINE)
    assert "the judge itself names 0.90" in said
    (said,) = remarks(facts(), {**FINE, "relation_accuracy": 0.6})
    assert "components overlap" in said


def test_gaussians_fitted_anew_agree_with_the_densities_they_stand_for() -> None:
    rng = np.random.default_rng(3)
    classes = rng.integers(2, size=4_000)
    spread = np.where(classes[:, None] == 0, 1.0, 3.0)
    codes = rng.normal(size=(4_000, 2)) * spread  # same mean: only the covariances tell
    hits = quadratic_hits(codes, classes, np.arange(4_000) % 2 == 0)
    radius = 2 * math.log(9) / (1 - 1 / 9)  # |x|² at which N(0, I) and N(0, 9 I) are equally likely
    right = 0.5 * (1 - math.exp(-radius / 2)) + 0.5 * math.exp(-radius / 18)
    assert hits.mean() == pytest.approx(right, abs=0.03)
    assert not quadratic_hits(codes, np.arange(4_000), np.arange(4_000) % 2 == 0).any()
    constant = quadratic_hits(np.ones((40, 2)), np.arange(40) % 4, np.arange(40) < 20)
    assert constant.mean() == 0.25


def test_remarks_reach_the_log_and_the_ledger(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(TrainingRun, "_evaluate", lambda *_: measured(placed(VALUES), stuck))
    changes = {"preset": "anchored", "warm_up": 1, "num_annotated": 200}
    run = TrainingRun(trial_config("modular", tmp_path, hyperparameters=changes))
    said = run.advance().ledger["warnings"]
    assert any("of 32 components of posX are estimated from 8 annotated images or fewer" in each for each in said)
    assert any("tell little of other factors" in each for each in said)
    assert all(each in caplog.text for each in said)
