"""The terms of the losses: pure functions of tensors.

Every term is summed over pixels or latent dimensions and averaged over the batch, the one reduction under which β, γ
and ν keep the meaning of the papers.
"""

from core.objectives.covariance import code_covariance, identity_penalty
from core.objectives.density_ratio import (
    LogRatios,
    density_ratio_gradient,
    discriminator_gradients,
    discriminator_loss,
    log_ratio,
    log_ratios,
    permute_dimensions,
)
from core.objectives.discrete import balanced_assignment, categorical_kl, gumbel_softmax
from core.objectives.gaussian import (
    bernoulli_reconstruction,
    gaussian_kl,
    gaussian_log_density,
    gaussian_total_correlation,
    reparameterise,
)
from core.objectives.inverse_wishart import (
    inverse_wishart_constant,
    inverse_wishart_divergence,
    inverse_wishart_regulariser,
    prior_scale,
    sample_hyperprior_codes,
    sample_inverse_wishart,
)
from core.objectives.supervised import (
    cross_covariance_loss,
    cross_entropy_loss,
    embedding_loss,
    scaled_square_loss,
)
from core.objectives.total_correlation import LatentDecomposition, decompose_kl

__all__ = [
    "LatentDecomposition",
    "LogRatios",
    "balanced_assignment",
    "bernoulli_reconstruction",
    "categorical_kl",
    "code_covariance",
    "cross_covariance_loss",
    "cross_entropy_loss",
    "decompose_kl",
    "density_ratio_gradient",
    "discriminator_gradients",
    "discriminator_loss",
    "embedding_loss",
    "gaussian_kl",
    "gaussian_log_density",
    "gaussian_total_correlation",
    "gumbel_softmax",
    "identity_penalty",
    "inverse_wishart_constant",
    "inverse_wishart_divergence",
    "inverse_wishart_regulariser",
    "log_ratio",
    "log_ratios",
    "permute_dimensions",
    "prior_scale",
    "reparameterise",
    "sample_hyperprior_codes",
    "sample_inverse_wishart",
    "scaled_square_loss",
]
