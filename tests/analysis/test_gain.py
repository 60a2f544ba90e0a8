"""What the next configurations would add: exact identities of volumes, and what comes of simulated searches."""

import itertools

import numpy as np
import pytest

from analysis.statistics import gain
from analysis.statistics.gain import contributions, gain_of, kind_of_search, paid_until
from core import pareto

WAYS = ["minimize", "maximize", "minimize", "maximize"]


def some_points(number: int, objectives: int, seed: int = 0) -> tuple[np.ndarray, list[str], list[float]]:
    """Points on a coarse grid, so that some are equal and some coordinates are; one in five failed."""
    rng = np.random.default_rng(seed)
    points = rng.integers(0, 8, (number, objectives)).astype(float)
    points[rng.random(number) < 0.2] = np.nan
    points[0] = 3.0
    ways = WAYS[:objectives]
    return points, ways, list(pareto.reference_point(points, ways))


def told(
    points: np.ndarray, ways: list[str], reference: list[float], *, learns: bool = False, more: int = 10
) -> gain.Gain:
    found = gain_of(points, ways, reference, learns=learns, more=more)
    assert found is not None
    return found


@pytest.mark.parametrize("objectives", [1, 2, 3, 4])
def test_volumes_against_leaving_points_out(objectives: int) -> None:
    points, ways, reference = some_points(14, objectives)

    def without(*rows: int) -> float:
        return pareto.hypervolume(np.delete(points, rows, axis=0), ways, reference)

    volume, alone, twice = contributions(points, ways, reference)
    assert volume == pytest.approx(without())
    missing = [without() - without(row) for row in range(len(points))]
    np.testing.assert_allclose(alone, missing, atol=1e-9)
    pairs = itertools.combinations(range(len(points)), 2)
    assert twice == pytest.approx(
        sum(without() - without(*pair) - missing[pair[0]] - missing[pair[1]] for pair in pairs)
    )


@pytest.mark.parametrize("objectives", [2, 3, 4])
def test_sampled_volumes_are_near_the_exact_ones(objectives: int, monkeypatch: pytest.MonkeyPatch) -> None:
    points, ways, reference = some_points(20, objectives)
    exact, alone, twice = contributions(points, ways, reference)
    monkeypatch.setattr(gain, "MOST_CELLS", 0)
    sampled, own, both = contributions(points, ways, reference)
    assert sampled == pytest.approx(exact, rel=0.01)
    np.testing.assert_allclose(own, alone, atol=0.01 * exact)
    assert both == pytest.approx(twice, abs=0.01 * exact)


def test_the_next_one_adds_what_one_of_them_added_or_less() -> None:
    """The mean of what each adds to the others is what the last of exchangeable ones added; the next adds no more."""
    rng = np.random.default_rng(0)
    points, ways, reference = rng.random((20, 2)), ["minimize", "minimize"], [1.1, 1.1]
    _, alone, _ = contributions(points, ways, reference)
    one, ten, hundred = (told(points, ways, reference, more=more) for more in (1, 10, 100))
    assert 0.5 * alone.mean() < one.expected <= alone.mean()
    assert one.expected < ten.expected < 10 * one.expected
    assert ten.expected < hundred.expected < 10 * ten.expected
    assert ten.low <= ten.expected <= ten.high
    assert ten.hypervolume == pytest.approx(pareto.hypervolume(points, ways, reference))
    assert ten.shares[0] == ten.expected / ten.hypervolume


def test_a_sampler_that_learns_is_judged_by_its_last() -> None:
    points = np.array([[0.5, 0.5]] * 3 + [[0.9, 0.9]] * 17)
    points[-1] = [0.1, 0.1]
    ways, reference = ["minimize", "minimize"], [1.0, 1.0]
    late = told(points, ways, reference, learns=True)
    all_alike = told(points, ways, reference)
    assert late.expected == pytest.approx(0.81 - 0.25)  # once in the last ten, which is what the next ten are taken for
    assert all_alike.expected < late.expected
    early = told(points[::-1], ways, reference, learns=True)
    assert (early.expected, early.low) == (0.0, 0.0)
    assert early.high > 0  # for all that


def test_where_nothing_was_added_nothing_is_expected() -> None:
    """Of equal points none is missed; of failures nothing comes; of few, or of none, nothing is said."""
    ways, reference = ["maximize", "minimize"], [0.0, 1.0]
    equal = told(np.full((8, 2), 0.5), ways, reference)
    assert (equal.hypervolume, equal.expected, equal.high) == (0.25, 0.0, 0.0)
    failed = np.full((8, 2), np.nan)
    assert gain_of(failed, ways, reference, learns=False) is None
    failed[3] = 0.5
    single = told(failed, ways, reference)
    assert single.expected == pytest.approx(10 * 0.25 / 8)  # one in eight brought something
    assert gain_of(np.full((4, 2), 0.5), ways, reference, learns=False) is None
    assert gain_of(np.linspace(0, 1, 20)[:, None], ways[:1], reference[:1], learns=False) is None  # of one objective


@pytest.mark.parametrize(("objectives", "searches"), [(2, 200), (3, 100)])
def test_what_is_expected_comes_on_average(objectives: int, searches: int) -> None:
    """Random searches of 20 whose next ten are known; the range holds about four in five."""
    rng = np.random.default_rng(objectives)
    ways, expected, came, held = ["minimize"] * objectives, [], [], []
    for _ in range(searches):
        drawn = np.abs(rng.normal(size=(30, objectives)))
        points = 1 - drawn / np.linalg.norm(drawn, axis=1)[:, None] * rng.random((30, 1)) ** (1 / objectives)
        reference = list(pareto.reference_point(points[:20], ways))
        found = told(points[:20], ways, reference)
        expected.append(found.expected)
        came.append(pareto.hypervolume(points, ways, reference) - found.hypervolume)
        held.append(found.low - 1e-9 <= came[-1] <= found.high + 1e-9)
    assert np.mean(expected) == pytest.approx(np.mean(came), rel=0.35)
    assert 0.75 <= np.mean(held) <= 0.95


def test_when_a_search_had_stopped_paying() -> None:
    assert paid_until(np.array([50.0, 98.9, 99.1, 99.5, 100.0])) == 3
    assert paid_until(np.array([1.0, 1.0, 2.0])) == 3
    assert paid_until(np.array([2.0, 2.0])) == 1


def test_kinds_of_search() -> None:
    kinds = {
        "grid": "try all",
        "random": "draw",
        "tpe": "learn",
        "nsga2": "learn",
        "GPSampler": "learn",
        "QMCSampler": "draw",
    }
    for name, kind in kinds.items():
        assert kind_of_search({"class": name, "options": {}} if name[0].isupper() else name) == kind
