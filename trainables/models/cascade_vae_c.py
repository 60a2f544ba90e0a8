"""CascadeVAE-C (Jeong & Song 2019), the continuous part: dimensions are relieved of a large β one after another.

Loss = reconstruction + Σ_j w_j KL_j, with w_j = β_l for the dimensions relieved so far and β_h for the others. One
more dimension is relieved at every stage, in the order of the index.
"""

import math
from typing import Any, ClassVar, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from core.data import DatasetInfo
from trainables.base import Parts
from trainables.gaussian import GaussianVAE, Posterior
from trainables.hyperparameters import Hyperparameters, hyperparameter

SIGMA_FLOOR = 1e-8  # of σ inside the logarithm, as in the authors' code


class CascadeVAECHyperparameters(Hyperparameters):
    """β_l, β_h and the length of a stage."""

    beta_l: float = hyperparameter(
        1.0,
        "Weight of the KL of a relieved dimension.",
        symbol="β_l",
        source="Jeong & Song 2019, table 1: 0.7 at 5 dimensions, 1 at 10; 0.1 in the authors' code",
        grid=(0.1, 0.7, 1, 2),
        ge=0.0,
        le=1_000.0,
    )
    beta_h: float = hyperparameter(
        10.0,
        "Weight of the KL of a dimension not yet relieved.",
        symbol="β_h",
        source="Jeong & Song 2019, authors' code",
        ge=0.0,
        le=10_000.0,
    )
    stage_steps: int = hyperparameter(
        20_000,
        "Steps of a stage; one more dimension is relieved at each.",
        symbol="t_s",
        source="Jeong & Song 2019, authors' code",
        grid=(5_000, 10_000, 20_000),
        ge=1,
    )
    weight_decay: float = hyperparameter(
        4e-5,
        "L2: half of this times the squared weights of encoder and decoder, biases left out.",
        symbol="L2",
        source="Jeong & Song 2019, authors' code",
        ge=0.0,
        le=1.0,
    )
    reset_optimizer: bool = hyperparameter(
        True,
        "Forget Adam's moments whenever the schedule changes; reconstruction jumps there, and recovers.",
        symbol="reset",
        source="Jeong & Song 2019, authors' code builds an Adam for every stage",
    )


H = TypeVar("H", bound=CascadeVAECHyperparameters)


class Cascade(GaussianVAE[H]):
    """What CascadeVAE-C and CascadeVAE share: the schedule, σ = softplus, L2 and the reset of the optimiser."""

    relieved: Tensor  # 1 for the dimensions relieved so far, 0 for the others, (D,)

    def __init__(self, hyperparameters: H, dataset: DatasetInfo, *, further_codes: int = 0) -> None:
        super().__init__(hyperparameters, dataset, further_codes=further_codes)
        self.register_buffer("relieved", self._mask(0))

    def configure_optimizers(self) -> None:
        """Adam whose weight decay is the gradient of the L2 term."""
        h = self.hyperparameters
        layers = [part for part in self.modules() if isinstance(part, nn.Conv2d | nn.ConvTranspose2d | nn.Linear)]
        weights = [layer.weight for layer in layers]
        biases = [layer.bias for layer in layers if layer.bias is not None]
        groups: list[dict[str, Any]] = [{"params": weights, "weight_decay": h.weight_decay}, {"params": biases}]
        self.adam("model", groups, lr=h.learning_rate)

    def schedule(self, stage: int) -> tuple[int, bool]:
        """Number of relieved dimensions in a stage (0 is the first), and whether categories are assigned in it."""
        return min(stage + 1, self.hyperparameters.num_latents), False

    def before_step(self, step: int) -> bool:
        """Where the schedule changes, relieve the next dimension and reset Adam's moments."""
        stage, within = divmod(step, self.hyperparameters.stage_steps)
        if within or stage == 0 or self.schedule(stage) == self.schedule(stage - 1):
            return False
        self.relieved.copy_(self._mask(stage))
        if self.hyperparameters.reset_optimizer:
            self.optimizers["model"].state.clear()
        return True

    def next_change(self, step: int) -> float:
        """Where the next stage begins whose schedule is another."""
        h = self.hyperparameters
        stages = range(step // h.stage_steps + 1, self.warm_up_steps(h) // h.stage_steps + 1)
        changes = (stage * h.stage_steps for stage in stages if self.schedule(stage) != self.schedule(stage - 1))
        return next(changes, math.inf)

    def _mask(self, stage: int) -> Tensor:
        return (torch.arange(self.hyperparameters.num_latents) < self.schedule(stage)[0]).float()

    def posterior(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """μ and log σ² of q(z|x) with σ = softplus(feature), each (B, D)."""
        mean, feature = self.encoder(images).chunk(2, dim=1)
        return mean, 2.0 * torch.log(functional.softplus(feature) + SIGMA_FLOOR)

    def penalty(self, posterior: Posterior) -> tuple[Tensor, Parts]:
        """Σ_j w_j KL_j."""
        h = self.hyperparameters
        weights = h.beta_h + (h.beta_l - h.beta_h) * self.relieved
        kl = posterior.kl.mean(0)
        return (weights * kl).sum(), {"kl_relieved": (kl * self.relieved).sum()}


class CascadeVAEC(Cascade[CascadeVAECHyperparameters]):
    """The order of the dimensions is the order in which they were found."""

    name: ClassVar[str] = "cascade_vae_c"
    title: ClassVar[str] = "CascadeVAE-C"
    Hyperparameters: ClassVar = CascadeVAECHyperparameters

    @staticmethod
    def warm_up_steps(hyperparameters: CascadeVAECHyperparameters) -> int:
        """Until the last dimension is relieved."""
        return hyperparameters.stage_steps * (hyperparameters.num_latents - 1)
