"""Terms of variational autoencoders with Gaussian posteriors."""

import math

import torch
from torch import Tensor
from torch.nn import functional

from core.noise import Generator, normal


def bernoulli_reconstruction(logits: Tensor, images: Tensor) -> Tensor:
    """−E log p(x|z), in nats per image: binary cross-entropy summed over pixels, averaged over the batch.

    Args:
        logits: (B, C, H, W), before the sigmoid.
        images: (B, C, H, W) in [0, 1]; for grey values the floor is the entropy of the image, not 0.
    """
    return functional.binary_cross_entropy_with_logits(logits, images, reduction="sum") / len(images)


def gaussian_kl(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(μ, diag σ²) ‖ N(0, I)) of every dimension, in nats: (B, D) and (B, D) to (B, D)."""
    return 0.5 * (mean.square() + log_variance.exp() - log_variance - 1.0)


def reparameterise(mean: Tensor, log_variance: Tensor, generator: Generator = None) -> Tensor:
    """A sample z = μ + σ ε of the posterior, (B, D)."""
    return torch.addcmul(mean, torch.exp(0.5 * log_variance), normal(mean.shape, generator, mean))


def gaussian_log_density(value: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    """Elementwise log N(value; mean, exp(log_variance)), broadcasting; finite where a variance is nearly 0."""
    squared = ((value - mean) * torch.exp(-0.5 * log_variance)).square()
    return -0.5 * (squared + log_variance + math.log(2.0 * math.pi))


def gaussian_total_correlation(codes: Tensor) -> Tensor:
    """Total correlation of the Gaussian with the covariance of `codes` (N, D): ½ (Σ log C_jj − log det C), in nats."""
    covariance = torch.cov(codes.T.double())
    return 0.5 * (covariance.diagonal().log().sum() - torch.logdet(covariance))
