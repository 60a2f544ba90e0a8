"""InfoMEC: modularity, explicitness and compactness, all as information (Hsu et al. 2023, section 4)."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.metrics.checks import alive_dimensions, varying_factors
from core.metrics.information import bin_codes, mutual_information
from core.metrics.metric import Metric, Protocol, Scale, Settings
from core.metrics.threads import one_thread


def compute(
    settings: Settings, rng: np.random.Generator, *, codes: NDArray[Any], factors: NDArray[np.int64]
) -> dict[str, float]:
    """`info_m`, `info_e` and `info_c` of codes (N, D) and factors (N, K); 1 is best, 0 is chance.

    With NMI_kj = I(factor k; dimension j) / H(factor k) over active dimensions, InfoM is the mean over dimensions of
    max_k NMI / Σ_k NMI, moved so that 1/K becomes 0; InfoC the mean over factors of max_j NMI / Σ_j NMI, moved so that
    1 over the number of them becomes 0. InfoE is the mean over factors of 1 − H(factor | code) / H(factor):
    cross-entropies of a logistic regression from the whole code, and from nothing, on the rows that it was fitted to;
    it may be a little below 0.

    A code in which no dimension has more than `values_per_image` N values is quantised: the values are classes, and
    one-hot in the regression. Else information is estimated as `estimator` says. A dimension is active whose range is
    above `least_range` of the widest (of a quantised code, above 0). A dimension or factor without any information
    counts 0; of a single factor or active dimension nothing can be confused, which counts 1.

    MetricError: no factor varies.
    """
    kept = factors[:, varying_factors(factors)]
    columns = [np.unique(column, return_inverse=True)[1] for column in codes.T]
    classes = np.stack(columns, axis=1).astype(np.int64)
    quantised = bool(classes.max() + 1 <= settings["values_per_image"] * len(codes))
    ranges = np.ptp(codes.astype(np.float64), axis=0)
    least = 0.0 if quantised else settings["least_range"] * ranges.max()
    active = alive_dimensions(codes) & (ranges > least)
    if not active.any():
        return {"info_m": 0.0, "info_e": 0.0, "info_c": 0.0}
    if quantised or settings["estimator"] == "histogram":
        bins = int(classes.max()) + 1 if quantised else settings["bins"]
        binned = classes if quantised else bin_codes(codes, bins)
        information, entropies = mutual_information(binned[:, active], kept, bins)
    else:
        seed = int(rng.integers(2**31))
        information = _nearest_neighbours(codes[:, active], kept, settings["neighbours"], seed)
        entropies = mutual_information(np.zeros_like(kept[:, :1]), kept, 1)[1]
    shares = information / entropies
    return {
        "info_m": _preference(shares),
        "info_e": _explicitness(classes if quantised else codes, kept, settings, quantised=quantised),
        "info_c": _preference(shares.T),
    }


def _preference(shares: NDArray[np.float64]) -> float:
    """Mean over rows of (largest / sum), from chance at 0 to 1; shares (R, C) are not negative."""
    count = shares.shape[1]
    if count == 1:
        return 1.0
    total = shares.sum(axis=1)
    best = np.divide(shares.max(axis=1), total, out=np.full(len(shares), 1 / count), where=total > 0)
    return float((best.mean() - 1 / count) / (1 - 1 / count))


def _nearest_neighbours(
    codes: NDArray[Any], factors: NDArray[np.int64], neighbours: int, seed: int
) -> NDArray[np.float64]:
    """Information (D, K) in nats between real numbers and classes, from nearest neighbours (Ross 2014)."""
    from sklearn.feature_selection import mutual_info_classif

    standardised = (codes - codes.mean(axis=0, dtype=np.float64)) / codes.std(axis=0, dtype=np.float64)
    found = [
        mutual_info_classif(standardised, column, discrete_features=False, n_neighbors=neighbours, random_state=seed)
        for column in factors.T
    ]
    return np.stack(found, axis=1)


def _explicitness(codes: NDArray[Any], factors: NDArray[np.int64], settings: Settings, *, quantised: bool) -> float:
    """InfoE of real codes, or of the classes of quantised ones."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import log_loss
    from sklearn.preprocessing import OneHotEncoder

    if quantised:
        inputs = OneHotEncoder().fit_transform(codes)
    else:
        alive = codes[:, alive_dimensions(codes)]
        inputs = (alive - alive.mean(axis=0, dtype=np.float64)) / alive.std(axis=0, dtype=np.float64)
    parts = []
    for column in factors.T:
        classifier = LogisticRegression(C=np.inf, class_weight="balanced", max_iter=settings["max_iter"])
        with one_thread(), warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            classifier.fit(inputs, column)
            given = log_loss(column, classifier.predict_proba(inputs), labels=classifier.classes_)
        # From nothing, a regression with balanced classes says that all are equally likely.
        parts.append(1.0 - given / np.log(len(classifier.classes_)))
    return float(np.mean(parts))


COMMON = {"values_per_image": 0.1, "least_range": 1 / 20, "max_iter": 100}

METRIC = Metric(
    name="infomec",
    function=compute,
    directions={"info_m": "maximize", "info_e": "maximize", "info_c": "maximize"},
    protocols={
        "hsu": Protocol(
            COMMON | {"estimator": "nearest neighbours", "neighbours": 10}, (frozenset({"codes", "factors"}),)
        ),
        "histogram": Protocol(COMMON | {"estimator": "histogram", "bins": 20}, (frozenset({"codes", "factors"}),)),
    },
    needs_factors=True,
    replicates=10,
    source="Hsu et al. 2023, section 4; authors' code",
    scales={
        "info_m": Scale(0, 1, "at 1 each dimension tells about one factor only, at 0 about all alike"),
        "info_e": Scale(None, None, "at 1 a linear classifier tells all factors from the code, at 0 none"),
        "info_c": Scale(0, 1, "at 1 each factor is told by one dimension only, at 0 by all alike"),
    },
)
