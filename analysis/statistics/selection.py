"""What choosing by the reported metric adds to it: the same score under several rules of choice."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

COLUMNS = ["rule", "configuration", "value"]


def leakage(
    trials: pd.DataFrame,
    metric: str,
    direction: str,
    criteria: Mapping[str, pd.Series],
    curves: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """A metric of the configuration that each rule would choose.

    Args:
        trials: completed trials of what is chosen from (one model, or a whole study).
        metric: the reported metric.
        direction: `maximize` or `minimize`.
        criteria: what can be chosen by without looking at the score, by name: a value of each configuration, larger is
            better; see `unsupervised`.
        curves: values during training; with them, choosing the checkpoint by the score is a rule too.

    Returns:
        `rule`, `configuration`, `value`, from the most to the least optimistic rule: the best trial; the best
        evaluation of each trial of the best configuration (CascadeVAE's code); the best mean over seeds; the
        configuration that is best on the other seeds, scored on the seed left out; the best by each criterion, which
        never looks at the score.
    """
    table = trials.pivot_table(index="configuration", columns="seed", values=metric, sort=False).astype(float)
    if table.empty:
        return pd.DataFrame(columns=COLUMNS)
    means = table.mean(axis=1)
    best = _best(means, direction)
    extreme = table.agg("max" if direction == "maximize" else "min", axis=1)
    winner = _best(extreme, direction)
    rows: list[tuple[str, str, float]] = [("best trial by the score", winner, float(extreme[winner]))]
    if curves is not None:
        evaluations = best_evaluations(curves, best, metric, direction)
        if len(evaluations):
            rows.append(("best configuration, best evaluation of each trial", best, float(evaluations.mean())))
    rows.append(("best configuration by its mean", best, float(means[best])))
    if table.shape[1] > 1:
        rows.append(("best configuration on the other seeds", best, _left_out(table, direction)))
    for name, values in criteria.items():
        known = values.reindex(means.index).dropna()
        if len(known):
            chosen = _best(known, "maximize")
            rows.append((f"best by {name}", chosen, float(means[chosen])))
    return pd.DataFrame(rows, columns=COLUMNS)


def best_evaluations(curves: pd.DataFrame, configuration: str, metric: str, direction: str) -> "pd.Series[float]":
    """What a metric would be if each trial had been stopped when it was best: by seed; empty where that is not known.

    Args:
        curves: values during training, as of `Study.curves()`.
        configuration: identity.
        metric: a result key; it is not known of one that was measured at the end only.
        direction: `maximize` or `minimize`.
    """
    shown = curves[(curves["metric"] == metric) & (curves["configuration"] == configuration)]
    if shown["step"].nunique() < 2:
        shown = shown.head(0)
    return shown.groupby("seed")["value"].agg("max" if direction == "maximize" else "min")


def best_by_chance(mean: float, deviation: float, number: int) -> float:
    """Best of a number of equally good trials, on average: what a best of ten is when nothing but luck is in it.

    The expected maximum of independent draws from a normal distribution: the mean and, of ten, 1.54 deviations.
    """
    from scipy.integrate import quad
    from scipy.special import ndtr

    def times_density(at: float) -> float:
        return float(at * number * np.exp(-at * at / 2) / np.sqrt(2 * np.pi) * ndtr(at) ** (number - 1))

    return mean + deviation * float(quad(times_density, -12, 12, points=[0])[0])


def largest_possible(mean: float, deviation: float, number: int) -> float:
    """Above this none of so many numbers with this mean and standard deviation can lie, however they are distributed.

    Of ten at most 3 deviations above the mean (Samuelson 1968), with n − 1 in the deviation 2.85: the wider is taken.
    """
    return mean + deviation * (number - 1) ** 0.5


def _left_out(table: pd.DataFrame, direction: str) -> float:
    """Mean over seeds of the score, at that seed, of the configuration that is best on the other seeds."""
    values = []
    for seed in table.columns:
        others = table.drop(columns=seed).mean(axis=1)[table[seed].notna()].dropna()
        if len(others):
            values.append(float(table[seed][_best(others, direction)]))
    return float(np.mean(values)) if values else float("nan")


def _best(values: pd.Series, direction: str) -> str:
    return str(values.idxmax() if direction == "maximize" else values.idxmin())


def unsupervised(trials: pd.DataFrame, metrics: Sequence[str]) -> dict[str, pd.Series]:
    """Final metrics that need no ground-truth factors and have a better side: means by configuration.

    Args:
        trials: completed trials.
        metrics: final metrics.

    Returns:
        By result key, a value of each configuration, turned round where less is better.
    """
    import core.metrics

    found: dict[str, pd.Series] = {}
    for key in metrics:
        try:
            metric, _ = core.metrics.find_key(key)
        except core.metrics.MetricError:
            continue
        direction = metric.directions.get(key.partition("/")[0])
        if direction and not metric.needs_factors and "relations" not in metric.needs:
            sign = 1.0 if direction == "maximize" else -1.0
            found[key] = sign * trials.groupby("configuration", sort=False)[key].mean()
    return found
