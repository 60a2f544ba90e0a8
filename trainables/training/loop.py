"""The training loop: step by step on a CPU, and on a GPU as a CUDA graph of several steps per launch.

A step of these small networks launches hundreds of kernels that run for microseconds, so a GPU waits for the host. A
graph is captured once and replayed: it draws noise, gathers its batches from the set on the device, and adds up the
loss parts there; the host only says which images come next. Models say in `before_step` that something changed on the
host, after which a graph is captured anew, in `next_change` how far it is until then, and in `host_bound` that they
cannot be captured. A graph is used only after one launch of it gave what the same steps give without it.
"""

import contextlib
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, TypeAlias

import torch
from torch import Tensor

from core.data.batches import Batch, Batches
from core.mistakes import reason_of
from trainables.base import Model
from trainables.training.faults import CaptureFailedError
from trainables.training.stack import Stack, StackedBatches

log = logging.getLogger(__name__)

GOES_ON = (2, 13)  # from this PyTorch on, random numbers and memory survive a capture that fails

WARM_UP = 5  # steps before a capture: allocators and libraries settle, optimisers make their state
PER_LAUNCH = 10  # steps of a graph, at most
AGREEMENT = 1e-3  # relative, between a launch and the same steps without it; kernels may add in another order
SPREAD = 10.0  # times what the same steps differ from themselves, where that is more

Trainee: TypeAlias = Model[Any] | Stack
Source: TypeAlias = Batches | StackedBatches
Sums: TypeAlias = dict[str, Tensor]
"""Of the loss parts, on the device."""
Capture = Callable[[Trainee, Callable[[], None]], Callable[[], None]]
"""Makes a function that does again, on the device alone, what the given one does."""


class Steps(Protocol):
    """A training loop.

    Attributes:
        stream: that it trains in, None for whichever is the current one.
    """

    stream: torch.cuda.Stream | None

    def __call__(self, first: int, last: int, sums: Sums | None = None) -> Sums:
        """Take steps first … last − 1; sums of the loss parts over them, on the device.

        With `sums` of the steps before, theirs too, added in the order of the steps: to the bit what one call gives.
        """


def steps_of(model: Trainee, sources: Sequence[Source], *, captured: bool = True) -> Steps:
    """The loop that suits a model, its data and its device; step by step where it shall not be captured."""
    on_gpu = model.device.type == "cuda" and all(source.resident for source in sources)
    return Captured(model, sources) if on_gpu and captured and not model.host_bound else Eager(model, sources)


class Eager:
    """One step after the other."""

    stream: torch.cuda.Stream | None = None

    def __init__(self, model: Trainee, sources: Sequence[Source]) -> None:
        self.model = model
        self.sources = sources

    def __call__(self, first: int, last: int, sums: Sums | None = None) -> Sums:
        """Take steps first … last − 1; sums of the loss parts."""
        sums = {name: value.clone() for name, value in (sums or {}).items()}
        for step in range(first, last):
            self.model.before_step(step)
            _take(self.model, [source.at(step) for source in self.sources], sums)
        return sums


def _take(model: Trainee, batches: Sequence[Batch], sums: Sums) -> None:
    """One step; its loss parts are added to `sums`."""
    for name, value in model.training_step(batches).items():
        if name in sums:
            sums[name].add_(value)
        else:
            sums[name] = value.clone()
    model.steps_done.add_(1)


def cuda_graph(model: Trainee, function: Callable[[], None]) -> Callable[[], None]:
    """Capture what `function` launches, on the current stream; the result replays it."""
    graph = torch.cuda.CUDAGraph()
    for generator in model.generators:
        graph.register_generator_state(generator)
    with torch.cuda.graph(graph, stream=torch.cuda.current_stream()):
        function()
    replay: Callable[[], None] = graph.replay
    return replay


def _version(text: str) -> tuple[int, ...]:
    """The first two numbers of a version."""
    return tuple(int(number) for number in text.split(".")[:2])


def _agree(found: Tensor, wanted: Tensor, again: Tensor) -> bool:
    """Whether sums are as near as two eager runs; those of a trial that diverged say nothing."""
    tolerance = torch.maximum(AGREEMENT * (1.0 + wanted.abs()), SPREAD * (again - wanted).abs())
    near = (found - wanted).abs() <= tolerance
    return bool((near | ~wanted.isfinite() | ~again.isfinite()).all())


