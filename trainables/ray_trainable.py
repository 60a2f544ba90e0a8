"""What runs in Ray: a trial as a Tune `Trainable`, its last evaluation as a task, the host of a device as an actor.

The one file here that imports Ray.
"""

import dataclasses
import math
import os
import time
import traceback
from typing import Any, TypeAlias

import ray
from ray import tune
from ray.exceptions import RayActorError, RayTaskError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

import trainables
from core import extensions
from core.checkpoints import Checkpoint
from core.configuration import TrialConfig
from core.machine import visible_gpus
from core.mistakes import kind_and_reason, reason_of
from core.storage import Folder
from trainables.trainable import Run, TrialResult, Underway
from trainables.training.faults import ends_the_process
from trainables.training.run import evaluate_trained, start

HOSTS = "hosts of devices"
VisibleGPUs: TypeAlias = tuple[tuple[str, str], ...]
SAVE_EVERY = 300.0  # seconds, apart from results
BEFORE_EVALUATING = 10.0  # seconds since a trial was saved, after which it is saved before its evaluation too
MOST_MEMBERS = 1_000  # calls that may wait in a host at the same time


class StudyTrainable(tune.Trainable):
    """One trial of a study; an actor that is done with one is reused for the next.

    A trial's folder, named by its identity, is where it saves after every result, every few minutes, and when it is
    stopped, and where it looks first: whatever died (actor, node, driver), the trial goes on from the newest whole
    checkpoint there. Tune's own checkpoints, which its last snapshot may not know, are not relied on. It saves before
    it says a result, and a driver that is stopped hears no more; so the first `step` says the last result there again.

    A `step` trains for `pulse` seconds at most, so that the driver knows where the trial is, and may stop it there.

    When the training is over and a core of the cluster is idle, the trial saves and reports before its last evaluation,
    so that the driver can hand that over to a task (`evaluate`) and the slot to the next trial. Another `step`
    evaluates here.
    """

    run: Run | None = None

    def setup(self, config: dict[str, Any]) -> None:
        """Open the trial; errors are reported by the first `step`, since Ray would try a failed setup for ever."""
        self.trial_config = TrialConfig.from_json(config)
        self.folder = Folder(self.trial_config.folder)
        self.run = None
        self.seconds_waiting, self.ready = 0.0, time.perf_counter()
        self.resumed_from = 0
        self.offered = False
        self.ended = False
        self.error: Exception | None = None
        self.unsaid: TrialResult | None = None
        _set_threads(self.trial_config)
        try:
            self._require_folder()
            self.run = _open(self.trial_config)
            self.resumed_from = self.run.restore(self.folder)
            self.unsaid = self.run.earlier
        except Exception as error:
            self.error = error
        self.saved, self.saved_at = self.resumed_from, time.monotonic()  # the step, and when
        self.ready = time.perf_counter()

    def _require_folder(self) -> None:
        """A node that does not share the study's folder would keep checkpoints where nobody else finds them."""
        if self.folder.local is not None and not self.folder.local.parent.exists():
            raise FileNotFoundError(
                f"node {os.uname().nodename} does not see {self.folder.local.parent}: checkpoints of a cluster belong "
                "into a shared directory or, with --storage URI, an object store"
            )

    def step(self) -> dict[str, Any]:
        """Train for a while or to the next result, evaluate that, save; the last evaluation may be a step of its own.

        Raises:
            Exception: this process has lost its device; Tune replaces it, and the trial goes on from its checkpoint.
        """
        self.seconds_waiting += time.perf_counter() - self.ready
        result = self._advance()
        self.ready = time.perf_counter()
        return result

    def _advance(self) -> dict[str, Any]:
        try:
            if self.error is not None:
                raise self.error
            assert self.run is not None
            if self.unsaid is not None:
                result, self.unsaid = dataclasses.replace(self.unsaid, again=True), None
                return self._outcome(result)
            trained = self.run.train_for(self.trial_config.pulse)
            if time.monotonic() - self.saved_at > (BEFORE_EVALUATING if trained else SAVE_EVERY):
                self._save_progress()
            if not trained:
                where = Underway(self.run.progress, self.run.seconds)
                return {"result": where, "done": False, "resumed_from": self.resumed_from}
            result = self._offer() or self.run.advance()
            self._save()
        except Exception as error:
            if ends_the_process(error):
                self.ended = True  # for this process: what a lost device holds is not saved
                raise
            return self._failed(_describe(error))
        return self._outcome(result)

    def _offer(self) -> TrialResult | None:
        """Offer the last evaluation, once: the result without it if a core is idle, else None.

        A simulation cannot be taken apart, and does less than a task costs.
        """
        assert self.run is not None
        if self.offered or self.run.step < self.trial_config.steps:
            return None
        trained = self.run.train_interval()
        self.offered = trained is not None and not trained.evaluated and core_is_idle()
        return trained if self.offered else None

    def _save(self) -> None:
        assert self.run is not None
        self.run.save(self.folder)
        self.saved, self.saved_at = self.run.step, time.monotonic()

    def _save_progress(self) -> None:
        """Save what is trained since the last result, or since it was saved."""
        assert self.run is not None
        if self.run.progress > self.saved:
            self.run.catch_up()
            self._save()

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Write the trial's state into Tune's directory, in the same format as the trial's own folder."""
        if self.run is not None:
            self.run.save(Folder(checkpoint_dir))

    def load_checkpoint(self, checkpoint_dir: str | None) -> None:
        """Go on from Tune's directory, unless the trial's own folder is already further."""
        if self.run is not None and checkpoint_dir is not None:
            self.run.restore(Folder(checkpoint_dir))

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take the next trial into this process."""
        self.cleanup()
        self.setup(new_config)
        return True

    def cleanup(self) -> None:
        """Save what is trained, unless the trial has ended, and give up what it holds elsewhere."""
        if self.run is None:
            return
        if not self.ended:
            try:
                self._save_progress()
            except Exception:  # what was saved before is still there
                traceback.print_exc()
        self.run.close()

    def _failed(self, reason: str) -> dict[str, Any]:
        step = self.run.step if self.run is not None else 0
        return self._outcome(TrialResult(step, {}, {}, done=True, failure=reason))

    def _outcome(self, result: TrialResult) -> dict[str, Any]:
        """What a step gives, with the result as one value: Tune keeps running means of all numbers that it finds."""
        self.ended = result.done
        ledger = {**result.ledger, "seconds_waiting": round(self.seconds_waiting, 3)}
        whole = dataclasses.replace(_finite(result), ledger=ledger)
        return {"result": whole, "done": result.done, "resumed_from": self.resumed_from}


def _open(config: TrialConfig) -> Run:
    """The run of a trial: trained by the host of its GPU, if trials share that and its model allows it."""
    extensions.use_for(config)
    if config.stacked and config.device_share > 0:
        from trainables.training.hosted_run import HostedRun
        from trainables.training.together import can_train_together

        if can_train_together(trainables.get(config.configuration.model)):
            return HostedRun(config, HostActor)
    return start(config)


class HostActor:
    """The host of this process's GPU, an actor on the same node.

    Args:
        lost: the one that was found dead, and is replaced.
    """

    _number: int

    def __init__(self, lost: "HostActor | None" = None) -> None:
        node, hosts = ray.get_runtime_context().get_node_id(), ray.get_actor(HOSTS)
        self._number, self._host = ray.get(hosts.host.remote(node, visible_gpus(), lost._number if lost else None))

    def join(self, config: dict[str, Any], checkpoint: Checkpoint | None) -> int:
        """Take a trial in."""
        step: int = self._answer(self._host.join, config, checkpoint)
        return step

    def next_result(self, identity: str, seconds: float) -> Any:
        """Wait for the next result of a trial, at most so long."""
        return self._answer(self._host.next_result, identity, seconds)

    def state(self, identity: str) -> Checkpoint:
        """Where a trial is now."""
        checkpoint: Checkpoint = self._answer(self._host.state, identity)
        return checkpoint

    def leave(self, identity: str) -> None:
        """Drop a trial."""
        self._answer(self._host.leave, identity)

    @staticmethod
    def _answer(method: Any, *arguments: Any) -> Any:
        from trainables.training.hosted_run import HostLostError

        try:
            return ray.get(method.remote(*arguments))
        except RayTaskError as error:
            raise error.cause from error
        except RayActorError as error:
            raise HostLostError(reason_of(error)) from error


class Hosts:
    """Starts the host of a GPU when a trial first asks for it, and again after it died; it lives as long as the study.

    A host that a trial started would die with that trial's process.
    """

    def __init__(self) -> None:
        self._hosts: dict[tuple[str, VisibleGPUs], tuple[int, Any]] = {}

    def host(self, node: str, devices: VisibleGPUs, lost: int | None) -> tuple[int, Any]:
        """The actor on a node that sees these devices (`core.machine.visible_gpus`), and its number.

        A trial that found a host dead says its number as `lost`, and gets another.
        """
        from trainables.training.host import Host

        number, _ = self._hosts.get((node, devices), (lost, None))
        if number == lost:
            placement = NodeAffinitySchedulingStrategy(node, soft=False)
            options = {"num_cpus": 0, "num_gpus": 0, "max_concurrency": MOST_MEMBERS, "scheduling_strategy": placement}
            self._hosts[node, devices] = (
                (0 if lost is None else lost + 1),
                ray.remote(Host).options(**options).remote(devices),
            )
        return self._hosts[node, devices]


def start_hosts() -> Any:
    """Start the actor that starts hosts; the trials of a GPU can train together while the result is referred to."""
    return ray.remote(Hosts).options(name=HOSTS, num_cpus=0).remote()


def core_is_idle() -> bool:
    """Whether no trial and no task has one of the cluster's cores now."""
    return bool(ray.available_resources().get("CPU", 0.0) >= 1.0)


def evaluate(config: dict[str, Any]) -> TrialResult:
    """The body of a task: the last result of a trial that was saved after its training. An error is its failure."""
    trial = TrialConfig.from_json(config)
    _set_threads(trial)
    try:
        return _finite(evaluate_trained(trial))
    except Exception as error:
        return TrialResult(trial.steps, {}, {}, done=True, failure=_describe(error))


def _set_threads(config: TrialConfig) -> None:
    """The same number for a task as for an actor, since sums depend on how they are divided among threads."""
    os.environ["OMP_NUM_THREADS"] = str(config.threads)


def _finite(result: TrialResult) -> TrialResult:
    """Without NaN and infinity, which the journal cannot hold."""
    metrics = {key: value for key, value in result.metrics.items() if math.isfinite(value)}
    return dataclasses.replace(result, metrics=metrics)


def _describe(error: Exception) -> str:
    """One line for the table; the traceback goes to the trial's log."""
    traceback.print_exc()
    return kind_and_reason(error)
