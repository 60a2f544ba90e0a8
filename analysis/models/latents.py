"""What the dimensions of a trained model stand for: votes, activity, their order, and what they decode to."""

import dataclasses
from typing import Any

import numpy as np

from core.data import FactorDataset

IMAGES = 2_000  # looked at; a thousand votes over more changes no row's factor


@dataclasses.dataclass(frozen=True)
class Dimensions:
    """The continuous dimensions of a code.

    Attributes:
        votes: (D, K) votes of the FactorVAE score, or None without ground-truth factors.
        factors: names of the K factors.
        kl: mean KL divergence (D,) in nats, or None without a Gaussian posterior.
        spread: standard deviation (D,) of the codes over images.
        base: the code (D + categories,) of the image nearest to the mean code.
    """

    votes: np.ndarray | None
    factors: tuple[str, ...]
    kl: np.ndarray | None
    spread: np.ndarray
    base: np.ndarray

    @property
    def factor_of(self) -> np.ndarray:
        """Factor (D,) that the majority of a dimension's votes names, −1 for a dimension without votes."""
        from core.metrics.measures.factor_vae_score import assignment

        return np.full(len(self.spread), -1) if self.votes is None else assignment(self.votes)

    @property
    def order(self) -> np.ndarray:
        """Dimensions (D,) by factor, the most active first within one; those without a factor last."""
        activity = self.spread if self.kl is None else self.kl
        factor = np.where(self.factor_of < 0, len(self.factors), self.factor_of)
        return np.lexsort((-activity, factor))

    def label(self, dimension: int) -> str:
        """`z3 shape 62 % 1.4 nats`, as far as it is known."""
        parts = [f"$z_{{{dimension + 1}}}$"]
        if self.votes is not None and self.factor_of[dimension] >= 0:
            row = self.votes[dimension]
            parts.append(f"{self.factors[self.factor_of[dimension]]} {row.max() / row.sum():.0%}")
        if self.kl is not None:
            parts.append(f"{self.kl[dimension]:.2f} nats")
        return "  ".join(parts)


def describe(model: Any, dataset: FactorDataset, images: int = IMAGES) -> Dimensions:
    """Look at a model's dimensions over a fixed sample of images; needs the data set, and takes seconds."""
    from core.data.split import pool
    from core.metrics.measures.factor_vae_score import vote_matrix

    indices = pool(dataset)
    indices = indices[:: max(1, len(indices) // images)][:images]
    pictures = dataset.images(indices)
    continuous, log_variance = posterior(model, pictures)
    codes = model.encode(pictures) if model.categories else continuous
    inputs: dict[str, Any] = {}
    kl = None
    if log_variance is not None:
        inputs = {"posterior_mean": continuous, "posterior_log_variance": log_variance}
        kl = divergence(continuous, log_variance)
    votes = None
    if dataset.has_factors:
        votes = vote_matrix(protocol="fast", codes=continuous, factors=dataset.factors(indices), **inputs)
    base = codes[np.argmin(np.square(continuous - continuous.mean(0)).sum(1))]
    return Dimensions(votes, tuple(dataset.factor_names) if dataset.has_factors else (), kl, continuous.std(0), base)


def posterior(model: Any, images: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Continuous codes (N, D) of images (N, C, H, W) uint8, and their log variances, or None without a posterior."""
    import torch

    if "posterior" not in model.serves:
        codes = model.encode(images)
        return codes[:, : codes.shape[1] - sum(model.categories)], None
    both = model.map_images(images, lambda part: torch.stack(model.posterior(part), 1))
    return both[:, 0], both[:, 1]


def divergence(mean: np.ndarray, log_variance: np.ndarray) -> np.ndarray:
    """Mean KL divergence (D,) in nats from N(0, 1) of posteriors with means and log variances (N, D)."""
    nats: np.ndarray = 0.5 * (np.square(mean) + np.exp(log_variance) - log_variance - 1.0).mean(0)
    return nats


def traversal(model: Any, dimensions: Dimensions, values: np.ndarray, most: int = 12) -> np.ndarray:
    """Images (categories, dimensions, values, C, H, W) uint8 in the order of `Dimensions.order`, `most` at most."""
    from core.images import to_uint8

    return to_uint8(model.traverse(dimensions.base, dimensions.order[:most].tolist(), values))
