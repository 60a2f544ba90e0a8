"""A smooth function seen with noise: the library's own processes say the same."""

import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

from analysis.statistics.gaussian_process import LEAST, Process, kernels, posterior


def seen(unknown: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Places (20, 2), values (20,) with a mean of 0 and a deviation of 1, variances (20,)."""
    rng = np.random.default_rng(0)
    at = rng.random((20, 2))
    values = np.sin(4 * at[:, 0]) + 0.3 * rng.standard_normal(20)
    return at, (values - values.mean()) / values.std(), np.full(20, np.nan) if unknown else rng.uniform(0.05, 0.2, 20)


@pytest.mark.parametrize("unknown", [True, False])
def test_a_process_is_the_one_of_the_library(unknown: bool) -> None:
    at, values, noise = seen(unknown)
    candidates = kernels(at, values, noise)
    likelihoods, offsets = [], []
    for each in candidates:
        signal = ConstantKernel(np.exp(each[0])) * Matern(np.exp(each[1:3]), nu=2.5)
        kernel = signal + WhiteKernel(np.exp(each[3])) if unknown else signal
        judge = GaussianProcessRegressor(kernel, alpha=LEAST if unknown else noise, optimizer=None).fit(at, values)
        process = Process(each, at, values, noise)
        likelihoods.append(process.likelihood())
        offsets.append(judge.log_marginal_likelihood_value_ - likelihoods[-1])
        smooth = GaussianProcessRegressor(signal, alpha=process.noise, optimizer=None).fit(at, values)
        mean, deviation = smooth.predict(at, return_std=True)
        np.testing.assert_allclose(process.posterior(), [mean, deviation**2], rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(offsets, -10 * np.log(2 * np.pi))  # the constant that is left out
    assert np.argmax(likelihoods) == 0  # no other is more likely than the one that was looked for


def test_the_posterior_follows_units_and_the_order_of_places() -> None:
    at, values, noise = seen(unknown=False)
    mean, deviation, variance = posterior(at, values, noise)
    moved = posterior(at, 5 + 3 * values, 9 * noise)
    np.testing.assert_allclose(moved, [5 + 3 * mean, 3 * deviation, 9 * variance])
    np.testing.assert_allclose(variance, noise)
    turned = posterior(at[::-1], values[::-1], noise[::-1])
    np.testing.assert_allclose(turned[0][::-1], mean, atol=1e-5)
