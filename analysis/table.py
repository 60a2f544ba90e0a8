"""The tidy tables of a study: one row per trial, one row per configuration, read from its journal."""

import json
import pathlib
from typing import Any

import numpy as np
import pandas as pd

from core import journal
from core.journal import Event

LEDGER = ("seconds_training", "seconds_evaluating")


def trials(folder: pathlib.Path) -> pd.DataFrame:
    """One row per (configuration, seed), in the order of suggestion.

    Columns: `configuration`, `seed`, `model`, one per hyperparameter, `state`, `reason`, `steps`, `seconds`,
    `seconds_training`, `seconds_evaluating`, `mlflow_run_id`, one per final metric. Final metrics are those of the last
    report, and NaN until a trial has ended.
    """
    events = [event for _, event in journal.read(folder)]
    configurations = {event["configuration"]: event for event in events if event["type"] == "configuration"}
    seeds = json.loads((folder / "study.json").read_text())["spec"]["seeds"]
    rows: dict[tuple[str, int], dict[str, Any]] = {}
    for key, event in configurations.items():
        for seed in range(seeds):
            rows[key, seed] = _new_row(event, seed)
    for event in events:
        if event["type"] in ("start", "report", "end"):
            row = rows.setdefault(
                (event["configuration"], event["seed"]), _new_row(configurations[event["configuration"]], event["seed"])
            )
            _update(row, event)
    runs = journal.run_ids(folder)
    for (key, seed), row in rows.items():
        row["mlflow_run_id"] = runs.get(f"{key}-s{seed}")
    table = pd.DataFrame(list(rows.values()))
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
    }


def _update(row: dict[str, Any], event: Event) -> None:
    row["state"] = event.get("state", "RUNNING")
    row["steps"] = max(row["steps"], event.get("step", 0))
    ledger = event.get("ledger", {})
    for key in LEDGER:
        row[key] = ledger.get(key, row[key])
    row["seconds"] = float(np.nansum([row[key] for key in LEDGER]))
    if event["type"] == "end":
        row["reason"] = event["reason"]
        if event["state"] == "COMPLETED":
            row |= {key: value for key, value in event["metrics"].items() if not key.startswith("train/")}


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


def configurations(trials: pd.DataFrame, seeds: int, metrics: list[str]) -> pd.DataFrame:
    """One row per configuration: `n` completed seeds, `state`, and mean and standard deviation (ddof 1) of each metric.

    `state` is COMPLETED when all seeds are, FAILED or PRUNED as soon as one is, RUNNING or PENDING before.
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
    table["state"] = groups["state"].agg(lambda states: _state(list(states), seeds))
    for metric in metrics:
        table[f"{metric}_mean"] = completed[metric].mean().reindex(table.index)
        table[f"{metric}_std"] = completed[metric].std(ddof=1).reindex(table.index)
    return table.reset_index()


OF_TRIAL = ("seed", "state", "reason", "steps", "seconds", *LEDGER, "mlflow_run_id")


def _state(states: list[str], seeds: int) -> str:
    for state in ("FAILED", "PRUNED"):
        if state in states:
            return state
    if len(states) >= seeds and all(state == "COMPLETED" for state in states):
        return "COMPLETED"
    return "RUNNING" if any(state in ("RUNNING", "COMPLETED") for state in states) else "PENDING"
