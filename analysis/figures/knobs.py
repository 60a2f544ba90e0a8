"""What the knobs do: metrics against searched hyperparameters, two knobs at a time, and configurations as lines."""

import dataclasses
import itertools
from collections.abc import Collection, Mapping, Sequence

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures.axes import MARGIN, Axis, spans_decades, tick_text
from analysis.figures.front import deviations, means, on_logarithms
from analysis.figures.style import arrow, cells, legend_in_cell, mathtext, styles, tidy
from analysis.reading.names import short_label, symbol, title

WORSE_TO_BETTER = "viridis_r"  # from light to dark
LIGHTEST = 0.12  # of these colours, so that all stand out on white
MOST_PAIRS = 3  # of knobs of one model
MOST_BARS = 60  # marks of a model in a cell that have bars
MOST_LINES = 100  # configurations behind the front that are lines; more are a sample


@dataclasses.dataclass(frozen=True)
class Knob:
    """A hyperparameter that is searched.

    Attributes:
        name: as in study files.
        models: those that it is searched in.
        text: how papers write it.
    """

    name: str
    models: tuple[str, ...]
    text: str


def knobs(searched: Mapping[str, Sequence[str]]) -> list[Knob]:
    """The knobs of a study, one for each name, in the order of its file.

    Args:
        searched: hyperparameters by model.
    """
    names = dict.fromkeys(itertools.chain.from_iterable(searched.values()))
    found = []
    for name in names:
        models = tuple(model for model, own in searched.items() if name in own)
        texts = dict.fromkeys(symbol(model, name) for model in models)
        found.append(Knob(name, models, ", ".join(texts)))
    return found


def against_knobs(
    configurations: pd.DataFrame,
    searched: Mapping[str, Sequence[str]],
    objectives: Mapping[str, str],
    logarithmic: Collection[str] = (),
    models: Sequence[str] = (),
    shown: Sequence[str] | None = None,
    size: tuple[float, float] = (3.0, 2.3),
) -> Figure:
    """A row of cells per objective and a column per knob: mean ± standard deviation over seeds, a colour per model.

    Marks of a model are joined where the knob is the only one that it has, and lose their bars where they are many.

    Args:
        configurations: completed rows of `Study.configurations()`.
        searched: by model, its knobs.
        objectives: result keys with their directions.
        logarithmic: names of knobs that are searched by their logarithms.
        models: all of the study, in the order of their colours; those searched unless given.
        shown: names of the knobs that have a column; all unless given.
        size: of a cell in inches.
    """
    columns = [knob for knob in knobs(searched) if shown is None or knob.name in shown]
    figure, grid = cells(len(objectives), len(columns), *size, top=0.12)
    look = styles(models or searched)
    for (row, metric), (column, knob) in itertools.product(enumerate(objectives), enumerate(columns)):
        axes = grid[row, column]
        dial = _Dial.of(_values(configurations, knob.name, knob.models), knob.name in logarithmic)
        dial.set_on(axes, "x")
        for model in knob.models:
            own = configurations[configurations["model"] == model]
            own = own[own[knob.name].notna() & own[f"{metric}_mean"].notna()]
            if own.empty:
                continue
            places = dial.places(own[knob.name])
            order = np.argsort(places, kind="stable")
            colour, marker = look[model]
            if len(own) > MOST_BARS:
                axes.scatter(
                    places,
                    means(own, metric),
                    s=7,
                    c=colour,
                    marker=marker,
                    alpha=0.4,
                    linewidths=0,
                    label=title(model),
                )
                continue
            axes.errorbar(
                places[order],
                means(own, metric)[order],
                deviations(own, metric)[order],
                fmt=f"{marker}-" if len(searched[model]) == 1 else marker,
                color=colour,
                markersize=4,
                linewidth=0.8,
                capsize=2,
                label=title(model),
            )
        values = means(configurations, metric)
        if on_logarithms(metric, values):
            Axis.over(values, True).set_on(axes, "y")
        axes.set_xlabel(mathtext(knob.text))
        axes.set_ylabel(f"{short_label(metric)} {arrow(objectives[metric])}")
        tidy(axes)
        legend_in_cell(axes)
    return figure


