"""Very short trials are handed out as others end; longer ones at once."""

from studies.drive.pace import SEEN, SHORT, Pace


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def after(duration: float, processes: int) -> tuple[Pace, Clock]:
    """A pace that has seen trials of a duration, so many at a time."""
    clock = Clock()
    pace = Pace(clock)
    for _ in range(SEEN):
        for number in range(processes):
            pace.start(f"t{number}")
        clock.now += duration
        for number in range(processes):
            pace.end(f"t{number}")
    return pace, clock


def test_before_anything_is_known_all_slots_are_used() -> None:
    assert Pace().admits(100)


def test_long_trials_wait_for_processes_of_their_own() -> None:
    pace, _ = after(2 * SHORT, processes=2)
    assert pace.admits(100)


def test_short_trials_take_the_processes_that_there_are() -> None:
    pace, _ = after(SHORT / 10, processes=2)
    assert pace.admits(0)
    pace.start("a")
    assert pace.admits(1)
    assert not pace.admits(2)  # one was handed out and waits
    pace.start("b")
    assert not pace.admits(2)  # a third process would have to be started
    pace.end("a")
    assert pace.admits(1)


def test_trials_that_become_longer_use_all_slots_again() -> None:
    pace, clock = after(SHORT / 10, processes=1)
    for number in range(SEEN):
        pace.start(f"long {number}")
        clock.now += 10 * SHORT
        pace.end(f"long {number}")
    assert pace.admits(100)
