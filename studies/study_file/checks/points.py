"""Rules on `search.points`: the configurations to try first."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from core.mistakes import nearest
from studies.study_file.document import Problem
from studies.study_file.space import configure
from studies.study_file.spec import Search


def check_points(search: Search, models: Mapping[str, Mapping[str, Any]]) -> Iterator[Problem]:
    """Every point names a model of the study, has legal values, and only hyperparameters that are searched."""
    for index, point in enumerate(search.points):
        for message in point_faults(point, models):
            yield Problem(("search", "points", index), message)


def point_faults(point: Mapping[str, Any], models: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """What is wrong with a point; a study with one model need not name it."""
    model = point.get("model", next(iter(models)) if len(models) == 1 else None)
    if not isinstance(model, str) or model not in models:
        yield f"names no model of this study; {nearest(str(model), models)}"
        return
    values = {key: value for key, value in point.items() if key != "model"}
    try:
        configure(model, values)
    except ValidationError as error:
        yield f"is not legal: {error.errors()[0]['msg']}"
    for key in values:
        if not isinstance(models[model].get(key), dict | list):
            yield f"'{key}' is not searched in this study; {nearest(key, models[model])}"
