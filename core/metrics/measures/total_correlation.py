"""Total correlation of codes by three estimators, each under its own key, in nats."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.metrics.checks import alive_dimensions
from core.metrics.densities import draw_sample, sample_densities
from core.metrics.metric import Metric, Protocol, Scale, Settings
from core.mistakes import MetricError


def compute(
    settings: Settings,
    rng: np.random.Generator,
    *,
    codes: NDArray[Any] | None = None,
    sampled_codes: NDArray[Any] | None = None,
    posterior_mean: NDArray[Any] | None = None,
    posterior_log_variance: NDArray[Any] | None = None,
    num_images: int | None = None,
    discriminator_logits: NDArray[Any] | None = None,
) -> dict[str, float]:
    """Those of the three estimates that the inputs allow; compare only values of one estimator.

    `total_correlation_gaussian`: of a Gaussian with the covariance of the codes (N, D), sampled z by default.
    `total_correlation_mws`: minibatch weighted sampling with its constants, given the posterior (N, D) and
    num_images, the size of the training set; biased upwards by a small sample.
    `total_correlation_discriminator`: mean of logit 0 ("from q(z)") minus logit 1 ("permuted") (N, 2).
    MetricError: a code whose dimensions determine each other, of infinite total correlation.
    """
    posterior = posterior_mean is not None and posterior_log_variance is not None
    if settings["gaussian_of"] == "means":
        z = codes
    elif sampled_codes is None and posterior_mean is not None and posterior_log_variance is not None:
        z = draw_sample(posterior_mean, posterior_log_variance, rng)
    else:
        z = sampled_codes
    assert z is not None
    results = {"total_correlation_gaussian": gaussian_total_correlation(z)}
    if posterior and num_images is not None and settings["gaussian_of"] == "samples":
        results["total_correlation_mws"] = _weighted_sampling(
            posterior_mean, posterior_log_variance, z, num_images, settings["mws_batch"]
        )
    if discriminator_logits is not None:
        if discriminator_logits.shape[1] != 2:
            raise MetricError(f"discriminator_logits must be (N, 2), it is {discriminator_logits.shape}")
        difference = discriminator_logits[:, 0] - discriminator_logits[:, 1]
        results["total_correlation_discriminator"] = float(difference.mean(dtype=np.float64))
    return results


def gaussian_total_correlation(codes: NDArray[Any]) -> float:
    """½ (Σ_j log C_jj - log det C) in nats, C the covariance of codes (N, D); dead dimensions are left out.

    MetricError: C is singular.
    """
    codes = codes.astype(np.float64)
    alive = alive_dimensions(codes)
    if alive.sum() < 2:
        return 0.0
    scaled = (codes[:, alive] - codes[:, alive].mean(axis=0)) / codes[:, alive].std(axis=0)
    eigenvalues = np.linalg.eigvalsh(np.einsum("nd,ne->de", scaled, scaled) / len(scaled))
    if eigenvalues[0] < 1e-12:
        raise MetricError("some latent dimensions determine each other: the total correlation is infinite")
    return max(0.0, -0.5 * float(np.log(eigenvalues).sum()))


def _weighted_sampling(mean: Any, log_variance: Any, z: Any, num_images: int, batch: int) -> float:
    """E log q(z) - Σ_l log q(z_l), each sum over a batch of B posteriors divided by B times num_images."""
    found = sample_densities(mean[:batch], log_variance[:batch], z[:batch])
    constant = np.log(float(num_images) * found.count)
    joint, marginals = found.joint - constant, found.marginals - constant
    return float((joint - marginals.sum(axis=1)).mean())


POSTERIOR = frozenset({"posterior_mean", "posterior_log_variance"})
METRIC = Metric(
    name="total_correlation",
    function=compute,
    directions={
        "total_correlation_gaussian": "minimize",
        "total_correlation_mws": "minimize",
        "total_correlation_discriminator": "minimize",
    },
    protocols={
        "samples": Protocol({"gaussian_of": "samples", "mws_batch": 1_000}, (POSTERIOR, frozenset({"sampled_codes"}))),
        "dlib": Protocol({"gaussian_of": "means"}, (frozenset({"codes"}),)),
    },
    optional=frozenset({"sampled_codes", "num_images", "discriminator_logits"}),
    needs=frozenset({"posterior"}),
    source="Chen et al. 2018, appendix C (mws); Kim & Mnih 2018, eq. 3; Locatello et al. 2019 (gaussian)",
    scales=dict.fromkeys(
        ("total_correlation_gaussian", "total_correlation_mws", "total_correlation_discriminator"),
        Scale(None, None, "in nats; at 0 the dimensions of the code are independent"),
    ),
)
