"""The picture of the benchmark: how good the recommendation is after so much training."""

import pathlib
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.ticker import LogLocator, NullFormatter

from analysis.figures.style import canvas, styles
from benchmarks.search.judge import Outcome

POINTS = 120


def draw(found: Mapping[str, Mapping[str, Sequence[Outcome]]], labels: Sequence[str], file: pathlib.Path) -> None:
    """Median regret over steps of training, with quartiles, a panel per problem."""
    figure, axes = canvas(3.6 * len(found), 3.2, 1, len(found))
    colours = styles(labels)
    for axis, (name, settings) in zip(axes[0], found.items(), strict=True):
        longest = max(outcome.steps[-1] for label in labels for outcome in settings[label])
        steps = np.geomspace(longest / 100, longest, POINTS)
        for label in labels:
            regrets = np.array([[100 * (1 - each.at(step)) for step in steps] for each in settings[label]])
            ends = min(each.steps[-1] for each in settings[label])
            inside = steps <= ends
            low, middle, high = np.quantile(regrets[:, inside], [0.25, 0.5, 0.75], axis=0)
            colour, _ = colours[label]
            axis.plot(steps[inside] / 3000, middle, color=colour, label=label)
            axis.fill_between(steps[inside] / 3000, low, high, color=colour, alpha=0.15, linewidth=0)
        axis.set(title=name, xscale="log", yscale="log", xlabel="trials' worth of training")
        axis.grid(alpha=0.3, which="both")
        for ticks in (axis.xaxis, axis.yaxis):
            ticks.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
            ticks.set_major_formatter("{x:g}")
            ticks.set_minor_formatter(NullFormatter())
    axes[0][0].set_ylabel("hypervolume missing, % of the best")
    axes[0][-1].legend(frameon=False, fontsize=8)
    figure.savefig(file, dpi=150)
