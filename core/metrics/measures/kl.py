"""KL divergence of the posterior from the standard normal prior, in all and per dimension, in nats."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.metrics.metric import Metric, Protocol, Scale, Settings


def compute(
    settings: Settings,
    rng: np.random.Generator,
    *,
    posterior_mean: NDArray[Any],
    posterior_log_variance: NDArray[Any],
) -> dict[str, float]:
    """`kl`, `kl_dim_<j>` and `kl_active_dims` (dimensions above 0.1 nats), means over images, with their errors.

    ½ (μ² + σ² - log σ² - 1) per dimension, from mean and log variance (N, D). Of a full-covariance posterior
    these are the marginals, and `kl` misses what its correlations add.
    """
    del rng
    mean, log_variance = (a.astype(np.float64) for a in (posterior_mean, posterior_log_variance))
    each = 0.5 * (mean**2 + np.exp(log_variance) - log_variance - 1)
    whole = each.sum(axis=1)
    root = np.sqrt(len(each))
    results = {"kl": whole.mean(), "kl_se": whole.std(ddof=1) / root}
    for dim, values in enumerate(each.T):
        results[f"kl_dim_{dim}"] = values.mean()
        results[f"kl_dim_{dim}_se"] = values.std(ddof=1) / root
    active = each.mean(axis=0) > settings["active_above"]
    return results | {"kl_active_dims": float(active.sum()), "kl_active_dims_se": 0.0}


METRIC = Metric(
    name="kl",
    function=compute,
    directions={"kl": None, "kl_dim_*": None, "kl_active_dims": None},
    protocols={"gaussian": Protocol({"active_above": 0.1}, (frozenset({"posterior_mean", "posterior_log_variance"}),))},
    needs=frozenset({"posterior"}),
    source="Kingma & Welling 2014, appendix B",
    scales={"kl": Scale(0, None, "nats that the code carries about an image, at most")},
)
