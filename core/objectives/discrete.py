"""Terms of models with a categorical code: CascadeVAE's assignment, JointVAE's relaxed samples."""

import math

import numpy as np
import torch
from torch import Tensor

from core.noise import Generator, uniform

TINY = 1e-12


def balanced_assignment(costs: np.ndarray, penalty: float) -> np.ndarray:
    """Categories (B,) that minimise Σ_i u[i, d_i] + λ′ Σ_c n_c (n_c − 1) / 2 (Jeong & Song 2019, eq. 7).

    n_c counts the images of category c. The pairwise penalty is convex in n_c, so that every category may be taken as
    B slots of which slot t costs λ′ t: the minimum over slots is the minimum over categories, and a linear assignment
    finds it.

    Args:
        costs: u (B, S), the cost of every image under every category.
        penalty: λ′ ≥ 0, the cost of a pair of images with the same category.
    """
    from scipy.optimize import linear_sum_assignment

    batch, categories = costs.shape
    slots = costs.astype(np.float64)[:, :, None] + penalty * np.arange(batch)
    _, chosen = linear_sum_assignment(slots.reshape(batch, categories * batch))
    return np.asarray(chosen // batch, dtype=np.int64)


def gumbel_softmax(log_probabilities: Tensor, temperature: float, generator: Generator = None) -> Tensor:
    """A relaxed one-hot sample softmax((log α + g) / τ), g = −log(−log U), of log α (B, S) (Jang et al. 2017)."""
    drawn = uniform(log_probabilities.shape, generator, log_probabilities)
    gumbel = -torch.log(-torch.log(drawn + TINY) + TINY)
    return torch.softmax((log_probabilities + gumbel) / temperature, dim=-1)


def categorical_kl(log_probabilities: Tensor) -> Tensor:
    """KL(Cat(α) ‖ uniform) = log S + Σ α log α in nats, over the last dimension of log α (…, S) (Dupont 2018)."""
    return math.log(log_probabilities.shape[-1]) + (log_probabilities.exp() * log_probabilities).sum(-1)
