"""Explicitness: how well a linear classifier of the whole code ranks each class (Ridgeway & Mozer 2018, section 4)."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.metrics.checks import alive_dimensions, varying_factors
from core.metrics.metric import Metric, Protocol, Scale, Settings
from core.metrics.threads import one_thread
from core.mistakes import MetricError


def compute(
    settings: Settings,
    rng: np.random.Generator,
    *,
    codes: NDArray[Any],
    factors: NDArray[np.int64],
    test_codes: NDArray[Any],
    test_factors: NDArray[np.int64],
) -> dict[str, float]:
    """`explicitness` and `explicitness_train`: one-against-rest ROC area, mean over classes, then factors.

    In [0, 1], 0.5 by chance (not rescaled to 2 AUC - 1). Logistic regression on codes (N, D), standardised by
    the training part; a dead dimension is left out. A class absent from a part has no area there.
    MetricError: no factor varies.
    """
    del rng
    spread = codes.std(axis=0, dtype=np.float64)
    alive = alive_dimensions(codes)
    if not alive.any():
        return {"explicitness": 0.5, "explicitness_train": 0.5}
    centre = codes.mean(axis=0, dtype=np.float64)
    inputs, test_inputs = ((part - centre)[:, alive] / spread[alive] for part in (codes, test_codes))
    kept = varying_factors(factors)
    areas = np.array([_areas(settings, inputs, factors[:, k], test_inputs, test_factors[:, k]) for k in kept])
    usable = np.isfinite(areas).all(axis=1)
    if not usable.any():
        raise MetricError("the test part holds one class of every factor only")
    train, test = areas[usable].mean(axis=0)
    return {"explicitness": float(test), "explicitness_train": float(train)}


def _areas(
    settings: Settings,
    inputs: NDArray[np.float64],
    labels: NDArray[np.int64],
    test_inputs: NDArray[np.float64],
    test_labels: NDArray[np.int64],
) -> tuple[float, float]:
    """Mean ROC areas of one factor in the training and the test part."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    classifier = LogisticRegression(max_iter=settings["max_iter"])
    with one_thread(), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        classifier.fit(inputs, labels)
    return (
        roc_area(classifier.predict_proba(inputs), labels, classifier.classes_),
        roc_area(classifier.predict_proba(test_inputs), test_labels, classifier.classes_),
    )


def roc_area(probabilities: NDArray[np.float64], labels: NDArray[np.int64], classes: NDArray[np.int64]) -> float:
    """Mean area under the ROC of classes (C,) from probabilities (N, C), by ranks; NaN if none has an area."""
    from scipy.stats import rankdata

    member = labels[:, None] == classes
    counts = member.sum(axis=0)
    usable = (counts > 0) & (counts < len(labels))
    if not usable.any():
        return float("nan")
    ranks = (rankdata(probabilities, axis=0) * member).sum(axis=0)[usable]
    inside = counts[usable].astype(np.float64)
    return float(((ranks - inside * (inside + 1) / 2) / (inside * (len(labels) - inside))).mean())


METRIC = Metric(
    name="explicitness",
    function=compute,
    directions={"explicitness": "maximize", "explicitness_train": None},
    protocols={
        "ridgeway": Protocol({"max_iter": 1_000, "train": 10_000, "test": 5_000}, (frozenset({"codes", "factors"}),))
    },
    optional=frozenset({"test_codes", "test_factors"}),
    needs_factors=True,
    split=True,
    replicates=10,
    source="Ridgeway & Mozer 2018, section 4",
    scales={
        "explicitness": Scale(
            0, 1, "at 1 a linear classifier tells every value from the code, at 0.5 none but by chance"
        )
    },
)
