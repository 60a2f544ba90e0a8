"""Rows that commands print: best trials, and the front."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from studies.cli.output import plain, text

if TYPE_CHECKING:
    from analysis.results import Results


def best_rows(
    study: "Results", metric: str | None, top: int, where: str | None, full: bool = False
) -> list[dict[str, Any]]:
    """The best trials: with everything, or (for a table) with what the study searched and its objectives."""
    rows: list[dict[str, Any]] = []
    for trial in study.best(metric, top, where):
        row: dict[str, Any] = {"model": trial.model}
        if full:
            row |= {"configuration": trial.configuration, "seed": trial.seed}
            rows.append({**row, "hyperparameters": dict(trial.hyperparameters), **trial.metrics})
        else:
            shown = dict.fromkeys([*([metric] if metric else []), *study.objectives])
            values = {key: trial.metrics[key] for key in shown if key in trial.metrics}
            row["hyperparameters"] = _settings(study, trial.model, trial.hyperparameters)
            rows.append({**row, **values, "trial": trial.identity})
    return rows


def _settings(study: "Results", model: str, values: Mapping[str, Any]) -> str:
    """The searched hyperparameters of a configuration: `beta=4, …`."""
    return ", ".join(f"{key}={text(values[key])}" for key in study.searched(model))


def front_rows(study: "Results", full: bool = False) -> list[dict[str, Any]]:
    """The front: with everything, or (for a table) mean ± standard deviation in one column."""
    rows: list[dict[str, Any]] = []
    for _, row in study.front().iterrows():
        entry: dict[str, Any] = {"model": row["model"]}
        if full:
            entry["configuration"] = row["configuration"]
            entry["hyperparameters"] = {key: plain(row[key]) for key in study.searched(row["model"])}
        else:
            entry["hyperparameters"] = _settings(study, row["model"], dict(row))
        for objective in study.objectives:
            mean, std = row[f"{objective}_mean"], row[f"{objective}_std"]
            if full:
                entry |= {f"{objective}_mean": mean, f"{objective}_std": std}
            else:
                entry[objective] = f"{text(mean)} ± {std:.2g}" if plain(std) is not None else text(mean)
        rows.append({**entry, "n": row["n"]})
    return rows
