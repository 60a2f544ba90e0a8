"""DIP-VAE I and II (Kumar et al. 2018): loss = reconstruction + KL + λ_od Σ_{i≠j} C_ij² + λ_d Σ_i (C_ii − 1)²."""

from typing import ClassVar, Literal

from torch import Tensor

from core.objectives import code_covariance, identity_penalty
from trainables.base import Parts
from trainables.gaussian import GaussianVAE, Posterior
from trainables.hyperparameters import Hyperparameters, hyperparameter

DIAGONAL = {"i": 10.0, "ii": 1.0}  # λ_d / λ_od of the paper


class DIPVAEHyperparameters(Hyperparameters):
    """λ_od, and which covariance is held near the identity."""

    kind: Literal["i", "ii"] = hyperparameter(
        "i",
        "Covariance of the posterior means (i) or of sampled codes (ii).",
        symbol="kind",
        source="Kumar et al. 2018, eqs. 6 and 7",
    )
    lambda_od: float = hyperparameter(
        10.0,
        "Weight of the squared covariances between dimensions.",
        symbol="λ_od",
        source="Kumar et al. 2018; grid of disentanglement_lib",
        grid=(1, 2, 5, 10, 20, 50),
        ge=0.0,
        le=10_000.0,
    )
    diagonal: float = hyperparameter(
        1.0,
        "Weight of the variances' distance from 1, relative to the paper's λ_d = 10 λ_od (i) or λ_od (ii).",
        symbol="λ_d / λ_d*",
        source="Kumar et al. 2018; disentanglement_lib",
        ge=0.0,
        le=1_000.0,
    )


class DIPVAE(GaussianVAE[DIPVAEHyperparameters]):
    """The aggregate posterior is held near N(0, I) through its second moments."""

    name: ClassVar[str] = "dip_vae"
    title: ClassVar[str] = "DIP-VAE"
    Hyperparameters: ClassVar = DIPVAEHyperparameters
    stackable: ClassVar[frozenset[str]] = frozenset({"lambda_od", "diagonal", "learning_rate"})

    def penalty(self, posterior: Posterior) -> tuple[Tensor, Parts]:
        """KL + λ_od Σ_{i≠j} C_ij² + λ_d Σ_i (C_ii − 1)²."""
        h = self.hyperparameters
        covariance = code_covariance(posterior.mean, posterior.log_variance, h.kind)
        between, variances = identity_penalty(covariance)
        weighted = h.lambda_od * (between + h.diagonal * DIAGONAL[h.kind] * variances)
        parts = {"covariances": between, "variances": variances}
        return posterior.kl.sum(1).mean() + weighted, parts
