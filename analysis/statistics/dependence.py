"""What results depend on: metrics on each other, scores on model, hyperparameter and seed."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

ENOUGH = 8  # configurations below which a forest says nothing about hyperparameters
TREES = 200


def rank_correlation(trials: pd.DataFrame, directions: Mapping[str, str]) -> pd.DataFrame:
    """Spearman correlation (metrics by metrics) over the completed trials; NaN for a constant metric.

    Args:
        trials: `Study.trials()`.
        directions: final metrics, each `maximize` or `minimize`; what is minimised is turned round, so that 1 always
            says that two metrics agree on what is better.

    Source: Locatello et al. 2019, figure 2.
    """
    completed = trials[trials["state"] == "COMPLETED"]
    signs = [1.0 if direction == "maximize" else -1.0 for direction in directions.values()]
    return (completed[list(directions)].astype(float) * signs).rank().corr()


def variance_shares(trials: pd.DataFrame, metric: str) -> dict[str, float]:
    """Shares of the variance of a final metric due to `model`, `hyperparameter` and `seed`; they sum to 1.

    Nested sums of squares: between models, between the configurations of a model, and within a configuration. The
    first two are what the score is explained by (R²) when model, or model and hyperparameters, are known. Where no
    configuration has two seeds, what is not the model's cannot be told apart: both other shares are NaN.
    Source: Locatello et al. 2019, section 5.3.
    """
    rows = trials[(trials["state"] == "COMPLETED") & trials[metric].notna()]
    values = rows[metric].astype(float)
    by_configuration = values.groupby(rows["configuration"]).transform("mean")
    by_model = values.groupby(rows["model"]).transform("mean")
    total = float(np.square(values - values.mean()).sum())
    if not total > 0:
        return {"model": np.nan, "hyperparameter": np.nan, "seed": np.nan}
    parts = {
        "model": np.square(by_model - values.mean()).sum(),
        "hyperparameter": np.square(by_configuration - by_model).sum(),
        "seed": np.square(values - by_configuration).sum(),
    }
    shares = {name: float(part) / total for name, part in parts.items()}
    if not rows["configuration"].duplicated().any():
        shares |= {"hyperparameter": np.nan, "seed": np.nan}
    return shares


def importance(configurations: pd.DataFrame, hyperparameters: Sequence[str], metric: str) -> pd.DataFrame:
    """How much each searched hyperparameter of one model matters for the mean of a metric.

    Args:
        configurations: completed configurations of one model.
        hyperparameters: columns to look at; those with one value are left out.
        metric: a result key.

    Returns:
        `hyperparameter`, `importance` (they sum to 1; permutation importance in a random forest), and `explained`:
        the forest's R² on configurations that it has not seen, below 0 when it has learnt nothing. Empty for fewer than
        eight configurations.
    """
    rows = configurations[configurations[f"{metric}_mean"].notna()]
    varied = [name for name in hyperparameters if rows[name].astype(str).nunique() > 1]
    if len(rows) < ENOUGH or not varied:
        return pd.DataFrame(columns=["hyperparameter", "importance", "explained"])
    from sklearn.ensemble import RandomForestRegressor  # half a second, which most small studies need not spend
    from sklearn.inspection import permutation_importance

    inputs = np.column_stack([_ordinal(rows[name]) for name in varied])
    target = rows[f"{metric}_mean"].to_numpy(dtype=float)
    forest = RandomForestRegressor(TREES, oob_score=True, random_state=0).fit(inputs, target)
    found = permutation_importance(forest, inputs, target, n_repeats=10, random_state=0).importances_mean.clip(0.0)
    shares = found / found.sum() if found.sum() > 0 else np.full(len(varied), 1 / len(varied))
    table = pd.DataFrame({"hyperparameter": varied, "importance": shares, "explained": float(forest.oob_score_)})
    return table.sort_values("importance", ascending=False, ignore_index=True)


def _ordinal(column: pd.Series) -> np.ndarray:
    """Numbers as they are, anything else as the place among its sorted values."""
    if pd.api.types.is_numeric_dtype(column):
        return column.to_numpy(dtype=float)
    return pd.Categorical(column.astype(str)).codes.astype(float)
