"""The key `extensions` of a study file: code of the user's own, found, run, and looked at."""

import math
import pathlib
from collections.abc import Mapping
from typing import Any

import core.data
import core.data.registry
import core.metrics.registry
import trainables
from core import extensions
from core.extensions import Source
from core.mistakes import ExtensionError
from studies.study_file.document import Problem
from studies.study_file.spec import OwnCode, OwnModel, StudySpec
from trainables.labels import labellers

HERE = pathlib.Path()


def read_extensions(data: Mapping[str, Any], folder: pathlib.Path = HERE) -> tuple[list[OwnCode], list[Problem]]:
    """Run what a study file lists, so that its models, metrics, data sets and labellers are known, and no others.

    Args:
        data: the study file; an entry is a path relative to `folder`, a module, or what a study remembers of one.
        folder: of the study file.
    """
    entries = data.get("extensions") or []
    if isinstance(entries, str):
        entries = [entries]
    if not isinstance(entries, list):
        return [], [Problem(("extensions",), f"is a list of files and modules, not {entries!r}")]
    found: list[OwnCode] = []
    problems: list[Problem] = []
    try:
        extensions.use(())
    except ExtensionError as error:  # of an installed package
        return [], [Problem((), str(error))]
    for index, entry in enumerate(entries):
        try:
            found.append(_read(entry, folder, found))
        except ExtensionError as error:
            problems.append(Problem(("extensions", index), str(error)))
            extensions.activate([each.identity for each in found])
    return found, problems


def _read(entry: Any, folder: pathlib.Path, before: list[OwnCode]) -> OwnCode:
    """Run one extension and look at what it defines."""
    if isinstance(entry, Mapping) and {"module", "source"} <= set(entry):
        source = Source(str(entry["module"]), pathlib.Path(str(entry["source"])))
    elif isinstance(entry, str) and entry:
        source = extensions.find(entry, folder)
    else:
        raise ExtensionError(f"is a file or a module, not {entry!r}")
    for each in before:
        if each.module.partition(".")[0] == source.top:
            raise ExtensionError(f"{source.path}: there is an extension '{source.top}' already; rename one of the two")
    identity = extensions.load(source)
    extensions.activate([*(each.identity for each in before), identity])
    models = trainables.of_extension(identity)
    metrics = core.metrics.registry.of_extension(identity)
    others = [*core.data.registry.of_extension(identity), *labellers.of_extension(identity)]
    if not models and not metrics and not others:
        raise ExtensionError(f"{source.path} defines no model, metric, data set or labeller")
    return OwnCode(
        module=source.module,
        sha256=identity.sha256,
        source=str(source.path),
        models={each.name: OwnModel(title=each.title) for each in models},
        directions={key: direction for metric in metrics for key, direction in metric.directions.items()},
    )


def with_points(spec: StudySpec) -> StudySpec:
    """A specification that remembers how many configurations there are of the models of its extensions."""
    codes = []
    for code in spec.extensions:
        models = dict(code.models)
        for name in models.keys() & spec.models.keys():
            points = spec.points(name)
            models[name] = OwnModel(title=models[name].title, points=None if math.isinf(points) else int(points))
        codes.append(code.model_copy(update={"models": models}))
    return StudySpec(**{**dict(spec), "extensions": codes})
