"""Whether the study's own budget is used up: wall-clock hours over all drivers, and GPU-hours over all trials."""

import time
from collections.abc import Callable

from studies.record.state import StudyState
from studies.study_file.spec import StudySpec


class Spending:
    """What this driver and those before it have spent."""

    def __init__(self, spec: StudySpec, state: StudyState, clock: Callable[[], float] = time.monotonic) -> None:
        self._budget = spec.budget
        self._state = state
        self._clock = clock
        self._began = clock()

    def __call__(self) -> bool:
        """True once nothing more may be started."""
        hours, gpu_hours = self._budget.hours, self._budget.gpu_hours
        if hours is not None and self._state.seconds_before + self._clock() - self._began >= 3600 * hours:
            return True
        return gpu_hours is not None and self._state.gpu_seconds >= 3600 * gpu_hours
