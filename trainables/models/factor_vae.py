"""FactorVAE (Kim & Mnih 2018): a discriminator estimates the total correlation, which is weighed by γ."""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from core.data import DatasetInfo
from core.data.batches import Batch
from core.networks import build_discriminator, initialise
from core.objectives import (
    LogRatios,
    bernoulli_reconstruction,
    density_ratio_gradient,
    discriminator_gradients,
    discriminator_loss,
    log_ratios,
    permute_dimensions,
)
from trainables.base import Parts, Update
from trainables.gaussian import GaussianVAE, Posterior
from trainables.hyperparameters import Hyperparameters, hyperparameter


class FactorVAEHyperparameters(Hyperparameters):
    """γ, and the discriminator."""

    gamma: float = hyperparameter(
        35.0,
        "Weight of the total correlation, added to the KL.",
        symbol="γ",
        source="Kim & Mnih 2018, eq. 2; grid of disentanglement_lib",
        grid=(6.4, 10, 20, 30, 35, 40, 50, 100),
        ge=0.0,
        le=10_000.0,
    )
    discriminator_learning_rate: float = hyperparameter(
        1e-4, "Learning rate of the discriminator's Adam.", symbol="η_D", source="Kim & Mnih 2018", gt=0.0, le=0.1
    )
    discriminator_units: int = hyperparameter(
        1000, "Units of each hidden layer of the discriminator.", symbol="units", source="Kim & Mnih 2018", ge=1
    )
    discriminator_layers: int = hyperparameter(
        6, "Hidden layers of the discriminator.", symbol="layers", source="Kim & Mnih 2018; CHyVAE A.1", ge=1, le=16
    )


class FactorVAE(GaussianVAE[FactorVAEHyperparameters]):
    """Two independent batches per step: one trains the autoencoder, the other is permuted for the discriminator."""

    name: ClassVar[str] = "factor_vae"
    title: ClassVar[str] = "FactorVAE"
    Hyperparameters: ClassVar = FactorVAEHyperparameters
    streams: ClassVar[tuple[str, ...]] = ("all", "all")
    updates: ClassVar[tuple[str, ...]] = ("model", "discriminator")
    stackable: ClassVar[frozenset[str]] = frozenset({"gamma", "learning_rate", "discriminator_learning_rate"})
    serves: ClassVar[frozenset[str]] = frozenset({"posterior", "discriminator"})

    def __init__(self, hyperparameters: FactorVAEHyperparameters, dataset: DatasetInfo) -> None:
        super().__init__(hyperparameters, dataset)
        self.discriminator = build_discriminator(
            hyperparameters.num_latents,
            units=hyperparameters.discriminator_units,
            layers=hyperparameters.discriminator_layers,
        )
        initialise(self.discriminator, hyperparameters.initialisation)

    def configure_optimizers(self) -> None:
        """Adam on encoder and decoder, and Adam with β₁ = 0.5 on the discriminator."""
        super().configure_optimizers()
        rate = self.hyperparameters.discriminator_learning_rate
        self.adam("discriminator", self.discriminator.parameters(), lr=rate, betas=(0.5, 0.9))

    def penalty(self, posterior: Posterior) -> tuple[Tensor, Parts]:
        """The KL; the total correlation enters through its gradient with respect to the codes."""
        return posterior.kl.sum(1).mean(), {}

    def update(self, optimizer: str, batches: Sequence[Batch], kept: LogRatios | None) -> Update:
        """Algorithm 2: the autoencoder learns from the first batch, then the discriminator with the second."""
        if optimizer == "model":
            return self._autoencoder(batches[0])
        assert kept is not None
        return self._discriminator(batches[1], kept)

    def _autoencoder(self, batch: Batch) -> Update:
        posterior = self.sample_posterior(batch.images)
        joint = log_ratios(self.discriminator, posterior.codes)
        reconstruction = bernoulli_reconstruction(self.decoder(posterior.codes), batch.images)
        kl, _ = self.penalty(posterior)
        adversarial = self.hyperparameters.gamma * (posterior.codes * density_ratio_gradient(joint)).sum()
        parts = {"reconstruction": reconstruction, "kl": kl, "tc": joint.log_ratio.mean()}
        return Update(reconstruction + kl + adversarial, parts, kept=joint)

    def _discriminator(self, batch: Batch, joint: LogRatios) -> Update:
        with torch.no_grad():
            permuted = permute_dimensions(self.sampled_codes(batch.images, self.generator), self.generator)
        product = log_ratios(self.discriminator, permuted)
        loss = discriminator_loss(joint.log_ratio, product.log_ratio)
        return Update(loss, {"discriminator": loss}, gradients=discriminator_gradients(joint, product))

    def discriminator_logits(self, images: Tensor, generator: torch.Generator | None) -> Tensor:
        """Logits (B, 2) of the discriminator at one sample of the posterior."""
        logits: Tensor = self.discriminator(self.sampled_codes(images, generator))
        return logits
