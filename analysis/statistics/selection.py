"""What choosing by the reported metric adds to it: the same score under several rules of choice."""

from collections.abc import Mapping

import numpy as np
import pandas as pd


def leakage(
    trials: pd.DataFrame, metric: str, direction: str, criteria: Mapping[str, str], curves: pd.DataFrame | None = None
) -> pd.DataFrame:
    """A metric of the configuration that each rule would choose.

    Args:
        trials: completed trials of what is chosen from (one model, or a whole study).
        metric: the reported metric.
        direction: `maximize` or `minimize`.
        criteria: unsupervised final metrics to choose by, with their directions.
        curves: values during training; with them, choosing the checkpoint by the score is a rule too.

    Returns:
        `rule`, `configuration`, `value`, from the most to the least optimistic rule: the best trial; the best
        evaluation of each trial of the best configuration (CascadeVAE's code); the best mean over seeds; the
        configuration that is best on the other seeds, scored on the seed left out; the best by each criterion, which
        never looks at the score.
    """
    table = trials.pivot_table(index="configuration", columns="seed", values=metric, sort=False).astype(float)
    if table.empty:
        return pd.DataFrame(columns=["rule", "configuration", "value"])
    means = table.mean(axis=1)
    best = _best(means, direction)
    extreme = table.agg("max" if direction == "maximize" else "min", axis=1)
    winner = _best(extreme, direction)
    rows: list[tuple[str, str, float]] = [("best trial by the score", winner, float(extreme[winner]))]
    if curves is not None:
        shown = curves[(curves["metric"] == metric) & (curves["configuration"] == best)]
        if len(shown):
            values = shown.groupby("seed")["value"].agg("max" if direction == "maximize" else "min")
            rows.append(("best configuration, best evaluation of each trial", best, float(values.mean())))
    rows.append(("best configuration by its mean", best, float(means[best])))
    if table.shape[1] > 1:
        rows.append(("best configuration on the other seeds", best, _left_out(table, direction)))
    for criterion, aim in criteria.items():
        by = trials.groupby("configuration")[criterion].mean().dropna()
        if len(by):
            chosen = _best(by, aim)
            rows.append((f"best by {criterion}", chosen, float(means[chosen])))
    return pd.DataFrame(rows, columns=["rule", "configuration", "value"])


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


def unsupervised(metrics: list[str]) -> dict[str, str]:
    """Those of the result keys that need no ground-truth factors and have a better side, with their directions."""
    import core.metrics

    found: dict[str, str] = {}
    for key in metrics:
        try:
            metric, _ = core.metrics.find_key(key)
        except core.metrics.MetricError:
            continue
        direction = metric.directions.get(key.partition("/")[0])
        if direction and not metric.needs_factors:
            found[key] = direction
    return found
