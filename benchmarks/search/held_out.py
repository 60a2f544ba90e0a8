"""How far the recorded curves can be trusted between their points: each inner point is left out, and predicted.

    python -m benchmarks.search.held_out

A point is predicted from its neighbours at twice the distance that interpolation has to bridge in use, so that the
errors are larger than those of a replay. Beside them stands by how much seeds differ, and the error that five seeds
leave in the point that is predicted: what is not above that cannot be told from a perfect prediction.
"""

import numpy as np

from benchmarks.search.tables import table
from trainables.models.recorded import curves
from trainables.models.recorded.curves import Curves

RESULTS = ("mig", "factor_vae_score/fast", "reconstruction_error")


def main() -> None:
    rows = []
    for model in curves.describe().models:
        recorded = curves.curves(model)
        for key in RESULTS:
            column = recorded.keys.index(key)
            errors, spreads = held_out(recorded, column)
            if len(errors):
                spread = np.sqrt(np.mean(spreads**2))
                rows.append(
                    [
                        model,
                        key,
                        str(len(errors)),
                        f"{np.sqrt(np.mean(errors**2)):.3g}",
                        f"{spread / np.sqrt(recorded.seeds):.3g}",
                        f"{spread:.3g}",
                    ]
                )
    print(
        table(rows, ["model", "result", "points left out", "error", "standard error of five seeds", "spread of seeds"])
    )


def held_out(recorded: Curves, column: int) -> tuple[np.ndarray, np.ndarray]:
    """Errors of the final mean of a result at every inner point of an axis, and its deviation over seeds there."""
    errors, spreads = [], []
    values = recorded.values[..., -1, column]  # (points of each knob…, S)
    for axis, points in enumerate(recorded.axes.values()):
        along = np.moveaxis(values, axis, 0)
        for index in range(1, len(points) - 1):
            share = (points[index] - points[index - 1]) / (points[index + 1] - points[index - 1])
            predicted = (1 - share) * along[index - 1].mean(-1) + share * along[index + 1].mean(-1)
            errors.append((predicted - along[index].mean(-1)).ravel())
            spreads.append(along[index].std(-1, ddof=1).ravel())
    return np.concatenate(errors), np.concatenate(spreads)


if __name__ == "__main__":
    main()
