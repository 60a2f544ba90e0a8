"""What it cost, where it comes from, and what went wrong."""

from typing import TYPE_CHECKING, Any

import pandas as pd

from analysis import figures, pareto
from analysis.figures.summaries import seconds_per_thousand
from core import journal

if TYPE_CHECKING:
    from analysis.study import Study

MOST_FAILURES = 200


def cost(study: "Study") -> dict[str, Any]:
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
    return {"rows": rows, "total": duration(trials["seconds"].sum()), "saved": _saved(study, trials)}


def _saved(study: "Study", trials: pd.DataFrame) -> str:
    """What early stopping spared, as a sentence; empty without a rule."""
    rule = study.spec.get("early_stop")
    if not rule:
        return ""
    pruned = trials[trials["state"] == "PRUNED"]
    steps = study.spec["budget"]["steps"]
    spared = int((steps - pruned["steps"]).clip(lower=0).sum())
    planned = steps * max(1, len(trials))
    return (
        f"Early stopping ({rule['rule']}) ended {len(pruned)} of {len(trials)} trials and saved {spared:,} steps, "
        f"{spared / planned:.0%} of the plan. {_cost_of_stopping(study)}"
    )


def _cost_of_stopping(study: "Study") -> str:
    """What the configurations add to the hypervolume that the rule would have stopped, but that ran on as controls."""
    controls = {event["configuration"] for _, event in journal.read(study.path) if event["type"] == "spared"}
    feasible = study.feasible()
    controlled = feasible["configuration"].isin(controls)
    if not controlled.any():
        return "No configuration ran to the end as a control, so what stopping cost is not known."
    columns = [f"{objective}_mean" for objective in study.objectives]
    directions, reference = list(study.objectives.values()), list(study.reference())
    whole = pareto.hypervolume(feasible[columns].to_numpy(dtype=float), directions, reference)
    without = pareto.hypervolume(feasible.loc[~controlled, columns].to_numpy(dtype=float), directions, reference)
    return (
        f"{int(controlled.sum())} configurations that it would have stopped ran to the end as controls; without them "
        f"the hypervolume would be {without:.4g} instead of {whole:.4g}."
    )


def duration(seconds: float) -> str:
    """`12 s`, `3.4 min`, `5.6 h`."""
    if seconds < 100:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.3g} min" if seconds < 6000 else f"{seconds / 3600:.3g} h"


def failures(study: "Study") -> dict[str, Any]:
    """Trials that failed or were stopped, with their reasons; the first 200, and how many there are by reason."""
    trials = study.trials()
    failed = trials[trials["state"].isin(["FAILED", "PRUNED"])]
    columns = ["configuration", "seed", "model", "state", "reason", "steps"]
    rows = failed[columns].head(MOST_FAILURES).fillna({"reason": "no reason recorded"}).to_dict("records")
    reasons = failed["reason"].fillna("no reason recorded").value_counts().to_dict()
    return {"rows": rows, "reasons": reasons, "count": len(failed)}


def provenance(study: "Study") -> dict[str, str]:
    """Versions, machine and source revision of the last driver, and where the data and models are."""
    sessions = [event for _, event in journal.read(study.path) if event["type"] == "session"]
    last = {**sessions[-1].get("versions", {}), **sessions[-1].get("source", {})} if sessions else {}
    stores = study.stores
    facts = {"drivers": len(sessions), **last, "seed of the study": study.spec.get("seed", 0)}
    facts |= {"journal": study.path / journal.FILE, "checkpoints": stores["checkpoints"], "data": stores["data"]}
    return {key.replace("_", " "): str(value) for key, value in facts.items()}
