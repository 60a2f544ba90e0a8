"""The process that trains all trials of one device; each trial's own process evaluates and saves.

A trial joins with its configuration and its newest checkpoint, and is then trained result by result, one ahead: while
its own process evaluates what it fetched, the next interval is trained already. Trials of one group are trained at the
same time (`trainables.training.together`), groups in turns; who else is there changes only the speed of a trial.
"""

import collections
import dataclasses
import logging
import math
import os
import threading
from collections.abc import Iterable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from core.checkpoints import Checkpoint
from core.configuration import TrialConfig
from trainables.training.faults import CaptureFailedError, ends_the_process
from trainables.training.hosted_run import Trained
from trainables.training.run import TrainingRun

if TYPE_CHECKING:
    from trainables.training.together import Together

log = logging.getLogger(__name__)

ROUND = 1_000  # steps of a round; new trials join between two rounds
PATIENCE = 2.0  # seconds that a stack waits for a member; without it, its graph must be captured anew
GROWTH = 2  # of a group; once it has grown so many times, the ways are timed again


@dataclasses.dataclass(eq=False)
class _Member:
    run: TrainingRun
    key: str
    turn: int = 0  # when it was trained last
    waiting: Trained | Exception | None = None  # to be fetched

    @property
    def ready(self) -> bool:
        """Whether it may be trained: it has steps left, and what it reported was fetched."""
        return self.waiting is None and self.run.step < self.run.config.steps


