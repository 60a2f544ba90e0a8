"""The tidy tables of a study: one row per trial, one row per configuration, read from its journal."""

import pathlib
from typing import Any

import numpy as np
import pandas as pd

from core import journal
from core.journal import Event

LEDGER = ("seconds_training", "seconds_evaluating")


def trials(folder: pathlib.Path) -> pd.DataFrame:
    """One row per planned (configuration, seed), in the order of suggestion.

    Columns: `configuration`, `seed`, `model`, one per hyperparameter, `state`, `reason`, `steps`, `seconds`,
    `seconds_training`, `seconds_evaluating`, `mlflow_run_id`, one per final metric. Final metrics are those of the last
    report, and NaN until a trial has completed; a trial that goes on after its end has none again.
    """
    configurations: dict[str, Event] = {}
    rows: dict[tuple[str, int], dict[str, Any]] = {}
    for _, event in journal.read(folder):
        match event["type"]:
            case "configuration":
                configurations[event["configuration"]] = event
            case "seeds":
                for seed in range(event["seeds"]):
                    key = (event["configuration"], seed)
                    rows.setdefault(key, _new_row(configurations[event["configuration"]], seed))
            case "start" | "report" | "end" | "reopen" | "enlarge":
                key = (event["configuration"], event["seed"])
                if key not in rows:
                    rows[key] = _new_row(configurations[event["configuration"]], event["seed"])
                _update(rows[key], event)
    runs = journal.run_ids(folder)
    for (name, seed), row in rows.items():
        row["mlflow_run_id"] = runs.get(f"{name}-s{seed}")
    order = {name: index for index, name in enumerate(configurations)}
    ordered = [rows[identity] for identity in sorted(rows, key=lambda identity: (order[identity[0]], identity[1]))]
    metrics = [row.pop("metrics") for row in ordered]
    table = pd.DataFrame([row | values for row, values in zip(ordered, metrics, strict=True)])
    return (
        table if len(table) else pd.DataFrame(columns=["configuration", "seed", "model", "state", "steps", "seconds"])
    )


def _new_row(event: Event, seed: int) -> dict[str, Any]:
    return {
        "configuration": event["configuration"],
        "seed": seed,
        "model": event["model"],
        **event["hyperparameters"],
        "state": "PENDING",
        "reason": None,
        "steps": 0,
        "seconds": 0.0,
        **dict.fromkeys(LEDGER, np.nan),
        "mlflow_run_id": None,
        "metrics": {},
    }


def _update(row: dict[str, Any], event: Event) -> None:
    again = event["type"] in ("reopen", "enlarge")
    row["state"] = event.get("state", "PENDING" if again else "RUNNING")
    row["steps"] = max(row["steps"], event.get("step", 0))
    row["reason"] = event.get("reason")
    row["metrics"] = {}
    ledger = event.get("ledger", {})
    for key in LEDGER:
        row[key] = ledger.get(key, row[key])
    row["seconds"] = float(np.nansum([row[key] for key in LEDGER]))
    if row["state"] == "COMPLETED":
        row["metrics"] = {key: value for key, value in event["metrics"].items() if not key.startswith("train/")}


def curves(folder: pathlib.Path) -> pd.DataFrame:
    """Every reported value: `configuration`, `seed`, `step`, `metric`, `value`; a repeated step counts once."""
    values: dict[tuple[str, int, int, str], float] = {}
    for _, event in journal.read(folder):
        if event["type"] == "report":
            for metric, value in event["metrics"].items():
                values[event["configuration"], event["seed"], event["step"], metric] = value
    rows = [(*key, value) for key, value in values.items()]
    return pd.DataFrame(rows, columns=["configuration", "seed", "step", "metric", "value"])


def hyperparameters(folder: pathlib.Path) -> dict[str, dict[str, Any]]:
    """Hyperparameters of every configuration, by hash."""
    return {
        event["configuration"]: event["hyperparameters"]
        for _, event in journal.read(folder)
        if event["type"] == "configuration"
    }


def configurations(trials: pd.DataFrame, metrics: list[str]) -> pd.DataFrame:
    """One row per configuration: `n` completed seeds, `state`, and mean and standard deviation (ddof 1) of each metric.

    `state` is COMPLETED when all planned seeds are, FAILED or PRUNED as soon as one is, RUNNING or PENDING before.
    """
    if trials.empty:
        return pd.DataFrame(columns=["configuration", "model", "n", "state"])
    fixed = [column for column in trials.columns if column not in (*metrics, *OF_TRIAL)]
    groups = trials.groupby("configuration", sort=False)
    table = (
        groups[fixed].first() if "configuration" not in fixed else groups[fixed].first().drop(columns="configuration")
    )
    completed = trials[trials["state"] == "COMPLETED"].groupby("configuration", sort=False)
    table["n"] = completed.size().reindex(table.index, fill_value=0)
    table["state"] = groups["state"].agg(lambda states: _state(list(states)))
    for metric in metrics:
        table[f"{metric}_mean"] = completed[metric].mean().reindex(table.index)
        table[f"{metric}_std"] = completed[metric].std(ddof=1).reindex(table.index)
    return table.reset_index()


OF_TRIAL = ("seed", "state", "reason", "steps", "seconds", *LEDGER, "mlflow_run_id")


def _state(states: list[str]) -> str:
    for state in ("FAILED", "PRUNED"):
        if state in states:
            return state
    if all(state == "COMPLETED" for state in states):
        return "COMPLETED"
    return "RUNNING" if any(state in ("RUNNING", "COMPLETED") for state in states) else "PENDING"
