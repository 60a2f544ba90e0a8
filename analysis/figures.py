"""Figures of a study: the data of each is a table; the drawing is a thin function beside it."""

import pathlib
from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Colours that stay apart in grey and for colour-blind eyes (Okabe & Ito), and a marker for each.
STYLES = (
    ("#0072B2", "o"),
    ("#D55E00", "s"),
    ("#009E73", "^"),
    ("#CC79A7", "D"),
    ("#E69F00", "v"),
    ("#56B4E9", "P"),
    ("#000000", "X"),
    ("#F0E442", "h"),
)
LABELS = {
    "factor_vae_score": "FactorVAE score",
    "beta_vae_score": "β-VAE score",
    "mig": "MIG",
    "reconstruction_error": "reconstruction error (nats per image)",
}


def label(key: str) -> str:
    """A result key as an axis label."""
    name, _, protocol = key.partition("/")
    text = LABELS.get(name, name.replace("_", " "))
    return f"{text} ({protocol})" if protocol else text


def title(model: str) -> str:
    """How figures write a model's name."""
    import trainables

    return str(trainables.get(model).title) if model in trainables.names() else model


def save(figure: Figure, directory: pathlib.Path, name: str) -> pathlib.Path:
    """Write `<name>.png` and `<name>.pdf`; the path of the PNG."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{name}.png"
    with mpl.rc_context({"pdf.fonttype": 42}):
        figure.savefig(path, dpi=150)
        figure.savefig(path.with_suffix(".pdf"))
    return path


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
    above, *others = objectives
    across = others[0] if others else above
    figure = Figure(figsize=(7.0, 5.0), layout="constrained")
    axes = figure.subplots()
    done = configurations[configurations["state"] == "COMPLETED"] if len(configurations) else configurations
    for (model, rows), (colour, marker) in zip(done.groupby("model", sort=False), _styles(), strict=False):
        axes.errorbar(
            rows[f"{across}_mean"],
            rows[f"{above}_mean"],
            xerr=_spread(rows, across),
            yerr=_spread(rows, above),
            fmt=marker,
            color=colour,
            capsize=2,
            elinewidth=0.8,
            markersize=6,
            label=title(str(model)),
        )
    if len(front):
        _draw_front(axes, front, across, above, objectives)
    axes.set_xlabel(_with_arrow(across, objectives))
    axes.set_ylabel(_with_arrow(above, objectives))
    axes.grid(alpha=0.3)
    if len(done):
        axes.legend(frameon=False, loc="best")
    axes.set_title(caption, fontsize=10, loc="left")
    return figure


def _draw_front(axes: Axes, front: pd.DataFrame, across: str, above: str, objectives: Mapping[str, str]) -> None:
    """The dominated region's edge, and a ring around each point of the front."""
    points = front[[f"{across}_mean", f"{above}_mean"]].to_numpy(dtype=float)
    points = points[np.argsort(points[:, 0], kind="stable")]
    axes.step(
        points[:, 0],
        points[:, 1],
        where="post" if objectives[across] == "minimize" else "pre",
        color="0.35",
        linewidth=1.0,
        linestyle="--",
        zorder=0,
    )
    axes.plot(
        points[:, 0], points[:, 1], "o", markersize=13, markerfacecolor="none", markeredgecolor="0.35", label="front"
    )


def _spread(rows: pd.DataFrame, metric: str) -> Any:
    column = f"{metric}_std"
    return rows[column].fillna(0.0) if column in rows else None


def _with_arrow(metric: str, objectives: Mapping[str, str]) -> str:
    return f"{label(metric)} {'↑' if objectives[metric] == 'maximize' else '↓'}"


def _styles() -> Any:
    import itertools

    return itertools.cycle(STYLES)
