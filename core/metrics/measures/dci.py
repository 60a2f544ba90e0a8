"""DCI by gradient boosting, the published protocol (Eastwood & Williams 2018; Locatello et al. 2019)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.metrics.checks import varying_factors
from core.metrics.importances import directions, scales, scores, worker_count
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
    """`dci_disentanglement`, `dci_completeness`, `dci_informativeness` (test accuracy) and its `_train`.

    One GradientBoostingClassifier per factor (N, K) on codes (N, D), each in a process of its own where
    OMP_NUM_THREADS (or the machine) grants several. Minutes at 10,000 codes. MetricError: no factor varies.
    """
    from sklearn.utils.parallel import Parallel, delayed

    kept = varying_factors(factors)
    seeds = rng.integers(2**31, size=len(kept))
    jobs = [
        delayed(_fit)(dict(settings), int(seed), codes, factors[:, k], test_codes, test_factors[:, k])
        for k, seed in zip(kept, seeds, strict=True)
    ]
    importances, train, test = zip(*Parallel(n_jobs=worker_count(len(jobs)))(jobs), strict=True)
    return scores("dci", np.stack(importances, axis=1), np.array(train), np.array(test))


def _fit(
    settings: Settings,
    seed: int,
    codes: NDArray[Any],
    labels: NDArray[np.int64],
    test_codes: NDArray[Any],
    test_labels: NDArray[np.int64],
) -> tuple[NDArray[np.float64], float, float]:
    """Importances (D,) and the two accuracies for one factor."""
    from sklearn.ensemble import GradientBoostingClassifier

    model = GradientBoostingClassifier(
        n_estimators=settings["trees"],
        max_depth=settings["depth"],
        learning_rate=settings["learning_rate"],
        random_state=seed,
    )
    model.fit(codes, labels)
    return (
        np.abs(model.feature_importances_),
        float(np.mean(model.predict(codes) == labels)),
        float(np.mean(model.predict(test_codes) == test_labels)),
    )


METRIC = Metric(
    name="dci",
    function=compute,
    directions=directions("dci"),
    protocols={
        "gbt": Protocol(
            {"trees": 100, "depth": 3, "learning_rate": 0.1, "train": 10_000, "test": 5_000},
            (frozenset({"codes", "factors"}),),
        )
    },
    optional=frozenset({"test_codes", "test_factors"}),
    needs_factors=True,
    cost="slow",
    split=True,
    replicates=5,
    source="Eastwood & Williams 2018, section 2; trees of Locatello et al. 2019",
    scales=scales("dci"),
)
