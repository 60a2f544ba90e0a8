"""Densities of diagonal Gaussian posteriors at their own samples, for the terms of the KL decomposition.

KL(q(z|x) ‖ p(z)), averaged over x, is mutual information + total correlation + dimension-wise KL
(Chen et al. 2018, eq. 2).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
LOG_2_PI = float(np.log(2 * np.pi))


@dataclass(frozen=True)
class Densities:
    """Log densities in nats at S samples z (S, D) of `count` posteriors.

    `conditional` (S,) is log q(z|x), `joint` (S,) log Σ_i q(z|x_i) and `marginals` (S, D) log Σ_i q(z_l|x_i),
    the sums over all posteriors and not yet divided by anything; `prior` (S,) is log N(z; 0, I).
    """

    conditional: Floats
    joint: Floats
    marginals: Floats
    prior: Floats
    count: int


def draw_sample(mean: NDArray[Any], log_variance: NDArray[Any], rng: np.random.Generator) -> Floats:
    """One z (N, D) from each posterior."""
    return mean + np.exp(0.5 * log_variance.astype(np.float64)) * rng.standard_normal(mean.shape)


def sample_densities(
    mean: NDArray[Any], log_variance: NDArray[Any], z: NDArray[Any], samples: int | None = None
) -> Densities:
    """Densities at the first `samples` rows of z (N, D), z[i] a sample of posterior i of mean (N, D)."""
    mean, log_variance, z = (np.asarray(array, dtype=np.float64) for array in (mean, log_variance, z))
    count, dims = mean.shape
    samples = count if samples is None else min(samples, count)
    precision = np.exp(-log_variance)
    joint, marginals = np.empty(samples), np.empty((samples, dims))
    step = max(1, 2_000_000 // count)
    for start in range(0, samples, step):
        block = slice(start, min(start + step, samples))
        total = np.zeros((block.stop - start, count))
        for dim in range(dims):
            distance = (z[block, dim, None] - mean[:, dim]) ** 2
            single = -0.5 * (distance * precision[:, dim] + log_variance[:, dim] + LOG_2_PI)
            marginals[block, dim] = log_sum_exp(single)
            total += single
        joint[block] = log_sum_exp(total)
    own = slice(0, samples)
    terms = (z[own] - mean[own]) ** 2 * precision[own] + log_variance[own] + LOG_2_PI
    return Densities(
        conditional=-0.5 * terms.sum(axis=1),
        joint=joint,
        marginals=marginals,
        prior=-0.5 * (z[own] ** 2 + LOG_2_PI).sum(axis=1),
        count=count,
    )


def log_sum_exp(values: Floats) -> Floats:
    """log Σ exp over the last axis, shifted by the maximum: without the shift 10 dimensions underflow."""
    top = values.max(axis=-1)
    return top + np.log(np.exp(values - top[..., None]).sum(axis=-1))
