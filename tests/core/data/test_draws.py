import numpy as np
import pytest

from core.data import draws
from core.data.draws import uniform_classes


@pytest.mark.parametrize("buffered", [0, 1])  # a number of 32 bits that the generator has left
@pytest.mark.parametrize("n", [0, 1, 2, 7, 20_001, 40_000])
@pytest.mark.parametrize("sizes", [(3, 6, 40, 32, 32), (1, 2), (5,), (2**31 + 1, 3)])  # of the last, half is drawn anew
def test_the_draws_are_those_of_numpy(sizes: tuple[int, ...], n: int, buffered: int) -> None:
    ours, numpys = np.random.default_rng(7), np.random.default_rng(7)
    for rng in (ours, numpys):
        rng.integers(0, 10, size=buffered, dtype=np.int32)
    found = uniform_classes(sizes, n, ours)
    expected = numpys.integers(0, sizes, size=(n, len(sizes)))
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(
        ours.integers(0, 99, size=5, dtype=np.int32), numpys.integers(0, 99, size=5, dtype=np.int32)
    )


def test_only_blocks_with_a_repeated_draw_are_left_to_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    left = []
    draw = draws._draw

    def watched(block: np.ndarray, *given: np.ndarray) -> bool:
        done = draw(block, *given)
        left.append(not done)
        return done

    monkeypatch.setattr(draws, "_draw", watched)
    uniform_classes((3, 6, 40), 100_000, np.random.default_rng(0))
    assert len(left) > 5
    assert not any(left)


def test_other_generators_draw_as_numpy_does() -> None:
    ours, numpys = (np.random.Generator(np.random.Philox(3)) for _ in range(2))
    np.testing.assert_array_equal(uniform_classes((3, 6), 100, ours), numpys.integers(0, (3, 6), size=(100, 2)))
