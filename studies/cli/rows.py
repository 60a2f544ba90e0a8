"""Rows that commands print: the plan, best trials, and the front."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from core.record import journal
from studies.cli.output import plain, text

if TYPE_CHECKING:
    from analysis.results import By, Results


def best_rows(
    study: "Results", metric: str | None, top: int, where: str | None, full: bool = False
) -> list[dict[str, Any]]:
    """The best trials: with everything, or (for a table) with what the study searched and its objectives."""
    rows: list[dict[str, Any]] = []
    runs = journal.run_ids(study.path) if full else {}
    for trial in study.best(metric, top, where):
        row: dict[str, Any] = {"model": trial.model}
        if full:
            row |= {"trial": trial.identity, "configuration": trial.configuration, "seed": trial.seed}
            row |= {"checkpoint": trial.checkpoint, "mlflow_run_id": runs.get(trial.identity)}
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


def front_rows(study: "Results", full: bool = False, by: "By" = "mean") -> list[dict[str, Any]]:
    """The front: with everything, or (for a table) mean ± standard deviation in one column.

    By expected values: these ± their standard errors.
    """
    rows: list[dict[str, Any]] = []
    center, spread = ("mean", "std") if by == "mean" else ("expected", "error")
    for _, row in study.front(by=by).iterrows():
        entry: dict[str, Any] = {"model": row["model"]}
        if full:
            entry["configuration"] = row["configuration"]
            entry["hyperparameters"] = {key: plain(row[key]) for key in study.searched(row["model"])}
        else:
            entry["hyperparameters"] = _settings(study, row["model"], dict(row))
        for objective in study.objectives:
            value, off = row[f"{objective}_{center}"], row[f"{objective}_{spread}"]
            if full:
                entry |= {
                    f"{objective}_{part}": row[f"{objective}_{part}"]
                    for part in dict.fromkeys(("mean", center, spread))
                }
            else:
                entry[objective] = f"{text(value)} ± {off:.2g}" if plain(off) else text(value)  # a cost may be exact
        rows.append({**entry, "n": row["n"]})
    return rows


def plan_row(plan: Mapping[str, Any]) -> dict[str, Any]:
    """A plan for a person: the search space by model, time in words."""
    leading = ("study", "dataset", "sampler", "configurations", "seeds", "trials", "steps", "objectives")
    row = {key: plan[key] for key in leading}
    if plan["learns_from"] == "expected":
        row["sampler"] += ", which learns from expected values"
    for model, space in plan["space"].items():
        row[model] = "\n".join(f"{key}: {values}" for key, values in space.items()) or "nothing is searched"
    cores = "this core" if plan["cores_here"] == 1 else f"these {plan['cores_here']} cores"
    row["time"] = f"about {roughly(plan['hours_here'] * 3600)} of training on {cores}"
    elsewhere = plan["elsewhere"]
    if elsewhere is not None:
        faster = f", each {text(elsewhere['speed'])} times as fast as a core here" if elsewhere["speed"] != 1 else ""
        many = "1 trial" if elsewhere["slots"] == 1 else f"{elsewhere['slots']} trials"
        row["elsewhere"] = f"about {roughly(elsewhere['hours'] * 3600)} with {many} at a time{faster}: nothing measured"
    limit = plan["hours_at_most"]
    if limit is not None:
        row["ends after"] = f"{roughly(limit * 3600)} ({_within(plan['trials_within_hours'], plan['trials'])})"
        if elsewhere is not None:
            row["ends after"] += f"; elsewhere {_within(elsewhere['trials'], plan['trials'])}"
    if plan["front_lacks_percent"] is not None:
        low, high = plan["front_lacks_percent"]
        least, most = plan["front_claims_percent"]
        _, left = plan["expected_front_claims_percent"]
        row["front"] = (
            f"lacks {low:.0f} to {high:.0f} % of the best hypervolume, and shows {least:.0f} to {most:.0f} % that is "
            f"luck of seeds (up to {left:.0f} % in `studies front --expected`), by the benchmark's problems"
        )
    row["disk"] = f"{plan['disk_gb'] * 1000:,.0f} MB" if plan["disk_gb"] < 1 else f"{plan['disk_gb']:,.1f} GB"
    return row


def _within(within: int, trials: int) -> str:
    """What a study gets done in its hours."""
    return "which is enough" if within == trials else f"with about {within} of {trials} trials"


def roughly(seconds: float) -> str:
    """A time in the unit in which it is easily said: `4 minutes`, `30 hours`, `44 days`."""
    for unit, size in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:,.0f} {unit}"
    return f"{seconds:.0f} seconds" if seconds >= 1.5 else "a second"


def first_sentence(text: str) -> str:
    """What stands before the first full stop or question mark that ends a word."""
    end = re.search(r"[.?!](?= |$)", text)
    return text if end is None else text[: end.end()].rstrip(".")


def compare_row(row: Mapping[str, Any], first: str, second: str) -> dict[str, Any]:
    """A comparison for a table: whose mean is whose, and the difference with its interval."""
    return {
        "metric": row["metric"],
        first: row["first"],
        second: row["second"],
        "difference": f"{text(row['difference'])}{_interval(row)}",
        "effect": row["effect"],
        "pairs": row["pairs"],
    }


def _interval(row: Mapping[str, Any]) -> str:
    return "" if plain(row["low"]) is None else f" ({text(row['low'])} to {text(row['high'])})"


def verdict(row: Mapping[str, Any], first: str, second: str, direction: str | None) -> str:
    """What a comparison says, in a sentence: who is better, or why that is open."""
    if plain(row["low"]) is None:
        return "open: one pair has no spread"
    if row["low"] <= 0.0 <= row["high"]:
        return "open: the interval holds 0"
    higher = first if row["difference"] > 0 else second
    if direction is None:
        return f"'{higher}' is higher: the interval leaves out 0"
    lower = second if higher == first else first
    return f"'{higher if direction == 'maximize' else lower}' is better: the interval leaves out 0"
