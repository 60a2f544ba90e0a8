"""Exact identities of the terms with a categorical code, and of DIP-VAE's covariance."""

import itertools
import math

import numpy as np
import pytest
import torch

from core import objectives


def brute_force(costs: np.ndarray, penalty: float) -> float:
    """The least u + λ′ Σ n (n − 1) / 2 over all S^B assignments."""
    batch, categories = costs.shape
    return min(value(costs, np.array(chosen), penalty) for chosen in itertools.product(range(categories), repeat=batch))


def value(costs: np.ndarray, chosen: np.ndarray, penalty: float) -> float:
    counts = np.bincount(chosen, minlength=costs.shape[1])
    return float(costs[np.arange(len(costs)), chosen].sum() + penalty * (counts * (counts - 1) / 2).sum())


@pytest.mark.parametrize("penalty", [0.0, 1e-3, 0.3, 5.0])
@pytest.mark.parametrize("seed", range(3))
def test_the_assignment_is_the_optimum_of_all(penalty: float, seed: int) -> None:
    costs = np.random.default_rng(seed).normal(size=(6, 3))
    chosen = objectives.balanced_assignment(costs, penalty)
    assert value(costs, chosen, penalty) == pytest.approx(brute_force(costs, penalty), abs=1e-12)


def test_a_large_penalty_fills_the_categories_evenly() -> None:
    costs = np.random.default_rng(0).normal(size=(64, 3))
    counts = np.bincount(objectives.balanced_assignment(costs, 5.0), minlength=3)
    assert sorted(counts) == [21, 21, 22]


def test_without_a_penalty_every_image_takes_its_best() -> None:
    costs = np.random.default_rng(1).normal(size=(20, 4)).astype(np.float32)
    np.testing.assert_array_equal(objectives.balanced_assignment(costs, 0.0), costs.argmin(1))


def test_the_categorical_kl_is_zero_when_uniform_and_log_n_when_certain() -> None:
    uniform, certain = torch.zeros(2, 5), torch.tensor([[0.0, -1e4, -1e4]])
    torch.testing.assert_close(objectives.categorical_kl(uniform.log_softmax(-1)), torch.zeros(2), atol=1e-6, rtol=0)
    assert float(objectives.categorical_kl(certain.log_softmax(-1))) == pytest.approx(math.log(3))


def test_relaxed_samples_follow_the_probabilities() -> None:
    probabilities = torch.tensor([0.2, 0.5, 0.3])
    generator = torch.Generator().manual_seed(0)
    samples = objectives.gumbel_softmax(probabilities.log().expand(20_000, 3), 0.67, generator)
    torch.testing.assert_close(samples.sum(1), torch.ones(20_000))
    shares = torch.bincount(samples.argmax(1), minlength=3) / 20_000
    torch.testing.assert_close(shares, probabilities, atol=0.015, rtol=0)


def test_the_second_covariance_is_that_of_sampled_codes() -> None:
    generator = torch.Generator().manual_seed(0)
    mean = torch.randn(50, 4, generator=generator, dtype=torch.float64) @ torch.randn(4, 4, dtype=torch.float64)
    log_variance = torch.randn(50, 4, generator=generator, dtype=torch.float64) - 1
    repeated = objectives.reparameterise(mean.repeat(8000, 1), log_variance.repeat(8000, 1), generator)
    sampled = torch.cov(repeated.T, correction=0)
    covariance = objectives.code_covariance(mean, log_variance, "ii")
    torch.testing.assert_close(covariance, sampled, atol=0.05, rtol=0.02)
    only_means = objectives.code_covariance(mean, log_variance, "i")
    torch.testing.assert_close(only_means, torch.cov(mean.T, correction=0))


def test_the_penalty_of_the_identity_is_zero_and_counts_every_entry() -> None:
    between, variances = objectives.identity_penalty(torch.tensor([[2.0, 0.5, 0.0], [0.5, 1.0, 0.0], [0.0, 0.0, 4.0]]))
    assert (float(between), float(variances)) == (0.5, 10.0)
    assert [float(part) for part in objectives.identity_penalty(torch.eye(3))] == [0.0, 0.0]