def slices(
    configurations: pd.DataFrame,
    names: Sequence[tuple[str, str, str]],
    metric: str,
    direction: str,
    logarithmic: Collection[str] = (),
) -> Figure:
    """Two knobs of a model against each other, a cell per pair; the darker a mark, the better its metric.

    Args:
        configurations: completed rows of `Study.configurations()`.
        names: model, first and second hyperparameter of each cell.
        metric: result key.
        direction: of the metric.
        logarithmic: names of knobs that are searched by their logarithms.
    """
    figure, grid = cells(1, len(names))
    norm, colours = _colours(configurations, metric, direction)
    for axes, (model, first, second) in zip(grid[0], names, strict=True):
        own = configurations[configurations["model"] == model]
        dials = [_Dial.of(own[name], name in logarithmic) for name in (first, second)]
        axes.scatter(
            dials[0].places(own[first]),
            dials[1].places(own[second]),
            c=colours(norm(means(own, metric))),
            edgecolors="0.2",
            linewidths=0.5,
            s=34,
        )
        dials[0].set_on(axes, "x")
        dials[1].set_on(axes, "y")
        axes.set_xlabel(mathtext(symbol(model, first)))
        axes.set_ylabel(mathtext(symbol(model, second)))
        axes.set_title(f"{title(model)}: {short_label(metric)}", fontsize=9, loc="left")
        tidy(axes)
    return figure


def pairs_of(searched: Mapping[str, Sequence[str]]) -> list[tuple[str, str, str]]:
    """Model and two of its knobs, the first pairs of every model that has several."""
    return [
        (model, *pair)
        for model, own in searched.items()
        for pair in itertools.islice(itertools.combinations(own, 2), MOST_PAIRS)
    ]


def parallel_coordinates(
    configurations: pd.DataFrame,
    front: Sequence[str],
    searched: Mapping[str, Sequence[str]],
    objectives: Mapping[str, str],
    logarithmic: Collection[str] = (),
) -> Figure:
    """A cell per model: a line per configuration through its knobs and then its objectives, each axis over its range.

    The darker a line, the better its first objective; those on the front are thick.

    Args:
        configurations: completed rows of `Study.configurations()`.
        front: identities of those on the front.
        searched: by model, its knobs.
        objectives: result keys with their directions.
        logarithmic: names of knobs that are searched by their logarithms.
    """
    metric, direction = next(iter(objectives.items()))
    norm, colours = _colours(configurations, metric, direction)
    models = [model for model in searched if (configurations["model"] == model).any()]
    most = max([len(searched[model]) + len(objectives) for model in models], default=2)
    figure, grid = cells(1, max(1, len(models)), width=max(3.0, 0.85 * most + 0.6), height=2.6)
    for axes, model in zip(grid[0], models, strict=True):
        own = _some(configurations[configurations["model"] == model], front)
        alike = {name: [each for each in searched if name in searched[each]] for name in searched[model]}
        dials = [
            _Dial.of(_values(configurations, name, alike[name]), name in logarithmic, 0.0) for name in searched[model]
        ]
        heights = [dial.heights(dial.places(own[name])) for dial, name in zip(dials, searched[model], strict=True)]
        of_objectives = [_Dial.of_objective(configurations, key, 0.0) for key in objectives]
        heights += [dial.heights(means(own, key)) for dial, key in zip(of_objectives, objectives, strict=True)]
        names = [mathtext(symbol(model, name)) for name in searched[model]]
        names += [f"{short_label(key)} {arrow(way)}" for key, way in objectives.items()]
        for index, (_, row) in enumerate(own.iterrows()):
            thick = row["configuration"] in set(front)
            axes.plot(
                [column[index] for column in heights],
                color=colours(norm(row[f"{metric}_mean"])),
                linewidth=2.2 if thick else 0.9,
                marker="o",
                markersize=3,
                zorder=3 if thick else 2,
            )
        for place, (low, high) in enumerate(dial.ends() for dial in [*dials, *of_objectives]):
            axes.plot([place, place], [0, 1], color="0.6", linewidth=0.8, zorder=0)
            for height, text, vertical in ((-0.04, low, "top"), (1.04, high, "bottom")):
                axes.text(place, height, text, ha="center", va=vertical, fontsize=6.5, color="0.35")
        axes.set(xlim=(-0.4, len(heights) - 0.6), ylim=(-0.14, 1.14), yticks=[])
        axes.set_xticks(range(len(names)), [name.replace(" ", "\n", 1) for name in names], fontsize=7)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        axes.set_title(title(model), fontsize=9, loc="left")
    return figure


