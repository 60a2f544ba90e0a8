"""Explicitness and the β-VAE score: both ask a linear classifier."""

import numpy as np
import pytest

import core.metrics
from core.metrics import MetricError
from core.metrics.measures.explicitness import roc_area
from studies.testing.representations import GridDataset, encode_perfectly, pool, rotated


def explicitness(codes, factors):
    return core.metrics.compute("explicitness", codes=codes, factors=factors)["explicitness"]


def beta(**inputs):
    return core.metrics.compute("beta_vae_score", **inputs)["beta_vae_score"]


def test_roc_area_counts_pairs_and_ties_by_half():
    labels = np.array([0, 0, 1, 1])
    scores = np.array([0.1, 0.4, 0.4, 0.9])
    both = np.stack([1 - scores, scores], axis=1)
    assert roc_area(both, labels, np.array([0, 1])) == pytest.approx(3.5 / 4)
    assert np.isnan(roc_area(both, np.zeros(4, dtype=int), np.array([0, 1])))


def test_explicitness_of_linear_random_and_rotated_codes():
    factors = pool((2, 2, 2, 2), count=1500)
    assert explicitness(factors.astype(float), factors) == 1.0
    assert explicitness(rotated(factors.astype(float)), factors) == 1.0
    noise = np.random.default_rng(1).normal(size=(1500, 3))
    assert explicitness(noise, factors) == pytest.approx(0.5, abs=0.05)


def test_dead_dimensions_do_not_turn_explicitness_into_nan():
    factors = pool((2, 3), count=600)
    codes = factors + np.random.default_rng(1).normal(size=factors.shape)
    dead = np.hstack([codes, np.full((600, 2), 0.1)])
    assert explicitness(dead, factors) == pytest.approx(explicitness(codes, factors), abs=1e-3)
    assert explicitness(np.zeros((600, 2)), factors) == 0.5


def test_a_test_part_of_one_class_is_refused():
    factors = pool((2, 2), count=100)
    codes = factors.astype(float)
    with pytest.raises(MetricError, match="test part"):
        core.metrics.compute(
            "explicitness",
            codes=codes,
            factors=factors,
            test_codes=codes[:5],
            test_factors=np.zeros((5, 2), dtype=int),
        )


@pytest.mark.parametrize("protocol", ["standardised", "dlib", "fast"])
def test_beta_vae_score_of_a_perfect_encoder_is_one(protocol):
    assert beta(protocol=protocol, encode=encode_perfectly, dataset=GridDataset()) > 0.97


def test_beta_vae_score_of_a_rotated_code_stays_high_and_of_noise_is_chance():
    factors = pool((6, 6, 6, 6))
    noise = np.random.default_rng(1).normal(size=(3000, 4))
    assert beta(protocol="fast", codes=noise, factors=factors) == pytest.approx(0.25, abs=0.06)
    blurred = factors + noise * 0.2
    assert beta(protocol="fast", codes=blurred, factors=factors) > 0.99


def test_beta_vae_score_with_one_varying_factor_has_one_answer():
    assert beta(protocol="fast", codes=pool((4, 1)).astype(float), factors=pool((4, 1))) == 1.0
