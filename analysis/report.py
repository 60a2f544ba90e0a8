"""One self-contained HTML file about a study: it opens offline, and carries its pictures inside."""

import base64
import importlib.resources
import pathlib
from typing import TYPE_CHECKING, Any

import jinja2
import pandas as pd

from analysis import figures
from core import journal
from core.storage import CorruptEntryError, Folder

if TYPE_CHECKING:
    from analysis.study import Study

TOP = 5  # trials in the table of the best, and winners with pictures


def write(study: "Study") -> pathlib.Path:
    """Draw the figures and write `report/report.html`; the path of the HTML file."""
    directory = study.path / "report"
    configurations, front = study.configurations(), study.front()
    volume = study.hypervolume()
    caption = (
        f"{study.name}: {len(front)} of {len(configurations)} configurations on the front, hypervolume {volume:.4g}"
    )
    pareto_path = figures.save(
        figures.pareto_front(configurations, front, study.objectives, caption), directory, "pareto_front"
    )
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    template = importlib.resources.files("analysis").joinpath("templates/report.html").read_text(encoding="utf-8")
    html = environment.from_string(template).render(
        study=study,
        spec=study.spec,
        states=study.trials()["state"].value_counts().to_dict(),
        front=_table(front, study),
        best=_best(study),
        hypervolume=volume,
        pareto=_inline(pareto_path.read_bytes()),
        winners=_winners(study),
        failures=_failures(study),
        session=_session(study),
        objectives={key: (figures.label(key), direction) for key, direction in study.objectives.items()},
    )
    path = directory / "report.html"
    path.write_text(html, encoding="utf-8")
    return path


def _inline(data: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(data).decode()


def _table(front: pd.DataFrame, study: "Study") -> list[dict[str, Any]]:
    rows = []
    for _, row in front.iterrows():
        settings = {name: row[name] for name in study.searched(row["model"])}
        values = {
            figures.label(metric): f"{row[f'{metric}_mean']:.4g} ± {row[f'{metric}_std']:.2g}"
            if pd.notna(row[f"{metric}_std"])
            else f"{row[f'{metric}_mean']:.4g}"
            for metric in study.objectives
        }
        rows.append({"model": figures.title(row["model"]), "settings": settings, "n": int(row["n"]), "values": values})
    return rows


def _best(study: "Study") -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    if not set(study.objectives) <= set(study.metrics()):
        return rows
    for metric in study.objectives:
        for trial in study.best(metric, top=TOP):
            rows.append(
                {
                    "metric": figures.label(metric),
                    "value": f"{trial.metrics[metric]:.4g}",
                    "model": figures.title(trial.model),
                    "seed": trial.seed,
                    "identity": f"{trial.configuration}-s{trial.seed}",
                }
            )
    return rows


def _winners(study: "Study") -> list[dict[str, Any]]:
    """Pictures of the best trial of every objective."""
    winners: dict[str, dict[str, Any]] = {}
    if not set(study.objectives) <= set(study.metrics()):
        return []
    for metric in study.objectives:
        for trial in study.best(metric):
            identity = f"{trial.configuration}-s{trial.seed}"
            try:
                files = Folder(trial.checkpoint).read("pictures")
            except CorruptEntryError:
                continue
            entry = winners.setdefault(
                identity,
                {
                    "title": f"{figures.title(trial.model)}, seed {trial.seed} ({identity})",
                    "best_by": [],
                    "pictures": {name: _inline(data) for name, data in sorted(files.items())},
                },
            )
            entry["best_by"].append(figures.label(metric))
    return list(winners.values())


def _failures(study: "Study") -> list[dict[str, Any]]:
    trials = study.trials()
    failed = trials[trials["state"].isin(["FAILED", "PRUNED"])]
    columns = ["configuration", "seed", "model", "state", "reason", "steps"]
    return [dict(row) for _, row in failed[[column for column in columns if column in failed]].iterrows()]


def _session(study: "Study") -> dict[str, Any]:
    """Versions and source revision of the last driver."""
    sessions = [event for _, event in journal.read(study.path) if event["type"] == "session"]
    return {**sessions[-1]["versions"], **sessions[-1]["source"]} if sessions else {}
