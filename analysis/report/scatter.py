"""Configurations as inline SVG whose points can be pointed at: positions and texts here, drawing in the template."""

import dataclasses
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from analysis import figures
from analysis.figures.axes import Axis
from analysis.figures.front import MOST_BARS, ORDER, axes_of, deviations, means, on_logarithms
from analysis.figures.marks import MOST_NAMES, mark_name, places
from analysis.figures.style import arrow, styles
from analysis.report.wording import chosen, count, mean_and_deviation
from analysis.results import Results

LEFT, RIGHT, TOP, BOTTOM = 70, 16, 12, 56
MOST_POINTS = 1500  # behind the front; more are a sample
LETTERS = 12  # pixels of a name beside a mark

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
        points: `x`, `y` (pixels), `bars` (left, right, top, bottom ends in pixels, or None), `colour`, `outline`,
            `front` (whether it is on it), `text`, `name` (what stands beside it, with its place, or None),
            `configuration`.
        line: the edge of the dominated region as SVG points; empty unless there are two objectives.
        across: ticks of the horizontal axis, pixel and text.
        upwards: ticks of the vertical axis.
        labels: of both axes.
        legend: name, colour and outline of every series.
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
    width: int
    height: int
    box: tuple[int, int, int, int]


def scatter(
    study: Results,
    probability: Mapping[str, float],
    axes: tuple[str, str] | None = None,
    size: tuple[int, int] = (640, 440),
) -> Plot | None:
    """Completed configurations by two objectives; None before a feasible one is completed.

    Args:
        study: the results.
        probability: by configuration, how often it is on the front when seeds are drawn anew; it may lack some.
        axes: what is drawn upwards and to the right; the first two objectives unless given, and a single objective in
            the order of suggestion.
        size: width and height in pixels.
    """
    feasible, front = study.feasible(), study.front()

    def text(row: "pd.Series") -> str:
        share = probability.get(row["configuration"])
        certainty = "" if share is None else f"; on the front in {share:.0%} of redraws"
        values = "; ".join(f"{figures.label(each)} {mean_and_deviation(row, each)}" for each in study.objectives)
        return f"{figures.title(row['model'])}, {chosen(study, row)}: {values}; {count(row['n'], 'seed')}{certainty}"

    look = styles(study.configurations()["model"].unique())
    legend = [(figures.title(str(model)), colour, marker) for model, (colour, marker) in look.items()]
    names = {row["configuration"]: mark_name(row["model"], knobs(study, row)) for _, row in feasible.iterrows()}
    return plot(
        feasible.assign(series=feasible["model"]),
        set(front["configuration"]),
        study.objectives,
        axes or axes_of(study.objectives),
        Words(text, names, look, legend),
        size,
    )


def knobs(study: Results, row: "pd.Series") -> dict[str, Any]:
    """The searched hyperparameters of a configuration with their values."""
    return {name: row[name] for name in study.searched(row["model"])}


@dataclasses.dataclass(frozen=True)
class Words:
    """What a plot says.

    Attributes:
        text: of a row, when it is pointed at.
        names: by configuration, what stands beside its mark.
        look: colour and marker by the column `series`.
        legend: name, colour and marker of what is drawn.
    """

    text: Callable[["pd.Series"], str]
    names: Mapping[str, str]
    look: Mapping[str, tuple[str, str]]
    legend: Sequence[tuple[str, str, str]]


def plot(
    rows: pd.DataFrame,
    front: set[str],
    objectives: Mapping[str, str],
    axes: tuple[str, str],
    words: Words,
    size: tuple[int, int],
) -> Plot | None:
    """Rows as points; None where there are none.

    Args:
        rows: completed configurations, with a column `series` that says which look they have.
        front: which of them are ringed.
        objectives: all of them, with their directions.
        axes: what is drawn upwards and to the right.
        words: what is said of them.
        size: width and height in pixels.
    """
    if rows.empty:
        return None
    up, across = axes
    width, height = size
    box = (LEFT, TOP, width - RIGHT, height - BOTTOM)
    behind, ringed = rows[~rows["configuration"].isin(front)], rows[rows["configuration"].isin(front)]
    left_out = max(0, len(behind) - MOST_POINTS)
    drawn = pd.concat([ringed, behind.sample(min(len(behind), MOST_POINTS), random_state=0)])
    to_x, x_ticks = _scale(drawn, across, box[0], box[2])
    to_y, y_ticks = _scale(drawn, up, box[3], box[1])
    barred = len(drawn) <= MOST_BARS
    points = []
    values = zip(*(part(drawn, key) for key in axes for part in (means, deviations)), strict=True)
    for (_, row), (y, dy, x, dx) in zip(drawn.iterrows(), values, strict=True):
        colour, marker = words.look[row["series"]]
        on_front = row["configuration"] in front
        ends = (to_x(x - dx), to_x(x + dx), to_y(y - dy), to_y(y + dy))
        points.append(
            {
                "x": round(to_x(x), 1),
                "y": round(to_y(y), 1),
                "bars": [round(end, 1) for end in ends] if on_front or barred else None,
                "colour": colour,
                "outline": OUTLINES[marker],
                "front": on_front,
                "text": words.text(row),
                "name": None,
                "configuration": row["configuration"],
            }
        )
    _name(points, words.names, box)
    edge = sorted((point["x"], point["y"]) for point in points if point["front"])
    line = _steps(edge, objectives[across] == "minimize") if set(axes) == set(objectives) and len(axes) == 2 else ""
    labels = [ORDER if each not in objectives else f"{figures.label(each)} {arrow(objectives[each])}" for each in axes]
    legend = [(name, colour, OUTLINES[marker]) for name, colour, marker in words.legend]
    return Plot(points, line, x_ticks, y_ticks, (labels[1], labels[0]), legend, left_out, width, height, box)


def _name(points: list[dict[str, Any]], names: Mapping[str, str], box: tuple[int, int, int, int]) -> None:
    """Give points the names for which there is room: those of the front first, and of the others if all are few."""
    wanted = [point["front"] or len(points) <= MOST_NAMES for point in points]
    texts = [names.get(point["configuration"], "") if want else "" for point, want in zip(points, wanted, strict=True)]
    if sum(map(bool, texts)) > MOST_NAMES:
        texts = [text if index < MOST_NAMES else "" for index, text in enumerate(texts)]
    where = np.array([(point["x"], point["y"]) for point in points])
    for point, text, place in zip(points, texts, places(where, texts, LETTERS, box), strict=True):
        if place is not None:
            x, y, anchor = place
            point["name"] = {"text": text, "x": round(x, 1), "y": round(y, 1), "anchor": anchor}


def _steps(corners: list[tuple[float, float]], forward: bool) -> str:
    """The edge of what points from left to right dominate, as SVG points; forward when less of the other is better."""
    path = corners[:1]
    for before, point in itertools.pairwise(corners):
        path += [(point[0], before[1]) if forward else (before[0], point[1]), point]
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in path)


def _scale(rows: pd.DataFrame, metric: str, begin: int, end: int) -> tuple[Any, list[tuple[float, str]]]:
    """A function from values to pixels, and ticks."""
    centre, spread = means(rows, metric), deviations(rows, metric)
    logarithmic = on_logarithms(metric, centre)
    held = centre if logarithmic else np.concatenate([centre - spread, centre + spread])
    axis = Axis.over(held, logarithmic)

    def place(value: float) -> float:
        return float(begin + min(max(axis.fraction(value), 0.0), 1.0) * (end - begin))

    return place, [(round(place(tick), 1), text) for tick, text in zip(axis.ticks, axis.texts(), strict=True)]
