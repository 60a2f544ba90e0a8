"""CascadeVAE (Jeong & Song 2019): a categorical code without an encoder, found by alternating minimisation.

After a warm-up on the continuous code alone, every step first assigns a category to each image, at the least cost of
reconstruction plus a penalty on crowded categories, and then takes a gradient step with these categories.
"""

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from core.data import DatasetInfo
from core.data.batches import Batch
from core.objectives import balanced_assignment, bernoulli_reconstruction
from trainables.base import Parts
from trainables.hyperparameters import hyperparameter
from trainables.models.cascade_vae_c import Cascade, CascadeVAECHyperparameters


class CascadeVAEHyperparameters(CascadeVAECHyperparameters):
    """The schedule, the size of the categorical code and how it is found."""

    num_latents: int = hyperparameter(
        6,
        "Number of continuous dimensions.",
        symbol="m",
        source="Jeong & Song 2019, table 1",
        grid=(4, 6),
        ge=1,
        le=256,
    )
    num_categories: int = hyperparameter(
        3, "Categories of the discrete code.", symbol="S", source="Jeong & Song 2019", ge=2, le=64
    )
    penalty_weight: float = hyperparameter(
        1e-3,
        "Cost of a pair of images with the same category, in nats; the default only breaks ties.",
        symbol="λ′",
        source="Jeong & Song 2019, authors' code",
        grid=(1e-4, 1e-3, 1e-2, 1e-1),
        ge=0.0,
        le=1_000.0,
    )
    warm_up_stages: int = hyperparameter(
        4,
        "Stages before the discrete code is used.",
        symbol="t_d",
        source="Jeong & Song 2019, authors' code",
        ge=0,
        le=256,
    )
    inference: Literal["hard", "soft"] = hyperparameter(
        "hard",
        "The code of an image holds its best category, or softmax(−cost) over all.",
        symbol="inference",
        source="Jeong & Song 2019, section 3.3",
    )


class CascadeVAE(Cascade[CascadeVAEHyperparameters]):
    """A code is the posterior mean and the one-hot category; the category is all zeros during the warm-up."""

    name: ClassVar[str] = "cascade_vae"
    title: ClassVar[str] = "CascadeVAE"
    Hyperparameters: ClassVar = CascadeVAEHyperparameters
    serves: ClassVar[frozenset[str]] = frozenset({"posterior", "discrete"})
    host_bound: ClassVar[bool] = True

    def __init__(self, hyperparameters: CascadeVAEHyperparameters, dataset: DatasetInfo) -> None:
        super().__init__(hyperparameters, dataset, further_codes=hyperparameters.num_categories)
        self.categories = (hyperparameters.num_categories,)
        self.assigning = False

    @staticmethod
    def warm_up_steps(hyperparameters: CascadeVAEHyperparameters) -> int:
        """Until the last dimension is relieved and the categories are assigned."""
        m, start = hyperparameters.num_latents, hyperparameters.warm_up_stages
        return hyperparameters.stage_steps * (start if m <= start else m)

    def schedule(self, stage: int) -> tuple[int, bool]:
        """The stage in which the categories come in relieves no dimension."""
        m, start = self.hyperparameters.num_latents, self.hyperparameters.warm_up_stages
        return (min(stage, m), True) if stage >= start else (min(stage + 1, m), False)

    def before_step(self, step: int) -> bool:
        """Note whether categories are assigned in this step, and reset Adam's moments where the schedule changes."""
        self.assigning = self.schedule(step // self.hyperparameters.stage_steps)[1]
        return super().before_step(step)

    def loss(self, batches: Sequence[Batch]) -> tuple[Tensor, Parts]:
        """Assign the categories, then the loss with the same sample of the continuous code."""
        images = batches[0].images
        posterior = self.sample_posterior(images)
        discrete = torch.zeros(len(images), self.hyperparameters.num_categories, device=self.device)
        if self.assigning:
            discrete = self.assign(posterior.codes.detach(), images)
        reconstruction = bernoulli_reconstruction(self.decoder(torch.cat([posterior.codes, discrete], 1)), images)
        penalty, parts = self.penalty(posterior)
        share = discrete.mean(0)
        parts["category_entropy"] = -torch.xlogy(share, share).sum()
        kl = posterior.kl.sum(1).mean()
        return reconstruction + penalty, {"reconstruction": reconstruction, "kl": kl, **parts}

    def assign(self, continuous: Tensor, images: Tensor) -> Tensor:
        """One-hot categories (B, S) of least cost, solved on the host: the one read of the device in a step."""
        h = self.hyperparameters
        costs = self.costs(continuous, images).cpu().numpy()
        finite = bool(np.isfinite(costs).all())  # else the loss is not finite either, which the trial reports
        chosen = balanced_assignment(costs, h.penalty_weight) if finite else np.zeros(len(costs), np.int64)
        one_hot = functional.one_hot(torch.from_numpy(chosen), h.num_categories)
        return one_hot.to(self.device, continuous.dtype)

    @torch.no_grad()
    def costs(self, continuous: Tensor, images: Tensor) -> Tensor:
        """Reconstruction error (B, S) in nats of every image under every category."""
        batch, size = len(images), self.hyperparameters.num_categories
        discrete = torch.eye(size, device=self.device).repeat_interleave(batch, 0)
        logits = self.decoder(torch.cat([continuous.repeat(size, 1), discrete], 1))
        error = functional.binary_cross_entropy_with_logits(
            logits.view(size, batch, *images.shape[1:]), images.expand(size, *images.shape), reduction="none"
        )
        return error.flatten(2).sum(2).T

    def codes(self, images: Tensor) -> Tensor:
        """Posterior mean and category (B, m + S)."""
        return self._with_category(self.posterior(images)[0], images)

    def sampled_codes(self, images: Tensor, generator: torch.Generator | None) -> Tensor:
        """A sample of the posterior and the category at its mean, (B, m + S)."""
        codes = self.codes(images)
        m = self.hyperparameters.num_latents
        return torch.cat([super().sampled_codes(images, generator), codes[:, m:]], 1)

    def _with_category(self, mean: Tensor, images: Tensor) -> Tensor:
        """No penalty on crowded categories here: an image's code must not depend on the others of its batch."""
        h = self.hyperparameters
        costs = self.costs(mean, images)
        if h.inference == "soft":
            discrete = torch.softmax(-costs, 1)
        else:
            discrete = functional.one_hot(costs.argmin(1), h.num_categories).to(mean.dtype)
        warm = self.steps_done < h.stage_steps * h.warm_up_stages
        return torch.cat([mean, torch.where(warm, torch.zeros_like(discrete), discrete)], 1)
