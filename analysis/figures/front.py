"""Disentanglement against reconstruction: the front of a study, and the trade-off of each model (CHyVAE Fig. 2, 3)."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import core.metrics
from analysis.figures.axes import Axis, spans_decades
from analysis.figures.marks import MOST_NAMES, mark_name, places
from analysis.figures.style import arrow, canvas, mathtext, styles, tidy
from analysis.reading.names import label, number, symbol, title

ORDER = "configuration, in the order of suggestion"  # stands in for a second objective
LETTERS = 7.5  # points of a name beside a mark
MOST_BARS = 200  # configurations beyond which error bars are only drawn on the front
MOST_NOTES = 8  # points of a series beyond which their hyperparameters are not written beside them


def pareto_front(
    configurations: pd.DataFrame,
    front: pd.DataFrame,
    objectives: Mapping[str, str],
    caption: str = "",
    *,
    searched: Mapping[str, Sequence[str]] | None = None,
    axes: tuple[str, str] | None = None,
) -> Figure:
    """Disentanglement against reconstruction: mean ± standard deviation over seeds, a series per model.

    Args:
        configurations: `Study.configurations()`.
        front: `Study.front()`; its points are ringed and, if there are two objectives, joined.
        objectives: the first is drawn upwards, the second to the right; one alone in the order of suggestion.
        caption: a line under the title.
        searched: by model, the hyperparameters that name its marks; without it marks have no names.
        axes: two other objectives to draw, upwards and to the right.
    """
    above, across = axes or axes_of(objectives)
    figure, grid = canvas(7.0, 5.0)
    panel = grid[0, 0]
    done = _completed(configurations, above, across)
    colours = styles(configurations["model"].unique())
    for model, rows in done.groupby("model", sort=False):
        colour, marker = colours[str(model)]
        if len(done) > MOST_BARS:
            panel.scatter(
                means(rows, across), means(rows, above), s=8, c=colour, marker=marker, alpha=0.5, rasterized=True
            )
            rows = rows[rows["configuration"].isin(front["configuration"])]
        _bars(panel, rows, across, above, colour, marker, title(str(model)))
    ringed = done[done["configuration"].isin(front["configuration"])]
    if len(ringed):
        _draw_front(panel, ringed, across, above, objectives)
    _label(panel, above, across, objectives)
    for key, which in ((across, "x"), (above, "y")) if len(done) else ():
        if on_logarithms(key, means(done, key)):
            Axis.over(means(done, key), True).set_on(panel, which)
    if searched is not None and len(done):
        _name(panel, pd.concat([ringed, done.drop(ringed.index)]), across, above, searched, len(ringed))
    if len(done):
        panel.legend(frameon=False, loc="best")
    panel.set_title(caption, fontsize=10, loc="left")
    return figure


def _name(
    axes: Axes, rows: pd.DataFrame, across: str, above: str, searched: Mapping[str, Sequence[str]], ringed: int
) -> None:
    """Write hyperparameters beside marks, as far as there is room; the first `ringed` rows are the front's."""
    count = min(MOST_NAMES, len(rows) if len(rows) <= MOST_NAMES else ringed)
    names = [
        mark_name(row["model"], {knob: row[knob] for knob in searched.get(row["model"], ())}) if index < count else ""
        for index, (_, row) in enumerate(rows.iterrows())
    ]
    width, height = 6.1 * 72, 4.4 * 72  # about what the layout leaves to the axes, in points
    shares = axes.transAxes.inverted().transform(
        axes.transData.transform(np.column_stack([means(rows, across), means(rows, above)]))
    )
    points = np.column_stack([shares[:, 0] * width, (1 - shares[:, 1]) * height])
    for (x, y), name, place in zip(points, names, places(points, names, LETTERS, (0, 0, width, height)), strict=True):
        if place is not None:
            axes.annotate(
                mathtext(name),
                (x / width, 1 - y / height),
                (place[0] - x, y - place[1]),
                xycoords="axes fraction",
                textcoords="offset points",
                ha={"start": "left", "middle": "center", "end": "right"}[place[2]],
                fontsize=LETTERS,
                color="0.25",
            )


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
        axes.plot(means(rows, across), means(rows, above), color=colour, linewidth=0.8, alpha=0.6)
        legend = title(name) + (f" ({mathtext(symbol(name, knob))})" if knob else "")
        _bars(axes, rows, across, above, colour, marker, legend)
        if knob and len(rows) <= MOST_NOTES:
            for value, x, y in zip(rows[knob], means(rows, across), means(rows, above), strict=True):
                axes.annotate(number(value), (x, y), (4, 4), textcoords="offset points", fontsize=7, color=colour)
    _label(axes, above, across, objectives)
    if len(done):
        axes.legend(frameon=False, loc="best")
    return figure


def axes_of(objectives: Mapping[str, str]) -> tuple[str, str]:
    """The objective that is drawn upwards, and the one to the right: `ORDER` when there is one."""
    above, *others = objectives
    return above, (others[0] if others else ORDER)


def means(rows: pd.DataFrame, key: str) -> np.ndarray:
    """Where rows of `Study.configurations()` stand along an axis: their means, or their places for `ORDER`."""
    return rows.index.to_numpy(dtype=float) if key == ORDER else rows[f"{key}_mean"].to_numpy(dtype=float)


def deviations(rows: pd.DataFrame, key: str) -> np.ndarray:
    """How far their error bars go: standard deviations over seeds; 0 where none is known."""
    column = f"{key}_std"
    found = rows[column].to_numpy(dtype=float) if column in rows else np.zeros(len(rows))
    return np.nan_to_num(found)


def on_logarithms(key: str, values: np.ndarray) -> bool:
    """Whether an axis of such values is logarithmic: none of what has a largest value, and if they span decades."""
    scale = core.metrics.scale(key)
    return key != ORDER and (scale is None or scale.high is None) and spans_decades(values)


def _completed(configurations: pd.DataFrame, above: str, across: str) -> pd.DataFrame:
    columns = [f"{key}_mean" for key in (above, across) if key != ORDER]
    if not set(columns) <= set(configurations.columns):
        return configurations.head(0)
    done = configurations[configurations["state"] == "COMPLETED"]
    return done[done[columns].notna().all(axis=1)]


def _bars(
    axes: Axes, rows: pd.DataFrame, across: str, above: str, colour: str, marker: str, legend: str | None
) -> None:
    axes.errorbar(
        means(rows, across),
        means(rows, above),
        xerr=deviations(rows, across),
        yerr=deviations(rows, above),
        fmt=marker,
        color=colour,
        capsize=2,
        elinewidth=0.8,
        markersize=6,
        label=legend,
    )


def _draw_front(axes: Axes, front: pd.DataFrame, across: str, above: str, objectives: Mapping[str, str]) -> None:
    """The dominated region's edge, and a ring around each point of the front."""
    points = np.column_stack([means(front, across), means(front, above)])
    points = points[np.argsort(points[:, 0], kind="stable")]
    style: dict[str, Any] = {"color": "0.35", "linewidth": 1.0, "linestyle": "--", "zorder": 0}
    if set(objectives) == {above, across}:
        axes.step(*points.T, where="post" if objectives[across] == "minimize" else "pre", **style)
    axes.plot(*points.T, "o", markersize=13, markerfacecolor="none", markeredgecolor="0.35", label="front")


def _label(axes: Axes, above: str, across: str, objectives: Mapping[str, str]) -> None:
    axes.set_xlabel(ORDER if across == ORDER else f"{label(across)} {arrow(objectives[across])}")
    axes.set_ylabel(f"{label(above)} {arrow(objectives[above])}")
    tidy(axes)
