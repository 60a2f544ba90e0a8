"""Disentanglement against reconstruction: the front of a study, and the trade-off of each model (CHyVAE Fig. 2, 3)."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures.style import arrow, canvas, label, mathtext, number, styles, symbol, tidy, title

MOST_BARS = 200  # configurations beyond which error bars are only drawn on the front
MOST_NOTES = 8  # points of a series beyond which their hyperparameters are not written beside them


def pareto_front(
    configurations: pd.DataFrame, front: pd.DataFrame, objectives: Mapping[str, str], caption: str = ""
) -> Figure:
    """Disentanglement against reconstruction: mean ± standard deviation over seeds, a series per model.

    Args:
        configurations: `Study.configurations()`.
        front: `Study.front()`; its points are ringed and joined.
        objectives: the first is drawn upwards, the second to the right.
        caption: a line under the title.
    """
    above, across = axes_of(objectives)
    figure, grid = canvas(7.0, 5.0)
    axes = grid[0, 0]
    done = _completed(configurations, above, across)
    colours = styles(configurations["model"].unique())
    for model, rows in done.groupby("model", sort=False):
        colour, marker = colours[str(model)]
        if len(done) > MOST_BARS:
            axes.scatter(
                rows[f"{across}_mean"], rows[f"{above}_mean"], s=8, c=colour, marker=marker, alpha=0.5, rasterized=True
            )
            rows = rows[rows["configuration"].isin(front["configuration"])]
        _bars(axes, rows, across, above, colour, marker, title(str(model)))
    if len(front):
        _draw_front(axes, front, across, above, objectives)
    _label(axes, above, across, objectives)
    if len(done):
        axes.legend(frameon=False, loc="best")
    axes.set_title(caption, fontsize=10, loc="left")
    return figure


def trade_off(
    configurations: pd.DataFrame, objectives: Mapping[str, str], searched: Mapping[str, Sequence[str]]
) -> Figure:
    """One point per hyperparameter value, joined in its order, a series per model (CHyVAE Fig. 2, 3).

    Args:
        configurations: `Study.configurations()`; mean ± standard deviation over restarts.
        objectives: the first is drawn upwards, the second to the right.
        searched: by model, its hyperparameters; points are joined and marked by the first.
    """
    above, across = axes_of(objectives)
    figure, grid = canvas(7.0, 5.0)
    axes = grid[0, 0]
    done = _completed(configurations, above, across)
    colours = styles(configurations["model"].unique())
    for model, rows in done.groupby("model", sort=False):
        name = str(model)
        colour, marker = colours[name]
        knob = next(iter(searched.get(name, ())), None)
        rows = rows.sort_values(knob) if knob else rows
        axes.plot(rows[f"{across}_mean"], rows[f"{above}_mean"], color=colour, linewidth=0.8, alpha=0.6)
        legend = title(name) + (f" ({mathtext(symbol(name, knob))})" if knob else "")
        _bars(axes, rows, across, above, colour, marker, legend)
        if knob and len(rows) <= MOST_NOTES:
            for value, x, y in zip(rows[knob], rows[f"{across}_mean"], rows[f"{above}_mean"], strict=True):
                axes.annotate(number(value), (x, y), (4, 4), textcoords="offset points", fontsize=7, color=colour)
    _label(axes, above, across, objectives)
    if len(done):
        axes.legend(frameon=False, loc="best")
    return figure


def axes_of(objectives: Mapping[str, str]) -> tuple[str, str]:
    """The objective that is drawn upwards, and the one to the right (the same when there is one)."""
    above, *others = objectives
    return above, (others[0] if others else above)


def _completed(configurations: pd.DataFrame, above: str, across: str) -> pd.DataFrame:
    columns = [f"{above}_mean", f"{across}_mean"]
    if not set(columns) <= set(configurations.columns):
        return configurations.head(0)
    done = configurations[configurations["state"] == "COMPLETED"]
    return done[done[columns].notna().all(axis=1)]


def _bars(
    axes: Axes, rows: pd.DataFrame, across: str, above: str, colour: str, marker: str, legend: str | None
) -> None:
    axes.errorbar(
        rows[f"{across}_mean"],
        rows[f"{above}_mean"],
        xerr=rows[f"{across}_std"].fillna(0.0),
        yerr=rows[f"{above}_std"].fillna(0.0),
        fmt=marker,
        color=colour,
        capsize=2,
        elinewidth=0.8,
        markersize=6,
        label=legend,
    )


def _draw_front(axes: Axes, front: pd.DataFrame, across: str, above: str, objectives: Mapping[str, str]) -> None:
    """The dominated region's edge, and a ring around each point of the front."""
    points = front[[f"{across}_mean", f"{above}_mean"]].to_numpy(dtype=float)
    points = points[np.argsort(points[:, 0], kind="stable")]
    style: dict[str, Any] = {"color": "0.35", "linewidth": 1.0, "linestyle": "--", "zorder": 0}
    if len(objectives) == 2:
        axes.step(*points.T, where="post" if objectives[across] == "minimize" else "pre", **style)
    axes.plot(*points.T, "o", markersize=13, markerfacecolor="none", markeredgecolor="0.35", label="front")


def _label(axes: Axes, above: str, across: str, objectives: Mapping[str, str]) -> None:
    axes.set_xlabel(f"{label(across)} {arrow(objectives[across])}")
    axes.set_ylabel(f"{label(above)} {arrow(objectives[above])}")
    tidy(axes)
