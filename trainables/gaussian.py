"""The variational autoencoder with a diagonal Gaussian posterior, which most models here share.

A model derives from `GaussianVAE` and says what it adds to the reconstruction.
"""

import abc
from collections.abc import Sequence
from typing import ClassVar, NamedTuple, TypeVar

import torch
from torch import Tensor

from core.data import DatasetInfo
from core.data.batches import Batch
from core.networks import build_decoder, build_encoder, initialise
from core.objectives import bernoulli_reconstruction, gaussian_kl, reparameterise
from trainables.base import Model, Parts
from trainables.hyperparameters import Hyperparameters

H = TypeVar("H", bound=Hyperparameters)


class Posterior(NamedTuple):
    """q(z|x) of a batch and one sample of it: all (B, D); `kl` is per dimension, against N(0, I)."""

    mean: Tensor
    log_variance: Tensor
    codes: Tensor
    kl: Tensor


class GaussianVAE(Model[H]):
    """Encoder to (μ, log σ²), decoder to Bernoulli logits; loss = reconstruction + `penalty`."""

    serves: ClassVar[frozenset[str]] = frozenset({"posterior"})

    def __init__(
        self, hyperparameters: H, dataset: DatasetInfo, *, further_features: int = 0, further_codes: int = 0
    ) -> None:
        super().__init__(hyperparameters, dataset)
        h = hyperparameters
        self.encoder = build_encoder(h.network, dataset.image_shape, 2 * h.num_latents + further_features)
        self.decoder = build_decoder(h.network, dataset.image_shape, h.num_latents + further_codes)
        initialise(self, h.initialisation)

    def configure_optimizers(self) -> None:
        """Adam on encoder and decoder."""
        parameters = [*self.encoder.parameters(), *self.decoder.parameters()]
        self.adam("model", parameters, lr=self.hyperparameters.learning_rate)

    @abc.abstractmethod
    def penalty(self, posterior: Posterior) -> tuple[Tensor, Parts]:
        """What the loss adds to the reconstruction, and its unweighted parts beyond `kl`."""

    def loss(self, batches: Sequence[Batch]) -> tuple[Tensor, Parts]:
        """Reconstruction of one sample of the posterior, and the penalty."""
        images = batches[0].images
        posterior = self.sample_posterior(images)
        reconstruction = bernoulli_reconstruction(self.decoder(posterior.codes), images)
        penalty, parts = self.penalty(posterior)
        return reconstruction + penalty, {"reconstruction": reconstruction, "kl": posterior.kl.sum(1).mean(), **parts}

    def posterior(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """μ and log σ² of q(z|x), each (B, D)."""
        mean, log_variance = self.encoder(images).chunk(2, dim=1)
        return mean, log_variance

    def sample_posterior(self, images: Tensor) -> Posterior:
        """Encode a batch and draw one sample with the training generator."""
        mean, log_variance = self.posterior(images)
        codes = reparameterise(mean, log_variance, self.generator)
        return Posterior(mean, log_variance, codes, gaussian_kl(mean, log_variance))

    def codes(self, images: Tensor) -> Tensor:
        """Posterior means (B, D)."""
        return self.posterior(images)[0]

    def sampled_codes(self, images: Tensor, generator: torch.Generator | None) -> Tensor:
        """One sample of the posterior, (B, D)."""
        return reparameterise(*self.posterior(images), generator)

    def logits(self, codes: Tensor) -> Tensor:
        """Bernoulli logits (B, C, H, W)."""
        logits: Tensor = self.decoder(codes)
        return logits
