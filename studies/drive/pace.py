"""When very short trials are handed to Tune.

For every trial that waits, Tune starts a process, which takes seconds; when a running trial ends first, the waiting one
gets its process, and the one that was being started is thrown away. With trials of a fraction of a second that would
keep a machine busy with starting processes, so such trials are handed out as running ones end.
"""

import time
from collections import deque
from collections.abc import Callable

import numpy as np

SHORT = 0.5  # seconds; far below the start of a process
SEEN = 8  # trials that must have ended before they are called short


class Pace:
    """Follows the starts and ends of trials, by name."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began: dict[str, float] = {}
        self._durations: deque[float] = deque(maxlen=SEEN)
        self._processes = 1

    def start(self, trial: str) -> None:
        """A process has the trial."""
        self._began[trial] = self._clock()
        self._processes = max(self._processes, len(self._began))

    def end(self, trial: str) -> None:
        """The trial ended; one that never ran is not counted."""
        began = self._began.pop(trial, None)
        if began is not None:
            self._durations.append(self._clock() - began)

    def admits(self, handed_out: int) -> bool:
        """Whether one more may be handed out beside `handed_out` that have not ended."""
        if len(self._durations) < SEEN or np.median(self._durations) >= SHORT:
            return True
        waiting = handed_out - len(self._began)
        return waiting == 0 and len(self._began) < self._processes
