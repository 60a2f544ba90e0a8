import numpy as np
import pytest

import core.metrics
from core.metrics import MetricError
from studies.testing.representations import GridDataset, pool, rotated


def mig(codes, factors, **options):
    return core.metrics.compute("mig", codes=codes, factors=factors, **options)["mig"]


def plain_information(codes, factors, bins=20):
    """Bin by bin and class by class, as the definition reads."""
    information = np.zeros((codes.shape[1], factors.shape[1]))
    entropies = np.zeros(factors.shape[1])
    for k in range(factors.shape[1]):
        classes = factors[:, k]
        entropies[k] = -sum(p * np.log(p) for p in (np.mean(classes == value) for value in np.unique(classes)))
        for j in range(codes.shape[1]):
            binned = np.digitize(codes[:, j], np.histogram(codes[:, j], bins)[1][:-1])
            for value in np.unique(classes):
                for b in np.unique(binned):
                    joint = np.mean((classes == value) & (binned == b))
                    if joint > 0:
                        independent = np.mean(classes == value) * np.mean(binned == b)
                        information[j, k] += joint * np.log(joint / independent)
    return information, entropies


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("protocol", ["histogram", "dlib"])
def test_equals_the_literal_construction(dtype, protocol):
    factors = pool(count=600)
    rng = np.random.default_rng(1)
    codes = (factors[:, [0, 1, 1, 3]] + rng.normal(size=(600, 4))).astype(dtype)
    information, entropies = plain_information(codes, factors)
    ordered = np.sort(information, axis=0)
    expected = np.mean((ordered[-1] - ordered[-2]) / entropies)
    assert mig(codes, factors, protocol=protocol) == pytest.approx(expected, abs=1e-12)


def test_perfect_and_permuted_codes_reach_one():
    factors = pool(count=10_000)
    assert mig(factors.astype(float), factors) > 0.98
    assert mig(-2.0 * factors[:, [2, 0, 3, 1]], factors) > 0.98


def test_redundant_codes_have_no_gap():
    factors = pool()
    assert mig(np.hstack([factors, factors]).astype(float), factors) == 0.0


def test_rotated_and_random_codes_are_near_zero():
    factors = pool((8, 8, 8, 8))
    assert mig(rotated(factors.astype(float)), factors) < 0.05
    assert mig(np.random.default_rng(0).normal(size=(3000, 6)), factors) < 0.02


def test_dead_dimensions_and_one_class_factors_change_nothing():
    factors = pool()
    codes = factors + np.random.default_rng(0).normal(size=factors.shape) * 0.3
    dead = np.hstack([codes, np.full((3000, 1), 0.3), np.zeros((3000, 2))])
    assert mig(dead, factors) == pytest.approx(mig(codes, factors), abs=1e-12)
    constant = np.hstack([factors, np.ones((3000, 1), dtype=int)])
    assert mig(codes, constant) == mig(codes, factors)


def test_rounding_noise_of_float32_is_a_dead_dimension():
    factors = pool()
    noise = np.float32(0.3) + np.random.default_rng(1).integers(0, 3, size=(3000, 1)).astype(np.float32) * 3e-8
    codes = np.hstack([factors.astype(np.float32), noise.astype(np.float32)])
    assert mig(codes, factors) > 0.95


def test_a_single_dimension_is_compared_with_a_dead_one():
    factors = pool((4,), count=10_000)
    assert mig(factors.astype(float), factors) == pytest.approx(1.0)


def test_the_density_estimator_leaves_shape_out_and_agrees_on_sharp_posteriors():
    dataset = GridDataset()
    factors = dataset.factors(np.arange(len(dataset)))
    mean = np.hstack([factors.astype(float), np.zeros((len(factors), 1))])
    log_variance = np.full(mean.shape, np.log(1e-3))
    log_variance[:, 4] = 0.0
    posterior = {"posterior_mean": mean, "posterior_log_variance": log_variance, "factors": factors}
    value = core.metrics.compute("mig", protocol="btc", dataset=dataset, **posterior)["mig"]
    assert value == pytest.approx(1.0, abs=1e-3)
    blurred = posterior | {"posterior_log_variance": np.zeros_like(mean)}
    assert core.metrics.compute("mig", protocol="btc", **blurred)["mig"] < 0.5


def test_every_factor_constant_is_refused():
    with pytest.raises(MetricError, match="one class only"):
        mig(np.random.default_rng(0).normal(size=(50, 2)), np.zeros((50, 3), dtype=int))


def test_the_standard_error_is_that_of_fresh_samples():
    def sample(seed):
        factors = pool((4, 4), count=500, seed=seed)
        return factors + np.random.default_rng(seed + 1000).normal(size=factors.shape), factors

    fresh = np.std([mig(*sample(seed)) for seed in range(40)], ddof=1)
    codes, factors = sample(0)
    found = core.metrics.compute("mig", codes=codes, factors=factors, standard_error=True)["mig_se"]
    assert 0.5 < found / fresh < 2.0
