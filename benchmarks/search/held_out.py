"""How far the recorded curves can be trusted between their points.

    python -m benchmarks.search.held_out

First, each inner point of the table is left out, and predicted from its neighbours, at twice the distance that
interpolation has to bridge in use. Then real trials off the grid (`studies/catalogue/search_held_out.yaml`) are
compared with what the table predicts for them. Beside the errors stands what they would be if every prediction were
perfect, since seeds differ: what is not above that cannot be told from a perfect prediction. Between both it says how
alike the luck of a seed is at neighbouring points.
"""

import numpy as np
import pandas as pd

from benchmarks.search.tables import table
from trainables.models.recorded import curves
from trainables.models.recorded.curves import HELD_OUT, Curves

RESULTS = ("mig", "factor_vae_score/fast", "reconstruction_error")
COLUMNS = ("model", "result", "points", "error", "from seeds alone", "spread of seeds")


def main() -> None:
    models = {name: curves.curves(name) for name in curves.describe().models}
    rows = [row(name, key, *held_out(each, key)) for name, each in models.items() for key in RESULTS]
    print(f"Points of the grid, left out:\n\n{table(rows, COLUMNS)}")
    alike = []
    for key in RESULTS:
        pairs = {name: alikeness(each, key) for name, each in models.items()}
        pairs["all"] = np.concatenate(list(pairs.values()))
        alike += [[name, key, str(len(each)), _mean_and_error(each)] for name, each in pairs.items()]
    columns = ("model", "result", "pairs of points", "correlation")
    print(f"\nA seed's deviation at one point of the grid and at the next:\n\n{table(alike, columns)}")
    if HELD_OUT.exists():
        trials = pd.read_parquet(HELD_OUT)
        trials = trials[trials["step"] == curves.describe().steps]
        rows = [
            row(name, key, *off_grid(each, key, trials[trials["model"] == name]))
            for name, each in models.items()
            if (trials["model"] == name).any()
            for key in RESULTS
        ]
        print(f"\nReal trials off the grid:\n\n{table(rows, COLUMNS)}")


def row(model: str, key: str, errors: np.ndarray, expected: np.ndarray, spreads: np.ndarray) -> list[str]:
    """Root mean squares over points; of spreads, over those with two seeds."""
    return [
        model,
        key,
        str(len(errors)),
        *(f"{np.sqrt(np.nanmean(each**2)):.3g}" for each in (errors, expected, spreads)),
    ]


def held_out(recorded: Curves, key: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """At every inner point of an axis: the error of the final mean of a result, that of seeds alone, their spread."""
    errors, expected, spreads = [], [], []
    values = recorded.values[..., -1, recorded.keys.index(key)]  # (points of each knob…, S)
    for axis, points in enumerate(recorded.axes.values()):
        along = np.moveaxis(values, axis, 0)
        for index in range(1, len(points) - 1):
            share = (points[index] - points[index - 1]) / (points[index + 1] - points[index - 1])
            weights = np.array([1 - share, -1.0, share])
            around = along[index - 1 : index + 2]
            errors.append(np.tensordot(weights, around.mean(-1), 1).ravel())
            variances = around.var(-1, ddof=1) / recorded.seeds
            expected.append(np.sqrt(np.tensordot(weights**2, variances, 1)).ravel())
            spreads.append(along[index].std(-1, ddof=1).ravel())
    return np.concatenate(errors), np.concatenate(expected), np.concatenate(spreads)


def _mean_and_error(values: np.ndarray) -> str:
    return f"{values.mean():.2f} ± {values.std(ddof=1) / np.sqrt(len(values)):.2f}"


def alikeness(recorded: Curves, key: str) -> np.ndarray:
    """How alike the deviations of seeds from the mean are at every pair of neighbours (P,), as a correlation.

    A replay of configurations between points lets each have its own luck, which is right while this is small. Pairs
    with a point at which all seeds gave the same say nothing.
    """
    values = recorded.values[..., -1, recorded.keys.index(key)]
    deviations = values - values.mean(-1, keepdims=True)
    size = np.sqrt((deviations**2).mean(-1, keepdims=True))
    deviations = np.divide(deviations, size, out=np.full_like(deviations, np.nan), where=size > 0)
    found = []
    for axis in range(values.ndim - 1):
        along = np.moveaxis(deviations, axis, 0)
        found.append((along[1:] * along[:-1]).mean(-1).ravel())
    pairs = np.concatenate(found)
    return pairs[np.isfinite(pairs)]


def off_grid(recorded: Curves, key: str, trials: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same for configurations off the grid, from the final results (rows) of their trials."""
    column = recorded.keys.index(key)
    errors, expected, spreads = [], [], []
    for setting, seeds in trials.groupby(list(recorded.axes)):
        knobs = dict(zip(recorded.axes, setting, strict=True))
        errors.append(recorded.mean(knobs)[-1, column] - seeds[key].mean())
        deviations = recorded.deviation(knobs)[-1, column]
        around = recorded.standard_error(knobs)[-1, column]
        expected.append(np.sqrt(around**2 + deviations**2 / len(seeds)))
        spreads.append(seeds[key].std(ddof=1))
    return np.array(errors), np.array(expected), np.array(spreads)


if __name__ == "__main__":
    main()
