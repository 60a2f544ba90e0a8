"""What a study will need: its plan, hours, disk."""

import contextlib
import dataclasses
import importlib.metadata
import inspect
import json
import math
import pathlib
import platform
import shutil
from collections.abc import Callable
from typing import Any

import core.data
import trainables
from analysis.statistics.gain import sampler_name
from core.configuration import Configuration
from core.files import write_whole
from core.machine import granted_cores
from core.mistakes import StudyError
from studies.study_file import auto
from studies.study_file.space import Fixed, configure
from studies.study_file.spec import StudySpec

ADAM = 2  # tensors of the optimiser beside each weight
KEPT_TIMES, KEPT_SIZES = "step_seconds.json", "saved_bytes.json"  # beside the caches of data sets


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

    def measure(configuration: Configuration, info: core.data.DatasetInfo) -> int:
        from trainables.training.cost import saved_bytes

        return saved_bytes(configuration, info)

    most = int(max(_remembered(KEPT_SIZES, spec, data_root, measure)))
    return most * (1 + ADAM) * spec.num_configurations * spec.seeds.max


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

    def measure(configuration: Configuration, info: core.data.DatasetInfo) -> float:
        from core.runtime import configure_process
        from trainables.training.cost import step_seconds

        configure_process(1)
        return step_seconds(configuration, info)

    seconds = _remembered(KEPT_TIMES, spec, data_root, measure)
    mean = sum(seconds) / len(seconds)
    return mean * spec.budget.steps * spec.num_configurations * spec.seeds.min / 3600


def _remembered(
    name: str,
    spec: StudySpec,
    data_root: str,
    measure: Callable[[Configuration, core.data.DatasetInfo], float],
) -> list[float]:
    """What was measured of the largest configuration of every model, here or before.

    It is kept in a file beside the caches of data sets, and taken from there while machine, model and PyTorch are the
    same.
    """
    info = core.data.describe(spec.dataset, data_root)
    file = core.data.cache_folder(data_root) / name
    known = _read(file)
    measured = {_origin(each, info): each for each in (largest(spec, model) for model in spec.models)}
    unknown = {key: configuration for key, configuration in measured.items() if key not in known}
    if unknown:
        known |= {key: measure(configuration, info) for key, configuration in unknown.items()}
        with contextlib.suppress(OSError):  # of a folder that cannot be written, they are measured again
            file.parent.mkdir(parents=True, exist_ok=True)
            write_whole(file, json.dumps(known, indent=1))
    return [known[key] for key in measured]


def _read(file: pathlib.Path) -> dict[str, float]:
    """Numbers by what they were measured of."""
    try:
        return {str(key): float(value) for key, value in json.loads(file.read_text()).items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _origin(configuration: Configuration, info: core.data.DatasetInfo) -> str:
    """All that the time of a step and the size of a model depend on, as a text."""
    source = pathlib.Path(inspect.getfile(trainables.get(configuration.model)))
    versions = [importlib.metadata.version("torch"), source.stat().st_mtime_ns, platform.node()]
    return json.dumps([*versions, dataclasses.asdict(configuration), info.image_shape, info.factor_sizes])


@dataclasses.dataclass(frozen=True)
class Pace:
    """How long the training of a study takes on this machine's processor; evaluations come on top.

    Attributes:
        core_hours: of one core.
        slots: trials that train at the same time.
        hours: from the first trial to the last.
        trials: that end before the study's own `budget.hours` are over.
    """

    core_hours: float
    slots: int
    hours: float
    trials: int


def pace(spec: StudySpec, data_root: str, slots: int | None = None, speed: float = 1.0) -> Pace:
    """How long a study takes on this machine's processor, as far as can be told before it runs; or elsewhere.

    Args:
        spec: of the study.
        data_root: directory of data sets.
        slots: trials that train at the same time; default as many as this machine's cores take.
        speed: of a step there, as a multiple of one on a core of this machine.
    """
    core_hours, planned = hours_here(spec, data_root), spec.num_configurations * spec.seeds.min
    slots = max(1, min(slots or granted_cores().amount // spec.resources.threads, planned))
    rounds = math.ceil(planned / slots)
    hours = core_hours / planned * rounds / speed
    limit = spec.budget.hours
    trials = planned if limit is None or hours <= limit else int(limit / hours * rounds) * slots
    return Pace(core_hours, slots, hours, trials)


def searched(spec: StudySpec) -> dict[str, dict[str, str]]:
    """The search space by model: what is no fixed value, as a text."""
    return {
        model: {
            name: parameter.described
            for name, parameter in space.parameters.items()
            if not isinstance(parameter, Fixed)
        }
        for model, space in spec.spaces.items()
    }


def plan(
    spec: StudySpec, data_root: str | None = None, slots: int | None = None, speed: float | None = None
) -> dict[str, Any]:
    """What a study will do: trials, search space, time on a machine like this one, and disk for its checkpoints.

    With `slots` or `speed`, of which nothing is measured here, also how long it takes where these hold.
    """
    root = str(core.data.data_root(data_root))
    configurations, lacks = spec.num_configurations, auto.missing(spec)
    here = pace(spec, root)
    there = None if slots is None and speed is None else pace(spec, root, slots, speed or 1.0)
    return {
        "study": spec.name,
        "dataset": spec.dataset_name,
        "models": ", ".join(trainables.get(model).title for model in spec.models),
        "space": searched(spec),
        "configurations": configurations,
        "sampler": sampler_name(spec.search.sampler),
        "learns_from": spec.search.by,
        "front_lacks_percent": lacks and [round(each, 1) for each in lacks],
        "front_claims_percent": lacks and [round(each, 1) for each in auto.claimed(spec)],
        "expected_front_claims_percent": lacks and [round(each, 1) for each in auto.claimed(spec, expected=True)],
        "seeds": spec.seeds.min if spec.seeds.min == spec.seeds.max else f"{spec.seeds.min} to {spec.seeds.max}",
        "trials": configurations * spec.seeds.min,
        "steps": spec.budget.steps,
        "objectives": ", ".join(f"{key} ({direction})" for key, direction in spec.objectives.items()),
        "core_hours_here": round(here.core_hours, 3),
        "cores_here": granted_cores().amount,
        "hours_here": round(here.hours, 3),
        "hours_at_most": spec.budget.hours,
        "trials_within_hours": here.trials,
        "elsewhere": there
        and {"slots": there.slots, "speed": speed or 1.0, "hours": round(there.hours, 3), "trials": there.trials},
        "disk_gb": round(disk_needed(spec, root) / 1e9, 3),
    }
