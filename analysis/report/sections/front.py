"""The front: the best configurations as a table, and every pair of objectives beyond the first as a small plot."""

import itertools
import pathlib
from collections.abc import Mapping

import pandas as pd

from analysis import figures, search
from analysis.figures.style import arrow
from analysis.report.evidence import Evidence
from analysis.report.page import Details, Paragraph, Row, Scatter, Section, Table
from analysis.report.scatter import scatter
from analysis.report.wording import chosen, mean_and_deviation, within
from analysis.results import Results

SMALL = (480, 340)  # pixels
MOST_PAIRS = 9  # of objectives


def section(study: Results, found: Evidence, directory: pathlib.Path) -> Section:
    """The table and the further pairs of objectives; the front as a figure for print is saved beside the page."""
    _save(study, directory)
    if study.feasible().empty:
        return Section.of("front", "The front", _nothing(study))
    return Section.of("front", "The front", *_pairs(study, found), _table(study, found), _expected(study))


def _save(study: Results, directory: pathlib.Path) -> None:
    configurations, front, searched = study.configurations(), study.front(), study.searched_by_model()
    title = f"{study.name}: {len(front)} of {len(configurations)} configurations on the front"
    for axes in (None, *_further(study)):
        figure = figures.pareto_front(configurations, front, study.objectives, title, searched=searched, axes=axes)
        name = "pareto_front" if axes is None else "pareto_front_" + "_".join(key.replace("/", "-") for key in axes)
        figures.save(figure, directory, name)


def _further(study: Results) -> list[tuple[str, str]]:
    """Pairs of objectives but the first, which stands at the head of the page."""
    return list(itertools.combinations(study.objectives, 2))[1 : MOST_PAIRS + 1]


def _nothing(study: Results) -> Paragraph:
    constraint = ", or none meets the constraint" if study.spec["search"].get("where") else ""
    return Paragraph(f"No configuration is completed yet{constraint}.")


def _pairs(study: Results, found: Evidence) -> list[Row]:
    plots = []
    for axes in _further(study):
        plot = scatter(study, found.probability, axes, SMALL)
        if plot is not None:
            names = f"{plot.labels[1]} against {plot.labels[0]}"
            caption = f"{names}; the front, of all objectives together, is ringed."
            plots.append(Scatter(plot, f"Scatter plot: {names}.", {}, caption, caption, reachable=False))
    return [Row(plots)] if plots else []


def _table(study: Results, found: Evidence) -> Table:
    objectives = [f"{figures.label(key)} {arrow(direction)}" for key, direction in study.objectives.items()]
    return Table(
        "The front, best first by the first objective: mean ± standard deviation over seeds"
        + (", and how often a configuration is on the front when seeds are drawn anew." if found.probability else "."),
        ["model", "hyperparameters", "seeds", *objectives, *_share_head(found.probability), "configuration"],
        [_row(study, row, found.probability) for _, row in study.front().iterrows()],
    )


def _expected(study: Results) -> Details | None:
    """The front by expected values; None where there are seeds enough, or neighbours tell nothing."""
    if search.luck(study) is None:
        return None
    claimed, volume = study.hypervolume(), study.hypervolume(by="expected")
    table = Table(
        "The configurations that no other beats by what is to be expected of them in the mean over all seeds, ± its "
        "standard error: from their own results and those of configurations beside them, so that a lucky seed counts "
        f"for little. Hypervolume {volume:.4g}, where the front above claims {claimed:.4g}.",
        ["model", "hyperparameters", "seeds", *map(figures.label, study.objectives), "configuration"],
        [
            [
                figures.title(row["model"]),
                chosen(study, row),
                str(row["n"]),
                *(within(row[f"{key}_expected"], row[f"{key}_error"]) for key in study.objectives),
                row["configuration"],
            ]
            for _, row in study.front("all", "expected").iterrows()
        ],
    )
    return Details("The front with the luck of seeds taken out", table)


def _row(study: Results, row: "pd.Series", probability: Mapping[str, float]) -> list[str]:
    key = row["configuration"]
    return [
        figures.title(row["model"]),
        chosen(study, row),
        str(row["n"]),
        *(mean_and_deviation(row, metric) for metric in study.objectives),
        *(f"{probability[key]:.0%}" for _ in _share_head(probability)),
        key,
    ]


def _share_head(probability: Mapping[str, float]) -> list[str]:
    """The head of the column of shares, if there are any."""
    return ["on the front"] if probability else []
