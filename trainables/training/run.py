"""One trial in this process: train, evaluate, checkpoint, go on. Ray is not involved.

`start` gives the run of a trial: a `TrainingRun` for models in PyTorch, or what the class of a simulation makes itself.
All runs do the same three things: `restore`, `advance` to the next result, `save`. The two halves of `advance` can be
taken apart: a `TrainingRun` that is trained and saved is evaluated by `evaluate_trained`, elsewhere.
"""

import dataclasses
import logging
import math
import time
from typing import TYPE_CHECKING, Any, cast

import numpy as np

import trainables
from core import checkpoints, extensions
from core.checkpoints import Checkpoint
from core.configuration import TrialConfig
from core.runtime import configure_process, peak_memory
from core.storage import Folder
from trainables.trainable import Run, Simulation, TrialResult, next_result
from trainables.training.faults import CaptureFailedError

if TYPE_CHECKING:
    from torch.optim import Optimizer

    from trainables.base import Model
    from trainables.training.loop import Sums

log = logging.getLogger(__name__)

PICTURES = "pictures"
UNCAPTURED = "uncaptured"  # entry of the folder of a trial whose steps are taken one by one on a GPU
BF16 = 2e-2  # what losses may differ by in bfloat16, whose numbers are 4e-3 apart, relative to 1 + their size
WHERE = ("device", "precision")  # of the ledger: of the training, wherever the trial is evaluated
LOOK = 10  # steps between two looks at the clock are a multiple of this, which a launch on a GPU takes
OF_THE_DEVICE = ("capturable", "foreach", "fused")  # settings of an optimiser that a device asks for


def start(config: TrialConfig) -> Run:
    """The run of a trial, at step 0."""
    extensions.use_for(config)
    trainable = trainables.get(config.configuration.model)
    return TrainingRun(config) if trainable.learns else cast(type[Simulation], trainable).start(config)


