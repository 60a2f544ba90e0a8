"""What results depend on: metrics on each other, scores on model, hyperparameter and seed."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from analysis.statistics.uncertainty import ENOUGH_SEEDS, LEVEL

ENOUGH = 8  # configurations below which a forest says nothing about hyperparameters
TREES = 200
PARTS = ("model", "hyperparameter", "seed")
WITHOUT_CHANCE = (
    "the model, to its hyperparameters and to the seed, without what chance alone would give to the first two; in "
    f"brackets, from {ENOUGH_SEEDS} seeds on, an interval that holds the true share nineteen times in twenty"
)


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
    configuration has two seeds, what is not the model's cannot be told apart: both other shares are NaN. With few seeds
    part of what is the seed's counts as the hyperparameters': see `corrected_shares`.
    Source: Locatello et al. 2019, section 5.3.
    """
    squares, freedom = _nested(_completed(trials, metric), metric)
    total = squares.sum()
    shares = squares / total if total > 0 else np.full(3, np.nan)
    if not freedom[2]:
        shares[1:] = np.nan
    return dict(zip(PARTS, shares.tolist(), strict=True))


def corrected_shares(trials: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Shares of the variance of a final metric without what chance alone gives to models and hyperparameters.

    Each sum of squares less its degrees of freedom times the mean square of the seeds (ε²), which is 0 in the mean
    where nothing matters; between 0 and 1. Intervals are of Student's t by a jackknife over seeds, for these
    configurations: seed s of all of them shares initialisation and data order, and is left out whole.

    Args:
        trials: `Study.trials()`.
        metric: a result key.

    Returns:
        `share`, `low` and `high` (95 %), by `model`, `hyperparameter` and `seed`. NaN where no configuration has two
        seeds; of intervals, where one has fewer than `ENOUGH_SEEDS`: another seed left out would leave other
        configurations.

    Source: Kelley 1935 (ε²); Efron and Stein 1981 (jackknife).
    """
    from scipy.stats import t

    rows = _completed(trials, metric)
    shares, seeds = _corrected(rows, metric), rows["seed"].unique()
    half = np.full(3, np.nan)
    if len(rows) and rows.groupby("configuration")["seed"].nunique().min() >= ENOUGH_SEEDS:
        without = np.array([_corrected(rows[rows["seed"] != seed], metric) for seed in seeds])
        half = t.ppf((1 + LEVEL) / 2, len(seeds) - 1) * np.sqrt((len(seeds) - 1) * without.var(0))
    found = {"share": shares, "low": shares - half, "high": shares + half}
    return pd.DataFrame(found, index=list(PARTS)).clip(0.0, 1.0)


def in_words(shares: pd.DataFrame) -> list[str]:
    """`9% (4% to 13%)` for each part of `corrected_shares`."""
    cells = []
    for share, low, high in shares.itertuples(index=False):
        interval = "" if np.isnan(low) else f" ({low:.0%} to {high:.0%})"
        cells.append("–" if np.isnan(share) else f"{share:.0%}{interval}")
    return cells


def _completed(trials: pd.DataFrame, metric: str) -> pd.DataFrame:
    return trials[(trials["state"] == "COMPLETED") & trials[metric].notna()]


def _nested(rows: pd.DataFrame, metric: str) -> tuple[np.ndarray, np.ndarray]:
    """Sums of squares and degrees of freedom of `PARTS`."""
    values = rows[metric].astype(float)
    by_configuration = values.groupby(rows["configuration"]).transform("mean")
    by_model = values.groupby(rows["model"].astype(str)).transform("mean")
    between = (by_model - values.mean(), by_configuration - by_model, values - by_configuration)
    models, configurations = rows["model"].nunique(), rows["configuration"].nunique()
    freedom = np.array([models - 1, configurations - models, len(rows) - configurations])
    return np.array([np.square(each).sum() for each in between]), freedom


def _corrected(rows: pd.DataFrame, metric: str) -> np.ndarray:
    squares, freedom = _nested(rows, metric)
    total = squares.sum()
    if not freedom[2] or not total > 0:
        return np.full(3, np.nan)
    chance = squares[2] / freedom[2]
    shares = (squares - freedom * chance) / total
    shares[2] = 1 - shares[:2].sum()
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
