"""Unsupervised classification accuracy of a discrete latent (Jeong & Song 2019, table 2)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.metrics.metric import Metric, Protocol, Scale, Settings
from core.mistakes import MetricError


def compute(
    settings: Settings,
    rng: np.random.Generator,
    *,
    discrete_codes: NDArray[np.int64],
    factors: NDArray[np.int64],
    dataset: Any = None,
) -> dict[str, float]:
    """`unsupervised_accuracy` and `unsupervised_accuracy_majority`, in [0, 1].

    Categories (N,) or (N, S) against the factor "shape" of factors (N, K): the best one-to-one map of
    categories to values, and the map of each category to its commonest value, which is never below it. With
    several discrete latents the best of them. Without a data set that names its factors, the only factor is
    taken. MetricError: it is not clear which factor is meant.
    """
    del settings, rng
    truth = _shape(factors, dataset)
    pairs = [_accuracies(categories, truth) for categories in discrete_codes.T]
    best, majority = np.max(pairs, axis=0)
    return {"unsupervised_accuracy": float(best), "unsupervised_accuracy_majority": float(majority)}


def _shape(factors: NDArray[np.int64], dataset: Any) -> NDArray[np.int64]:
    names = list(getattr(dataset, "factor_names", ()))
    if len(names) == factors.shape[1] and "shape" in names:
        return factors[:, names.index("shape")]
    if factors.shape[1] == 1:
        return factors[:, 0]
    raise MetricError(
        "unsupervised_accuracy needs to know the factor: give a dataset with a factor 'shape', or factors of one column"
    )


def _accuracies(categories: NDArray[np.int64], truth: NDArray[np.int64]) -> tuple[float, float]:
    """Accuracy of the best one-to-one map and of the majority map of categories (N,) to values (N,)."""
    from scipy.optimize import linear_sum_assignment

    found, rows = np.unique(categories, return_inverse=True)
    values, columns = np.unique(truth, return_inverse=True)
    counts = np.zeros((len(found), len(values)))
    np.add.at(counts, (rows, columns), 1)
    matched = counts[linear_sum_assignment(counts, maximize=True)].sum()
    return float(matched / len(truth)), float(counts.max(axis=1).sum() / len(truth))


METRIC = Metric(
    name="unsupervised_accuracy",
    function=compute,
    directions={"unsupervised_accuracy": "maximize", "unsupervised_accuracy_majority": "maximize"},
    protocols={"permutation": Protocol({}, (frozenset({"discrete_codes", "factors"}),))},
    optional=frozenset({"dataset"}),
    needs_factors=True,
    needs=frozenset({"discrete"}),
    about="shape",
    source="Jeong & Song 2019, table 2",
    scales={
        "unsupervised_accuracy": Scale(
            0, 1, "the share of images in the right class, with categories matched to classes"
        )
    },
)
