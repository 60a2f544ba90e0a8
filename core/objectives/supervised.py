"""Losses between posterior means and known factors (Locatello et al. 2020, appendix; disentanglement_lib).

Factor k belongs to dimension k. Like their source they are summed over the labelled batch (`embedding_loss`: averaged),
so that γ_sup keeps its meaning.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional


def cross_entropy_loss(mean: Tensor, factors: Tensor, sizes: Tensor) -> Tensor:
    """Σ BCE(sigmoid(μ_k), y_k / v_k) of means (B, D) and classes (B, K), with v (K,) classes per factor.

    The target y_k / v_k never reaches 1, as in the source.
    """
    target = factors / sizes
    return functional.binary_cross_entropy_with_logits(mean[:, : target.shape[1]], target, reduction="sum")


def scaled_square_loss(mean: Tensor, factors: Tensor, scale: Tensor) -> Tensor:
    """Σ (b μ_k − y_k)² of means (B, D) and classes (B, K), with a learned scale b ()."""
    return (scale * mean[:, : factors.shape[1]] - factors).square().sum()


def cross_covariance_loss(mean: Tensor, factors: Tensor) -> Tensor:
    """Σ_{j≠k} Cov(μ_j, y_k)² over the batch (divided by B), of means (B, D) and classes (B, K)."""
    labels = factors.to(mean.dtype)
    covariance = (mean - mean.mean(0)).T @ (labels - labels.mean(0)) / len(mean)
    return covariance.square().sum() - covariance.diagonal().square().sum()


def embedding_loss(mean: Tensor, factors: Tensor, embeddings: Sequence[Tensor], sigma: float) -> Tensor:
    """Σ_k mean_B CE of softmax_v(−σ² (μ_k − e_kv)²) with learned values e_k (v_k,) of factor k."""
    losses = [
        functional.cross_entropy(-(sigma * (mean[:, k, None] - values)).square(), factors[:, k])
        for k, values in enumerate(embeddings)
    ]
    return torch.stack(losses).sum()
