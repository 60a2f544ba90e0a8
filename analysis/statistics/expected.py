"""What a configuration would give in the mean over all seeds, from its own results and those of its neighbours."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from analysis.statistics.gaussian_process import posterior
from core.formulas.costs import COSTS, MEASURED

FEWEST = 6  # configurations of a model, from which neighbours tell something
FREEDOM = 10  # degrees of freedom from which the spread over seeds is known, and not estimated from neighbours
DECADE = 10  # times the smallest of a list


def of_objectives(
    configurations: pd.DataFrame,
    objectives: Iterable[str],
    costs: Collection[str],
    defaults: Mapping[str, Any],
    models: Mapping[str, Mapping[str, Any]],
) -> pd.DataFrame:
    """What is expected of every objective, see `expected`: `<objective>_expected`, `…_error` and `…_noise`.

    Args:
        configurations: completed rows of `Study.configurations()`.
        objectives: result keys.
        costs: those of them that are no matter of luck, and stay as they are.
        defaults: the section of the study file.
        models: the section of the study file.
    """
    spaces = {model: {**defaults, **own} for model, own in models.items()}
    searched = {
        model: [name for name, value in own.items() if isinstance(value, dict | list) and name in configurations]
        for model, own in spaces.items()
    }
    logarithmic = by_logarithm(spaces.values())
    parts = []
    for key in objectives:
        if key in COSTS or key in costs:
            means, error = configurations[f"{key}_mean"], np.nan if key in MEASURED else 0.0
            found = pd.DataFrame({"expected": means, "error": error, "noise": 0.0}, index=configurations.index)
        else:
            found = expected(configurations, searched, logarithmic, key)
        parts.append(found.add_prefix(f"{key}_"))
    return pd.concat(parts, axis=1)


def by_logarithm(spaces: Iterable[Mapping[str, Any]]) -> set[str]:
    """Names of hyperparameters whose values are to be compared by their logarithm.

    Args:
        spaces: what study files say of models: logarithmic ranges count, and lists of positive numbers over a decade.
    """
    return {
        name
        for space in spaces
        for name, value in space.items()
        if (isinstance(value, dict) and "log" in value) or (isinstance(value, list) and _is_wide(value))
    }


def _is_wide(values: list[Any]) -> bool:
    numbers = all(isinstance(value, int | float) and value > 0 for value in values)
    return numbers and max(values) >= DECADE * min(values)


def expected(
    configurations: pd.DataFrame, searched: Mapping[str, Sequence[str]], logarithmic: Collection[str], metric: str
) -> pd.DataFrame:
    """Expected values of a metric and their standard errors.

    The front of noisy means consists of lucky configurations; this takes the luck out. Results of a model are taken for
    a smooth function of its hyperparameters and independent noise of the seeds: a Gaussian process with a Matérn 5/2
    kernel and one length scale per hyperparameter, averaged over kernels by their marginal likelihood, since few
    configurations do not tell one kernel from another. The noise is what seeds of one configuration show; where hardly
    any has two seeds, it belongs to the kernel. A model with fewer than `FEWEST` configurations, or none that differ,
    keeps its means.

    Args:
        configurations: completed rows of `Study.configurations()`.
        searched: by model, its hyperparameters with more than one value.
        logarithmic: those to be compared by their logarithm.
        metric: a result key.

    Returns:
        Columns `expected`, `error`, its standard error, and `noise`, the standard deviation over seeds that this goes
        by; with the index of `configurations`. NaN where it is unknown.

    Source: Rasmussen and Williams 2006, sections 2.2, 5.2 and 5.4.1.
    """
    means, counts = configurations[f"{metric}_mean"].astype(float), configurations["n"].astype(float)
    found = pd.DataFrame({"expected": means, "error": np.nan, "noise": np.nan}, index=configurations.index)
    for model, rows in configurations.groupby("model", observed=True):
        variance = _variance_of_seeds(rows, metric)
        at = places(rows[list(searched[str(model)])], logarithmic)
        values = means[rows.index].to_numpy()
        of_means = variance / counts[rows.index].to_numpy()
        error = np.sqrt(of_means)
        if len(rows) >= FEWEST and at.shape[1] and np.ptp(values) > 0:
            values, error, of_means = posterior(at, values, of_means)
        noise = np.sqrt(of_means * counts[rows.index].to_numpy())
        found.loc[rows.index, ["expected", "error", "noise"]] = np.column_stack([values, error, noise])
    return found


def _variance_of_seeds(configurations: pd.DataFrame, metric: str) -> float:
    """Pooled over configurations with two seeds or more; NaN below `FREEDOM`."""
    several = configurations[configurations["n"] > 1]
    freedom = several["n"] - 1
    if freedom.sum() < FREEDOM:
        return np.nan
    return float((freedom * several[f"{metric}_std"] ** 2).sum() / freedom.sum())


def places(hyperparameters: pd.DataFrame, logarithmic: Collection[str]) -> np.ndarray:
    """Where configurations of a model lie, (N, K): numbers in units of the range that was tried, names as 0 and 1 each.

    Columns in which nothing differs are left out; no value is a name too.
    """
    columns = []
    for name, column in hyperparameters.items():
        if column.nunique(dropna=False) < 2:
            continue
        if not _are_numbers(column):
            columns += [(column == value).to_numpy(dtype=float) for value in column.dropna().unique()]
            continue
        numbers = column.to_numpy(dtype=float)
        numbers = np.log(numbers) if name in logarithmic and (numbers > 0).all() else numbers
        columns.append((numbers - numbers.min()) / np.ptp(numbers))
    return np.column_stack(columns) if columns else np.empty((len(hyperparameters), 0))


def _are_numbers(column: "pd.Series[Any]") -> bool:
    """Whether all values are; truths are names, and so are numbers among which there is none."""
    plain = column.infer_objects()
    numeric = pd.api.types.is_numeric_dtype(plain) and not pd.api.types.is_bool_dtype(plain)
    return numeric and not plain.isna().any()
