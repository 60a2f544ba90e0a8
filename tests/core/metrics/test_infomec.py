import math

import numpy as np
import pytest
from scipy import optimize

import core.metrics
from studies.testing.representations import pool, rotated
from tests.core.metrics.test_mig import plain_information


def infomec(codes, factors, **options):
    values = core.metrics.compute("infomec", codes=np.asarray(codes), factors=factors, **options)
    return [values[key] for key in ("info_m", "info_e", "info_c")]


def noisy(count=600, seed=1):
    factors = pool((3, 4, 2), count)
    codes = factors[:, [0, 1, 1, 2]] + np.random.default_rng(seed).normal(size=(count, 4))
    codes[:, 3] += 0.7 * factors[:, 0]
    return codes, factors


def preferences(shares):
    """InfoM of rows of dimensions, written out."""
    rows = [max(row) / sum(row) for row in shares]
    chance = 1 / len(shares[0])
    return (sum(rows) / len(rows) - chance) / (1 - chance)


def balanced_cross_entropy(inputs, labels):
    """Of the unpenalised regression whose classes weigh the same, found by another optimiser."""
    classes = np.unique(labels)
    truth = (labels[:, None] == classes).astype(float)
    weights = truth @ (len(labels) / (len(classes) * truth.sum(0)))
    padded = np.hstack([inputs, np.ones((len(inputs), 1))])

    def negative(flat):
        logits = padded @ flat.reshape(padded.shape[1], len(classes))
        logits = logits - logits.max(1, keepdims=True)
        logs = logits - np.log(np.exp(logits).sum(1, keepdims=True))
        slope = padded.T @ (weights[:, None] * (np.exp(logs) - truth))
        return -(weights[:, None] * truth * logs).sum(), slope.ravel()

    found = optimize.minimize(negative, np.zeros(padded.shape[1] * len(classes)), jac=True, method="BFGS")
    logits = padded @ found.x.reshape(padded.shape[1], len(classes))
    logs = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    return -(truth * logs).sum() / len(labels)


def test_equals_the_literal_construction_in_bins():
    codes, factors = noisy()
    information, entropies = plain_information(codes, factors)
    shares = [[value / entropy for value, entropy in zip(row, entropies, strict=True)] for row in information]
    m, e, c = infomec(codes, factors, protocol="histogram")
    assert m == pytest.approx(preferences(shares), abs=1e-12)
    assert c == pytest.approx(preferences(list(zip(*shares, strict=True))), abs=1e-12)
    standardised = (codes - codes.mean(0)) / codes.std(0)
    explained = [1 - balanced_cross_entropy(standardised, column) / math.log(column.max() + 1) for column in factors.T]
    assert e == pytest.approx(np.mean(explained), abs=1e-4)


def test_values_of_a_quantised_code_are_classes_whatever_they_are():
    """That is, also for the regression: an order of values which no line follows is as explicit."""
    factors = pool((3, 4, 2), 3000)
    order = np.array([0.3, -0.5, 0.1, 0.4])
    assert infomec(order[factors], factors) == pytest.approx([1, 1, 1], abs=0.01)
    squared = np.stack([factors[:, 0] % 2, factors[:, 1] // 2, factors[:, 2]], 1).astype(float)
    information, entropies = plain_information(squared, factors)
    shares = [[value / entropy for value, entropy in zip(row, entropies, strict=True)] for row in information]
    assert infomec(squared, factors)[0] == pytest.approx(preferences(shares), abs=1e-12)


def test_nearest_neighbours_find_the_information_of_gaussians():
    """Of a binary factor and its value ± 1 in unit noise it is 0.3368 nats, by quadrature."""
    factors = pool((2, 2), 8000)
    codes = 2.0 * factors - 1 + np.random.default_rng(0).normal(size=(8000, 2))
    grid = np.linspace(-9, 9, 20_001)
    each = [np.exp(-0.5 * (grid - mean) ** 2) / math.sqrt(2 * math.pi) for mean in (-1, 1)]
    mixture = (each[0] + each[1]) / 2
    truth = np.trapezoid((each[0] * np.log(each[0] / mixture)), grid)
    assert truth == pytest.approx(0.3368, abs=1e-3)
    from core.metrics.measures.infomec import _nearest_neighbours

    found = _nearest_neighbours(codes, factors, 10, seed=0)
    np.testing.assert_allclose(found, [[truth, 0], [0, truth]], atol=0.02)


def test_mixed_and_split_codes_lose_what_they_should():
    factors = pool((8, 8, 8), 4000)
    clean = factors + 0.01 * np.random.default_rng(0).normal(size=factors.shape)
    modular, explicit, compact = infomec(clean, factors)
    assert min(modular, explicit, compact) > 0.9
    split = infomec(np.hstack([clean, clean]), factors)
    assert split[0] > 0.9  # each dimension still tells of one factor
    assert split[2] == pytest.approx((1 / 2 - 1 / 6) / (1 - 1 / 6), abs=0.05)
    mixed = infomec(rotated(clean[:, :2]), factors[:, :2])
    assert mixed[0] < 0.2
    noise = infomec(np.random.default_rng(1).normal(size=(4000, 3)), factors)
    assert abs(noise[1]) < 0.02


def test_dimensions_of_little_range_are_pruned():
    codes, factors = noisy(2000)
    narrow = np.hstack([codes, 0.02 * np.random.default_rng(2).normal(size=(2000, 2)), np.ones((2000, 1))])
    for protocol in ("hsu", "histogram"):
        plain, pruned = (infomec(each, factors, protocol=protocol) for each in (codes, narrow))
        assert (pruned[0], pruned[2]) == pytest.approx((plain[0], plain[2]), abs=1e-6)


def test_one_factor_or_one_dimension_cannot_be_confused_and_dead_codes_say_nothing():
    codes, factors = noisy()
    assert infomec(codes, factors[:, :1])[0] == 1.0
    assert infomec(codes[:, :1], factors)[2] == 1.0
    assert infomec(np.full((600, 3), 0.2), factors) == [0.0, 0.0, 0.0]
