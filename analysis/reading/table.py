"""The tidy tables of a study: one row per trial, one row per configuration, read from its journal."""

import dataclasses
import pathlib
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import pandas as pd

from analysis.reading.columns import LEADING, LEDGER, OF_TRIAL, SECONDS
from core.configuration import identity_of
from core.record import journal
from core.record.events import ENDED, TrialReported
from core.record.history import History

CURVE_TYPES = {"configuration": "str", "seed": "int64", "step": "int64", "metric": "str", "value": "float64"}


@dataclasses.dataclass(frozen=True)
class Tables:
    """What a journal says, as plain tables.

    Attributes:
        settings: model and hyperparameters of every configuration, by hash, in the order of suggestion.
        trials: one row per planned trial: `configuration`, `seed`, `model`, `state`, `reason`, `steps`, `seconds`, the
            ledger, and one column per final metric.
        curves: one row per reported value: `configuration`, `seed`, `step`, `metric`, `value`.
        metrics: columns of `trials` that are final results, named costs among them.
    """

    settings: dict[str, tuple[str, dict[str, Any]]]
    trials: pd.DataFrame
    curves: pd.DataFrame
    metrics: list[str]


def read(folder: pathlib.Path) -> Tables:
    """The tables of the study in a folder. A repeated step counts once; final metrics are NaN before completion.

    A trial that goes on after its end (a larger budget, a second chance after running out of memory) is PENDING and has
    no final metrics until it ends again.
    """
    history = History()
    curves: dict[str, list[Any]] = {key: [] for key in CURVE_TYPES}
    for _, event in journal.read(folder):
        history.apply(event)
        if isinstance(event, TrialReported):
            count = len(event.metrics)
            for name in ("configuration", "seed", "step"):
                curves[name] += [getattr(event, name)] * count
            curves["metric"] += event.metrics
            curves["value"] += event.metrics.values()
    described = {key: each.configuration for key, each in history.configurations.items()}
    settings = {key: (each.model, dict(each.hyperparameters)) for key, each in described.items()}
    metrics = list(dict.fromkeys(key for trial in history.trials() for key in trial.final_metrics))
    return Tables(settings, _trials(history), _curves(curves), metrics)


def _trials(history: History) -> pd.DataFrame:
    rows = []
    for each in history.configurations.values():
        for seed in sorted(each.trials):
            trial = each.trials[seed]
            ledger = {key: trial.ledger.get(key, np.nan) for key in LEDGER}
            row = {
                "configuration": trial.configuration,
                "seed": seed,
                "model": each.configuration.model,
                "state": trial.state,
                "reason": trial.reason,
                "steps": trial.furthest,
                "seconds": float(sum(trial.ledger.get(key, 0.0) for key in SECONDS)),
            }
            rows.append({**row, **ledger, **trial.final_metrics})
    return pd.DataFrame(rows, columns=None if rows else [*LEADING, *OF_TRIAL[1:-1]])


def _curves(values: Mapping[str, list[Any]]) -> pd.DataFrame:
    curves = pd.DataFrame(values).astype(CURVE_TYPES)
    curves = curves.astype({"configuration": "category", "metric": "category"})
    return curves.drop_duplicates(["configuration", "seed", "step", "metric"], keep="last", ignore_index=True)


def trials(tables: Tables, run_ids: dict[str, str]) -> pd.DataFrame:
    """`Tables.trials` with a column per hyperparameter and, at its place, `mlflow_run_id`.

    A hyperparameter that is a result too has one column, among the hyperparameters: 0 where a model has none.
    """
    table = tables.trials
    pairs = zip(table["configuration"], table["seed"], strict=True)
    runs = pd.Series([run_ids.get(identity_of(key, seed)) for key, seed in pairs], dtype=object, name="mlflow_run_id")
    values = pd.DataFrame([values for _, values in tables.settings.values()], index=list(tables.settings))
    values = values.reindex(table["configuration"]).reset_index(drop=True)
    paid = [column for column in tables.metrics if column in values]
    values[paid] = values[paid].fillna(0)
    table = table.drop(columns=paid)
    last = list(table.columns).index(LEDGER[-1]) + 1
    parts = [table.iloc[:, : len(LEADING)], values, table.iloc[:, len(LEADING) : last], runs, table.iloc[:, last:]]
    return pd.concat(parts, axis=1)


def configurations(trials: pd.DataFrame, metrics: list[str], hyperparameters: Collection[str] = ()) -> pd.DataFrame:
    """One row per configuration: `n` completed seeds, `state`, and mean and standard deviation (ddof 1) of each metric.

    A metric that is a hyperparameter too keeps its own column.

    `state` is COMPLETED when all planned seeds are, FAILED or PRUNED as soon as one is, RUNNING or PENDING before.
    """
    of_trial = [column for column in (*metrics, *OF_TRIAL) if column in trials and column not in hyperparameters]
    fixed = trials.drop(columns=of_trial)
    table = fixed.drop_duplicates("configuration").set_index("configuration")
    counts = trials.groupby(["configuration", "state"]).size().unstack(fill_value=0)
    counts = counts.reindex(index=table.index, columns=["PENDING", "RUNNING", *ENDED], fill_value=0)
    begun = counts["RUNNING"] + counts["COMPLETED"] > 0
    completed = counts["COMPLETED"] == counts.sum(axis=1)
    table["n"] = counts["COMPLETED"]
    table["state"] = np.select(
        [counts["FAILED"] > 0, counts["PRUNED"] > 0, completed, begun],
        ["FAILED", "PRUNED", "COMPLETED", "RUNNING"],
        "PENDING",
    )
    groups = trials[trials["state"] == "COMPLETED"].groupby("configuration")[metrics]
    means, deviations = groups.mean().reindex(table.index), groups.std(ddof=1).reindex(table.index)
    summary = {
        f"{metric}_{what}": values[metric]
        for metric in metrics
        for what, values in (("mean", means), ("std", deviations))
    }
    return pd.concat([table, pd.DataFrame(summary, index=table.index)], axis=1).reset_index()
