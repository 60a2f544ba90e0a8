import warnings

import numpy as np
import pytest

import core.metrics
from core.metrics.hinge import fit
from studies.testing.representations import pool, rotated

CEILINGS = {
    (3, 3, 3): 0.654,
    (3, 3, 3, 5): 0.594,
    (3, 3, 3, 5, 8): 0.517,
    (10, 4): 0.460,
    (10, 4, 3): 0.535,
    (10, 4, 3, 10, 10): 0.393,
    (10, 10, 10): 0.193,
    (3, 6, 40, 32, 32): 0.233,
    (10, 10, 10, 8, 4, 15): 0.280,
}


def sap(codes, factors, **options):
    return core.metrics.compute("sap", codes=codes, factors=factors, **options)


@pytest.mark.parametrize("sizes", CEILINGS)
def test_ceilings_of_perfect_integer_codes(sizes):
    factors = pool(sizes, count=15_000)
    values = sap(factors.astype(float), factors)
    # Of five or six values the second class from either end is won or lost by the sample's class counts.
    undecided = np.mean([2 / size if size in (5, 6) else 0.0 for size in sizes])
    assert CEILINGS[sizes] - 0.03 < values["sap_svc"] < CEILINGS[sizes] + 0.03 + undecided
    assert values["sap_svc"] <= np.mean([1 - 1 / size for size in sizes])
    assert values["sap_r2"] == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("sizes", [(3, 6, 10), (2, 5)])
def test_classifiers_are_those_of_liblinear(sizes):
    from sklearn.svm import LinearSVC

    factors = pool(sizes, count=1500)
    rng = np.random.default_rng(1)
    codes = np.hstack([factors * [1.0, -0.1, 30.0][: len(sizes)], np.zeros((1500, 1))])
    codes[:, :-1] += rng.normal(size=factors.shape) * codes[:, :-1].std(axis=0)
    for k, lines in enumerate(fit(codes[:1000], factors[:1000], 0.01)):
        ours = lines.accuracy(codes[1000:], factors[1000:, k])
        for j in range(codes.shape[1]):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model = LinearSVC(C=0.01, class_weight="balanced", random_state=0, tol=1e-8, max_iter=20_000)
                model.fit(codes[:1000, [j]], factors[:1000, k])
            assert lines.slopes[j] == pytest.approx(model.coef_[:, 0], abs=1e-4)
            assert lines.intercepts[j] == pytest.approx(model.intercept_, abs=1e-4)
            # In a dead dimension classes of equal size tie, and rounding decides.
            if codes[:, j].any():
                assert ours[j] == pytest.approx(model.score(codes[1000:, [j]], factors[1000:, k]), abs=2e-3)


def test_redundant_codes_have_no_gap_and_rotated_ones_hardly_any():
    factors = pool()
    doubled = np.hstack([factors, factors]).astype(float)
    assert sap(doubled, factors) == {"sap_svc": 0.0, "sap_r2": 0.0}
    assert sap(rotated(pool((8, 8)).astype(float)), pool((8, 8)))["sap_r2"] < 0.05


def test_the_correlation_alone_is_the_same_without_a_classifier(monkeypatch):
    factors = pool()
    codes = factors + np.random.default_rng(1).normal(size=factors.shape)
    both = sap(codes, factors)
    monkeypatch.setattr("core.metrics.measures.sap.fit", None)
    assert sap(codes, factors, protocol="r2") == {"sap_r2": both["sap_r2"]}


def test_standardised_classifiers_do_not_see_the_scale():
    factors = pool()
    codes = factors + np.random.default_rng(1).normal(size=factors.shape)
    scaled = codes * np.array([1e-3, 1.0, 50.0, 7.0])
    options = {"protocol": "standardised"}
    assert sap(scaled, factors, **options)["sap_svc"] == sap(codes, factors, **options)["sap_svc"]
    assert sap(scaled, factors)["sap_svc"] != sap(codes, factors)["sap_svc"]


def test_a_given_test_part_is_used_and_a_drawn_one_follows_the_seed():
    factors = pool()
    codes = factors + np.random.default_rng(1).normal(size=factors.shape)
    test = {"test_codes": codes[2000:], "test_factors": factors[2000:]}
    first = sap(codes[:2000], factors[:2000], **test)
    assert first == sap(codes[:2000], factors[:2000], seed=9, **test)
    assert sap(codes, factors, seed=1) != sap(codes, factors, seed=2)


def test_correlation_does_not_see_the_scale():
    factors = pool()
    codes = factors + np.random.default_rng(1).normal(size=factors.shape)
    assert sap(codes * 1e-9, factors)["sap_r2"] == pytest.approx(sap(codes, factors)["sap_r2"])


def test_constant_factors_are_left_out():
    factors = pool()
    codes = factors + np.random.default_rng(1).normal(size=factors.shape)
    assert sap(codes, np.hstack([factors, np.zeros((3000, 1), dtype=int)])) == sap(codes, factors)
