"""Drawings of statistics: cost, votes, correlations, shares of variance, importance, the search's progress."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from analysis.figures.distributions import covariance
from analysis.figures.style import STYLES, arrow, canvas, legend_above, mathtext, styles, tidy
from analysis.reading.names import label, named, short_label, symbol, title

KNOBS = {"num_annotated": "annotated images"}
MOST_TICKS = 8  # values that stand at an axis as they are


def seconds_per_thousand(trials: pd.DataFrame) -> pd.DataFrame:
    """Seconds of training per 1,000 minibatches: `model`, `mean`, `std`, `n` trials; evaluation is not counted."""
    done = trials[(trials["steps"] > 0) & trials["seconds_training"].notna()]
    seconds = 1000.0 * done["seconds_training"] / done["steps"]
    return seconds.groupby(done["model"], sort=False).agg(mean="mean", std="std", n="size").reset_index()


def time_per_thousand(trials: pd.DataFrame) -> Figure:
    """Average time of 1,000 minibatches per model (CHyVAE Fig. 13)."""
    table = seconds_per_thousand(trials)
    figure, grid = canvas(1.2 * max(2, len(table)) + 1.2, 3.4)
    axes = grid[0, 0]
    look = styles(trials["model"].unique())
    colours = [look[model][0] for model in table["model"]]
    hatches = ["", "//", "..", "xx", "\\\\", "++", "oo", "--"]
    bars = axes.bar(range(len(table)), table["mean"], yerr=table["std"].fillna(0.0), color=colours, capsize=3)
    for index, bar in enumerate(bars):
        bar.set(hatch=hatches[index % len(hatches)], edgecolor="white")
    axes.set_xticks(range(len(table)), [title(model) for model in table["model"]])
    axes.set_ylabel("seconds per 1,000 minibatches")
    tidy(axes)
    return figure


def vote_matrix(votes: np.ndarray, factors: Sequence[str], caption: str = "") -> Figure:
    """How often a dimension varied least while a factor was fixed, (D, K), as a heat map with its numbers."""
    figure, grid = canvas(0.42 * votes.shape[1] + 0.8, 0.2 * votes.shape[0] + 0.8)
    axes = grid[0, 0]
    axes.imshow(votes, cmap="Greys", aspect="auto")
    for (row, column), count in np.ndenumerate(votes):
        ink = "white" if count > 0.6 * votes.max() else "black"
        axes.text(column, row, str(count), ha="center", va="center", fontsize=6, color=ink)
    axes.set_xticks(range(len(factors)), factors, rotation=35, ha="right", fontsize=7)
    axes.set_yticks(range(len(votes)), [f"$z_{{{index + 1}}}$" for index in range(len(votes))], fontsize=7)
    axes.tick_params(length=2)
    axes.set_title(caption, fontsize=8)
    return figure


def hypervolume_history(history: np.ndarray, caption: str = "", *, stopped_after: int | None = None) -> Figure:
    """Hypervolume of the front after each configuration, in the order of suggestion.

    Args:
        history: hypervolume (N,).
        caption: above the axes.
        stopped_after: the configuration after which the search had stopped paying, to be marked.
    """
    figure, grid = canvas(6.0, 3.0)
    axes = grid[0, 0]
    axes.step(np.arange(1, len(history) + 1), history, where="post", color=STYLES[0][0])
    if stopped_after is not None:
        axes.axvline(stopped_after, color="grey", linestyle=":", linewidth=1.0)
        place = {"transform": axes.get_xaxis_transform(), "color": "grey", "fontsize": 8}
        axes.text(stopped_after, 0.04, f"  paid until {stopped_after}", **place)
    axes.set(xlabel="configurations", ylabel="hypervolume")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_title(caption, fontsize=10, loc="left")
    tidy(axes)
    return figure


def rank_correlation(correlation: pd.DataFrame, directions: Mapping[str, str]) -> Figure:
    """Whether metrics agree on what is better (Locatello et al. 2019, Fig. 2).

    Args:
        correlation: `analysis.statistics.dependence.rank_correlation(trials, directions)`.
        directions: of its metrics, `maximize` or `minimize`.
    """
    names = [f"{short_label(key)} {arrow(directions[key])}" for key in correlation.columns]
    return covariance(correlation.to_numpy(), names, small=True)


def variance_shares(shares: Mapping[str, Mapping[str, float]]) -> Figure:
    """What each metric's variance is due to: stacked bars of the shares of model, hyperparameter and seed.

    Shares that single seeds leave open (NaN) are one bar of both.
    """
    figure, grid = canvas(6.5, 0.45 * len(shares) + 1.4)
    axes = grid[0, 0]
    left, handles = np.zeros(len(shares)), {}
    open_shares = any(np.isnan(each["seed"]) and not np.isnan(each["model"]) for each in shares.values())
    parts = ("model", "hyperparameter or seed") if open_shares else ("model", "hyperparameter", "seed")
    hatches = ("", "//", "..")
    for index, part in enumerate(parts):
        widths = np.nan_to_num([each.get(part, 1.0 - each["model"]) for each in shares.values()])
        handles[part] = axes.barh(
            range(len(shares)), widths, left=left, color=STYLES[index][0], hatch=hatches[index], edgecolor="white"
        )
        left += widths
    axes.set_yticks(range(len(shares)), [short_label(key) for key in shares])
    axes.invert_yaxis()
    axes.set(xlabel="share of the variance", xlim=(0, 1))
    legend_above(figure, handles)
    return figure


def against_hyperparameter(
    configurations: pd.DataFrame, knob: str, metrics: Mapping[str, str], apart: Sequence[str] = ()
) -> Figure:
    """Metrics over a hyperparameter that models share, on a logarithmic scale: the best mean ± deviation at each value.

    Args:
        configurations: completed rows of `Study.configurations()`.
        knob: a column, such as `num_annotated`.
        metrics: result keys with their directions, a panel each.
        apart: hyperparameters of which each value has a line of its own, and not only the best.
    """
    figure, grid = canvas(4.2 * len(metrics) + 0.4, 3.4, 1, len(metrics))
    rows = configurations[configurations[knob].notna()] if knob in configurations else configurations.head(0)
    rows = rows.assign(line=[named(row, apart) for _, row in rows.iterrows()])
    look, handles = styles(rows["line"].unique()), {}
    for axes, (metric, direction) in zip(grid[0], metrics.items(), strict=True):
        known = rows[rows[f"{metric}_mean"].notna()] if f"{metric}_mean" in rows else rows.head(0)
        for line, own in known.groupby("line", sort=False):
            best = own.sort_values(f"{metric}_mean", ascending=direction == "minimize")
            best = best.drop_duplicates(knob).sort_values(knob)
            colour, marker = look[str(line)]
            spread = best[f"{metric}_std"].fillna(0.0)
            handles[str(line)] = axes.errorbar(
                best[knob].astype(float),
                best[f"{metric}_mean"],
                spread,
                color=colour,
                marker=marker,
                capsize=2,
            )
        axes.set(
            xscale="log", xlabel=KNOBS.get(knob, knob.replace("_", " ")), ylabel=f"{label(metric)} {arrow(direction)}"
        )
        if len(known) and known[knob].nunique() <= MOST_TICKS:
            values = sorted(known[knob].astype(float).unique())
            axes.set_xticks(values, [f"{value:,g}" for value in values])
            axes.minorticks_off()
        tidy(axes)
    legend_above(figure, handles)
    return figure


def importance(tables: Mapping[str, pd.DataFrame], metric: str) -> Figure:
    """Importance of each model's hyperparameters for a metric; see `analysis.statistics.dependence.importance`."""
    figure, grid = canvas(3.6, 0.26 * sum(map(len, tables.values())) + 0.5 * len(tables) + 0.5, max(1, len(tables)))
    for axes, (model, table) in zip(grid[:, 0], tables.items(), strict=False):
        axes.barh(range(len(table)), table["importance"], color=STYLES[0][0])
        axes.set_yticks(range(len(table)), [mathtext(symbol(model, name)) for name in table["hyperparameter"]])
        axes.invert_yaxis()
        axes.set(xlim=(0, 1))
        axes.set_title(f"{title(model)}: R² = {table['explained'].iloc[0]:.2f}", fontsize=9, loc="left")
    grid[-1, 0].set_xlabel(f"importance for {label(metric)}")
    return figure
