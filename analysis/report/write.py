"""Draw the figures of a study and write its report."""

import importlib.resources
import pathlib
from typing import TYPE_CHECKING, Any

import jinja2

from analysis import catalogue, figures
from analysis.report.evidence import evidence
from analysis.report.pictures import inline, traversal_of, winners
from analysis.report.record import cost, failures, provenance
from analysis.report.scatter import scatter
from analysis.report.wording import asked, front_rows, state_counts
from analysis.statistics import uncertainty

if TYPE_CHECKING:
    from analysis.study import Study

FOLDER = "report"
MOST_PICTURES = 24  # of points of the front, shown on hover


def write(study: "Study") -> pathlib.Path:
    """Draw the figures (PNG and PDF) and write `report/report.html`; the path of the HTML file.

    The front, curves, statistics and cost come from the tables alone. Pictures of the winners are drawn anew, rows
    sorted by factor, when the data set's cache is on this machine; otherwise those that the trials left are shown.
    """
    directory = study.path / FOLDER
    template = importlib.resources.files("analysis").joinpath("templates")
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=jinja2.FunctionLoader(lambda name: template.joinpath(name).read_text(encoding="utf-8")),
    )
    html = environment.get_template("report.html").render(**content(study, directory))
    path = directory / "report.html"
    path.write_text(html, encoding="utf-8")
    return path


def content(study: "Study", directory: pathlib.Path) -> dict[str, Any]:
    """Everything that the template shows; the figures are left in the directory on the way."""
    configurations, front = study.configurations(), study.front()
    found = evidence(study)
    caption = f"{study.name}: {len(front)} of {len(configurations)} configurations on the front"
    figures.save(figures.pareto_front(configurations, front, study.objectives, caption), directory, "pareto_front")
    pictures = {key: traversal_of(study, key) for key in front["configuration"].head(MOST_PICTURES)}
    pictures = {key: picture for key, picture in pictures.items() if picture}
    return {
        "study": study,
        "asked": asked(study),
        "states": state_counts(study),
        "front": front_rows(study, front, found.probability),
        "objectives": [(figures.label(key), direction) for key, direction in study.objectives.items()],
        "scatter": scatter(study, found.probability, set(pictures)),
        "pictures": pictures,
        "evidence": found,
        "winners": winners(study, directory),
        "drawings": _drawings(study, directory),
        "named": _named(study, directory),
        "documents": catalogue.documents(study),
        "cost": cost(study),
        "provenance": provenance(study),
        "failures": failures(study),
    }


def _named(study: "Study", directory: pathlib.Path) -> list[str]:
    """The figures that the study is named after, inline."""
    return [inline(path.read_bytes()) for path in catalogue.draw(study, directory) if path.suffix == ".png"]


def _drawings(study: "Study", directory: pathlib.Path) -> dict[str, str]:
    """Training curves, the search's progress, rank correlations and time, inline, by name; what can be drawn yet."""
    trials, curves = study.trials(), study.curves()
    drawn = {}
    known = set(curves["metric"].unique())
    metrics = [key for key in study.objectives if key in known] or sorted(known)[:2]
    if metrics:
        searched = {model: study.searched(model) for model in study.spec["models"]}
        drawn["curves"] = figures.training_curves(curves, study.configurations(), metrics, searched)
    if (trials["seconds_training"] > 0).any():
        drawn["time"] = figures.time_per_thousand(trials)
    feasible = study.feasible()
    if len(feasible):
        directions = list(study.objectives.values())
        points = feasible[[f"{key}_mean" for key in study.objectives]].to_numpy(dtype=float)
        history = uncertainty.hypervolume_history(points, directions, list(study.reference()))
        drawn["history"] = figures.hypervolume_history(history)
    scores = catalogue.scores(study)[:12]
    if len(scores) > 1 and len(feasible) > 2:
        from analysis.statistics import dependence

        drawn["ranks"] = figures.rank_correlation(dependence.rank_correlation(trials, scores))
    return {name: inline(figures.save(figure, directory, name).read_bytes()) for name, figure in drawn.items()}
