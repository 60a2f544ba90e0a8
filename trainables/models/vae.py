"""The variational autoencoder (Kingma & Welling 2014): loss = reconstruction + KL."""

from typing import ClassVar

from torch import Tensor

from trainables.base import Parts
from trainables.gaussian import GaussianVAE, Posterior
from trainables.hyperparameters import Hyperparameters


class VAE(GaussianVAE[Hyperparameters]):
    """The baseline without a knob."""

    name: ClassVar[str] = "vae"
    title: ClassVar[str] = "VAE"
    Hyperparameters: ClassVar = Hyperparameters

    def penalty(self, posterior: Posterior) -> tuple[Tensor, Parts]:
        """KL(q(z|x) ‖ N(0, I)) in nats per image."""
        return posterior.kl.sum(1).mean(), {}
