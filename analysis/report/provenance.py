"""What it cost, where it comes from, and what went wrong."""

import datetime
from typing import Any

import pandas as pd

from analysis import figures
from analysis.figures.summaries import seconds_per_thousand
from analysis.report.wording import count
from analysis.results import Results
from core import pareto
from core.files import redact
from core.record import journal
from core.record.history import History

MOST_FAILURES = 200


def cost(study: Results, found: History) -> dict[str, Any]:
    """Hours of computing by model, seconds per 1,000 minibatches, and what early stopping saved."""
    trials = study.trials()
    speed = {row["model"]: row for row in seconds_per_thousand(trials).to_dict("records")}
    rows = []
    for model, own in trials.groupby("model", sort=False):
        each = speed.get(model)
        rows.append(
            {
                "model": figures.title(str(model)),
                "trials": len(own),
                "training": duration(own["seconds_training"].sum()),
                "evaluating": duration(own["seconds_evaluating"].sum()),
                "per_thousand": f"{each['mean']:.3g} s" if each is not None else "–",
            }
        )
    return {"rows": rows, "total": _total(study, trials, found), "saved": _saved(study, trials, found.controls)}


def _total(study: Results, trials: pd.DataFrame, found: History) -> str:
    """Core hours and hours on the clock, as a sentence."""
    spent = trials["seconds"].sum()
    cores = float((study.spec.get("resources") or {}).get("cpu") or 1)
    parts = [f"{cores * spent / 3600:.3g} core hours" if cores * spent >= 360 else f"{cores * spent:.3g} core seconds"]
    if found.gpu_seconds:
        parts.append(f"{found.gpu_seconds / 3600:.3g} GPU hours")
    text = f"{' and '.join(parts)} of training and evaluating"
    if not found.seconds_driven:
        return f"{text}."
    abreast = count(found.most_running, "trial")
    return f"{text}, in {duration(found.seconds_driven)} on the clock with up to {abreast} at a time."


def _saved(study: Results, trials: pd.DataFrame, controls: set[str]) -> str:
    """What early stopping saved, as a sentence; empty without a rule."""
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


def duration(seconds: float) -> str:
    """`12 s`, `3.4 min`, `5.6 h`."""
    if seconds < 100:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.3g} min" if seconds < 6000 else f"{seconds / 3600:.3g} h"


def failures(study: Results) -> dict[str, Any]:
    """Trials that failed or were stopped, with their reasons; the first 200, and how many there are by reason."""
    trials = study.trials()
    failed = trials[trials["state"].isin(["FAILED", "PRUNED"])]
    columns = ["model", "configuration", "seed", "state", "steps", "reason"]
    shown = failed[columns].head(MOST_FAILURES).fillna({"reason": "no reason recorded"})
    rows = shown.assign(model=shown["model"].map(figures.title)).to_dict("records")
    reasons = failed["reason"].fillna("no reason recorded").value_counts().to_dict()
    return {"rows": rows, "reasons": reasons, "count": len(failed)}


def provenance(study: Results, found: History) -> dict[str, str]:
    """Versions, machine and source revision of the last driver, and where the data and models are."""
    last = found.drivers[-1] if found.drivers else None
    source = last.source if last else {}
    began = datetime.datetime.fromtimestamp(found.drivers[0].time, datetime.UTC) if found.drivers else None
    facts = {
        "begun": f"{began:%Y-%m-%d %H:%M} UTC" if began else "not yet",
        "drivers": len(found.drivers),
        "commit": source.get("commit", "not known"),
        "uncommitted changes": f"yes (digest {source['dirty']})" if source.get("dirty") else "none",
        **(last.versions if last else {}),
        "seed of the study": study.spec.get("seed", 0),
        "journal": study.path / journal.FILE,
        "checkpoints": redact(study.stores["checkpoints"]),
        "data": study.stores["data"],
    }
    return {key: str(value) for key, value in facts.items()}
