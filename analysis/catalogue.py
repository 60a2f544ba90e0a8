"""What the studies of the catalogue are for: the figure or table of a paper that a study is named after.

A study's name is `<experiment>-<scale>`, or `<experiment>-<scale>-<data set>` where an experiment needs several data
sets, which is one study each; the report of any of them shows all that lie under the same root.
"""

import pathlib
from collections.abc import Callable

from analysis import figures, tables
from analysis.statistics import dependence
from analysis.study import Study
from analysis.tables import Document
from analysis.tables.papers import summary

Drawing = Callable[[Study, pathlib.Path], list[pathlib.Path]]


def experiment(name: str) -> str | None:
    """The experiment that a study is named after, if it is one of the catalogue's."""
    found = name.partition("-")[0]
    return found if found in EXPERIMENTS else None


def siblings(study: Study) -> list[Study]:
    """The studies under the same root with the same experiment and scale, this one included."""
    prefix = "-".join(study.name.split("-")[:2])
    names = sorted(path.parent.name for path in study.root.glob(f"{prefix}*/study.json"))
    return [Study(name, study.root) for name in names if name == prefix or name.startswith(f"{prefix}-")]


def draw(study: Study, directory: pathlib.Path) -> list[pathlib.Path]:
    """Write the figure (PNG, PDF) or table (Markdown, LaTeX, CSV) that a study is named after; the files.

    None for a study that is not of the catalogue, or before its first configuration is completed.
    """
    name = experiment(study.name)
    if name is None or study.feasible().empty:
        return []
    return EXPERIMENTS[name](study, directory)


def documents(study: Study) -> list[Document]:
    """The tables that a study is named after."""
    name = experiment(study.name)
    return [] if name is None or study.feasible().empty else [make(study) for make in TABLES.get(name, ())]


def _trade_off(study: Study, directory: pathlib.Path) -> list[pathlib.Path]:
    figure = figures.trade_off(study.configurations(), study.objectives, study.searched_by_model())
    return _both(figures.save(figure, directory, experiment(study.name) or study.name))


def _curves(study: Study, directory: pathlib.Path) -> list[pathlib.Path]:
    known = set(study.curves()["metric"].unique())
    during = [metric for metric in (*study.spec["metrics"]["during"], *study.objectives) if metric in known]
    metrics = list(dict.fromkeys(during))
    figure = figures.training_curves(study.curves(), study.configurations(), metrics, study.searched_by_model())
    return _both(figures.save(figure, directory, experiment(study.name) or study.name))


def _few_labels(study: Study, directory: pathlib.Path) -> list[pathlib.Path]:
    done = study.feasible()
    figure = figures.against_hyperparameter(done, "num_annotated", list(study.objectives)[:2])
    return _both(figures.save(figure, directory, "few_labels"))


def _twelve_thousand(study: Study, directory: pathlib.Path) -> list[pathlib.Path]:
    trials, directions = study.trials(), {metric: study.direction(metric) for metric in scores(study)}
    shares = {metric: dependence.variance_shares(trials, metric) for metric in directions}
    paths = _both(figures.save(figures.variance_shares(shares), directory, "twelve_thousand"))
    correlation = figures.rank_correlation(dependence.rank_correlation(trials, directions), directions)
    return [*paths, *_both(figures.save(correlation, directory, "twelve_thousand_ranks"))]


def _tables(study: Study, directory: pathlib.Path) -> list[pathlib.Path]:
    return [path for document in documents(study) for path in tables.save(document, directory)]


def _best_of_models(study: Study) -> Document:
    """The best configuration of each model by the first objective."""
    first, direction = next(iter(study.objectives.items()))
    rows = study.feasible().sort_values(f"{first}_mean", ascending=direction == "minimize", kind="stable")
    caption = f"Best configuration of each model by {figures.label(first)}, mean ± standard deviation over seeds"
    return summary(study, rows.drop_duplicates("model"), scores(study), "twelve_thousand", caption)


def scores(study: Study) -> list[str]:
    """The final metrics that have a better side: what is compared, without counts, errors and controls."""
    import core.metrics

    kept = []
    for key in study.metrics():
        try:
            metric, _ = core.metrics.find_key(key)
        except core.metrics.MetricError:
            continue
        plain = key.partition("/")[0]
        if plain in metric.directions and metric.directions[plain] is not None:
            kept.append(key)
    return kept


def _both(path: pathlib.Path) -> list[pathlib.Path]:
    return [path, path.with_suffix(".pdf")]


def _figure_and_tables(drawing: Drawing) -> Drawing:
    return lambda study, directory: [*drawing(study, directory), *_tables(study, directory)]


TABLES: dict[str, tuple[Callable[[Study], Document], ...]] = {
    "lecture_table1": (tables.factor_vae_scores,),
    "lecture_table2": (tables.classification_accuracy,),
    "modular_table1": (lambda study: tables.relation_accuracy(siblings(study)),),
    "modular_table2": (lambda study: tables.modular_scores(siblings(study)),),
    "twelve_thousand": (_best_of_models,),
}
EXPERIMENTS: dict[str, Drawing] = {
    "chyvae_figure2": _trade_off,
    "chyvae_figure3": _trade_off,
    "chyvae_figure4": _curves,
    "lecture_table1": _tables,
    "lecture_table2": _tables,
    "modular_table1": _tables,
    "modular_table2": _tables,
    "few_labels": _few_labels,
    "twelve_thousand": _figure_and_tables(_twelve_thousand),
}
