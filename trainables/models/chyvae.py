"""CHyVAE (Ansari & Soh 2019): an inverse-Wishart hyperprior on the covariance of the latent code.

The posterior has a full covariance S = L Lᵀ + 10⁻⁴ I. ν says how strongly the hyperprior holds to independent
dimensions; it is a pseudo-count, not a weight of the KL: as ν → ∞ the loss becomes that of a β = 1 VAE with a full
covariance.
"""

from collections.abc import Sequence
from typing import ClassVar, Literal

import torch
from pydantic import model_validator
from torch import Tensor
from torch.nn import functional

from core.data import DatasetInfo
from core.data.batches import Batch
from core.networks import build_decoder, build_encoder, initialise
from core.noise import Generator, normal
from core.objectives import (
    bernoulli_reconstruction,
    inverse_wishart_divergence,
    sample_hyperprior_codes,
)
from trainables.base import Model, Parts
from trainables.hyperparameters import Hyperparameters, hyperparameter

JITTER = 1e-4  # of the diagonal of L and of the posterior covariance, as in the authors' code


class CHyVAEHyperparameters(Hyperparameters):
    """ν, and which bound is optimised."""

    nu: float = hyperparameter(
        33.0,
        "Degrees of freedom of the inverse-Wishart hyperprior, at least num_latents + 1.",
        symbol="ν",
        source="CHyVAE §3; 33 and 200 are the authors' values",
        grid=(11, 33, 50, 100, 200, 500),
        gt=0.0,
        le=1e7,
    )
    bound: Literal["paper", "student_t"] = hyperparameter(
        "paper", "The paper's loss, or the tighter bound of the same model.", symbol="bound", source="CHyVAE eq. 9"
    )
    shared_sample: bool = hyperparameter(
        False,
        "Decode the same sample that enters the hyperprior.",
        symbol="shared z",
        source="off in the authors' code",
    )

    @model_validator(mode="after")
    def _nu_is_proper(self) -> "CHyVAEHyperparameters":
        if self.nu < self.num_latents + 1:
            raise ValueError(
                f"ν (nu) must be at least num_latents + 1 = {self.num_latents + 1}, where the covariance has a mean; "
                f"it is {self.nu:g}"
            )
        return self


class CHyVAE(Model[CHyVAEHyperparameters]):
    """Encoder to (μ, L), decoder to Bernoulli logits."""

    name: ClassVar[str] = "chyvae"
    title: ClassVar[str] = "CHyVAE"
    Hyperparameters: ClassVar = CHyVAEHyperparameters
    serves: ClassVar[frozenset[str]] = frozenset({"posterior"})

    def __init__(self, hyperparameters: CHyVAEHyperparameters, dataset: DatasetInfo) -> None:
        super().__init__(hyperparameters, dataset)
        p, network = hyperparameters.num_latents, hyperparameters.network
        self.encoder = build_encoder(network, dataset.image_shape, p + p * p)
        self.decoder = build_decoder(network, dataset.image_shape, p)
        initialise(self, hyperparameters.initialisation)

    def configure_optimizers(self) -> None:
        """Adam on everything."""
        self.adam("model", self.parameters(), lr=self.hyperparameters.learning_rate)

    def loss(self, batches: Sequence[Batch]) -> tuple[Tensor, Parts]:
        """Reconstruction and divergence, with two independent samples of the posterior unless `shared_sample`."""
        h = self.hyperparameters
        images = batches[0].images
        mean, factor = self.gaussian(images)
        codes = self._sample(mean, factor, self.generator)
        other = codes if h.shared_sample else self._sample(mean, factor, self.generator)
        reconstruction = bernoulli_reconstruction(self.decoder(codes), images)
        divergence = inverse_wishart_divergence(mean, factor, JITTER, other, h.nu, h.bound).mean()
        return reconstruction + divergence, {"reconstruction": reconstruction, "kl": divergence}

    def gaussian(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """μ (B, p) and the lower-triangular L (B, p, p), whose diagonal is positive."""
        p = self.hyperparameters.num_latents
        output = self.encoder(images)
        mean, square = output[:, :p], output[:, p:].unflatten(1, (p, p))
        diagonal = functional.softplus(square.diagonal(dim1=1, dim2=2)) + JITTER
        return mean, square.tril(-1) + torch.diag_embed(diagonal)

    def posterior(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """μ and log diag S: the marginals of q(z|x), each (B, p)."""
        mean, factor = self.gaussian(images)
        return mean, torch.log(factor.square().sum(2) + JITTER)

    def _sample(self, mean: Tensor, factor: Tensor, generator: Generator) -> Tensor:
        """z = μ + L ε₁ + √jitter ε₂ has exactly the covariance S, without its Cholesky factor."""
        noise = normal((2, *mean.shape), generator, mean)
        return mean + (factor @ noise[0, :, :, None])[:, :, 0] + JITTER**0.5 * noise[1]

    def codes(self, images: Tensor) -> Tensor:
        """Posterior means (B, p)."""
        return self.gaussian(images)[0]

    def sampled_codes(self, images: Tensor, generator: torch.Generator | None) -> Tensor:
        """One sample of the posterior, (B, p)."""
        return self._sample(*self.gaussian(images), generator)

    def logits(self, codes: Tensor) -> Tensor:
        """Bernoulli logits (B, C, H, W)."""
        logits: Tensor = self.decoder(codes)
        return logits

    def prior_codes(self, count: int, generator: torch.Generator | None) -> Tensor:
        """Codes (count, p) of the prior, each through a Σ of its own."""
        h = self.hyperparameters
        return sample_hyperprior_codes(count, h.nu, h.num_latents, generator).to(self.device, torch.float32)