def _some(own: pd.DataFrame, front: Sequence[str]) -> pd.DataFrame:
    """The front's configurations and, of the others, as many as can be told apart as lines."""
    ringed = own["configuration"].isin(front)
    behind = own[~ringed]
    return pd.concat([behind.sample(min(len(behind), MOST_LINES), random_state=0), own[ringed]])


def _values(configurations: pd.DataFrame, name: str, models: Collection[str]) -> pd.Series:
    """Values of a hyperparameter in those models; others may have one that means nothing."""
    return configurations.loc[configurations["model"].isin(models), name]


def _colours(
    configurations: pd.DataFrame, metric: str, direction: str
) -> tuple[mpl.colors.Normalize, mpl.colors.Colormap]:
    values = means(configurations, metric)
    whole = mpl.colormaps[WORSE_TO_BETTER](np.linspace(LIGHTEST, 1.0, 256))
    colours = mpl.colors.ListedColormap(whole if direction == "maximize" else whole[::-1])
    return mpl.colors.Normalize(np.nanmin(values), np.nanmax(values)), colours


@dataclasses.dataclass(frozen=True)
class _Dial:
    """Where values of a knob or of an objective stand: numbers along an axis, anything else at places of its own."""

    axis: Axis
    choices: tuple[str, ...] = ()

    @classmethod
    def of(cls, column: pd.Series, logarithmic: bool, margin: float = MARGIN) -> "_Dial":
        known = column.dropna()
        if any(isinstance(value, str | bool | np.bool_) for value in known):
            choices = tuple(sorted({str(value) for value in known}))
            return cls(Axis(-0.5, len(choices) - 0.5, None, tuple(map(float, range(len(choices))))), choices)
        values = known.to_numpy(dtype=float)
        return cls(Axis.over(values, logarithmic or spans_decades(values), margin))

    @classmethod
    def of_objective(cls, configurations: pd.DataFrame, key: str, margin: float = MARGIN) -> "_Dial":
        values = means(configurations, key)
        return cls(Axis.over(values, on_logarithms(key, values), margin))

    def places(self, column: pd.Series) -> np.ndarray:
        """Values as coordinates."""
        values = [self.choices.index(str(value)) if self.choices else value for value in column]
        return np.array(values, dtype=float)

    def heights(self, values: np.ndarray) -> np.ndarray:
        """Coordinates as shares of the whole axis."""
        return np.array([self.axis.fraction(value) for value in values])

    def ends(self) -> tuple[str, str]:
        """What stands below and above its axis."""
        if self.choices:
            return self.choices[0], self.choices[-1]
        ends = (max(self.axis.low, 0.0) if self.axis.least else self.axis.low, self.axis.high)
        low, high = (tick_text(float(f"{value:.2g}") if abs(value) < 100 else round(value)) for value in ends)
        return low, high

    def set_on(self, axes: Axes, which: str) -> None:
        self.axis.set_on(axes, which)
        if self.choices:
            getattr(axes, f"set_{which}ticks")(range(len(self.choices)), self.choices)
