"""The first screen in pictures: the front, and beside it what the winner has learned."""

from collections.abc import Mapping

import numpy as np

from analysis import figures
from analysis.report.album import ON_HOVER, Image, from_png, page_only
from analysis.report.at_hand import Models, best_seed
from analysis.report.page import Figure, Row, Scatter
from analysis.report.scatter import Plot, scatter
from analysis.report.wording import name_of
from analysis.results import Results

MOST_PICTURES = 24  # of points of the front, shown on hover
HOVER = 352  # pixels
COLUMNS, ROWS, CELL = 10, 8, 0.45  # of the winner's traversal; its cells in inches


def showcase(study: Results, models: Models, probability: Mapping[str, float]) -> Row | None:
    """The scatter plot and the winner's traversal; None before a configuration is completed."""
    plot = scatter(study, probability)
    if plot is None:
        return None
    winner = _winner(study, models)
    return Row([_scatter(study, plot), *([winner] if winner else [])])


def _scatter(study: Results, plot: Plot) -> Scatter:
    axes = f"{plot.labels[1]} against {plot.labels[0]}"
    missing = f" ({plot.left_out:,} behind the front are not drawn)" if plot.left_out else ""
    edge = "; what lies behind the dashed edge is dominated" if " " in plot.line else ""
    caption = (
        f"Means over seeds of all completed configurations{missing}, bars ± one standard deviation. The front is "
        f"ringed{edge}. "
        "Point at a mark, or reach the front's with the Tab key, for its configuration"
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
        png = best_seed(study, key).pictures().get("traversal")
        if png is not None:
            found[key] = from_png(png, HOVER, ON_HOVER)
    return found


def _winner(study: Results, models: Models) -> Figure | None:
    """The traversal of the best by the first objective: drawn anew where model and data set are at hand."""
    row = study.front().iloc[0]
    trial = best_seed(study, row["configuration"])
    name = name_of(study, row)
    alt = f"Latent traversals of {name}, one row per dimension"
    opened = models.opened(trial)
    if opened is None:
        left = trial.pictures().get("traversal")
        caption = f"What {name} has learned: one row per dimension of its code, which goes from −3 to 3."
        return Figure(from_png(left), alt, caption, "pixels") if left else None
    low, high = opened.model.reach
    figure = figures.traversals(opened.model, opened.dimensions, np.linspace(low, high, COLUMNS), most=ROWS, cell=CELL)
    caption = (
        f"What {name} has learned, by its best seed: one row per dimension of its code, which goes from {low:g} to "
        f"{high:g} while the others stay. A dimension is named by the factor that most of its votes name."
    )
    return Figure(page_only(figure), alt, caption.replace("from -", "from −"))
