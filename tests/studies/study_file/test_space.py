"""Values and points of search spaces."""

import collections
import itertools

import numpy as np
import pytest

from studies.study_file.space import Choice, Fixed, ModelSpace, Range


def test_shares_of_a_range_are_even_on_its_scale() -> None:
    log = Range(1.0, 16.0, log=True, integer=False)
    assert [log.at(share) for share in (0.0, 0.25, 0.5, 0.75)] == [1.0, 2.0, 4.0, 8.0]
    uniform = Range(1.0, 16.0, log=False, integer=False)
    assert [uniform.at(share) for share in (0.0, 0.5)] == [1.0, 8.5]


def test_whole_numbers_and_choices_have_equal_shares() -> None:
    shares = (np.arange(300) + 0.5) / 300
    whole = Range(2, 4, log=False, integer=True)
    assert collections.Counter(whole.at(share) for share in shares) == {2: 100, 3: 100, 4: 100}
    assert collections.Counter(Choice(("a", "b")).at(share) for share in shares) == {"a": 150, "b": 150}
    log = Range(1, 8, log=True, integer=True)
    assert {log.at(share) for share in shares} == set(range(1, 9))


@pytest.mark.parametrize("log", [True, False])
def test_no_share_leaves_a_range(log: bool) -> None:
    for space in (Range(0.3, 0.7, log, integer=False), Range(3, 5, log, integer=True)):
        assert (space.at(0.0), space.at(1 - 1e-16)) == (space.low, space.high)


def test_points_that_are_spread_have_one_in_every_eighth_of_every_knob() -> None:
    space = ModelSpace(
        "beta_vae",
        {
            "beta": Range(1.0, 256.0, log=True, integer=False),
            "learning_rate": Range(0.0, 0.008, log=False, integer=False),
            "batch_size": Fixed(64),
        },
    )
    for seed in range(5):
        points = list(space.spread(8, (seed,)))
        assert sorted(int(np.log2(point["beta_vae.beta"])) for point in points) == list(range(8))
        assert sorted(int(point["beta_vae.learning_rate"] / 0.001) for point in points) == list(range(8))
        assert list(space.spread(5, (seed,))) == points[:5]
    assert list(space.spread(8, (0,))) != list(space.spread(8, (1,)))


def test_a_space_without_ranges_is_one_point() -> None:
    space = ModelSpace("beta_vae", {"beta": Fixed(4)})
    assert list(space.spread(8, (0,))) == list(space.grid()) == [{}]


def grid(**axes: int) -> list[tuple[int, ...]]:
    """Places in the order in which they are tried."""
    space = ModelSpace("m", {name: Choice(tuple(range(count))) for name, count in axes.items()})
    return [tuple(point.values()) for point in space.grid()]


def test_a_grid_has_its_middle_and_its_corners_before_what_is_between() -> None:
    assert grid(a=5) == [(2,), (0,), (4,), (1,), (3,)]
    assert grid(a=3, b=2) == [(1, 0), (0, 0), (0, 1), (1, 1), (2, 0), (2, 1)]
    assert grid(a=1, b=1) == [(0, 0)]
    two = grid(a=5, b=5)
    assert two[0] == (2, 2)
    assert {(0, 0), (0, 4), (4, 0), (4, 4)} < set(two[:9])


def test_choices_that_are_no_numbers_stay_in_their_order() -> None:
    space = ModelSpace("m", {"labels": Choice(("perfect", "noisy", "partial")), "count": Choice((32, 128, 512))})
    tried = [tuple(point.values()) for point in space.grid()]
    assert tried[:4] == [("perfect", 128), ("noisy", 128), ("noisy", 32), ("perfect", 32)]
    assert list(dict(tried)) == ["perfect", "noisy", "partial"]


@pytest.mark.parametrize("counts", [(4,), (2, 5), (3, 1, 4), (2, 2, 2, 3)])
def test_a_grid_has_every_combination_once(counts: tuple[int, ...]) -> None:
    tried = grid(**{f"axis{number}": count for number, count in enumerate(counts)})
    assert sorted(tried) == list(itertools.product(*map(range, counts)))


def test_a_grid_of_any_size_begins_at_once() -> None:
    space = ModelSpace("m", {f"axis{number}": Choice(tuple(range(100))) for number in range(8)})
    tried = {tuple(point.values()) for point in itertools.islice(space.grid(), 3**8)}
    assert tried == set(itertools.product((0, 49, 99), repeat=8))
