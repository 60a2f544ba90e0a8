"""JointVAE (Dupont 2018): continuous and categorical codes, each held to a capacity that grows.

Loss = reconstruction + γ |KL_z − C_z(t)| + γ |KL_c − C_c(t)|. `PRESETS` are the authors' settings; the defaults are
those for dSprites, but for the scale of the loss.

KL_c says how sure each image is of its category: one category for all images meets C_c = log S as well as S in equal
use do. `train/category_entropy`, log S for these and 0 for that, tells which it was.
"""

import math
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor
from torch.nn import functional

from core.data import DatasetInfo
from core.data.batches import Batch
from core.objectives import bernoulli_reconstruction, categorical_kl, gaussian_kl, gumbel_softmax, reparameterise
from trainables.base import Parts
from trainables.gaussian import GaussianVAE, Posterior
from trainables.hyperparameters import Hyperparameters, hyperparameter

# trained_models/*/specs.json of the authors' code
ORIGINAL: dict[str, Any] = {"scale": "original", "learning_rate": 5e-4, "num_discrete": 1, "num_categories": 10}
DSPRITES = {"num_latents": 6, "num_categories": 3, "capacity": 40.0, "discrete_capacity": 1.1, "gamma": 150.0}
CELEBA = {"num_latents": 32, "capacity": 50.0, "discrete_capacity": 10.0, "gamma": 100.0}
CHAIRS = {"num_latents": 32, "num_discrete": 3, "num_categories": 2, "capacity": 30.0, "discrete_capacity": 5.0}
MNIST = {"num_latents": 10, "capacity": 5.0, "discrete_capacity": 5.0, "gamma": 30.0}
FASHION = {"num_latents": 10, "capacity": 5.0, "discrete_capacity": 10.0, "gamma": 100.0}
PRESETS: dict[str, dict[str, Any]] = {
    "dsprites": {**ORIGINAL, **DSPRITES, "capacity_steps": 300_000},
    "celeba": {**ORIGINAL, **CELEBA, "capacity_steps": 100_000},
    "chairs3d": {**ORIGINAL, **CHAIRS, "gamma": 300.0, "learning_rate": 1e-4, "capacity_steps": 100_000},
    "mnist": {**ORIGINAL, **MNIST, "capacity_steps": 25_000},
    "fashion_mnist": {**ORIGINAL, **FASHION, "capacity_steps": 50_000},
}


class JointVAEHyperparameters(Hyperparameters):
    """γ, the capacities and the categorical codes; the defaults are the authors' for dSprites."""

    num_latents: int = hyperparameter(
        6, "Number of continuous dimensions.", symbol="m", source="Dupont 2018", grid=(4, 6, 10, 32), ge=1, le=256
    )
    learning_rate: float = hyperparameter(
        5e-4, "Learning rate of Adam.", symbol="η", source="Dupont 2018, authors' code", gt=0.0, le=0.1
    )
    num_discrete: int = hyperparameter(
        1, "Number of categorical codes.", symbol="K_c", source="Dupont 2018; 3 for chairs", grid=(1, 3), ge=1, le=16
    )
    num_categories: int = hyperparameter(
        3, "Categories of each.", symbol="S", source="Dupont 2018", grid=(2, 3, 10), ge=2, le=64
    )
    gamma: float = hyperparameter(
        150.0,
        "Weight of both distances from the capacities.",
        symbol="γ",
        source="Dupont 2018, eq. 7; authors' code",
        grid=(30, 100, 150, 300),
        ge=0.0,
        le=10_000.0,
    )
    capacity: float = hyperparameter(
        40.0, "Final capacity of the continuous code in nats.", symbol="C_z", source="Dupont 2018", ge=0.0, le=1_000.0
    )
    discrete_capacity: float = hyperparameter(
        1.1,
        "Final capacity of all categorical codes in nats; what exceeds their Σ log S is cut.",
        symbol="C_c",
        source="Dupont 2018",
        ge=0.0,
        le=1_000.0,
    )
    capacity_steps: int = hyperparameter(
        300_000, "Steps over which both grow from 0.", symbol="T", source="Dupont 2018, authors' code", ge=1
    )
    temperature: float = hyperparameter(
        0.67, "Temperature of the relaxed categories.", symbol="τ", source="Dupont 2018", ge=0.01, le=100.0
    )
    scale: Literal["nats", "original"] = hyperparameter(
        "nats",
        "`original` is a quirk of the authors' code: the reconstruction is averaged over colours, so that γ weighs "
        "three times as much on RGB images, and the whole loss is divided by the pixels H W, which Adam nearly undoes.",
        symbol="scale",
        source="Dupont 2018, authors' code",
    )


