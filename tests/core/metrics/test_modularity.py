import numpy as np
import pytest

import core.metrics
from core.metrics import MetricError
from studies.testing.representations import pool, rotated
from tests.core.metrics.test_mig import plain_information


def modularity(codes, factors, **options):
    return core.metrics.compute("modularity", codes=codes, factors=factors, **options)["modularity"]


def test_equals_the_literal_construction_with_dead_dimensions_as_zero():
    factors = pool(count=500)
    codes = factors[:, [0, 1, 1, 3]] + np.random.default_rng(1).normal(size=(500, 4))
    codes = np.hstack([codes, np.full((500, 1), 2.5)])
    information, _ = plain_information(codes, factors)
    scores = []
    for row in information:
        best = max(row) ** 2
        others = sum(value**2 for value in row) - best
        scores.append(1 - others / (best * (factors.shape[1] - 1)) if best > 1e-20 else 0.0)
    assert modularity(codes, factors, protocol="dlib") == pytest.approx(np.mean(scores), abs=1e-12)
    assert modularity(codes, factors) == pytest.approx(np.mean(scores[:4]), abs=1e-12)


def test_perfect_permuted_and_redundant_codes_are_modular():
    factors = pool(count=10_000)
    assert modularity(factors[:, [3, 1, 0, 2]].astype(float), factors) > 0.999
    assert modularity(np.hstack([factors, factors]).astype(float), factors) > 0.999


def test_rotated_codes_are_not():
    factors = pool((8, 8, 8, 8), count=10_000)
    assert modularity(rotated(factors.astype(float)), factors) == pytest.approx(2 / 3, abs=0.03)


def test_dead_dimensions_count_zero_in_dlib_only():
    factors = pool()
    codes = np.hstack([factors, np.zeros((3000, 4))])
    assert modularity(codes, factors) > 0.99
    assert modularity(codes, factors, protocol="dlib") == pytest.approx(0.5, abs=0.01)


def test_one_factor_alone_is_refused():
    with pytest.raises(MetricError, match="only one varies"):
        modularity(np.random.default_rng(0).normal(size=(50, 2)), pool((4, 1), 50))