class Host:
    """Trains in a thread of its own; methods may be called from any thread."""

    def __init__(self, visible_devices: Iterable[tuple[str, str]] = ()) -> None:
        os.environ.update(visible_devices)  # before PyTorch looks
        self._members: dict[str, _Member] = {}
        self._arrivals: collections.deque[tuple[TrialConfig, Checkpoint | None, Future[int]]] = collections.deque()
        self._wanted: collections.deque[tuple[str, Future[Checkpoint]]] = collections.deque()
        self._changed = threading.Condition()
        self._stacks: dict[str, tuple[list[_Member], Together]] = {}  # by key: who was trained together, and by what
        self._ways: dict[str, tuple[str, int]] = {}  # by key: the way that was faster, and for how many trials
        self._turns = 0
        threading.Thread(target=self._work, name="training", daemon=True).start()

    def join(self, config: dict[str, Any], checkpoint: Checkpoint | None) -> int:
        """Take a trial in, at its checkpoint; the step it stands at.

        Raises:
            Exception: whatever opening the trial raises.
        """
        opened: Future[int] = Future()
        with self._changed:
            self._arrivals.append((TrialConfig.from_json(config), checkpoint, opened))
            self._changed.notify_all()
        return opened.result()

    def next_result(self, identity: str, seconds: float = math.inf) -> Trained | int:
        """Wait for the next result of a trial, at most so long; the step where it is, when that was too short.

        Raises:
            KeyError: the trial never joined, or left.
            Exception: whatever its training raised.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: identity not in self._members or self._members[identity].waiting is not None,
                None if seconds == math.inf else seconds,
            )
            member = self._members[identity]
            if member.waiting is None:
                return member.run.step
            found, member.waiting = member.waiting, None
            if isinstance(found, Exception):
                del self._members[identity]
            self._changed.notify_all()
        if isinstance(found, Exception):
            raise found
        return found

    def state(self, identity: str) -> Checkpoint:
        """Where a trial is after the present round, at its next result at most.

        Raises:
            KeyError: the trial never joined, or left.
        """
        wanted: Future[Checkpoint] = Future()
        with self._changed:
            self._wanted.append((identity, wanted))
            self._changed.notify_all()
        return wanted.result()

    def leave(self, identity: str) -> None:
        """Drop a trial; no error when it is not there."""
        with self._changed:
            self._members.pop(identity, None)
            self._changed.notify_all()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._drop_stacks()
                self._changed.wait_for(lambda: self._arrivals or self._wanted or self._ready())
                self._changed.wait_for(lambda: self._arrivals or self._wanted or self._complete(), PATIENCE)
                self._give_states()
                arrivals = [self._arrivals.popleft() for _ in range(len(self._arrivals))]
            for arrival in arrivals:
                self._open(*arrival)
            group = self._choose()
            if group:
                self._train(group)

    def _give_states(self) -> None:
        while self._wanted:
            identity, wanted = self._wanted.popleft()
            member = self._members.get(identity)
            if member is None:
                wanted.set_exception(KeyError(identity))
            else:
                wanted.set_result(
                    member.waiting.state if isinstance(member.waiting, Trained) else member.run.checkpoint()
                )

    def _ready(self) -> list[_Member]:
        return [member for member in self._members.values() if member.ready]

    def _complete(self) -> list[_Member]:
        """The ready members of complete groups: nobody of their stack who will go on is still being evaluated."""
        going_on = [member for member in self._members.values() if member.run.step < member.run.config.steps]
        awaited = {
            member.key
            for members, together in self._stacks.values()
            for member in members
            if member in going_on and not member.ready and together.way != "streams"  # which is not captured anew
        }
        return [member for member in self._ready() if member.key not in awaited]

    def _drop_stacks(self) -> None:
        """Give back the memory of stacks whose members have all left."""
        keys = {member.key for member in self._members.values()}
        self._stacks = {key: stack for key, stack in self._stacks.items() if key in keys}

    def _open(self, config: TrialConfig, checkpoint: Checkpoint | None, opened: "Future[int]") -> None:
        from trainables.training.together import group_of

        try:
            beside = next((member.run for member in self._members.values()), None)
            run = TrainingRun(dataclasses.replace(config, device_share=float(config.device_share > 0)), beside=beside)
            if checkpoint is not None:
                run.take_up(checkpoint)
            run.model.train()
            key = f"{group_of(type(run.model), config.configuration.hyperparameters)} {run.precision}"
        except Exception as error:
            opened.set_exception(error)
            return
        with self._changed:
            self._members[config.identity] = _Member(run, key)
        opened.set_result(run.step)

    def _choose(self) -> list[_Member]:
        """The members to train next: the group of the one that has waited longest."""
        with self._changed:
            ready = self._ready()
            if not ready:
                return []
            key = min(self._complete() or ready, key=lambda member: member.turn).key
            return [member for member in ready if member.key == key]

    def _train(self, group: list[_Member]) -> None:
        """One round, at most up to the nearest result of a member."""
        from trainables.training.together import add

        self._turns += 1
        key = group[0].key
        count = min(ROUND, *(member.run.target - member.run.step for member in group))
        found: list[tuple[_Member, Trained | Exception]] = []
        try:
            for member, parts in zip(group, self._together(key, group)(count), strict=True):
                if isinstance(parts, Exception):
                    found.append((member, parts))
                    continue
                member.turn = self._turns
                member.run.count_steps(count)
                add(member.run.sums, parts)
                if member.run.step == member.run.target:
                    found.append((member, _result(member, len(group))))
        except Exception as error:
            found = [(member, error) for member in group]
        failures = [result for _, result in found if isinstance(result, Exception)]
        if failures:
            log.error("%d of %d trials failed", len(failures), len(group), exc_info=failures[0])
            self._stacks.pop(key, None)
            for member, failure in found:
                if isinstance(failure, CaptureFailedError):
                    member.run.capture_no_more()
            if any(map(ends_the_process, failures)):
                os._exit(1)  # another host takes the trials on, from what they fetched last
        with self._changed:
            for member, result in found:
                member.waiting = result
            self._changed.notify_all()

    def _together(self, key: str, group: list[_Member]) -> "Together":
        """What trains a group; it is kept while nobody comes or goes."""
        from trainables.training.together import Together

        members, together = self._stacks.get(key, ([], None))
        if together is not None and together.way and len(members) > 1:
            self._ways[key] = together.way, len(members)
        if together is None or members != group:
            way, size = self._ways.get(key, (None, 0))
            together = Together([member.run for member in group], way if len(group) <= GROWTH * size else None)
            self._stacks[key] = group, together
        return together


def _result(member: _Member, together: int) -> Trained:
    run = member.run
    state = run.checkpoint()
    run.end_interval()
    where = {"device": run.device_name(), "precision": run.precision}
    return Trained(state, {**where, "stack": together, "training_pid": os.getpid()})