class JointVAE(GaussianVAE[JointVAEHyperparameters]):
    """A code is the posterior mean and the one-hot commonest categories."""

    name: ClassVar[str] = "joint_vae"
    title: ClassVar[str] = "JointVAE"
    Hyperparameters: ClassVar = JointVAEHyperparameters
    serves: ClassVar[frozenset[str]] = frozenset({"posterior", "discrete"})
    stackable: ClassVar[frozenset[str]] = frozenset({"gamma", "temperature", "learning_rate"})

    def __init__(self, hyperparameters: JointVAEHyperparameters, dataset: DatasetInfo) -> None:
        width = hyperparameters.num_discrete * hyperparameters.num_categories
        super().__init__(hyperparameters, dataset, further_features=width, further_codes=width)
        self.categories = (hyperparameters.num_categories,) * hyperparameters.num_discrete

    @staticmethod
    def warm_up_steps(hyperparameters: JointVAEHyperparameters) -> int:
        """Until both capacities are reached."""
        return hyperparameters.capacity_steps

    def both(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """μ and log σ², each (B, m), and log α (B, K_c, S)."""
        h = self.hyperparameters
        features = self.encoder(images)
        mean, log_variance = features[:, : 2 * h.num_latents].chunk(2, dim=1)
        logits = features[:, 2 * h.num_latents :].unflatten(1, (h.num_discrete, h.num_categories))
        return mean, log_variance, torch.log_softmax(logits, -1)

    def loss(self, batches: Sequence[Batch]) -> tuple[Tensor, Parts]:
        """Reconstruction, and γ times both distances from the capacities."""
        h = self.hyperparameters
        images = batches[0].images
        mean, log_variance, log_alpha = self.both(images)
        codes = reparameterise(mean, log_variance, self.generator)
        posterior = Posterior(mean, log_variance, codes, gaussian_kl(mean, log_variance))
        discrete = gumbel_softmax(log_alpha, h.temperature, self.generator)
        reconstruction = bernoulli_reconstruction(self.decoder(torch.cat([codes, discrete.flatten(1)], 1)), images)
        penalty, _ = self.penalty(posterior)
        discrete_kl = categorical_kl(log_alpha).sum(1).mean()
        discrete_penalty = h.gamma * (discrete_kl - self.capacities()[1]).abs()
        share = log_alpha.detach().exp().mean(0)
        return self.scaled(reconstruction, penalty + discrete_penalty), {
            "reconstruction": reconstruction,
            "kl": posterior.kl.sum(1).mean(),
            "kl_discrete": discrete_kl,
            # KL_c says how sure each image is, not whether the categories are used: all may be in one.
            "category_entropy": -torch.xlogy(share, share).sum(),
        }

    def scaled(self, reconstruction: Tensor, penalties: Tensor) -> Tensor:
        """The loss of a reconstruction summed over pixels and colours (C, H, W) and both penalties."""
        if self.hyperparameters.scale == "nats":
            return reconstruction + penalties
        colours, height, width = self.dataset.image_shape
        return (reconstruction / colours + penalties) / (height * width)

    def capacities(self) -> tuple[Tensor, Tensor]:
        """C_z(t) and C_c(t), linear in the steps done; C_c ends at K_c log S at the latest."""
        h = self.hyperparameters
        progress = torch.clamp(self.steps_done / h.capacity_steps, max=1.0)
        most = h.num_discrete * math.log(h.num_categories)
        return h.capacity * progress, torch.clamp(h.discrete_capacity * progress, max=most)

    def penalty(self, posterior: Posterior) -> tuple[Tensor, Parts]:
        """γ |KL_z − C_z(t)|, the continuous part."""
        kl = posterior.kl.sum(1).mean()
        return self.hyperparameters.gamma * (kl - self.capacities()[0]).abs(), {}

    def posterior(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """μ and log σ² of the continuous code, each (B, m)."""
        mean, log_variance, _ = self.both(images)
        return mean, log_variance

    def codes(self, images: Tensor) -> Tensor:
        """Posterior mean and one-hot commonest categories (B, m + K_c S)."""
        mean, _, log_alpha = self.both(images)
        return torch.cat([mean, _one_hot(log_alpha)], 1)

    def sampled_codes(self, images: Tensor, generator: torch.Generator | None) -> Tensor:
        """A sample of the posterior and the one-hot commonest categories."""
        mean, log_variance, log_alpha = self.both(images)
        return torch.cat([reparameterise(mean, log_variance, generator), _one_hot(log_alpha)], 1)


def _one_hot(log_alpha: Tensor) -> Tensor:
    return functional.one_hot(log_alpha.argmax(-1), log_alpha.shape[-1]).to(log_alpha.dtype).flatten(1)
