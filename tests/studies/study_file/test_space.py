"""Values and points of search spaces."""

import collections

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
    assert list(ModelSpace("beta_vae", {"beta": Fixed(4)}).spread(8, (0,))) == [{}]
