"""Training: how metrics went from step to step."""

import pathlib

import pandas as pd

from analysis import figures
from analysis.report.album import cut
from analysis.report.page import Panels, Paragraph, Section
from analysis.results import Results
from core.formulas.costs import COSTS

MOST_CURVES = 3  # metrics
OF_THE_LOSS = ("train/reconstruction", "train/kl")


def section(study: Results, directory: pathlib.Path) -> Section:
    """The curves, if a metric was reported more than once."""
    nothing = Paragraph("No metric was reported more than once.")
    return Section.of("curves", "Training", _curves(study, directory) or nothing)


def _curves(study: Results, directory: pathlib.Path) -> Panels | None:
    curves, configurations = study.curves(), study.configurations()
    metrics = _metrics(study, curves)
    models = list(configurations["model"].unique())
    if not metrics:
        return None
    figure = figures.training_curves(curves, configurations, metrics, study.searched_by_model())
    names = [f"{figures.label(metric)} of {figures.title(model)}" for metric in metrics for model in models]
    pictures = cut(figure, directory, "curves", len(metrics), len(models))
    return Panels(
        list(zip(pictures, [f"{name} during training" for name in names], strict=True)),
        "Metrics during training, mean over seeds with a band of ± one standard deviation: a panel per model and "
        "metric, a line per configuration.",
        len(models),
    )


def _metrics(study: Results, curves: pd.DataFrame) -> list[str]:
    """Metrics to draw, if reported more than once: objectives, what the study file names, the loss; and no costs."""
    paid = {*COSTS, *study.spec.get("costs", ())}
    steps = curves.groupby("metric", observed=True)["step"].nunique()
    wanted = dict.fromkeys([*study.objectives, *study.spec["metrics"]["during"], *OF_THE_LOSS])
    return [key for key in wanted if steps.get(key, 0) > 1 and key not in paid][:MOST_CURVES]
