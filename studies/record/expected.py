"""What is to be expected of configurations over all seeds, while a study runs: `Results.expected`, from its history."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from analysis.statistics.expected import of_objectives
from core.configuration import Configuration
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
    if not results:
        return np.empty((0, len(spec.objectives))), np.empty((0, len(spec.objectives)))
    table = pd.DataFrame([_row(spec, configuration, of_seeds) for configuration, of_seeds in results])
    found = of_objectives(table, spec.objectives, spec.costs, spec.defaults, spec.models)
    parts = ([f"{key}_{part}" for key in spec.objectives] for part in ("expected", "noise"))
    values, noise = (found[columns].to_numpy(dtype=float) for columns in parts)
    return values, noise


def _row(spec: StudySpec, configuration: Configuration, values: np.ndarray) -> dict[str, Any]:
    """As in `Results.configurations()`."""
    row: dict[str, Any] = {"model": configuration.model, **configuration.hyperparameters, "n": len(values)}
    for key, of_seeds in zip(spec.objectives, values.T, strict=True):
        row[f"{key}_mean"] = of_seeds.mean()
        row[f"{key}_std"] = of_seeds.std(ddof=1) if len(of_seeds) > 1 else np.nan
    return row
