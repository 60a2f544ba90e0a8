"""Rules on models and their search spaces."""

from collections.abc import Iterator
from typing import Any

import trainables
from core.data import IMAGE_SIZES, DatasetInfo
from core.mistakes import nearest
from studies.study_file.document import Problem
from studies.study_file.draft import Draft
from studies.study_file.sections import model_fault
from studies.study_file.space import ModelSpace, Range, extremes
from studies.study_file.spec import model_space


def check_models(study: Draft) -> list[Problem]:
    """Every model exists, and what it searches is legal.

    A mistake in `defaults` is found with each model that has the hyperparameter, and told once.
    """
    found = [problem for name, given in study.written_models.items() for problem in check_model(name, given, study)]
    return list(dict.fromkeys(found))


def check_model(name: Any, hyperparameters: Any, study: Draft) -> Iterator[Problem]:
    """A model exists, and its search space is legal, has points for a grid, and can be trained on the data set."""
    fault = model_fault(name, hyperparameters)
    if fault:
        yield Problem(("models", str(name)), fault)
        return
    space, problems = model_space(name, hyperparameters or {}, study.defaults)
    yield from problems
    if space is None:
        return
    if study.search and study.search.sampler == "grid":
        yield from check_grid(space)
    if study.info:
        yield from check_trainable(space, study.info)


def check_grid(space: ModelSpace) -> Iterator[Problem]:
    """For a grid, every range says how many of its points are tried."""
    for name, parameter in space.parameters.items():
        if isinstance(parameter, Range) and parameter.num is None:
            message = "a grid needs the number of points: add 'num: 5' to the range"
            yield Problem(("models", space.model, name), message)


def check_trainable(space: ModelSpace, info: DatasetInfo) -> Iterator[Problem]:
    """The model can be trained on the data set, with every extreme of every hyperparameter."""
    _, height, width = info.image_shape
    if trainables.get(space.model).learns and (height != width or height not in IMAGE_SIZES):
        sizes = ", ".join(map(str, IMAGE_SIZES))
        message = f"images of '{info.name}' are {height}×{width}, and there are networks for squares of {sizes} pixels"
        yield Problem(("dataset",), message)
        return
    kind = trainables.get(space.model).Hyperparameters
    first = {name: parameter.points()[0] for name, parameter in space.parameters.items()}
    refusals: dict[str, str] = {}  # and the hyperparameter that brings it about; '' where it is the model itself
    for name, values in [("", first), *extremes(space.parameters)]:
        refusal = kind(**values).refuse(info)
        if refusal:
            refusals.setdefault(refusal, name)
    for refusal, name in refusals.items():
        yield Problem(("models", space.model, name) if name else ("models", space.model), refusal)


def check_defaults(study: Draft) -> Iterator[Problem]:
    """A default is for a hyperparameter that at least one model of the study has."""
    if not study.models:
        return
    existing = [name for name in study.written_models if name in trainables.names()]
    known = sorted({field for name in existing for field in trainables.get(name).Hyperparameters.model_fields})
    for key in study.defaults:
        if key not in known:
            yield Problem(("defaults", str(key)), f"no model of this study has it; {nearest(str(key), known)}")
