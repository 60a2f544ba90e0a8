"""Scores and losses during training: mean ± standard deviation over seeds (CHyVAE Fig. 4, 9, 12, 14, 15)."""

from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from analysis.figures.style import STYLES, cells, legend_in_cell, mathtext, tidy
from analysis.reading.names import number, short_label, symbol, title

MOST_NAMED = len(STYLES)  # lines of a panel that get a colour and a name each
MOST_LINES = 40
MOST_KNOBS = 2  # whose values name a line


def curve_statistics(curves: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Mean, standard deviation (ddof 1) and number of seeds: `configuration`, `step`, `mean`, `std`, `n`."""
    values = curves[curves["metric"] == metric]
    groups = values.groupby(["configuration", "step"], observed=True, sort=True)["value"]
    return groups.agg(mean="mean", std="std", n="size").reset_index()


def training_curves(
    curves: pd.DataFrame,
    configurations: pd.DataFrame,
    metrics: Sequence[str],
    searched: Mapping[str, Sequence[str]],
) -> Figure:
    """A row of cells per metric and a column per model; a line per configuration, with a band of ± one deviation.

    Args:
        curves: `Study.curves()`.
        configurations: `Study.configurations()`.
        metrics: keys that are in the curves.
        searched: by model, the hyperparameters that tell its configurations apart; lines are sorted by the first.
    """
    models = list(configurations["model"].unique())
    figure, grid = cells(len(metrics), max(1, len(models)))
    for row, metric in zip(grid, metrics, strict=True):
        groups = curve_statistics(curves, metric).groupby("configuration", observed=True)
        statistics = {str(key): lines for key, lines in groups}
        for axes, model in zip(row, models, strict=True):
            _panel(axes, statistics, configurations[configurations["model"] == model], list(searched.get(model, ())))
            axes.sharey(row[0])
            axes.set_xlim(left=0)
            axes.set_title(title(model) + (axes.get_title() and f": {axes.get_title()}"), fontsize=9, loc="left")
            axes.set_xlabel("step")
            axes.set_ylabel(short_label(metric))
            axes.xaxis.set_major_locator(MaxNLocator(4))
            named = _named(searched.get(model, ()))
            if named and axes.lines:
                legend_in_cell(axes, ", ".join(mathtext(symbol(model, each)) for each in named))
            tidy(axes)
    return figure


def _named(searched: Sequence[str]) -> Sequence[str]:
    """Hyperparameters whose values name a line."""
    return searched[:MOST_KNOBS]


def _panel(axes: Axes, statistics: Mapping[str, pd.DataFrame], rows: pd.DataFrame, searched: list[str]) -> None:
    rows = rows[rows["configuration"].isin(list(statistics))]
    knob = searched[0] if searched else None
    if knob:
        rows = rows.sort_values(knob, key=lambda column: pd.to_numeric(column, errors="coerce"), kind="stable")
    count = len(rows)
    if count > MOST_LINES:
        rows = rows.iloc[np.linspace(0, count - 1, MOST_LINES).astype(int)]
        axes.set_title(f"{MOST_LINES} of {count}")
    named = len(rows) <= MOST_NAMED
    colours = [colour for colour, _ in STYLES] if named else mpl.colormaps["viridis"](np.linspace(0.0, 0.95, len(rows)))
    for index, (_, row) in enumerate(rows.iterrows()):
        line = statistics[row["configuration"]]
        name = ", ".join(number(row[each]) for each in _named(searched)) or None
        first_or_last = index in (0, len(rows) - 1)
        marker = STYLES[index][1] if named else None
        axes.plot(
            line["step"],
            line["mean"],
            color=colours[index],
            marker=marker,
            markersize=3,
            linewidth=1.0,
            label=name if named or first_or_last else None,
        )
        if named:
            spread = line["std"].fillna(0.0)
            axes.fill_between(
                line["step"], line["mean"] - spread, line["mean"] + spread, color=colours[index], alpha=0.15
            )
