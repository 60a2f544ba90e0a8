"""The labellers of Locatello et al. 2020: what each does to the classes, exactly, and what a model is shown of it."""

import pathlib
from typing import Any

import numpy as np
import pytest
import torch

import core.data
import trainables
from studies.testing.trials import QUICK, trial_config
from trainables.labels.labellers import Faults, Labels, label
from trainables.training.run import TrainingRun

SIZES = (3, 6, 40, 32)
FACTORS = np.stack([np.random.default_rng(0).integers(size, size=20_000) for size in SIZES], 1)


def labelled(name: Any, **options: Any) -> Labels:
    return label(name, FACTORS, SIZES, 7, Faults(**options))


def test_a_perfect_labeller_gives_the_classes() -> None:
    found = labelled("perfect")
    np.testing.assert_array_equal(found.classes, FACTORS)
    assert (found.observed, found.sizes) == ((0, 1, 2, 3), SIZES)


def test_bins_are_equal_intervals_of_the_classes() -> None:
    """With s classes in b bins, class y is in bin ⌊y / (s / b)⌋; a factor of b classes or fewer is left alone."""
    found = labelled("binned", bins=5)
    assert found.sizes == (3, 5, 5, 5)
    np.testing.assert_array_equal(found.classes[:, 0], FACTORS[:, 0])
    for k, size in ((1, 6), (2, 40), (3, 32)):
        np.testing.assert_array_equal(found.classes[:, k], np.floor(FACTORS[:, k] / (size / 5)))
        assert set(found.classes[:, k]) == set(range(5))


def test_noisy_labels_are_uniform_over_all_classes_with_the_given_probability() -> None:
    found = labelled("noisy", noise=0.1)
    for k, size in enumerate(SIZES):
        changed = found.classes[:, k] != FACTORS[:, k]
        assert changed.mean() == pytest.approx(0.1 * (1 - 1 / size), abs=0.007)  # a random label may be the right one
        shares = np.bincount(found.classes[changed, k], minlength=size) / changed.sum()
        assert abs(shares - 1 / size).max() < 0.05
    np.testing.assert_array_equal(labelled("noisy", noise=0.0).classes, FACTORS)
    together = (found.classes != FACTORS)[:, 1:3]
    assert together.all(1).mean() == pytest.approx(together[:, 0].mean() * together[:, 1].mean(), abs=0.003)


def test_a_partial_labeller_gives_random_factors_in_their_order() -> None:
    chosen = {label("partial", FACTORS[:3], SIZES, seed, Faults(observed=2)).observed for seed in range(60)}
    assert chosen == {(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)}
    found = labelled("partial", observed=2)
    np.testing.assert_array_equal(found.classes, FACTORS[:, found.observed])
    assert found.sizes == tuple(SIZES[k] for k in found.observed)


def test_permuted_labels_are_new_names_of_the_classes() -> None:
    found = labelled("permuted")
    for k, size in enumerate(SIZES):
        pairs = set(zip(FACTORS[:, k].tolist(), found.classes[:, k].tolist(), strict=True))
        assert len(pairs) == len({old for old, _ in pairs}) == len({new for _, new in pairs}) == size
    assert (found.classes[:, 2] != FACTORS[:, 2]).any()


@pytest.mark.parametrize("name", ["perfect", "binned", "noisy", "partial", "permuted"])
def test_labels_of_fewer_images_are_a_prefix_and_a_seed_gives_the_same(name: Any) -> None:
    few = label(name, FACTORS[:50], SIZES, 7)
    np.testing.assert_array_equal(few.classes, labelled(name).classes[:50])
    assert few.observed == labelled(name).observed


@pytest.mark.parametrize("labeller", ["perfect", "binned", "noisy", "partial", "permuted"])
def test_a_batch_has_the_labels_of_its_images(labeller: str, tmp_path: pathlib.Path) -> None:
    own = {"labeller": labeller, "label_noise": 0.9, "labelled_factors": 1}
    run = TrainingRun(trial_config("few_labels", tmp_path, hyperparameters=own))
    chosen = run.model.attach(run.dataset, 0)["annotated"]
    sizes = run.dataset.factor_sizes
    expected = label(labeller, run.dataset.factors(chosen), sizes, 0, Faults(noise=0.9, observed=1))
    rows = {int(number): row for number, row in zip(chosen, expected.classes, strict=True)}
    batch = run.sources[1].at(3)
    np.testing.assert_array_equal(
        run.model.labels_of(batch).numpy(), np.stack([rows[int(number)] for number in batch.index])
    )
    if labeller == "perfect":
        assert torch.equal(run.model.labels_of(batch), batch.factors)


@pytest.mark.parametrize("supervision", ["xent", "l2", "cov", "embed"])
@pytest.mark.parametrize("labeller", ["binned", "partial"])
def test_every_supervision_takes_fewer_factors_and_fewer_classes(
    supervision: str, labeller: str, tmp_path: pathlib.Path
) -> None:
    own = {"labeller": labeller, "labelled_factors": 1, "supervision": supervision}
    model = TrainingRun(trial_config("few_labels", tmp_path, hyperparameters=own)).model
    labels = torch.tensor([[4, 3], [0, 1], [2, 2]])[:, : len(model.observed)]
    mean = torch.randn(3, 10, generator=torch.Generator().manual_seed(0))
    found = model.supervised(mean, labels)
    if supervision == "xent":
        sizes = torch.tensor([5.0, 5.0] if labeller == "binned" else [[32.0, 10.0][model.observed[0]]])
        p = torch.sigmoid(mean[:, : len(sizes)])
        target = labels / sizes
        expected = -(target * p.log() + (1 - target) * (1 - p).log()).sum()
        torch.testing.assert_close(found, expected)
    assert torch.isfinite(found)


def test_more_factors_than_there_are_cannot_be_labelled() -> None:
    kind = trainables.get("few_labels").Hyperparameters
    info = core.data.describe(QUICK)
    assert "labelled_factors is 3, but 'dsprites.quick' has 2 factors" in str(
        kind(labeller="partial", labelled_factors=3).refuse(info)
    )
    assert kind(labelled_factors=3, num_annotated=100).refuse(info) is None
