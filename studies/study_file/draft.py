"""A study file as far as it can be read: what the checks look at."""

import dataclasses
import functools
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from core.data import DatasetInfo
from core.mistakes import nearest
from studies.study_file.checks.costs import legal_costs
from studies.study_file.document import Problem
from studies.study_file.own_code import read_extensions
from studies.study_file.sections import (
    default_objectives,
    model_fault,
    read_costs,
    read_count,
    read_dataset,
    read_derived,
    read_mapping,
    read_name,
    read_paper,
    read_retention,
    read_section,
    read_seeds,
)
from studies.study_file.spec import MOST_SEEDS, Budget, EarlyStop, Metrics, OwnCode, Resources, Search, Seeds, StudySpec

T = TypeVar("T")
HERE = pathlib.Path()
KEYS = tuple(StudySpec.model_fields)


@dataclasses.dataclass(frozen=True)
class Draft:
    """The keys of a study file, typed where they could be read; None where not.

    Attributes:
        dataset: as written.
        info: what is known of the data set; None where there is none such.
        extensions: that were found and run; they are active.
        written_models: the section `models` as written, with what is no model.
        objectives: as written, or those of the data set.
        derived: names and expressions that can be read.
        written_derived: all names in the section, also of those that cannot.
        costs: as written; what else is named comes to it.
    """

    name: str | None
    dataset: Any
    info: DatasetInfo | None
    seeds: Seeds | None
    seed: int
    defaults: Mapping[str, Any]
    search: Search | None
    budget: Budget | None
    resources: Resources | None
    metrics: Metrics | None
    early_stop: EarlyStop | None
    retention: str
    paper: str | None
    extensions: list[OwnCode]
    written_models: Mapping[Any, Any]
    objectives: Any
    derived: Mapping[str, str]
    written_derived: frozenset[str]
    costs: list[str]

    @functools.cached_property
    def models(self) -> dict[str, dict[str, Any]]:
        """The models that exist, with their hyperparameters as written."""
        written = self.written_models.items()
        return {name: given or {} for name, given in written if model_fault(name, given) is None}

    @functools.cached_property
    def legal_costs(self) -> list[str]:
        """What may be named beside results of metrics."""
        return legal_costs(self.models)


def read_draft(
    data: Mapping[str, Any], data_root: str | None, folder: pathlib.Path = HERE
) -> tuple[Draft, list[Problem]]:
    """Read all sections, and say what is wrong with the way they are written, in this order.

    Args:
        data: the study file.
        data_root: directory of data sets.
        folder: that paths of extensions are relative to.
    """
    problems = list(unknown_keys(data))

    def take(reading: tuple[T, list[Problem]]) -> T:
        value, found = reading
        problems.extend(found)
        return value

    extensions = take(read_extensions(data, folder))  # before all that may name what they define
    name, info = take(read_name(data)), take(read_dataset(data, data_root))
    draft = Draft(
        extensions=extensions,
        name=name,
        dataset=data.get("dataset"),
        info=info,
        seeds=take(read_seeds(data)),
        seed=take(read_count(data, "seed", 0, at_least=0, at_most=2**63 - 1 - MOST_SEEDS)),
        defaults=take(read_mapping(data, "defaults")),
        search=take(read_section(data, "search", Search)),
        budget=take(read_section(data, "budget", Budget, required=True)),
        resources=take(read_section(data, "resources", Resources)),
        metrics=take(read_section(data, "metrics", Metrics)),
        early_stop=take(read_section(data, "early_stop", EarlyStop, required=True)) if "early_stop" in data else None,
        retention=take(read_retention(data)),
        paper=take(read_paper(data)),
        written_models=take(read_mapping(data, "models", required=True)),
        objectives=data.get("objectives", default_objectives(info)),
        derived=take(read_derived(data)),
        written_derived=frozenset(map(str, data["derived"])) if isinstance(data.get("derived"), dict) else frozenset(),
        costs=take(read_costs(data)),
    )
    return draft, problems


def unknown_keys(data: Mapping[Any, Any]) -> Iterator[Problem]:
    """All keys of a study file are fields of `StudySpec`; what begins with `x-` is the user's, such as anchors."""
    for key in data:
        if key not in KEYS and not str(key).startswith("x-"):
            yield Problem((str(key),), f"unknown key; {nearest(str(key), KEYS)}")
