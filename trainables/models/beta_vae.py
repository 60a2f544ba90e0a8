"""β-VAE (Higgins et al. 2017), loss = reconstruction + β KL, and its annealed variant (Burgess et al. 2018)."""

from typing import ClassVar

import torch
from torch import Tensor

from trainables.base import Parts
from trainables.gaussian import GaussianVAE, Posterior
from trainables.hyperparameters import Hyperparameters, hyperparameter


class BetaVAEHyperparameters(Hyperparameters):
    """β, and the capacity schedule of the annealed variant (off by default)."""

    beta: float = hyperparameter(
        4.0,
        "Weight of the KL; with a capacity, weight of |KL − C|.",
        symbol="β",
        source="Higgins et al. 2017; grid of disentanglement_lib",
        grid=(1, 2, 4, 6, 8, 10, 16),
        ge=0.0,
        le=10_000.0,
    )
    capacity: float = hyperparameter(
        0.0,
        "Final capacity C in nats; 0 gives the plain β-VAE.",
        symbol="C",
        source="Burgess et al. 2018; grid of disentanglement_lib",
        grid=(5, 10, 25, 50, 75, 100),
        ge=0.0,
        le=1_000.0,
    )
    capacity_steps: int = hyperparameter(
        100_000, "Steps over which C grows from 0.", symbol="T", source="disentanglement_lib", ge=1
    )


class BetaVAE(GaussianVAE[BetaVAEHyperparameters]):
    """β weighs the whole KL; sums over pixels give it the meaning of the papers."""

    name: ClassVar[str] = "beta_vae"
    title: ClassVar[str] = "β-VAE"
    Hyperparameters: ClassVar = BetaVAEHyperparameters
    stackable: ClassVar[frozenset[str]] = frozenset({"beta", "learning_rate"})

    @staticmethod
    def warm_up_steps(hyperparameters: BetaVAEHyperparameters) -> int:
        """Until the capacity is reached."""
        return hyperparameters.capacity_steps if hyperparameters.capacity > 0 else 0

    def penalty(self, posterior: Posterior) -> tuple[Tensor, Parts]:
        """β KL, or β |KL − C(t)| with C growing linearly to its final value."""
        h = self.hyperparameters
        kl = posterior.kl.sum(1).mean()
        if h.capacity == 0.0:
            return h.beta * kl, {}
        progress = torch.clamp(self.steps_done / h.capacity_steps, max=1.0)
        return h.beta * (kl - h.capacity * progress).abs(), {}
