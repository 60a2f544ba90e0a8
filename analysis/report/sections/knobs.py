"""What the knobs do: objectives against hyperparameters, knobs in pairs, configurations as lines, importance."""

import pathlib

import pandas as pd

from analysis import figures
from analysis.report.album import cut, drawn
from analysis.report.page import Figure, Panels, Paragraph, Section
from analysis.results import Results
from analysis.statistics import dependence
from analysis.statistics.dependence import ENOUGH

MOST_KNOBS = 8
MOST_OBJECTIVES = 3


def section(study: Results, directory: pathlib.Path) -> Section | None:
    """Panels of every searched hyperparameter; None for a study that searches none, or before anything is completed."""
    done = study.feasible()
    searched = {
        model: varied
        for model, own in study.searched_by_model().items()
        if (varied := [name for name in own if name in done and done[name].notna().any()])
    }
    if done.empty or not searched:
        return None
    return Section.of(
        "knobs",
        "What the knobs do",
        _against(study, done, searched, directory),
        _slices(study, done, searched, directory),
        _lines(study, done, searched, directory),
        _importance(study, done, searched, directory),
    )


Searched = dict[str, list[str]]


def _against(study: Results, done: pd.DataFrame, searched: Searched, directory: pathlib.Path) -> Panels:
    knobs = figures.knobs(searched)[:MOST_KNOBS]
    names = [knob.name for knob in knobs]
    paid = [key for key in study.objectives if key in names]  # a cost that is a knob is no answer to it
    objectives = dict([item for item in study.objectives.items() if item[0] not in paid][:MOST_OBJECTIVES])
    models = list(study.configurations()["model"].unique())
    figure = figures.against_knobs(done, searched, objectives, study.searched_by_logarithm(), models, names)
    pictures = cut(figure, directory, "knobs", len(objectives), len(knobs))
    alts = [f"{figures.label(key)} against {knob.text}" for key in objectives for knob in knobs]
    return Panels(
        list(zip(pictures, alts, strict=True)),
        "Objectives against each searched hyperparameter: a mark per configuration, its colour the model, bars ± one "
        "standard deviation over seeds. Where a model has several knobs the others differ from mark to mark.",
        len(knobs),
    )


def _slices(study: Results, done: pd.DataFrame, searched: Searched, directory: pathlib.Path) -> Panels | None:
    pairs = [pair for pair in figures.pairs_of(searched) if (done["model"] == pair[0]).sum() > 1]
    if not pairs:
        return None
    metric, direction = next(iter(study.objectives.items()))
    figure = figures.slices(done, pairs, metric, direction, study.searched_by_logarithm())
    alts = [f"{figures.symbol(model, second)} against {figures.symbol(model, first)}" for model, first, second in pairs]
    return Panels(
        list(zip(cut(figure, directory, "slices", 1, len(pairs)), alts, strict=True)),
        f"Two knobs of a model at a time: the darker a mark, the better its {figures.short_label(metric)}.",
        len(pairs),
    )


def _lines(study: Results, done: pd.DataFrame, searched: Searched, directory: pathlib.Path) -> Panels | None:
    several = {model: own for model, own in searched.items() if (done["model"] == model).sum() > 1}
    if not several:
        return None
    on_front = list(study.front()["configuration"])
    logarithmic = study.searched_by_logarithm()
    figure = figures.parallel_coordinates(done, on_front, several, study.objectives, logarithmic)
    pictures = cut(figure, directory, "parallel", 1, len(several))
    first = figures.short_label(next(iter(study.objectives)))
    return Panels(
        [
            (picture, f"Parallel coordinates of {figures.title(model)}")
            for picture, model in zip(pictures, several, strict=True)
        ],
        f"Parallel coordinates: a line per configuration from its knobs to what it reaches, the darker the better its "
        f"{first}; thick lines are on the front.",
        len(several),
    )


def _importance(
    study: Results, done: pd.DataFrame, searched: Searched, directory: pathlib.Path
) -> Figure | Paragraph | None:
    """Importance of the knobs of every model that has several."""
    metric = next(iter(study.objectives))
    several = {model: own for model, own in searched.items() if len(own) > 1}
    if not several:
        return None
    found = {model: dependence.importance(done[done["model"] == model], own, metric) for model, own in several.items()}
    tables = {model: table for model, table in found.items() if len(table)}
    if not tables:
        return Paragraph(
            f"Which knob matters most cannot be told yet: that takes {ENOUGH} completed configurations of a model.",
            quiet=True,
        )
    sure = all(table["explained"].iloc[0] > 0 for table in tables.values())
    caution = "" if sure else " Where R² is near or below 0 the forest has learnt nothing, and its bars mean nothing."
    return Figure(
        drawn(figures.importance(tables, metric), directory, "importance"),
        f"Importance of hyperparameters for {figures.label(metric)}",
        f"How much each knob matters for {figures.short_label(metric)}: permutation in a random forest; R² is on "
        f"configurations that the forest has not seen.{caution}",
    )
