"""β-TCVAE (Chen et al. 2018): loss = reconstruction + α MI + β TC + γ dimension-wise KL, with α = γ = 1."""

from typing import ClassVar, Literal

from torch import Tensor

from core.data import DatasetInfo
from core.data.split import num_training
from core.objectives import decompose_kl
from trainables.base import Parts
from trainables.gaussian import GaussianVAE, Posterior
from trainables.hyperparameters import Hyperparameters, hyperparameter


class BetaTCVAEHyperparameters(Hyperparameters):
    """β, and how the total correlation is estimated on a minibatch."""

    beta: float = hyperparameter(
        6.0,
        "Weight of the total correlation; the extra weight over a VAE is β − 1.",
        symbol="β",
        source="Chen et al. 2018, eq. 4; grid of disentanglement_lib",
        grid=(1, 2, 4, 6, 8, 10),
        ge=0.0,
        le=10_000.0,
    )
    estimator: Literal["mws", "mss"] = hyperparameter(
        "mws", "Minibatch weighted or stratified sampling.", symbol="estimator", source="Chen et al. 2018, appendix C"
    )

    def refuse(self, dataset: DatasetInfo) -> str | None:
        """Stratified sampling draws a batch without repetition."""
        available = num_training(dataset.num_images)
        if self.estimator == "mss" and self.batch_size > available:
            return f"batch_size is {self.batch_size:,}, but '{dataset.name}' has {available:,} images to train on"
        return None


class BetaTCVAE(GaussianVAE[BetaTCVAEHyperparameters]):
    """Only the total correlation is weighed, so information about the image is kept."""

    name: ClassVar[str] = "beta_tcvae"
    title: ClassVar[str] = "β-TCVAE"
    Hyperparameters: ClassVar = BetaTCVAEHyperparameters
    stackable: ClassVar[frozenset[str]] = frozenset({"beta", "learning_rate"})

    def penalty(self, posterior: Posterior) -> tuple[Tensor, Parts]:
        """KL + (β − 1) TC; the logged `tc` includes its constants."""
        h = self.hyperparameters
        parts = decompose_kl(
            posterior.codes,
            posterior.mean,
            posterior.log_variance,
            num_training(self.dataset.num_images),
            h.estimator,
        )
        kl = posterior.kl.sum(1).mean()
        return kl + (h.beta - 1.0) * parts.total_correlation, {
            "tc": parts.total_correlation,
            "mutual_information": parts.mutual_information,
        }
