"""Mutual information gap (Chen et al. 2018, Isolating Sources of Disentanglement, eq. 6)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.metrics.checks import varying_factors
from core.metrics.information import bin_codes, mutual_information
from core.metrics.metric import Metric, Protocol, Scale, Settings
from core.metrics.threads import one_thread
from core.mistakes import MetricError

POOL = (frozenset({"codes", "factors"}),)
POSTERIOR = (frozenset({"posterior_mean", "posterior_log_variance", "factors"}),)


def gap(information: NDArray[np.float64], entropies: NDArray[np.float64]) -> float:
    """Mean over factors of (largest - second largest information (D, K)) / entropy (K,).

    A single dimension is compared with a dead one, that is with no information.
    """
    padded = np.vstack([information, np.zeros((1, information.shape[1]))])
    ordered = np.sort(padded, axis=0)
    return float(np.mean((ordered[-1] - ordered[-2]) / entropies))


def compute(
    settings: Settings,
    rng: np.random.Generator,
    *,
    factors: NDArray[np.int64],
    codes: NDArray[Any] | None = None,
    posterior_mean: NDArray[Any] | None = None,
    posterior_log_variance: NDArray[Any] | None = None,
    dataset: Any = None,
) -> dict[str, float]:
    """`mig`, in [0, 1]: from a histogram of codes (N, D), or from the density of q(z|x).

    factors (N, K). MetricError: every factor has one class only.
    """
    kept = varying_factors(factors)
    if settings["estimator"] == "histogram":
        if codes is None:
            raise MetricError("the histogram estimator needs codes")
        binned = bin_codes(codes, settings["bins"])
        return {"mig": gap(*mutual_information(binned, factors[:, kept], settings["bins"]))}
    if posterior_mean is None or posterior_log_variance is None:
        raise MetricError("the density estimator needs posterior_mean and posterior_log_variance")
    factor_names = list(getattr(dataset, "factor_names", ()))
    kept = np.array([k for k in kept if factor_names[k : k + 1] != ["shape"]], dtype=np.int64)
    if kept.size == 0:
        raise MetricError("no factor is left once shape is put aside")
    information = posterior_information(
        posterior_mean, posterior_log_variance, factors[:, kept], settings["samples"], rng
    )
    sizes = np.array([len(np.unique(column)) for column in factors[:, kept].T])
    return {"mig": gap(np.maximum(information, 0.0), np.log(sizes))}


def posterior_information(
    mean: NDArray[Any],
    log_variance: NDArray[Any],
    factors: NDArray[np.int64],
    samples: int,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """I(z_j; v_k) (D, K) in nats, z drawn from q(z|x), densities averaged over all N given posteriors.

    mean and log_variance (N, D), factors (N, K). Both entropies of I = H(z) - H(z|v) are taken at the same
    `samples` draws. Exact in x when the N images are the whole data set; on a sample of it biased upwards.
    """
    count, dims = mean.shape
    rows = rng.permutation(count)[:samples] if samples < count else np.arange(count)
    deviation = np.exp(0.5 * log_variance.astype(np.float64))
    drawn = mean[rows] + deviation[rows] * rng.standard_normal((len(rows), dims))
    classes = [np.unique(column, return_inverse=True)[1] for column in factors.T]
    members = [np.eye(c.max() + 1, dtype=np.float32)[c] for c in classes]
    shares = [one_hot.mean(axis=0, dtype=np.float64) for one_hot in members]
    information = np.zeros((dims, factors.shape[1]))
    with one_thread():
        for j in range(dims):
            for start in range(0, len(rows), 1000):
                block = rows[start : start + 1000]
                z = drawn[start : start + 1000, j, None]
                log_density = -0.5 * ((z - mean[:, j]) / deviation[:, j]) ** 2 - 0.5 * log_variance[:, j]
                density = np.exp(log_density - log_density.max(axis=1, keepdims=True)).astype(np.float32)
                marginal = density.mean(axis=1, dtype=np.float64)
                for k, one_hot in enumerate(members):
                    own = classes[k][block]
                    joint = (density @ one_hot)[np.arange(len(block)), own] / count
                    information[j, k] += np.sum(np.log(joint / shares[k][own] / marginal))
    return information / len(rows)


METRIC = Metric(
    name="mig",
    function=compute,
    directions={"mig": "maximize"},
    protocols={
        "histogram": Protocol({"estimator": "histogram", "bins": 20}, POOL),
        "dlib": Protocol({"estimator": "histogram", "bins": 20}, POOL),
        "btc": Protocol({"estimator": "density", "samples": 10_000}, POSTERIOR),
    },
    optional=frozenset({"dataset"}),
    needs_factors=True,
    source="Chen et al. 2018, eq. 6; histogram estimator of Locatello et al. 2019",
    scales={
        "mig": Scale(0, 1, "at 1 each factor is known by one dimension alone, at 0 by two equally well or by none")
    },
)
