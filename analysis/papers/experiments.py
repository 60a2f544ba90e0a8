"""What the studies of the catalogue are for: the figure or table of a paper that a study file names, `paper: …`.

Where an experiment needs several data sets, each is a study of its own; the report of any of them shows all that lie
under the same root.
"""

import itertools
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from analysis import figures
from analysis.papers import published, tables
from analysis.papers.document import Document, save
from analysis.papers.tables import summary
from analysis.reading.names import title
from analysis.results import Results
from analysis.statistics import dependence
from core.record import study as record

Drawing = Callable[[Results, pathlib.Path], list[pathlib.Path]]
FAULTS = ("labeller", "label_bins", "label_noise", "labelled_factors")  # of labels, which nobody chooses


def siblings(study: Results) -> list[Results]:
    """The studies under the same root of the same experiment with as many steps, this one included."""
    under_root = [Results(name, study.root) for name in record.names(study.root)]
    steps = study.spec["budget"]["steps"]
    return [
        each
        for each in under_root
        if each.spec["paper"] == study.spec["paper"] and each.spec["budget"]["steps"] == steps
    ]


def draw(study: Results, directory: pathlib.Path) -> list[pathlib.Path]:
    """Write the figure (PNG, PDF) or table (Markdown, LaTeX, CSV) that a study file names; the files.

    None for a study that names none, or before its first configuration is completed.
    """
    name = study.spec["paper"]
    if name is None or study.feasible().empty:
        return []
    return EXPERIMENTS[name](study, directory)


def documents(study: Results) -> list[Document]:
    """The tables that a study file names."""
    name = study.spec["paper"]
    return [] if name is None or study.feasible().empty else [make(study) for make in TABLES.get(name, ())]


def _trade_off(study: Results, directory: pathlib.Path) -> list[pathlib.Path]:
    figure = figures.trade_off(study.configurations(), study.objectives, study.searched_by_model())
    return _both(figures.save(figure, directory, study.spec["paper"]))


def _curves(study: Results, directory: pathlib.Path) -> list[pathlib.Path]:
    known = set(study.curves()["metric"].unique())
    during = [metric for metric in (*study.spec["metrics"]["during"], *study.objectives) if metric in known]
    metrics = list(dict.fromkeys(during))
    figure = figures.training_curves(study.curves(), study.configurations(), metrics, study.searched_by_model())
    return _both(figures.save(figure, directory, study.spec["paper"]))


def _few_labels(study: Results, directory: pathlib.Path) -> list[pathlib.Path]:
    done, metrics = study.feasible(), dict(itertools.islice(study.objectives.items(), 2))
    figure = figures.against_hyperparameter(done, "num_annotated", metrics, _searched(study, FAULTS))
    return _both(figures.save(figure, directory, "few_labels"))


def _relation_accuracy_of_labels(study: Results, directory: pathlib.Path) -> list[pathlib.Path]:
    """Where it is the question how many are annotated."""
    if not _searched(study, ["num_annotated"]):
        return []
    metrics = dict(itertools.islice(study.objectives.items(), 1))
    figure = figures.against_hyperparameter(study.feasible(), "num_annotated", metrics, _searched(study, ["preset"]))
    return _both(figures.save(figure, directory, "modular_table1_labels"))


def _searched(study: Results, names: Sequence[str]) -> list[str]:
    """Those that the study has several values of."""
    searched = set().union(*study.searched_by_model().values())
    return [name for name in names if name in searched]


def _twelve_thousand(study: Results, directory: pathlib.Path) -> list[pathlib.Path]:
    trials, directions = _by_method(study.trials()), {key: study.direction(key) for key in study.scored_metrics()}
    shares = {metric: _shares(trials, metric) for metric in directions}
    paths = _both(figures.save(figures.variance_shares(shares), directory, "twelve_thousand"))
    correlation = figures.rank_correlation(dependence.rank_correlation(trials, directions), directions)
    return [*paths, *_both(figures.save(correlation, directory, "twelve_thousand_ranks"))]


