"""What signals do to a process that drives a study."""

import signal
import threading
from collections.abc import Iterator

import pytest

from studies.drive.interruption import STOPPING, stopping_in_good_order


@pytest.fixture(autouse=True)
def _as_in_a_shell() -> Iterator[None]:
    """Whoever runs the tests may ignore some signals, as `nohup` does."""
    before = {number: signal.signal(number, signal.SIG_DFL) for number in STOPPING}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", STOPPING)
def test_the_first_signal_is_handed_to_tune_and_the_second_ends_at_once(number: int) -> None:
    said: list[bool] = []
    asked: list[int] = []
    before = {each: signal.getsignal(each) for each in (*STOPPING, signal.SIGUSR1)}
    with stopping_in_good_order(lambda: said.append(True)) as heard:
        signal.signal(signal.SIGUSR1, lambda each, _: asked.append(each))  # as Tune does
        signal.raise_signal(number)
        assert asked == [signal.SIGUSR1]
        assert (said, heard) == ([True], [number])
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
        assert len(asked) == 1
    assert {each: signal.getsignal(each) for each in before} == before


def test_before_tune_runs_a_signal_ends_at_once() -> None:
    with stopping_in_good_order(pytest.fail), pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGTERM)


def test_a_shell_that_ignores_them_decides_about_closed_terminals_alone() -> None:
    """A job in the background of a script ignores SIGINT, one under `nohup` SIGHUP; `studies stop` reaches both."""
    before = {each: signal.signal(each, signal.SIG_IGN) for each in (signal.SIGINT, signal.SIGHUP)}
    try:
        with stopping_in_good_order(pytest.fail):
            signal.raise_signal(signal.SIGHUP)
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def test_a_thread_that_hears_no_signals_drives_too() -> None:
    entered = []

    def drive() -> None:
        with stopping_in_good_order(pytest.fail):
            entered.append(True)

    thread = threading.Thread(target=drive)
    thread.start()
    thread.join()
    assert entered == [True]
