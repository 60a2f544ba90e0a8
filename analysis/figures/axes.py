"""How values stand along an axis: evenly, or by their logarithms, where a zero has a place of its own."""

import dataclasses
import functools
import math
from collections.abc import Callable, Iterable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

DECADES = 1.5  # that values which are nowhere negative span before their logarithms are shown
OF_ZERO = 0.4  # decades between zero and the smallest value above it
MARGIN = 0.05  # of the range, on either side
FEWEST_TICKS = 2
MOST_TICKS = 7
MOST_LOGARITHMIC = 5  # of these, where they crowd towards one side


@dataclasses.dataclass(frozen=True)
class Axis:
    """An axis from `low` to `high`, in values.

    Attributes:
        low: value at its beginning.
        high: value at its end.
        least: of a logarithmic axis, the smallest value above zero; None of a linear one.
        ticks: values to be marked.
    """

    low: float
    high: float
    least: float | None
    ticks: tuple[float, ...]

    @classmethod
    def over(cls, values: Iterable[float], logarithmic: bool, margin: float = MARGIN) -> "Axis":
        """An axis that holds all of these values, with a margin; logarithmic only if none is negative."""
        known: np.ndarray = np.asarray([value for value in values if math.isfinite(value)], dtype=float)
        if not len(known):
            known = np.array([0.0, 1.0])
        above = known[known > 0]
        if not logarithmic or known.min() < 0 or not len(above):
            low, high = float(known.min()), float(known.max())
            spare = margin * (high - low) if high > low else MARGIN * abs(high) or 1.0
            low, high = low - spare, high + spare
            ticks = MaxNLocator(MOST_TICKS - 1).tick_values(low, high)
            return cls(low, high, None, tuple(float(tick) for tick in ticks if low <= tick <= high))
        least, most = float(above.min()), float(above.max())
        spare = 10 ** (margin * math.log10(most / least) if most > least else MARGIN)
        zero = known.min() == 0
        return cls(
            (-4 * margin * least if zero else least / spare),
            most * spare,
            least,
            _marks(known, least, most, zero=bool(zero)),
        )

    def fraction(self, value: float) -> float:
        """Where a value stands: 0 at the beginning, 1 at the end."""
        low, high = self._along(self.low), self._along(self.high)
        return (self._along(value) - low) / (high - low)

    def _along(self, value: float) -> float:
        if self.least is None:
            return value
        if value >= self.least or (self.low > 0 and value > 0):
            return math.log10(value)
        return math.log10(self.least) - OF_ZERO * (1 - value / self.least)

    def texts(self) -> list[str]:
        """What stands at the ticks."""
        return [tick_text(tick) for tick in self.ticks]

    def set_on(self, axes: Axes, which: str) -> None:
        """Give the `x` or `y` axis of a drawing this scale, with these limits and ticks."""
        if self.least is not None:
            functions = functools.partial(_of_each, self._along), functools.partial(_of_each, self._back)
            getattr(axes, f"set_{which}scale")("function", functions=functions)
        getattr(axes, f"set_{which}lim")(self.low, self.high)
        getattr(axes, f"set_{which}ticks")(list(self.ticks), self.texts())
        getattr(axes, f"{which}axis").set_minor_locator(NullLocator())

    def _back(self, along: float) -> float:
        assert self.least is not None
        edge = math.log10(self.least)
        if along >= edge or self.low > 0:
            return float(10**along)
        return self.least * (1 - (edge - along) / OF_ZERO)


def _of_each(function: Callable[[float], float], values: np.ndarray) -> np.ndarray:
    """A function of every value; of a form that is pickled with the figure whose scale it is."""
    return np.vectorize(function, otypes=[float])(values)


def spans_decades(values: Iterable[float]) -> bool:
    """Whether values that are nowhere negative are better told apart by their logarithms."""
    known = [value for value in values if math.isfinite(value)]
    above = [value for value in known if value > 0]
    return bool(above) and min(known) >= 0 and math.log10(max(above) / min(above)) >= DECADES


def tick_text(value: float) -> str:
    """`0.05`, `1,000`, `2 M`, with a true minus."""
    value = round(value, 12) + 0.0
    if abs(value) >= 1e6:
        return f"{value / 1e6:,.6g} M".replace("-", "−")
    return (f"{value:,.0f}" if abs(value) >= 1000 and value == round(value) else f"{value:.6g}").replace("-", "−")


def _marks(known: np.ndarray, least: float, most: float, *, zero: bool) -> tuple[float, ...]:
    """Ticks of a logarithmic axis: the values themselves when they are few, else 1, 2, 5 of every decade."""
    few = sorted(set(known.tolist()))
    if len(few) <= MOST_TICKS and all(value == round(value) for value in few):
        return tuple(few)
    for steps in (tuple(range(1, 10)), (1, 2, 3, 4, 6, 8), (1, 2, 5), (1, 3), (1,)):
        ticks = [float(tick) for tick in LogLocator(subs=steps).tick_values(least, most)]
        ticks = [tick for tick in ticks if least * 0.95 <= tick <= most * 1.05]
        if len(ticks) <= MOST_LOGARITHMIC:
            break
    if len(ticks) < FEWEST_TICKS:  # of less than a decade
        ticks = [
            float(tick) for tick in MaxNLocator(FEWEST_TICKS + 1).tick_values(least, most) if least <= tick <= most
        ]
    return ((0.0,) if zero else ()) + tuple(ticks)
