"""Ctrl-C, SIGTERM and a closed terminal: the first stops a study in good order, the second at once."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def stopping_in_good_order(say: Callable[[str], None]) -> Iterator[None]:
    """While a study is driven; afterwards signals mean what they meant before.

    While Tune runs, the first signal is handed to it: it ends its trials, which go on from their checkpoints one day,
    and the study is delivered as far as it is. A further signal, and one before Tune runs, is a `KeyboardInterrupt`.
    A terminal that is closed is no reason to stop for a driver that was started with `nohup`. Outside of the main
    thread, where Python hears no signals, nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heard: list[int] = []

    def stop(number: int, _: FrameType | None) -> None:
        heard.append(number)
        if len(heard) == 1 and callable(signal.getsignal(signal.SIGUSR1)):  # by which Tune is asked to end
            say("stopping in good order; once more stops at once")
            signal.raise_signal(signal.SIGUSR1)
        else:
            raise KeyboardInterrupt

    before = {number: signal.getsignal(number) for number in (*STOPPING, signal.SIGUSR1)}
    signal.signal(signal.SIGUSR1, signal.SIG_DFL)
    for number in STOPPING:
        if (number, before[number]) != (signal.SIGHUP, signal.SIG_IGN):
            signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            if handler is not None:  # else a program in C has set it
                signal.signal(number, handler)
