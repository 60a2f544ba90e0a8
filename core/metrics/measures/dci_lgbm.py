"""DCI by LightGBM: the fast one, with a name of its own because its scores are not those of `dci`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.metrics.checks import varying_factors
from core.metrics.importances import directions, scales, scores
from core.metrics.metric import Metric, Protocol, Settings


def compute(
    settings: Settings,
    rng: np.random.Generator,
    *,
    codes: NDArray[Any],
    factors: NDArray[np.int64],
    test_codes: NDArray[Any],
    test_factors: NDArray[np.int64],
) -> dict[str, float]:
    """`dci_lgbm_disentanglement`, `_completeness`, `_informativeness` (test accuracy) and its `_train`.

    One LightGBM classifier per factor (N, K) on codes (N, D), importance by gain, histograms of `bins` bins,
    one thread and deterministic. MetricError: every factor has one class only.
    """
    kept = varying_factors(factors)
    results = [
        _fit(settings, int(seed), codes, factors[:, k], test_codes, test_factors[:, k])
        for k, seed in zip(kept, rng.integers(2**31, size=len(kept)), strict=True)
    ]
    importances, train, test = zip(*results, strict=True)
    return scores("dci_lgbm", np.stack(importances, axis=1), np.array(train), np.array(test))


def _fit(
    settings: Settings,
    seed: int,
    codes: NDArray[Any],
    labels: NDArray[np.int64],
    test_codes: NDArray[Any],
    test_labels: NDArray[np.int64],
) -> tuple[NDArray[np.float64], float, float]:
    """Importances (D,), summing to 1 unless no tree splits, and the two accuracies for one factor."""
    import lightgbm

    values, classes = np.unique(labels, return_inverse=True)
    parameters = {
        "objective": "multiclass",
        "num_class": len(values),
        "max_depth": settings["depth"],
        "num_leaves": 2 ** settings["depth"],
        "learning_rate": settings["learning_rate"],
        "max_bin": settings["bins"],
        "min_data_in_leaf": settings["min_data_in_leaf"],
        "seed": seed,
        "num_threads": 1,
        "deterministic": True,
        "force_col_wise": True,
        "verbosity": -1,
    }
    data = lightgbm.Dataset(codes.astype(np.float64), classes, params={"verbosity": -1})
    model = lightgbm.train(parameters, data, num_boost_round=settings["trees"])
    gains = np.asarray(model.feature_importance("gain"), dtype=np.float64)

    def accuracy(inputs: NDArray[Any], wanted: NDArray[np.int64]) -> float:
        predicted = np.asarray(model.predict(inputs.astype(np.float64), num_threads=1)).argmax(axis=1)
        return float(np.mean(values[predicted] == wanted))

    return gains / max(gains.sum(), 1e-300), accuracy(codes, labels), accuracy(test_codes, test_labels)


METRIC = Metric(
    name="dci_lgbm",
    function=compute,
    directions=directions("dci_lgbm"),
    protocols={
        "lgbm": Protocol(
            {
                "trees": 100,
                "depth": 3,
                "learning_rate": 0.1,
                "bins": 255,
                "min_data_in_leaf": 5,
                "train": 10_000,
                "test": 5_000,
            },
            (frozenset({"codes", "factors"}),),
        )
    },
    optional=frozenset({"test_codes", "test_factors"}),
    needs_factors=True,
    split=True,
    replicates=10,
    source="Eastwood & Williams 2018, section 2, with LightGBM trees",
    scales=scales("dci_lgbm"),
)