class TrainingRun:
    """A model in PyTorch with its data and its place in the training.

    Args:
        config: the trial.
        on_cpu: stay on the CPU, whatever share of a GPU the trial has.
        beside: a run of the same process, whose images are shared where they are the same.
    """

    def __init__(self, config: TrialConfig, *, on_cpu: bool = False, beside: "TrainingRun | None" = None) -> None:
        import torch

        import core.data
        from core.data.batches import Batches, PartnerBatches
        from core.data.split import holdout
        from core.networks import lower
        from trainables.training.loading import build_model
        from trainables.training.loop import steps_of

        extensions.use_for(config)
        self.config = config
        self.step = 0
        self.since = 0  # the step of the last result
        self.sums: Sums = {}  # of the loss parts since then
        self.ledger: dict[str, Any] = {"seconds_training": 0.0, "seconds_evaluating": 0.0}
        self.last: TrialResult | None = None
        self.earlier: TrialResult | None = None
        self.look = LOOK
        self.handed_over = False  # the last evaluation is not in the trial's own process
        self.foreign_training = b""  # state of another kind of device, which is kept until this one has trained
        on_gpu = config.device_share > 0 and not on_cpu and torch.cuda.is_available()
        self.device = torch.device("cuda" if on_gpu else "cpu")
        on_device = "tf32" if config.precision == "auto" else config.precision
        self.precision = on_device if on_gpu else "float32"
        configure_process(config.threads, tf32=self.precision != "float32")
        if self.device.type == "cuda" and config.device_share < 1:
            torch.cuda.set_per_process_memory_fraction(config.device_share)
        shared = beside is not None and beside.config.dataset == config.dataset
        self.dataset: core.data.FactorDataset = (
            beside.dataset if beside and shared else core.data.load(config.dataset, config.data_root)
        )

        seed = config.training_seed
        torch.manual_seed(seed)
        info = core.data.describe(config.dataset, config.data_root)
        self.model: Model[Any] = build_model(config.configuration, info)
        self.model.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.model.generator = torch.Generator(self.device).manual_seed(seed)
        self.model.configure_optimizers()
        train = np.setdiff1d(np.arange(len(self.dataset)), holdout(self.dataset), assume_unique=True)
        subsets = {"all": train, "pairs": train, **self.model.attach(self.dataset, config.study_seed)}
        self.sources: list[Batches] = []
        for number, name in enumerate(self.model.streams):
            options: dict[str, Any] = {
                "stream": number,
                "subset": subsets[name],
                "with_factors": name == "annotated",
                "device": self.device,
                "beside": [*self.sources, *(beside.sources if beside else ())],
            }
            kind: type[Batches] = Batches
            if name == "pairs":
                kind = PartnerBatches
                options |= {"stream": number - 1, "changed": self.model.hyperparameters.changed}
            self.sources.append(kind(self.dataset, self.model.hyperparameters.batch_size, seed, **options))
        if self.precision == "bf16" and self._loses_in_bfloat16():
            self.precision = "tf32"
        if self.precision == "bf16":
            lower(self.model)
        self.captured = self.device.type == "cpu" or UNCAPTURED not in Folder(config.folder).entries()
        self.steps = steps_of(self.model, self.sources, captured=self.captured)

    def _loses_in_bfloat16(self) -> bool:
        """Whether the trial's first step, which depends on no update, has other losses in bfloat16 than in float32."""
        from core.networks import lower
        from trainables.training.loop import Eager

        exactly = dataclasses.replace(self.config, precision="float32")
        plain, lowered = (TrainingRun(exactly, beside=self) for _ in range(2))
        lower(lowered.model)
        losses = [Eager(run.model.train(), run.sources)(0, 1) for run in (plain, lowered)]
        configure_process(self.config.threads)
        wanted, found = ({name: float(value) for name, value in each.items()} for each in losses)
        apart = [name for name, value in wanted.items() if not abs(found[name] - value) <= BF16 * (1 + abs(value))]
        if apart:
            log.warning("%s trains in TF32: in bfloat16, %s differ", self.config.identity, " and ".join(apart))
        return bool(apart)

    def advance(self) -> TrialResult:
        """Train up to the next result, and evaluate; what is trained already is only evaluated."""
        result = self.train_interval()
        return result if result.done else self.evaluate()

    def train_interval(self) -> TrialResult:
        """Train up to the next result, from where `train_for` came to; the host waits for the device once, at the end.

        The result is not evaluated, unless it is the last one (of an earlier process, or because training diverged).
        """
        if self.last is not None and self.waits:
            return self.last
        self.train_for(math.inf)
        parts = self.end_interval()
        bad = sorted(name for name, value in parts.items() if not math.isfinite(value))
        metrics = {f"train/{name}": value for name, value in parts.items()}
        if bad:
            self.last = self._result(metrics, done=True, failure=f"diverged: {', '.join(bad)} became NaN or infinite")
        else:
            self.last = TrialResult(self.step, metrics, self.measured(), evaluated=False)
        return self.last

    def train_for(self, seconds: float) -> bool:
        """Train for about so long towards the next result; whether all steps to it are taken.

        How the steps are divided among calls changes no bit on a CPU.
        """
        if self.waits:
            return True
        began, first, target = time.perf_counter(), self.step, self.target
        count, took = self.look if seconds < math.inf else target, 0.0
        while self.step < target:
            self.sums = self._take(min(target, self.step + count), self.sums)
            if self.device.type == "cuda" and seconds < math.inf:
                self._wait_for_the_device()
            took = time.perf_counter() - began
            if took >= seconds:
                break
            a_step = max(took / (self.step - first), 1e-9)
            count = self.look * max(1, int(min((seconds - took) / a_step, target) / self.look))
        self.ledger["seconds_training"] += took
        return self.step >= target

    def end_interval(self) -> dict[str, float]:
        """Means of the loss parts since the last result, which is now."""
        count = self.step - self.since
        parts = {name: float(value) / count for name, value in self.sums.items()}
        self.since, self.sums = self.step, {}
        return parts

    @property
    def waits(self) -> bool:
        """Whether the last result is to be said or evaluated before any further step."""
        return self.last is not None and (self.last.done or not self.last.evaluated)

    @property
    def target(self) -> int:
        """The step of the next result, at which it may be already."""
        return next_result(self.since, self.config)

    @property
    def progress(self) -> int:
        """Steps so far, wherever they are taken."""
        return self.step

    @property
    def seconds(self) -> float:
        """Of training and evaluating so far."""
        return float(self.ledger["seconds_training"] + self.ledger["seconds_evaluating"])

    def catch_up(self) -> None:
        """All steps are taken here."""

    def _wait_for_the_device(self) -> None:
        import torch

        torch.cuda.synchronize(self.device)

    @property
    def _trained(self) -> bool:
        return self.step >= self.config.steps

    def evaluate(self) -> TrialResult:
        """The result of the interval that `train_interval` trained."""
        assert self.last is not None
        trained, began = self.last, time.perf_counter()
        metrics = {**trained.metrics, **self._evaluate(self._trained)}
        seconds = time.perf_counter() - began
        self.ledger["seconds_evaluating"] += seconds
        if self.handed_over:
            self.ledger["seconds_handed_over"] = self.ledger.get("seconds_handed_over", 0.0) + seconds
        bad = sorted(name for name, value in metrics.items() if not math.isfinite(value))
        failure = f"diverged: {', '.join(bad)} became NaN or infinite" if bad else None
        result = self._result(metrics, done=self._trained or bool(bad), failure=failure)
        if self.handed_over:
            peak = max(trained.ledger["peak_memory"], result.ledger["peak_memory"])
            where = {key: trained.ledger[key] for key in WHERE if key in trained.ledger}
            ledger = {**result.ledger, "peak_memory": peak, **where}
            result = dataclasses.replace(result, ledger=ledger)
        self.last = result
        return result

    def train(self, target: int) -> dict[str, float]:
        """Steps up to `target`, as an interval of their own; means of the loss parts."""
        self.since = self.step
        self.sums = self._take(target, {})
        return self.end_interval()

    def _take(self, target: int, sums: "Sums") -> "Sums":
        """Steps up to `target`; the sums with their loss parts."""
        self.model.train()
        try:
            found = self.steps(self.step, target, sums)
        except CaptureFailedError:
            self.capture_no_more()
            raise
        self.count_steps(target - self.step)
        return found

    def capture_no_more(self) -> None:
        """Note in the trial's folder that its steps cannot be captured, for the process that takes it on."""
        Folder(self.config.folder).write(UNCAPTURED, {})

    def count_steps(self, steps: int) -> None:
        """Note that the model was trained so many steps on."""
        self.step += steps
        self.foreign_training = b""

    def _evaluate(self, done: bool) -> dict[str, float]:
        from core.metrics import MetricError
        from trainables.evaluation.inputs import evaluate

        requests = tuple(dict.fromkeys([*self.config.metrics, *(self.config.final_metrics if done else ())]))
        try:
            return evaluate(self.model, self.dataset, requests, self.config.study_seed)
        except MetricError:
            if np.isfinite(self.model.encode(self.dataset.images(np.arange(min(64, len(self.dataset)))))).all():
                raise
            return {"codes": math.nan}

    def _result(self, metrics: dict[str, float], *, done: bool, failure: str | None) -> TrialResult:
        ledger = self.measured()
        warnings = self.model.warnings(metrics)
        for warning in warnings:
            log.warning("%s at step %d: %s", self.config.identity, self.step, warning)
        ledger |= {"warnings": warnings} if warnings else {}
        return TrialResult(self.step, metrics, ledger, done, failure)

    def measured(self) -> dict[str, Any]:
        """The ledger so far."""
        where = {"device": self.device_name(), "precision": self.precision}
        parameters = sum(each.numel() for each in self.model.parameters())
        return {**self.ledger, "peak_memory": peak_memory(), "parameters": parameters, **where}

    def device_name(self) -> str:
        """Of the GPU, or "cpu"."""
        import torch

        return torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else "cpu"

    def save(self, folder: Folder) -> None:
        """Write a checkpoint; pictures too when training is over."""
        checkpoints.save(folder, self.checkpoint())
        if self.last and self.last.done and not self.last.failure:
            from trainables.evaluation.pictures import pictures

            folder.write(PICTURES, pictures(self.model, self.dataset))

    def checkpoint(self) -> Checkpoint:
        """Weights, optimiser and generator state, and the last result."""
        model = self.model
        training = {
            "optimizers": {name: optimizer.state_dict() for name, optimizer in model.optimizers.items()},
            "generator": model.generator.get_state(),
            "interval": {"since": self.since, "sums": {name: value.cpu() for name, value in self.sums.items()}},
        }
        description = {
            "trial": self.config.to_json(),
            "dataset": dataclasses.asdict(model.dataset),
            "ledger": self.ledger,
            "report": dataclasses.asdict(self.last) if self.last else None,
        }
        weights = checkpoints.encode_tensors(model.state_dict())
        encoded = self.foreign_training or checkpoints.encode_training(training)
        return Checkpoint(self.step, description, weights, encoded)

    def restore(self, folder: Folder) -> int:
        """Take up the newest whole checkpoint; training goes on as if it had never stopped (bit-identical on a CPU).

        On another kind of device than the one it was saved on, it goes on with other noise. A trial that was trained
        but not evaluated to its end goes on with the evaluation.
        """
        checkpoint = checkpoints.newest(folder, up_to=self.config.steps)
        if checkpoint is not None:
            self.take_up(checkpoint)
        return self.step

    def take_up(self, checkpoint: Checkpoint) -> None:
        """Go on from a checkpoint."""
        self.ledger = dict(checkpoint.description["ledger"])
        self.load_state(checkpoint)
        if self.foreign_training and not self._trained:
            log.warning("%s goes on from step %d on another kind of device", self.config.identity, self.step)
        self.last = self.earlier = None
        result = checkpoint.description["report"]
        if result:
            last = TrialResult(**result)
            if last.failure or not last.evaluated or (last.done and self._trained):
                self.last = last
            else:
                self.earlier = dataclasses.replace(last, done=False)  # the last one of a smaller budget was

    def close(self) -> None:
        """Nothing is held outside of this process."""

    def load_state(self, checkpoint: Checkpoint) -> None:
        """Step, weights, optimiser and generator state of a checkpoint, and its interval; not its ledger and result."""
        from trainables.training.loop import steps_of

        model = self.model
        self.step = checkpoint.step
        model.before_restore(self.step)
        model.load_state_dict(checkpoints.decode_tensors(checkpoint.weights))
        training = checkpoints.decode_training(checkpoint.training)
        for name, state in training["optimizers"].items():
            _load(model.optimizers[name], state)
        interval = training.get("interval", {"since": self.step, "sums": {}})  # earlier versions saved at results alone
        self.since = interval["since"]
        self.sums = {name: value.to(self.device) for name, value in interval["sums"].items()}
        self.foreign_training = b""
        try:
            model.generator.set_state(training["generator"])
        except RuntimeError:  # a CPU and a GPU have states of their own, so that the noise cannot be continued
            self.foreign_training = checkpoint.training
            model.generator.manual_seed(self.config.training_seed + 1_000_003 * self.step)
        # A captured graph would write to the state that was replaced.
        self.steps = steps_of(model, self.sources, captured=self.captured)


def _load(optimizer: "Optimizer", state: dict[str, Any]) -> None:
    """State of an optimiser, but not how it steps and where its rates lie, which are matters of the present device."""
    ways = [{key: group[key] for key in OF_THE_DEVICE if key in group} for group in optimizer.param_groups]
    rates = [group["lr"] for group in optimizer.param_groups]
    optimizer.load_state_dict(state)
    for group, way, rate in zip(optimizer.param_groups, ways, rates, strict=True):
        group.update(way)
        if not isinstance(rate, float):
            group["lr"] = rate.fill_(float(group["lr"]))


def evaluate_trained(config: TrialConfig) -> TrialResult:
    """The last result of a trial that was saved after its training, evaluated here, on the CPU, and saved again.

    On a CPU the result is bit-identical to that of the trial's own process, which has as many threads.

    Raises:
        FileNotFoundError: the newest checkpoint is not of the trial's last step.
    """
    folder = Folder(config.folder)
    run = TrainingRun(config, on_cpu=True)
    run.handed_over = True
    if run.restore(folder) < config.steps:
        raise FileNotFoundError(f"no checkpoint of step {config.steps} in {folder.uri}")
    result = run.advance()
    run.save(folder)
    return result
