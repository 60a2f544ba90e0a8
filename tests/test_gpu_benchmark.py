"""Each part of `make gpu` stands alone."""

import pytest

from benchmarks.gpu import TRAINING, Part, parts, run


@pytest.mark.parametrize(
    ("code", "needs", "limit", "expected"),
    [
        ("print('3 steps/s')", (), 20.0, "3 steps/s"),
        ("print('half', flush=True); raise SystemExit(3)", (), 20.0, "half\n\n**Failed with exit code 3.**"),
        ("import time; print('half', flush=True); time.sleep(60)", (), 0.5, "half\n\n**Ended after 0 s.**"),
        ("", ("numpy", "of_no_environment"), 20.0, "Left out: there is no of_no_environment here."),
    ],
)
def test_a_part_that_fails_or_hangs_says_so(code: str, needs: tuple[str, ...], limit: float, expected: str) -> None:
    assert run(Part("one", ("-c", code), needs, limit))[0] in (expected, expected.removeprefix("half\n\n"))


def test_all_parts_take_less_than_eight_minutes_and_training_needs_no_service() -> None:
    on_gpu = list(parts("cuda"))
    assert sum(part.limit for part in on_gpu) <= 8 * 60
    assert all(set(part.needs) <= {*TRAINING, "pytest"} for part in on_gpu[:-1])
