"""What a study will need: its plan, hours, disk."""

import pathlib
import shutil
from typing import Any

import core.data
import trainables
from core.configuration import Configuration
from core.mistakes import StudyError
from studies.study_file.space import configure
from studies.study_file.spec import StudySpec

ADAM = 2  # tensors of the optimiser beside each weight


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


def plan(spec: StudySpec, data_root: str | None = None) -> dict[str, Any]:
    """What a study will do: trials, CPU core hours on a machine like this one, and disk for its checkpoints."""
    root = str(core.data.data_root(data_root))
    configurations = spec.num_configurations
    return {
        "study": spec.name,
        "dataset": spec.dataset_name,
        "models": ", ".join(trainables.get(model).title for model in spec.models),
        "configurations": configurations,
        "seeds": spec.seeds.min if spec.seeds.min == spec.seeds.max else f"{spec.seeds.min} to {spec.seeds.max}",
        "trials": configurations * spec.seeds.min,
        "steps": spec.budget.steps,
        "core_hours_here": round(hours_here(spec, root), 3),
        "disk_gb": round(disk_needed(spec, root) / 1e9, 3),
    }
