"""Mutual information of images and codes, and the dimension-wise KL (Chen et al. 2018, eq. 2), in nats."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.metrics.densities import draw_sample, sample_densities
from core.metrics.metric import Metric, Protocol, Scale, Settings


def compute(
    settings: Settings,
    rng: np.random.Generator,
    *,
    posterior_mean: NDArray[Any],
    posterior_log_variance: NDArray[Any],
    sampled_codes: NDArray[Any] | None = None,
) -> dict[str, float]:
    """`mutual_information` I(x; z) and `dimension_wise_kl` Σ_l KL(q(z_l) ‖ p(z_l)).

    The aggregate posterior q(z) is the mean over the given N posteriors (N, D), so I cannot exceed log N:
    it is the information about which of these N images z came from. Taken at one z per image.
    """
    z = draw_sample(posterior_mean, posterior_log_variance, rng) if sampled_codes is None else sampled_codes
    found = sample_densities(posterior_mean, posterior_log_variance, z, settings["samples"])
    information = found.conditional - (found.joint - np.log(found.count))
    marginal = (found.marginals - np.log(found.count)).sum(axis=1)
    results = {"mutual_information": information, "dimension_wise_kl": marginal - found.prior}
    root = np.sqrt(len(information))
    errors = {f"{key}_se": float(values.std(ddof=1) / root) for key, values in results.items()}
    return {key: float(values.mean()) for key, values in results.items()} | errors


METRIC = Metric(
    name="mutual_information",
    function=compute,
    directions={"mutual_information": None, "dimension_wise_kl": "minimize"},
    protocols={"aggregate": Protocol({"samples": 1_000}, (frozenset({"posterior_mean", "posterior_log_variance"}),))},
    optional=frozenset({"sampled_codes"}),
    needs=frozenset({"posterior"}),
    source="Chen et al. 2018, eq. 2; Hoffman & Johnson 2016",
    scales={
        "mutual_information": Scale(0, None, "nats that the code carries about an image"),
        "dimension_wise_kl": Scale(0, None, "at 0 each dimension of the code is distributed as the prior's"),
    },
)
