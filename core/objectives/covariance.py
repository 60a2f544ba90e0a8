"""The covariance of the code, which DIP-VAE holds near the identity (Kumar et al. 2018)."""

from typing import Literal

import torch
from torch import Tensor


def code_covariance(mean: Tensor, log_variance: Tensor, kind: Literal["i", "ii"]) -> Tensor:
    """Covariance (D, D) over a batch, divided by B, of posterior means or of sampled codes.

    `i`: Cov(μ). `ii`: Cov(μ) + diag(mean σ²), which is the covariance of z ~ q(z|x) by the law of total covariance
    (Kumar et al. 2018, eq. 5).

    Args:
        mean, log_variance: the posteriors, (B, D).
        kind: DIP-VAE-I or DIP-VAE-II.
    """
    centred = mean - mean.mean(0)
    covariance = centred.T @ centred / len(mean)
    return covariance if kind == "i" else covariance + torch.diag(log_variance.exp().mean(0))


def identity_penalty(covariance: Tensor) -> tuple[Tensor, Tensor]:
    """Σ_{i≠j} C_ij² and Σ_i (C_ii − 1)² of a covariance (D, D) (Kumar et al. 2018, eqs. 6 and 7)."""
    diagonal = covariance.diagonal()
    return covariance.square().sum() - diagonal.square().sum(), (diagonal - 1.0).square().sum()