def _tables(study: Results, directory: pathlib.Path) -> list[pathlib.Path]:
    return [path for each in documents(study) for path in save(each, directory)]


def _method(row: "pd.Series[Any]") -> str:
    """What Locatello et al. 2019 call a configuration; see `published.METHODS_NOTE`."""
    if row["model"] == "dip_vae":
        return f"DIP-VAE-{row['kind'].upper()}"
    return "AnnealedVAE" if row["model"] == "beta_vae" and row.get("capacity", 0) > 0 else title(row["model"])


def _by_method(trials: pd.DataFrame) -> pd.DataFrame:
    """With the paper's models in place of the study file's."""
    return trials.assign(model=[_method(row) for _, row in trials.iterrows()])


def _best_of_models(study: Results) -> Document:
    """The best configuration of each of the paper's models by the first objective."""
    first, direction = next(iter(study.objectives.items()))
    rows = study.feasible().sort_values(f"{first}_mean", ascending=direction == "minimize", kind="stable")
    caption = f"Best configuration of each model by {figures.label(first)}, mean ± standard deviation over seeds"
    best = rows[~_by_method(rows)["model"].duplicated()]
    return summary(study, best, study.scored_metrics(), "twelve_thousand", caption)


def _shares(trials: pd.DataFrame, metric: str) -> dict[str, float]:
    """Without what is chance, where seeds tell."""
    corrected = dependence.corrected_shares(trials, metric)["share"]
    return (
        dependence.variance_shares(trials, metric)
        if corrected.isna().any()
        else dict(zip(dependence.PARTS, corrected, strict=True))
    )


def _variance_shares(study: Results) -> Document:
    """What every metric depends on."""
    caption = f"Share of the variance of final metrics that is due to {dependence.WITHOUT_CHANCE}"
    rows, trials = [], _by_method(study.trials())
    notes = (published.METHODS_NOTE,) if trials["model"].nunique() > study.trials()["model"].nunique() else ()
    model = "model*" if notes else "model"
    columns = ("metric", model, "hyperparameters", "seed", "explained (R²) without the correction")
    for metric in study.scored_metrics():
        plain = dependence.variance_shares(trials, metric)
        explained = plain["model"] + plain["hyperparameter"]
        cells = dependence.in_words(dependence.corrected_shares(trials, metric))
        rows.append((figures.label(metric), *cells, "–" if np.isnan(explained) else f"{explained:.0%}"))
    return Document("twelve_thousand_shares", caption, columns, tuple(rows), notes)


def _both(path: pathlib.Path) -> list[pathlib.Path]:
    return [path, path.with_suffix(".pdf")]


def _figure_and_tables(drawing: Drawing) -> Drawing:
    return lambda study, directory: [*drawing(study, directory), *_tables(study, directory)]


TABLES: dict[str, tuple[Callable[[Results], Document], ...]] = {
    "chyvae_figure2": (tables.trade_off,),
    "chyvae_figure3": (tables.trade_off,),
    "lecture_table1": (tables.factor_vae_scores,),
    "lecture_table2": (tables.classification_accuracy,),
    "modular_table1": (
        lambda study: tables.relation_accuracy(siblings(study)),
        lambda study: tables.by_annotation(study, "modular_table1_labels", _searched(study, ["preset"])),
    ),
    "modular_table2": (lambda study: tables.modular_scores(siblings(study)),),
    "few_labels": (lambda study: tables.by_annotation(study, "few_labels", _searched(study, FAULTS)),),
    "twelve_thousand": (_best_of_models, _variance_shares),
}
EXPERIMENTS: dict[str, Drawing] = {
    "chyvae_figure2": _figure_and_tables(_trade_off),
    "chyvae_figure3": _figure_and_tables(_trade_off),
    "chyvae_figure4": _curves,
    "lecture_table1": _tables,
    "lecture_table2": _tables,
    "modular_table1": _figure_and_tables(_relation_accuracy_of_labels),
    "modular_table2": _tables,
    "few_labels": _figure_and_tables(_few_labels),
    "twelve_thousand": _figure_and_tables(_twelve_thousand),
}
