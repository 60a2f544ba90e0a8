"""Enlarge the plan of a study."""

import os
from collections.abc import Callable, Mapping
from typing import Any

from core.mistakes import StudyError
from studies.service.driving import ROOT, to_resume
from studies.study_file.spec import StudySpec


def extend(
    name: str,
    *,
    root: str | os.PathLike[str] = ROOT,
    configurations: int | None = None,
    seeds: int | None = None,
    steps: int | None = None,
    hours: float | None = None,
) -> StudySpec:
    """Enlarge the plan of a study; what is there stays, and trials train on from their last checkpoint.

    Raises:
        StudyError: a value is smaller than it was, or nothing is enlarged.
    """
    folder = to_resume(name, root).folder
    asked = {"configurations": configurations, "seeds": seeds, "steps": steps, "hours": hours}
    given = {key: value for key, value in asked.items() if value is not None}
    if not given:
        raise StudyError("nothing to extend; give --configurations, --seeds, --steps or --hours")
    with folder.driving():
        record = folder.adopt(folder.open())
        extended, note = _enlarged(record.spec, given)
        folder.revise(record, extended, note)
    return extended


def _enlarged(spec: StudySpec, given: Mapping[str, float]) -> tuple[StudySpec, str]:
    """The specification with larger values, and a note of what changed."""
    now = {
        "configurations": spec.search.configurations,
        "seeds": spec.seeds.max,
        "steps": spec.budget.steps,
        "hours": spec.budget.hours or 0.0,
    }
    for key, value in given.items():
        if value <= now[key]:
            raise StudyError(f"{key} of study '{spec.name}' is {now[key]} already; extend it to more, not to {value}")
    data = spec.model_dump(mode="json")
    for key, value in given.items():
        _ENLARGE[key](data, value)
    return StudySpec.model_validate(data), ", ".join(f"{key}: {now[key]} → {value}" for key, value in given.items())


def _enlarge_seeds(data: dict[str, Any], seeds: float) -> None:
    data["seeds"]["max"] = seeds
    if data["seeds"]["until"] is None:
        data["seeds"]["min"] = seeds


_ENLARGE: dict[str, Callable[[dict[str, Any], Any], None]] = {
    "configurations": lambda data, value: data["search"].update(configurations=value),
    "seeds": _enlarge_seeds,
    "steps": lambda data, value: data["budget"].update(steps=value),
    "hours": lambda data, value: data["budget"].update(hours=value),
}
