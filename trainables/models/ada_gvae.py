"""Ada-GVAE and Ada-ML-VAE (Locatello et al. 2020): pairs of images that share factors, nobody says which.

loss = reconstruction + β KL, of both images of a pair, whose posteriors agree in the dimensions that seem to be shared.
"""

import math
from collections.abc import Sequence
from typing import ClassVar, Literal

import torch
from torch import Tensor

from core.data import DatasetInfo
from core.data.batches import Batch
from core.objectives import bernoulli_reconstruction, gaussian_kl, reparameterise
from trainables.base import Parts
from trainables.gaussian import GaussianVAE, Posterior
from trainables.hyperparameters import Hyperparameters, hyperparameter


class AdaGVAEHyperparameters(Hyperparameters):
    """β, how posteriors are averaged, and what differs in a pair."""

    beta: float = hyperparameter(
        1.0,
        "Weight of the KL.",
        symbol="β",
        source="Locatello et al. 2020, section 4",
        grid=(1, 2, 4, 6, 8, 16),
        ge=0.0,
        le=10_000.0,
    )
    averaging: Literal["gvae", "ml_vae"] = hyperparameter(
        "gvae",
        "Shared dimensions have the mean of both means and of both variances (Ada-GVAE), or the normalised product of "
        "both densities (Ada-ML-VAE).",
        symbol="a",
        source="Locatello et al. 2020, section 4; Hosoya 2019; Bouchacourt et al. 2018",
    )
    changed: int = hyperparameter(
        0,
        "Factors that are drawn anew for the second image of a pair; 0 draws for each pair how many, from 1 to all but "
        "one.",
        symbol="k",
        source="Locatello et al. 2020, section 5",
        grid=(0, 1),
        ge=0,
    )

    def refuse(self, dataset: DatasetInfo) -> str | None:
        """Pairs are made by changing some of at least two factors, and leaving one."""
        learns, count = "it learns from pairs of images that share some factors", len(dataset.factor_names)
        if not dataset.has_factors:
            return f"{learns}, and '{dataset.name}' has no factors"
        if not dataset.complete:
            return f"{learns}, and '{dataset.name}' has no image of some combinations of its factors"
        if count < 2:
            return f"{learns} and differ in others, and '{dataset.name}' has one factor only"
        if self.changed >= count:
            return f"changed is {self.changed}, but '{dataset.name}' has {count} factors, one of which a pair shares"
        return None


class AdaGVAE(GaussianVAE[AdaGVAEHyperparameters]):
    """The adaptive group VAE; one image alone is encoded as in a β-VAE."""

    name: ClassVar[str] = "ada_gvae"
    title: ClassVar[str] = "Ada-GVAE"
    Hyperparameters: ClassVar = AdaGVAEHyperparameters
    streams: ClassVar[tuple[str, ...]] = ("all", "pairs")
    stackable: ClassVar[frozenset[str]] = frozenset({"beta", "learning_rate"})

    def penalty(self, posterior: Posterior) -> tuple[Tensor, Parts]:
        """β KL."""
        return self.hyperparameters.beta * posterior.kl.sum(1).mean(), {}

    def loss(self, batches: Sequence[Batch]) -> tuple[Tensor, Parts]:
        """Half the sum of both losses of a pair (section 4): the mean over all images, so that β keeps its meaning.

        The part `shared` is the number of dimensions in which a pair was averaged.
        """
        images = torch.cat([batch.images for batch in batches])
        mean, log_variance = self.posterior(images)
        shared = is_shared(*mean.chunk(2), *log_variance.chunk(2))
        average = average_gaussians if self.hyperparameters.averaging == "gvae" else multiply_gaussians
        common = average(*mean.chunk(2), *log_variance.chunk(2))
        mean, log_variance = (
            torch.where(shared.repeat(2, 1), both.repeat(2, 1), own)
            for both, own in zip(common, (mean, log_variance), strict=True)
        )
        codes = reparameterise(mean, log_variance, self.generator)
        posterior = Posterior(mean, log_variance, codes, gaussian_kl(mean, log_variance))
        reconstruction = bernoulli_reconstruction(self.decoder(codes), images)
        penalty, _ = self.penalty(posterior)
        return reconstruction + penalty, {
            "reconstruction": reconstruction,
            "kl": posterior.kl.sum(1).mean(),
            "shared": shared.to(mean.dtype).sum(1).mean(),
        }


def is_shared(first: Tensor, second: Tensor, first_log_variance: Tensor, second_log_variance: Tensor) -> Tensor:
    """Which dimensions (B, D) of two posteriors are taken for shared: δ_i < τ = ½ (max_i δ_i + min_i δ_i).

    δ_i = KL(q(z_i|x₁) ‖ q(z_i|x₂)), of means and log variances (B, D). The one of the largest δ never is. Section 4.
    """
    difference = first_log_variance - second_log_variance
    squared = (first - second).square() * torch.exp(-second_log_variance)
    delta = 0.5 * (difference.exp() + squared - difference - 1.0)
    return delta < 0.5 * (delta.amax(1, keepdim=True) + delta.amin(1, keepdim=True))


def average_gaussians(
    first: Tensor, second: Tensor, first_log_variance: Tensor, second_log_variance: Tensor
) -> tuple[Tensor, Tensor]:
    """Mean and log variance (B, D) of GVAE: the mean of both means, and of both variances (Hosoya 2019)."""
    log_variance = torch.logaddexp(first_log_variance, second_log_variance) - math.log(2.0)
    return 0.5 * (first + second), log_variance


def multiply_gaussians(
    first: Tensor, second: Tensor, first_log_variance: Tensor, second_log_variance: Tensor
) -> tuple[Tensor, Tensor]:
    """Mean and log variance (B, D) of ML-VAE: the product of both densities (Bouchacourt et al. 2018, section 3).

    Precisions add up: 1/σ² = 1/σ₁² + 1/σ₂². The authors of Ada-ML-VAE have twice this variance in their code, the
    harmonic mean of both.
    """
    log_variance = -torch.logaddexp(-first_log_variance, -second_log_variance)
    weight = torch.sigmoid(second_log_variance - first_log_variance)  # the share of the first precision
    return weight * first + (1.0 - weight) * second, log_variance
