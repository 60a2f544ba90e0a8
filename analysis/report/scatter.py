"""The front as inline SVG whose points can be pointed at: positions and texts here, drawing in the template."""

import dataclasses
import itertools
from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.ticker import MaxNLocator

from analysis import figures
from analysis.figures.front import axes_of
from analysis.figures.style import arrow, styles
from analysis.report.wording import chosen, count, mean_and_deviation
from analysis.results import Results

WIDTH, HEIGHT = 760, 480
LEFT, RIGHT, TOP, BOTTOM = 70, 16, 12, 56
MOST_POINTS = 1500  # behind the front; more are a sample

# Outlines around (0, 0), one for each marker of `analysis.figures.style.STYLES`.
OUTLINES = {
    "o": "M-5,0a5,5 0 1,0 10,0a5,5 0 1,0 -10,0",
    "s": "M-4.5,-4.5h9v9h-9z",
    "^": "M0,-6L5.5,4h-11z",
    "D": "M0,-6L6,0L0,6L-6,0z",
    "v": "M0,6L5.5,-4h-11z",
    "P": "M-2,-5.5h4v3.5h3.5v4h-3.5v3.5h-4v-3.5h-3.5v-4h3.5z",
    "X": "M-5,-3L-3,-5L0,-2L3,-5L5,-3L2,0L5,3L3,5L0,2L-3,5L-5,3L-2,0z",
    "h": "M0,-6L5,-3V3L0,6L-5,3V-3z",
}


@dataclasses.dataclass(frozen=True)
class Plot:
    """An SVG's worth of points.

    Attributes:
        points: `x`, `y` (pixels), `dx`, `dy` (half bars), `colour`, `outline`, `front` (whether it is on it), `text`,
            `configuration`.
        line: the edge of the dominated region as SVG points; empty unless there are two objectives.
        across: ticks of the horizontal axis, pixel and text.
        upwards: ticks of the vertical axis.
        labels: of both axes.
        legend: name, colour and outline of every model.
        left_out: number of points behind the front that are not drawn.
        width: of the drawing, in pixels.
        height: of the drawing, in pixels.
        box: left, top, right and bottom of the axes, in pixels.
    """

    points: list[dict[str, Any]]
    line: str
    across: list[tuple[float, str]]
    upwards: list[tuple[float, str]]
    labels: tuple[str, str]
    legend: list[tuple[str, str, str]]
    left_out: int
    width: int = WIDTH
    height: int = HEIGHT
    box: tuple[int, int, int, int] = (LEFT, TOP, WIDTH - RIGHT, HEIGHT - BOTTOM)


def scatter(study: Results, probability: Mapping[str, float]) -> Plot | None:
    """The first objective upwards, the second to the right; None before a feasible configuration is completed.

    Args:
        study: the results.
        probability: by configuration, how often it is on the front when seeds are drawn anew; it may lack some.
    """
    feasible, front = study.feasible(), study.front()
    if feasible.empty:
        return None
    up, across = axes_of(study.objectives)
    on_front = feasible["configuration"].isin(front["configuration"])
    behind = feasible[~on_front]
    left_out = max(0, len(behind) - MOST_POINTS)
    rows = pd.concat([behind.sample(min(len(behind), MOST_POINTS), random_state=0), feasible[on_front]])
    to_x, x_ticks = _scale(rows, across, LEFT, WIDTH - RIGHT)
    to_y, y_ticks = _scale(rows, up, HEIGHT - BOTTOM, TOP)
    look = styles(study.configurations()["model"].unique())
    ringed = set(front["configuration"])
    points = []
    for _, row in rows.iterrows():
        colour, marker = look[row["model"]]
        x, y = row[f"{across}_mean"], row[f"{up}_mean"]
        points.append(
            {
                "x": round(to_x(x), 1),
                "y": round(to_y(y), 1),
                "dx": round(abs(to_x(x + _spread(row, across)) - to_x(x)), 1),
                "dy": round(abs(to_y(y + _spread(row, up)) - to_y(y)), 1),
                "colour": colour,
                "outline": OUTLINES[marker],
                "front": row["configuration"] in ringed,
                "text": _text(study, row, probability.get(row["configuration"])),
                "configuration": row["configuration"],
            }
        )
    edge = front.sort_values(f"{across}_mean")
    corners = [(to_x(x), to_y(y)) for x, y in zip(edge[f"{across}_mean"], edge[f"{up}_mean"], strict=True)]
    line = _steps(corners, study.objectives[across] == "minimize") if len(study.objectives) == 2 else ""
    labels = tuple(f"{figures.label(each)} {arrow(study.objectives[each])}" for each in (across, up))
    legend = [(figures.title(str(model)), colour, OUTLINES[marker]) for model, (colour, marker) in look.items()]
    return Plot(points, line, x_ticks, y_ticks, (labels[0], labels[1]), legend, left_out)


def _text(study: Results, row: "pd.Series", probability: float | None) -> str:
    """What is said of a point."""
    certainty = "" if probability is None else f"; on the front in {probability:.0%} of redraws"
    values = "; ".join(f"{figures.label(each)} {mean_and_deviation(row, each)}" for each in study.objectives)
    return f"{figures.title(row['model'])}, {chosen(study, row)}: {values}; {count(row['n'], 'seed')}{certainty}"


def _steps(corners: list[tuple[float, float]], forward: bool) -> str:
    """The edge of what points from left to right dominate, as SVG points; forward when less of the other is better."""
    path = corners[:1]
    for before, point in itertools.pairwise(corners):
        path += [(point[0], before[1]) if forward else (before[0], point[1]), point]
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in path)


def _spread(row: "pd.Series", metric: str) -> float:
    value = row[f"{metric}_std"]
    return 0.0 if pd.isna(value) else float(value)


def _scale(rows: pd.DataFrame, metric: str, begin: int, end: int) -> tuple[Any, list[tuple[float, str]]]:
    """A function from values to pixels, and ticks."""
    spread = rows[f"{metric}_std"].fillna(0.0)
    low, high = (rows[f"{metric}_mean"] - spread).min(), (rows[f"{metric}_mean"] + spread).max()
    margin = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
    low, high = low - margin, high + margin

    def place(value: float) -> float:
        return float(begin + (value - low) / (high - low) * (end - begin))

    ticks = [value for value in MaxNLocator(6).tick_values(low, high) if low <= value <= high]
    return place, [(round(place(value), 1), f"{round(value, 10) + 0.0:.6g}") for value in ticks]
