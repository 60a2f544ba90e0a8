"""Cost: hours of computing by model, and what early stopping saved."""

import pathlib

import pandas as pd

from analysis import figures
from analysis.figures.summaries import seconds_per_thousand
from analysis.report.album import drawn
from analysis.report.page import Figure, Paragraph, Section, Table
from analysis.report.wording import count, duration, spent
from analysis.results import Results
from core import pareto
from core.record.history import History


def section(study: Results, ran: History, directory: pathlib.Path) -> Section:
    """What was spent and saved, and the time of each model."""
    trials = study.trials()
    words = Paragraph(f"{spent(study, ran)} {_saved(study, trials, ran.controls)}".strip())
    return Section.of("cost", "Cost", words, _table(trials), _speed(trials, directory))


def _saved(study: Results, trials: pd.DataFrame, controls: set[str]) -> str:
    """What early stopping saved, as sentences; empty without a rule."""
    rule = study.spec.get("early_stop")
    if not rule:
        return ""
    pruned = trials[trials["state"] == "PRUNED"]
    steps = study.spec["budget"]["steps"]
    saved = int((steps - pruned["steps"]).clip(lower=0).sum())
    planned = steps * max(1, len(trials))
    return (
        f"Early stopping ({rule['rule']}) ended {len(pruned)} of {len(trials)} trials and saved {saved:,} steps, "
        f"{saved / planned:.0%} of the plan. {_cost_of_stopping(study, controls)}"
    )


def _cost_of_stopping(study: Results, controls: set[str]) -> str:
    """What the configurations add to the hypervolume that the rule would have stopped, but that ran on as controls."""
    feasible = study.feasible()
    controlled = feasible["configuration"].isin(controls)
    if not controlled.any():
        return "No configuration ran to the end as a control, so what stopping cost is not known."
    columns = [f"{objective}_mean" for objective in study.objectives]
    directions, reference = list(study.objectives.values()), list(study.reference())
    whole = pareto.hypervolume(feasible[columns].to_numpy(dtype=float), directions, reference)
    without = pareto.hypervolume(feasible.loc[~controlled, columns].to_numpy(dtype=float), directions, reference)
    return (
        f"{count(int(controlled.sum()), 'configuration')} that it would have stopped ran to the end as controls; "
        f"without them the hypervolume would be {without:.4g} instead of {whole:.4g}."
    )


def _table(trials: pd.DataFrame) -> Table:
    speed = {row["model"]: f"{row['mean']:.3g} s" for row in seconds_per_thousand(trials).to_dict("records")}
    return Table(
        "What each model costs; of parameters and memory, the most of its trials.",
        ["model", "trials", "training", "evaluating", "per 1,000 minibatches, training", "parameters", "memory"],
        [
            [
                figures.title(str(model)),
                len(own),
                duration(own["seconds_training"].sum()),
                duration(own["seconds_evaluating"].sum()),
                speed.get(model, "–"),
                _most(own["parameters"], "{:,.0f}"),
                _most(own["peak_memory"] / 1e6, "{:,.0f} MB"),
            ]
            for model, own in trials.groupby("model", sort=False)
        ],
    )


def _most(values: pd.Series, text: str) -> str:
    """The largest of what was measured."""
    known = values.dropna()
    return text.format(known.max()) if len(known) else "–"


def _speed(trials: pd.DataFrame, directory: pathlib.Path) -> Figure | None:
    if not (trials["seconds_training"] > 0).any():
        return None
    return Figure(
        drawn(figures.time_per_thousand(trials), directory, "time"),
        "Seconds per 1,000 minibatches by model",
        "Average time of 1,000 minibatches; bars are one standard deviation over trials.",
    )
