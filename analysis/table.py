"""The tidy tables of a study: one row per trial, one row per configuration, read from its journal."""

import dataclasses
import pathlib
from typing import Any

import numpy as np
import pandas as pd

from core.record import journal
from core.record.journal import Event

LEDGER = ("seconds_training", "seconds_evaluating", "seconds_waiting")
OF_TRIAL = ("seed", "state", "reason", "steps", "seconds", *LEDGER, "mlflow_run_id")
CURVE_TYPES = {"configuration": "str", "seed": "int64", "step": "int64", "metric": "str", "value": "float64"}
LEADING = ("configuration", "seed", "model")


@dataclasses.dataclass(frozen=True)
class Tables:
    """What a journal says, as plain tables.

    Attributes:
        settings: model and hyperparameters of every configuration, by hash, in the order of suggestion.
        trials: one row per planned trial: `configuration`, `seed`, `model`, `state`, `reason`, `steps`, `seconds`, the
            ledger, and one column per final metric.
        curves: one row per reported value: `configuration`, `seed`, `step`, `metric`, `value`.
    """

    settings: dict[str, tuple[str, dict[str, Any]]]
    trials: pd.DataFrame
    curves: pd.DataFrame

    @property
    def metrics(self) -> list[str]:
        """Columns of `trials` that are final metrics."""
        return [column for column in self.trials.columns if column not in (*LEADING, *OF_TRIAL)]


class _Reader:
    """Takes in the events of a journal, one after the other."""

    def __init__(self) -> None:
        self.settings: dict[str, tuple[str, dict[str, Any]]] = {}
        self.rows: dict[tuple[str, int], dict[str, Any]] = {}
        self.curves: dict[str, list[Any]] = {key: [] for key in CURVE_TYPES}

    def take(self, event: Event) -> None:
        match event["type"]:
            case "configuration":
                self.settings[event["configuration"]] = (event["model"], event["hyperparameters"])
            case "seeds":
                for seed in range(event["seeds"]):
                    self._row(event["configuration"], seed)
            case "start" | "report" | "end" | "reopen" | "enlarge":
                self._update(self._row(event["configuration"], event["seed"]), event)

    def _row(self, configuration: str, seed: int) -> dict[str, Any]:
        row = self.rows.get((configuration, seed))
        if row is None:
            row = {
                "configuration": configuration,
                "seed": seed,
                "model": self.settings[configuration][0],
                "state": "PENDING",
                "reason": None,
                "steps": 0,
                "seconds": 0.0,
                **dict.fromkeys(LEDGER, np.nan),
                "metrics": {},
            }
            self.rows[configuration, seed] = row
        return row

    def _update(self, row: dict[str, Any], event: Event) -> None:
        again = event["type"] in ("reopen", "enlarge")
        row["state"] = event.get("state", "PENDING" if again else "RUNNING")
        row["steps"] = max(row["steps"], event.get("step", 0))
        row["reason"] = event.get("reason")
        row["metrics"] = {}
        ledger = event.get("ledger", {})
        for key in LEDGER:
            row[key] = ledger.get(key, row[key])
        row["seconds"] = sum(row[key] for key in LEDGER if row[key] == row[key])
        if row["state"] == "COMPLETED":
            row["metrics"] = {key: value for key, value in event["metrics"].items() if not key.startswith("train/")}
        if event["type"] == "report":
            count = len(event["metrics"])
            for name in ("configuration", "seed", "step"):
                self.curves[name] += [event[name]] * count
            self.curves["metric"] += event["metrics"]
            self.curves["value"] += event["metrics"].values()

    def tables(self) -> Tables:
        place = {name: index for index, name in enumerate(self.settings)}
        rows = [self.rows[key] for key in sorted(self.rows, key=lambda key: (place[key[0]], key[1]))]
        trials = pd.DataFrame(
            [{**row, **row["metrics"]} for row in rows], columns=None if rows else [*LEADING, *OF_TRIAL[1:-1]]
        ).drop(columns="metrics", errors="ignore")
        curves = pd.DataFrame(self.curves).astype(CURVE_TYPES)
        curves = curves.astype({"configuration": "category", "metric": "category"})
        curves = curves.drop_duplicates(["configuration", "seed", "step", "metric"], keep="last", ignore_index=True)
        return Tables(self.settings, trials, curves)


def read(folder: pathlib.Path) -> Tables:
    """The tables of the study in a folder. A repeated step counts once; final metrics are NaN before completion.

    A trial that goes on after its end (a larger budget, a second chance after running out of memory) is PENDING and has
    no final metrics until it ends again.
    """
    reader = _Reader()
    for _, event in journal.read(folder):
        reader.take(event)
    return reader.tables()


def hyperparameters(folder: pathlib.Path) -> dict[str, dict[str, Any]]:
    """Hyperparameters of every configuration, by hash."""
    return {
        event["configuration"]: event["hyperparameters"]
        for _, event in journal.read(folder)
        if event["type"] == "configuration"
    }


def trials(tables: Tables, run_ids: dict[str, str]) -> pd.DataFrame:
    """`Tables.trials` with a column per hyperparameter and, at its place, `mlflow_run_id`."""
    table = tables.trials
    pairs = zip(table["configuration"], table["seed"], strict=True)
    runs = pd.Series([run_ids.get(f"{key}-s{seed}") for key, seed in pairs], dtype=object, name="mlflow_run_id")
    values = pd.DataFrame([values for _, values in tables.settings.values()], index=list(tables.settings))
    values = values.reindex(table["configuration"]).reset_index(drop=True)
    last = list(table.columns).index(LEDGER[-1]) + 1
    parts = [table.iloc[:, : len(LEADING)], values, table.iloc[:, len(LEADING) : last], runs, table.iloc[:, last:]]
    return pd.concat(parts, axis=1)


def configurations(trials: pd.DataFrame, metrics: list[str]) -> pd.DataFrame:
    """One row per configuration: `n` completed seeds, `state`, and mean and standard deviation (ddof 1) of each metric.

    `state` is COMPLETED when all planned seeds are, FAILED or PRUNED as soon as one is, RUNNING or PENDING before.
    """
    fixed = trials.drop(columns=[column for column in (*metrics, *OF_TRIAL) if column in trials])
    table = fixed.drop_duplicates("configuration").set_index("configuration")
    counts = trials.groupby(["configuration", "state"]).size().unstack(fill_value=0)
    counts = counts.reindex(index=table.index, columns=["PENDING", "RUNNING", *journal.ENDED], fill_value=0)
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
