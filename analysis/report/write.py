"""Draw the figures of a study and write its report."""

import importlib.resources
import pathlib
import re
from typing import Any

import jinja2
import markupsafe
import pandas as pd

from analysis import figures
from analysis.figures.style import SUBSCRIPT
from analysis.papers import experiments
from analysis.reading.purpose import purpose
from analysis.report.evidence import MOST_METRICS, evidence
from analysis.report.pictures import Album, Picture, traversal_of, winners
from analysis.report.provenance import cost, failures, provenance
from analysis.report.scatter import scatter
from analysis.report.summary import summary
from analysis.report.wording import asked, front_rows
from analysis.results import Results
from analysis.statistics import dependence, uncertainty

FOLDER = "report"
MOST_PICTURES = 24  # of points of the front, shown on hover
HOVER = 352  # pixels
MOST_CURVES = 3  # metrics
OF_A_TRIAL = re.compile(r"[0-9a-f]{12}-s\d+[._]")
OF_THE_LOSS = ("train/reconstruction", "train/kl")


def write(study: Results) -> pathlib.Path:
    """Draw the figures (PNG and PDF) and write `report/report.html`; the path of the HTML file.

    The front, curves, statistics and cost come from the tables alone. Pictures of the winners are drawn anew, rows
    sorted by factor, when the data set's cache is on this machine; otherwise those that the trials left are shown.
    """
    directory = study.path / FOLDER
    for path in directory.glob("*"):
        if OF_A_TRIAL.match(path.name):  # a winner of an earlier report
            path.unlink()
    template = importlib.resources.files("analysis").joinpath("templates")
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=jinja2.FunctionLoader(lambda name: template.joinpath(name).read_text(encoding="utf-8")),
    )
    environment.filters["symbols"] = symbols
    html = environment.get_template("report.html").render(**content(study, directory))
    path = directory / "report.html"
    path.write_text(html, encoding="utf-8")
    return path


def symbols(text: object) -> markupsafe.Markup:
    """Escaped text with the subscripts of its symbols (`β_l`) set as such, and no line broken at `=` or `±`."""
    escaped = str(markupsafe.escape(text))
    for sign in "=±":
        escaped = escaped.replace(f" {sign} ", f"\u00a0{sign}\u00a0")
    return markupsafe.Markup(SUBSCRIPT.sub(r"\1<sub>\2</sub>", escaped))


def content(study: Results, directory: pathlib.Path) -> dict[str, Any]:
    """Everything that the template shows; the figures are left in the directory on the way."""
    configurations, front = study.configurations(), study.front()
    found, ran, album = evidence(study), study.history(), Album()
    caption = f"{study.name}: {len(front)} of {len(configurations)} configurations on the front"
    figures.save(figures.pareto_front(configurations, front, study.objectives, caption), directory, "pareto_front")
    named = [album.add_drawing(path) for path in experiments.draw(study, directory) if path.suffix == ".png"]
    drawings = {name: album.add_drawing(path) for name, path in _drawings(study, directory).items()}
    chosen = winners(study, directory, album)
    pictures = _on_hover(study, front, album)
    return {
        "study": study,
        "summary": summary(study, front, found),
        "purpose": purpose(study.path),
        "asked": asked(study),
        "front": front_rows(study, front, found.probability),
        "objectives": [(figures.label(key), direction) for key, direction in study.objectives.items()],
        "scatter": scatter(study, found.probability, set(pictures)),
        "pictures": {key: picture.source for key, picture in pictures.items()},
        "evidence": found,
        "winners": chosen,
        "drawings": {name: picture for name, picture in drawings.items() if picture is not None},
        "named": [picture for picture in named if picture is not None],
        "documents": experiments.documents(study),
        "cost": cost(study, ran),
        "provenance": provenance(study, ran),
        "failures": failures(study),
        "left_out": album.left_out,
    }


def _on_hover(study: Results, front: pd.DataFrame, album: Album) -> dict[str, Picture]:
    """Small traversals of the points of the front, by configuration."""
    found = {}
    for key in front["configuration"].head(MOST_PICTURES):
        png = traversal_of(study, key)
        picture = album.add(png, widest=HOVER) if png is not None else None
        if picture is not None:
            found[key] = picture
    return found


def _drawings(study: Results, directory: pathlib.Path) -> dict[str, pathlib.Path]:
    """Training curves, the search's progress, rank correlations and time: PNG files by name, what can be drawn yet."""
    trials, curves = study.trials(), study.curves()
    drawn = {}
    metrics = _curved(study, curves)
    if metrics:
        searched = study.searched_by_model()
        drawn["curves"] = figures.training_curves(curves, study.configurations(), metrics, searched)
    if (trials["seconds_training"] > 0).any():
        drawn["time"] = figures.time_per_thousand(trials)
    feasible = study.feasible()
    if len(feasible):
        directions = list(study.objectives.values())
        points = feasible[[f"{key}_mean" for key in study.objectives]].to_numpy(dtype=float)
        history = uncertainty.hypervolume_history(points, directions, list(study.reference()))
        drawn["history"] = figures.hypervolume_history(history)
    ways = {metric: study.direction(metric) for metric in study.scored_metrics()[:MOST_METRICS]}
    if len(ways) > 1 and len(feasible) > 2:
        drawn["ranks"] = figures.rank_correlation(dependence.rank_correlation(trials, ways), ways)
    return {name: figures.save(figure, directory, name) for name, figure in drawn.items()}


def _curved(study: Results, curves: pd.DataFrame) -> list[str]:
    """Metrics to draw over training, if reported more than once: objectives, what the study file names, the loss."""
    steps = curves.groupby("metric", observed=True)["step"].nunique()
    wanted = dict.fromkeys([*study.objectives, *study.spec["metrics"]["during"], *OF_THE_LOSS])
    return [key for key in wanted if steps.get(key, 0) > 1][:MOST_CURVES]
