"""How all figures look: colours, markers, labels with symbols and units, and how they are saved."""

import io
import itertools
import pathlib
import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures import press
from analysis.figures.press import DPI

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
SCREEN_DPI = 110  # in a notebook
SUBSCRIPT = re.compile(r"\b([^\W\d_])_([A-Za-z]+|\d)\b")  # of a symbol of one letter, as in β_l


def mathtext(text: str) -> str:
    """Text whose subscripts (`β_l`) are written as matplotlib sets them."""
    return SUBSCRIPT.sub(r"\1$_{\\mathrm{\2}}$", text)


def styles(names: Iterable[str]) -> dict[str, tuple[str, str]]:
    """A colour and a marker for each name, in order."""
    return dict(zip(names, itertools.cycle(STYLES), strict=False))


def arrow(direction: str) -> str:
    """Which way is better."""
    return "↑" if direction == "maximize" else "↓"


class Drawing(Figure):
    """A figure that a notebook shows, whether or not pyplot was imported there."""

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=SCREEN_DPI)
        return buffer.getvalue()


def canvas(width: float, height: float, rows: int = 1, columns: int = 1) -> tuple[Figure, Any]:
    """A figure of that size in inches, and its axes (rows, columns)."""
    figure = Drawing(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False)


def cells(rows: int, columns: int, width: float = 3.0, height: float = 2.3, top: float = 0.3) -> tuple[Figure, Any]:
    """A figure of equal cells of that size in inches, each with axes and room for its labels: axes (rows, columns).

    `top` is the room above the axes, for a title. A cell can be cut out and shown alone (`analysis.report.album.cut`).
    """
    figure = Drawing(figsize=(columns * width, rows * height))
    panels = np.empty((rows, columns), dtype=object)
    left, right, below, above = 0.62 / width, 0.1 / width, 0.46 / height, top / height
    for row, column in np.ndindex(rows, columns):
        corner = ((column + left) / columns, (rows - 1 - row + below) / rows)
        size = ((1 - left - right) / columns, (1 - below - above) / rows)
        axes = panels[row, column] = figure.add_axes((*corner, *size))
        axes.tick_params(labelsize=7)
        axes.xaxis.label.set_fontsize(8)
        axes.yaxis.label.set_fontsize(8)
        axes.xaxis.labelpad = axes.yaxis.labelpad = 2
    return figure, panels


def tidy(axes: Axes) -> None:
    """A light grid and no box."""
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


def legend_above(figure: Figure, handles: Mapping[str, Any]) -> None:
    """One legend of all panels, above them, in as many columns as fit into the figure."""
    for columns in range(len(handles), 0, -1):
        legend = figure.legend(
            handles.values(), handles.keys(), frameon=False, ncols=columns, loc="outside upper center"
        )
        if columns == 1 or legend.get_window_extent().width <= figure.bbox.width:
            return
        legend.remove()


def legend_in_cell(axes: Axes, heading: str | None = None) -> None:
    """A small legend where it hides least; what lies under it is seen faintly, and its words can be read."""
    axes.legend(
        title=heading,
        title_fontsize=6.5,
        alignment="left",
        fontsize=6.5,
        labelspacing=0.2,
        borderaxespad=0.1,
        facecolor="white",
        edgecolor="none",
        framealpha=0.75,
    )


def save(figure: Figure, directory: pathlib.Path, name: str) -> pathlib.Path:
    """Write `<name>.png` and `<name>.pdf`; the path of the PNG."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{name}.png"
    figure.savefig(path, dpi=DPI)
    figure.set_layout_engine(None)  # everything has its place now
    press.pdf(figure, path.with_suffix(".pdf"))
    return path