class Captured:
    """Several steps per launch of a graph; the same numbers as `Eager`."""

    def __init__(self, model: Trainee, sources: Sequence[Source], capture: Capture = cuda_graph) -> None:
        self.model = model
        self.sources = sources
        self._capture = capture
        self._per_launch = int(min(PER_LAUNCH, model.next_change(0)))
        self._positions = [
            torch.zeros(self._per_launch, *source.shape, dtype=torch.int64, device=model.device) for source in sources
        ]
        self._sums: Sums = {}
        self._launch: Callable[[], None] | None = None
        self._places: list[int] = []  # of all state when it was captured
        self._warm = 0
        self._refused = False
        self.stream: torch.cuda.Stream | None = torch.cuda.Stream(model.device) if model.device.type == "cuda" else None

    def __call__(self, first: int, last: int, sums: Sums | None = None) -> Sums:
        """Take steps first … last − 1; sums of the loss parts."""
        if self._launch is not None and self._places != self._where():  # a stack or a checkpoint moved the state
            self._launch, self._warm = None, 0
        with self._on_stream():
            for total in self._sums.values():
                total.zero_()
            for name, value in (sums or {}).items():
                self._sums.setdefault(name, torch.zeros_like(value)).copy_(value)
            step = first
            while step < last:
                if self.model.before_step(step):
                    self._launch, self._warm = None, 0
                if self._may_launch(step, last):
                    assert self._launch is not None
                    self._launch()
                    step += self._per_launch
                else:
                    _take(self.model, [source.at(step) for source in self.sources], self._sums)
                    self._warm += 1
                    step += 1
            return {name: total.clone() for name, total in self._sums.items()}

    def _may_launch(self, step: int, last: int) -> bool:
        """Whether a whole launch fits and a graph that can be trusted is there; its images are then set."""
        room = min(last, self.model.next_change(step)) - step
        if self._refused or self._warm < WARM_UP or room < self._per_launch:
            return False
        for buffer, source in zip(self._positions, self.sources, strict=True):
            buffer.copy_(source.positions(step, self._per_launch))
        if self._launch is None:
            self._prepare()
        return not self._refused

    def _several(self) -> None:
        for number in range(self._per_launch):
            batches = [
                source.gather(buffer[number]) for buffer, source in zip(self._positions, self.sources, strict=True)
            ]
            _take(self.model, batches, self._sums)

    def _prepare(self) -> None:
        """Capture, and compare one launch with the same steps taken one by one; the state is as before.

        The same steps, taken twice, are not equal on a GPU either, which adds in no fixed order: how far they part is
        the measure.
        """
        before = self._snapshot()
        wanted, again = self._sums_of(self._several, before), self._sums_of(self._several, before)
        try:
            self._launch = self._capture(self.model, self._several)
            found = self._sums_of(self._launch, before)
            trouble = "" if all(map(_agree, found, wanted, again)) else "a launch gives other losses than its steps"
        except RuntimeError as error:
            trouble = reason_of(error)
            if _version(torch.__version__) < GOES_ON:
                raise CaptureFailedError(f"{self.model.title} cannot be captured: {trouble}") from error
            self.model.renew_generators()
        if trouble:
            log.warning("%s trains step by step: %s", self.model.title, trouble)
            self._launch, self._refused = None, True
        self._restore(before)
        self._places = self._where()

    def _sums_of(self, steps: Callable[[], None], before: tuple[list[Tensor], list[Tensor]]) -> list[Tensor]:
        """The sums that steps leave behind from a state, which is put back first."""
        self._restore(before)
        steps()
        return [total.clone() for total in self._sums.values()]

    def _where(self) -> list[int]:
        return [tensor.data_ptr() for tensor in self._state()]

    def _state(self) -> list[Tensor]:
        """Every tensor that steps change."""
        optimizers = self.model.optimizers.values()
        states = [value for optimizer in optimizers for state in optimizer.state.values() for value in state.values()]
        tensors = [*self.model.state_dict().values(), *self._sums.values(), *states]
        return [tensor for tensor in tensors if isinstance(tensor, Tensor)]

    def _snapshot(self) -> tuple[list[Tensor], list[Tensor]]:
        noise = [generator.get_state() for generator in self.model.generators]
        return [tensor.detach().clone() for tensor in self._state()], noise

    @torch.no_grad()
    def _restore(self, before: tuple[list[Tensor], list[Tensor]]) -> None:
        for tensor, value in zip(self._state(), before[0], strict=True):
            tensor.copy_(value)
        for generator, state in zip(self.model.generators, before[1], strict=True):
            generator.set_state(state)

    @contextlib.contextmanager
    def _on_stream(self) -> Iterator[None]:
        """Everything on one stream of its own, as graphs want it."""
        if self.stream is None:
            yield
            return
        self.stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.stream):
            yield
        torch.cuda.current_stream().wait_stream(self.stream)
