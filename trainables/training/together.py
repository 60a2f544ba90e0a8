"""Several trials that train at the same time in one process: a small network alone leaves a GPU idle.

Every trial keeps its own optimiser, generator and order of images, and takes the steps that it would take alone, within
rounding. There are two ways to do that:

- streams: every trial's own loop, in a stream of its own; a GPU runs kernels of several streams at once.
- stack: every operation of a step is computed for all trials of one model by one kernel (`trainables.training.stack`).

Which is faster is found on the device; models that cannot be stacked train in streams. On a CPU one process per core is
faster than both.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from trainables.base import Model
from trainables.training.loop import Sums, steps_of
from trainables.training.run import TrainingRun
from trainables.training.stack import Stack, StackedBatches, can_be_stacked, stack_key

TURN = 50  # steps after which another trial goes on; the ways are timed over so many


def can_train_together(model: type[Any]) -> bool:
    """Whether trials of a model can be trained together with others: not where a step waits for the host."""
    return issubclass(model, Model) and not model.host_bound


def group_of(model: type[Model[Any]], hyperparameters: Mapping[str, Any]) -> str:
    """A text that is equal for trials of one study that one `Together` can train."""
    return stack_key(model, hyperparameters) if can_be_stacked(model) else "streams"


class Way(Protocol):
    """Trains runs from where they stand."""

    def __call__(self, first: int, last: int) -> list[Sums | Exception]:
        """Take steps first … last − 1, counted from `TrainingRun.step`; an error is of that trial alone."""


class InStreams:
    """Every trial by its own loop, in that loop's stream; on a CPU, where there are none, in turns.

    A trial that fails is left out from there on, and the others train as they would without it.
    """

    def __init__(self, runs: Sequence[TrainingRun]) -> None:
        self._runs = runs
        self._failed: dict[int, Exception] = {}

    def __call__(self, first: int, last: int) -> list[Sums | Exception]:
        """Take steps first … last − 1, counted from where the trials stand."""
        streams = [run.steps.stream for run in self._runs if run.steps.stream is not None]
        for stream in streams:
            stream.wait_stream(torch.cuda.current_stream())
        sums: list[Sums] = [{} for _ in self._runs]
        for begin in range(first, last, TURN):
            end = min(last, begin + TURN)
            for number, run in enumerate(self._runs):
                if number in self._failed:
                    continue
                try:
                    with torch.cuda.stream(run.steps.stream):  # so that no loop waits for another
                        add(sums[number], run.steps(run.step + begin, run.step + end))
                except Exception as error:
                    self._failed[number] = error
        for stream in streams:
            torch.cuda.current_stream().wait_stream(stream)
        return [self._failed.get(number, each) for number, each in enumerate(sums)]


class AsStack:
    """All trials by the operations of a `Stack`."""

    def __init__(self, runs: Sequence[TrainingRun]) -> None:
        self._runs = runs
        streams = zip(*(run.sources for run in runs), strict=True)
        self._sources = [StackedBatches(each, [run.step for run in runs]) for each in streams]
        captured = all(run.captured for run in runs)
        self._steps = steps_of(Stack([run.model for run in runs]), self._sources, captured=captured)

    def __call__(self, first: int, last: int) -> list[Sums | Exception]:
        """Take steps first … last − 1, counted from where the trials stand; an error is everybody's, and raised."""
        for source in self._sources:
            source.starts = [run.step for run in self._runs]
        sums = self._steps(first, last)
        return [{name: values[number] for name, values in sums.items()} for number in range(len(self._runs))]


WAYS: dict[str, Callable[[Sequence[TrainingRun]], Way]] = {"streams": InStreams, "stack": AsStack}


class Together:
    """Trains runs of one group (`group_of`) in the faster way, found by training in each of them in turn.

    In every way `TURN` steps are taken for it to settle (a graph may be captured), then as many that are timed.

    Args:
        runs: one at least.
        way: of `WAYS`, if it is known.
    """

    def __init__(self, runs: Sequence[TrainingRun], way: str | None = None) -> None:
        self._runs = list(runs)
        self._device = runs[0].device
        if len(runs) == 1 or not can_be_stacked(type(runs[0].model)):
            way = "streams"
        self._ways = {name: make(self._runs) for name, make in WAYS.items() if way in (None, name)}
        self._seconds: list[float] = []  # of a turn of every way, twice

    @property
    def way(self) -> str | None:
        """In which the runs are trained; None until that is known."""
        return next(iter(self._ways)) if len(self._ways) == 1 else None

    def __call__(self, count: int) -> list[Sums | Exception]:
        """Train so many steps on from where the runs stand; an error is of that trial alone.

        Raises:
            Exception: of a step that is common to all trials.
        """
        sums: list[Sums] = [{} for _ in self._runs]
        failed: dict[int, Exception] = {}
        first = 0
        while first < count:
            last = count if self.way else min(count, first + TURN)
            for number, found in enumerate(self._turn(first, last)):
                if isinstance(found, Exception):
                    failed[number] = found
                    self._ways = {"streams": self._ways["streams"]}  # in a stack it would go on
                else:
                    add(sums[number], found)
            first = last
        return [failed.get(number, each) for number, each in enumerate(sums)]

    def _turn(self, first: int, last: int) -> list[Sums | Exception]:
        names = list(self._ways)
        name = names[len(self._seconds) % len(names)]
        began = self._now()
        sums = self._ways[name](first, last)
        if self.way is None and last - first == TURN:
            self._seconds.append(self._now() - began)
            timed = self._seconds[len(names) :]
            if len(timed) == len(names):
                fastest = names[timed.index(min(timed))]
                self._ways = {fastest: self._ways[fastest]}
        return sums

    def _now(self) -> float:
        if self.way is None and self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        return time.perf_counter()


def add(sums: dict[str, Tensor], found: dict[str, Tensor]) -> None:
    """Add sums of loss parts to others."""
    for name, value in found.items():
        sums[name] = sums[name] + value if name in sums else value
