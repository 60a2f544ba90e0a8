"""What a study has spent, and what it will need: hours, GPU-hours, disk."""

import pathlib
import shutil
import time
from typing import Any

import core.data
import trainables
from core.configuration import Configuration
from core.record import journal
from studies.space import configure
from studies.spec import StudySpec
from studies.state import StudyState
from studies.study_file import StudyError

ADAM = 2  # tensors of the optimiser beside each weight


class Spent:
    """Whether the study's own budget is used up: wall-clock hours over all drivers, and GPU-hours over all trials."""

    def __init__(self, spec: StudySpec, state: StudyState, seconds_before: float) -> None:
        self._budget = spec.budget
        self._state = state
        self._before = seconds_before
        self._began = time.monotonic()

    def __call__(self) -> bool:
        """True once nothing more may be started."""
        hours, gpu_hours = self._budget.hours, self._budget.gpu_hours
        if hours is not None and self._before + time.monotonic() - self._began >= 3600 * hours:
            return True
        return gpu_hours is not None and sum(t.gpu_seconds for t in self._state.trials()) >= 3600 * gpu_hours


def seconds_driven(folder: pathlib.Path) -> float:
    """Seconds that earlier drivers were at work, by the times in the journal."""
    total, began, last = 0.0, None, None
    for _, event in journal.read(folder):
        if event["type"] == "session":
            total += (last - began) if began is not None and last is not None else 0.0
            began = event["time"]
        last = event["time"]
    return total + ((last - began) if began is not None and last is not None else 0.0)


def largest(spec: StudySpec, model: str) -> Configuration:
    """The configuration of a model that needs most memory: the last point of every range, the widest choice."""
    widths = ("tiny", "small", "full", "mlp", "wide")
    values: dict[str, Any] = {}
    for name, parameter in spec.spaces[model].parameters.items():
        points = parameter.points()
        values[name] = max(points, key=widths.index) if name == "network" else points[-1]
        if name in ("batch_size", "num_latents"):
            values[name] = max(points)
    return configure(model, values)


def disk_needed(spec: StudySpec, data_root: str) -> int:
    """Bytes of all checkpoints of the plan: weights and optimiser state of the last one of every trial."""
    info = core.data.describe(spec.dataset, data_root)
    sizes = [0]
    for name in spec.models:
        if not trainables.get(name).learns:
            continue  # a simulation has no weights, and no need of PyTorch
        from trainables.training.loading import build_model

        model = build_model(largest(spec, name), info)
        sizes.append(sum(tensor.numel() * tensor.element_size() for tensor in model.state_dict().values()))
    return max(sizes) * (1 + ADAM) * spec.num_configurations * spec.seeds.max


def require_disk(spec: StudySpec, data_root: str, checkpoints: str) -> None:
    """Refuse a study whose checkpoints cannot fit on this machine's disk.

    Raises:
        StudyError: with what is needed and what is free.
    """
    if "://" in checkpoints:
        return
    place = pathlib.Path(checkpoints)
    while not place.exists():
        place = place.parent
    free, needed = shutil.disk_usage(place).free, disk_needed(spec, data_root)
    if needed > free:
        raise StudyError(
            f"the checkpoints of study '{spec.name}' need {needed / 1e9:.1f} GB, and {place} has {free / 1e9:.1f} GB; "
            "lower configurations or seeds, or give another place with --storage"
        )


def hours_here(spec: StudySpec, data_root: str) -> float:
    """CPU core hours of training on a machine like this one: a few steps of every model, timed on noise."""
    from core.runtime import configure_process
    from trainables.training.cost import step_seconds

    configure_process(1)
    info = core.data.describe(spec.dataset, data_root)
    seconds = [step_seconds(largest(spec, name), info) for name in spec.models]
    mean = sum(seconds) / max(1, len(seconds))
    return mean * spec.budget.steps * spec.num_configurations * spec.seeds.min / 3600
