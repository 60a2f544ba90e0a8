"""The front: every configuration as a point that can be pointed at, and the best ones as a table."""

import pathlib
from collections.abc import Mapping

import pandas as pd

from analysis import figures
from analysis.figures.style import arrow
from analysis.report.album import ON_HOVER, Image
from analysis.report.at_hand import best_seed, stored
from analysis.report.evidence import Evidence
from analysis.report.page import Block, Paragraph, Scatter, Section, Table
from analysis.report.scatter import Plot, scatter
from analysis.report.wording import chosen, mean_and_deviation
from analysis.results import Results

MOST_PICTURES = 24  # of points of the front, shown on hover
HOVER = 352  # pixels


def section(study: Results, found: Evidence, directory: pathlib.Path) -> Section:
    """The scatter plot and the table; the front as a figure for print is saved beside the page."""
    _save(study, directory)
    plot = scatter(study, found.probability)
    blocks: list[Block] = [_nothing(study)] if plot is None else [_scatter(study, plot), _table(study, found)]
    return Section.of("front", "The front", *blocks)


def _save(study: Results, directory: pathlib.Path) -> None:
    configurations, front = study.configurations(), study.front()
    title = f"{study.name}: {len(front)} of {len(configurations)} configurations on the front"
    figures.save(figures.pareto_front(configurations, front, study.objectives, title), directory, "pareto_front")


def _nothing(study: Results) -> Paragraph:
    constraint = ", or none meets the constraint" if study.spec["search"].get("where") else ""
    return Paragraph(f"No configuration is completed yet{constraint}.")


def _scatter(study: Results, plot: Plot) -> Scatter:
    axes = f"{plot.labels[1]} against {plot.labels[0]}"
    missing = f" ({plot.left_out:,} behind the front are not drawn)" if plot.left_out else ""
    edge = ", and what lies behind the dashed edge is dominated" if plot.line else ""
    caption = (
        f"{axes}: means over seeds of every completed configuration{missing}; the front is ringed, with ± one "
        f"standard deviation{edge}. Point at a mark, or reach the front's with the Tab key, for its configuration"
    )
    return Scatter(
        plot,
        alt=f"Scatter plot: {axes}. The table below holds the front.",
        images=_traversals(study),
        caption=f"{caption} and traversal.",
        caption_without=f"{caption}.",
    )


def _traversals(study: Results) -> dict[str, Image]:
    """What the dimensions of points of the front do, as their best seed left it, by configuration."""
    found = {}
    for key in study.front()["configuration"].head(MOST_PICTURES):
        png = stored(best_seed(study, key)).get("traversal")
        if png is not None:
            found[key] = Image(png, widest=HOVER, rank=ON_HOVER)
    return found


def _table(study: Results, found: Evidence) -> Table:
    objectives = [f"{figures.label(key)} {arrow(direction)}" for key, direction in study.objectives.items()]
    return Table(
        "The front: mean ± standard deviation over seeds, and how often a configuration is on the front when seeds "
        "are drawn anew.",
        ["model", "hyperparameters", "seeds", *objectives, "on the front", "configuration"],
        [_row(study, row, found.probability) for _, row in study.front().iterrows()],
    )


def _row(study: Results, row: "pd.Series", probability: Mapping[str, float]) -> list[str]:
    key = row["configuration"]
    return [
        figures.title(row["model"]),
        chosen(study, row),
        str(row["n"]),
        *(mean_and_deviation(row, metric) for metric in study.objectives),
        f"{probability[key]:.0%}" if key in probability else "–",
        key,
    ]
