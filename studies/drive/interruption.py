"""Ctrl-C, SIGTERM and a closed terminal: the first stops a study in good order, the second at once."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def stopping_in_good_order(say: Callable[[], None]) -> Iterator[list[int]]:
    """While a study is driven; afterwards signals mean what they meant before.

    While Tune runs, the first signal is handed to it: it ends its trials, which save what they have trained and go on
    from there one day, and the study is delivered as far as it is. A further signal, and one before Tune runs, is a
    `KeyboardInterrupt`. A terminal that is closed is no reason to stop for a driver that was started with `nohup`.
    Outside of the main thread, where Python hears no signals, nothing changes.

    Args:
        say: called at the first signal, if it is handed to Tune.

    Yields:
        The signals that were heard so far.
    """
    if threading.current_thread() is not threading.main_thread():
        yield []
        return
    heard: list[int] = []

    def stop(number: int, _: FrameType | None) -> None:
        heard.append(number)
        if len(heard) == 1 and callable(signal.getsignal(signal.SIGUSR1)):  # by which Tune is asked to end
            say()
            signal.raise_signal(signal.SIGUSR1)
        else:
            raise KeyboardInterrupt

    before = {number: signal.getsignal(number) for number in (*STOPPING, signal.SIGUSR1)}
    signal.signal(signal.SIGUSR1, signal.SIG_DFL)
    for number in STOPPING:
        if (number, before[number]) != (signal.SIGHUP, signal.SIG_IGN):
            signal.signal(number, stop)
    try:
        yield heard
    finally:
        for number, handler in before.items():
            if handler is not None:  # else a program in C has set it
                signal.signal(number, handler)
