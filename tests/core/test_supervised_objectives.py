"""The losses between codes and labels, against their formulas written out."""

import math

import pytest
import torch

from core import objectives

MEAN = torch.tensor([[0.5, -1.0, 9.0], [2.0, 0.0, -9.0]], dtype=torch.float64)
FACTORS = torch.tensor([[1, 0], [2, 3]])


def test_cross_entropy_with_scaled_labels() -> None:
    sizes = torch.tensor([3.0, 4.0], dtype=torch.float64)
    expected = 0.0
    for row, labels in zip(MEAN.tolist(), FACTORS.tolist(), strict=True):
        for value, label, size in zip(row[:2], labels, (3, 4), strict=True):
            p, target = 1 / (1 + math.exp(-value)), label / size
            expected -= target * math.log(p) + (1 - target) * math.log(1 - p)
    assert float(objectives.cross_entropy_loss(MEAN, FACTORS, sizes)) == pytest.approx(expected)


def test_squares_with_a_scale_pair_each_image_with_its_own_label() -> None:
    expected = (2 * 0.5 - 1) ** 2 + (-2.0 - 0) ** 2 + (4.0 - 2) ** 2 + (0.0 - 3) ** 2
    assert float(objectives.scaled_square_loss(MEAN, FACTORS, torch.tensor(2.0))) == pytest.approx(expected)


def test_covariances_of_other_pairs_alone() -> None:
    """Deviations ±(0.75, 0.5, −9) and ±(0.5, 1.5), divided by B = 2 after summing two equal products."""
    products = {(0, 1): 0.75 * 1.5, (1, 0): 0.5 * 0.5, (2, 0): 9 * 0.5, (2, 1): 9 * 1.5}
    expected = sum(value**2 for value in products.values())
    assert float(objectives.cross_covariance_loss(MEAN, FACTORS)) == pytest.approx(expected)


def test_embeddings_are_a_softmax_over_distances() -> None:
    embeddings = [torch.tensor([0.0, 1.0, 2.0]), torch.tensor([-1.0, 0.0, 1.0, 2.0])]
    expected = 0.0
    for row, labels in zip(MEAN.tolist(), FACTORS.tolist(), strict=True):
        for value, label, places in zip(row[:2], labels, embeddings, strict=True):
            weights = [math.exp(-((0.5 * (value - place)) ** 2)) for place in places.tolist()]
            expected -= math.log(weights[label] / sum(weights)) / 2
    assert float(objectives.embedding_loss(MEAN.float(), FACTORS, embeddings, 0.5)) == pytest.approx(expected)
