import numpy as np
import pytest

from core import pareto


def brute_force(points: np.ndarray, directions: list[str]) -> np.ndarray:
    losses = pareto.as_losses(points, directions)
    better = lambda a, b: bool((a <= b).all() and (a < b).any())  # noqa: E731
    return np.array(
        [
            np.isfinite(point).all() and not any(better(other, point) for other in losses if np.isfinite(other).all())
            for point in losses
        ]
    )


@pytest.mark.parametrize("objectives", [1, 2, 3, 4])
@pytest.mark.parametrize("seed", range(5))
def test_front_against_all_pairs(objectives: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    points = rng.integers(0, 6, (60, objectives)).astype(float)  # with ties and equal points
    points[rng.integers(0, 60, 3), 0] = np.nan
    directions = [("maximize", "minimize")[index % 2] for index in range(objectives)]
    np.testing.assert_array_equal(pareto.non_dominated(points, directions), brute_force(points, directions))


@pytest.mark.parametrize("objectives", [1, 2, 3])
def test_hypervolume_against_counted_cells(objectives: int) -> None:
    rng = np.random.default_rng(objectives)
    points = rng.integers(0, 8, (12, objectives)).astype(float)
    reference = np.full(objectives, 8.0)
    cells = np.stack(np.meshgrid(*[np.arange(8)] * objectives, indexing="ij"), -1).reshape(-1, objectives)
    dominated = (points[None] <= cells[:, None]).all(2).any(1)
    volume = pareto.hypervolume(points, ["minimize"] * objectives, list(reference))
    assert volume == pytest.approx(dominated.sum())


@pytest.mark.parametrize("objectives", [2, 3, 4])
def test_hypervolume_against_random_points(objectives: int) -> None:
    rng = np.random.default_rng(objectives)
    directions = [("maximize", "minimize")[index % 2] for index in range(objectives)]
    points, drawn = rng.uniform(size=(12, objectives)), rng.uniform(size=(100_000, objectives))
    reference = [0.0 if direction == "maximize" else 1.0 for direction in directions]
    behind = np.zeros(len(drawn), dtype=bool)
    for point in pareto.as_losses(points, directions):
        behind |= (point <= pareto.as_losses(drawn, directions)).all(1)
    share = behind.mean()
    assert pareto.hypervolume(points, directions, reference) == pytest.approx(share, abs=4 * np.sqrt(share / 100_000))


def test_hypervolume_with_directions_and_points_behind_the_reference() -> None:
    points = np.array([[0.8, 10.0], [0.5, 5.0], [0.1, 50.0], [np.nan, 1.0]])
    assert pareto.hypervolume(points, ["maximize", "minimize"], [0.2, 20.0]) == pytest.approx(0.6 * 10 + 0.3 * 5)
    assert pareto.hypervolume(points[2:], ["maximize", "minimize"], [0.2, 20.0]) == 0.0


def test_the_default_reference_is_a_tenth_behind_the_worst() -> None:
    points = np.array([[0.0, 10.0], [1.0, 20.0]])
    np.testing.assert_allclose(pareto.reference_point(points, ["maximize", "minimize"]), [-0.1, 21.0])
