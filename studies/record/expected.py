"""What is to be expected of configurations over all seeds, while a study runs: `Results.expected`, from its history."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from analysis.statistics.expected import by_logarithm, expected
from core.configuration import Configuration
from core.formulas.costs import COSTS
from studies.study_file.spec import StudySpec


def expected_values(
    spec: StudySpec, results: Iterable[tuple[Configuration, np.ndarray]]
) -> tuple[np.ndarray, np.ndarray]:
    """Expected objectives (N, M) of N configurations, and by how much seeds of each differ (N, M), NaN where unknown.

    Args:
        spec: of the study.
        results: each configuration, with the objectives (S, M) of all its seeds.
    """
    results = list(results)
    shape = (len(results), len(spec.objectives))
    values, noise = np.empty(shape), np.zeros(shape)
    if not results:
        return values, noise
    table = pd.DataFrame([_row(spec, configuration, values) for configuration, values in results])
    written = {model: {**spec.defaults, **own} for model, own in spec.models.items()}  # the model's code is not needed
    searched = {
        model: [name for name, value in own.items() if isinstance(value, dict | list) and name in table]
        for model, own in written.items()
    }
    logarithmic = by_logarithm(written.values())
    for index, key in enumerate(spec.objectives):
        if key in COSTS or key in spec.costs:
            values[:, index] = table[f"{key}_mean"]
        else:
            found = expected(table, searched, logarithmic, key)
            values[:, index], noise[:, index] = found["expected"], found["noise"]
    return values, noise


def _row(spec: StudySpec, configuration: Configuration, values: np.ndarray) -> dict[str, Any]:
    """As in `Results.configurations()`."""
    row: dict[str, Any] = {"model": configuration.model, **configuration.hyperparameters, "n": len(values)}
    for key, of_seeds in zip(spec.objectives, values.T, strict=True):
        row[f"{key}_mean"] = of_seeds.mean()
        row[f"{key}_std"] = of_seeds.std(ddof=1) if len(of_seeds) > 1 else np.nan
    return row
