"""Names of marks in a scatter plot: what they say, and where they stand without lying on each other."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from analysis.reading.names import symbol

MOST_NAMES = 24  # marks of a plot beyond which only those that matter most are named
MOST_KNOBS = 2  # that a name says
CLEAR = 8.0  # pixels around a mark that names keep free
LINE = 1.3  # height of a line of text in its size
CHARACTER = 0.55  # width of a character in its size


def mark_name(model: str, values: Mapping[str, Any]) -> str:
    """Searched hyperparameters of a configuration in a few characters: `β 4.7, |S| 100`."""
    shown = list(values.items())[:MOST_KNOBS]
    return ", ".join(f"{symbol(model, name)} {_short(value)}" for name, value in shown)


def _short(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:.2g}" if abs(value) < 100 else f"{value:,.0f}"


def places(
    points: np.ndarray, names: Sequence[str], size: float, box: tuple[float, float, float, float]
) -> list[tuple[float, float, str] | None]:
    """Where each name stands beside its point: x, y of its baseline, and `start`, `middle` or `end`.

    Args:
        points: (N, 2) in pixels, y downwards; the first come first.
        names: N texts; an empty one has no place.
        size: of the letters, in pixels.
        box: left, top, right, bottom that no name leaves.

    Returns:
        None for a name that would lie on a mark or on another name.
    """
    taken = [(x - CLEAR, y - CLEAR, x + CLEAR, y + CLEAR) for x, y in points]
    found: list[tuple[float, float, str] | None] = []
    for (x, y), name in zip(points, names, strict=True):
        width, height = CHARACTER * size * len(name), LINE * size
        near, far = CLEAR + 0.5, 1.15 * CLEAR
        choices = (
            (x + near, y - 0.5 * near, "start"),
            (x + near, y + 0.5 * near + 0.7 * size, "start"),
            (x - near, y - 0.5 * near, "end"),
            (x - near, y + 0.5 * near + 0.7 * size, "end"),
            (x, y - far - 0.2 * size, "middle"),
            (x, y + far + 0.9 * size, "middle"),
        )
        free = None
        for left, baseline, anchor in choices if name else ():
            start = left - width * {"start": 0.0, "middle": 0.5, "end": 1.0}[anchor]
            area = (start, baseline - 0.8 * height, start + width, baseline + 0.2 * height)
            if _within(area, box) and not any(_overlap(area, each) for each in taken):
                free = (left, baseline, anchor)
                taken.append(area)
                break
        found.append(free)
    return found


Area = tuple[float, float, float, float]


def _within(area: Area, box: Area) -> bool:
    return area[0] >= box[0] and area[1] >= box[1] and area[2] <= box[2] and area[3] <= box[3]


def _overlap(first: Area, second: Area) -> bool:
    return first[0] < second[2] and second[0] < first[2] and first[1] < second[3] and second[1] < first[3]
