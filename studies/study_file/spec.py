"""What a study is: the frozen specification that a study file becomes."""

import functools
import math
import pathlib
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, model_validator

import core.data
import trainables
from core.configuration import Configuration, Extension, Precision
from core.extensions import Source
from core.formulas.costs import with_costs
from core.formulas.derived import with_derived
from core.mistakes import StudyError, nearest
from studies.study_file import space
from studies.study_file.document import Problem
from studies.study_file.space import ModelSpace
from trainables.hyperparameters import whole

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
Direction = Literal["maximize", "minimize"]
DIRECTIONS = get_args(Direction)
MOST_SEEDS = 1_000_000
SAMPLERS = ("auto", "grid", "random", "tpe", "nsga2")


Whole = Annotated[int, BeforeValidator(whole)]


class Section(BaseModel):
    """A part of a study file."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


def _sampler(value: Any) -> str | dict[str, Any]:
    if isinstance(value, dict):
        options = value.get("options") or {}
        if set(value) <= {"class", "options"} and isinstance(value.get("class"), str) and isinstance(options, dict):
            return {"class": value["class"], "options": options}
        raise ValueError("is written {class: GPSampler, options: {n_startup_trials: 20}}")
    if value not in SAMPLERS:
        raise ValueError(f"unknown sampler {value!r}; {nearest(str(value), SAMPLERS)}")
    return str(value)


class Search(Section):
    """How configurations are chosen: the sampler, how many, what to try first, what to learn from, what to avoid."""

    sampler: Annotated[Any, PlainValidator(_sampler)] = Field(
        "auto", description="auto, grid, random, tpe, nsga2, or any sampler of Optuna: {class: GPSampler, options: {…}}"
    )
    configurations: Whole = Field(20, ge=1, description="with `grid` an upper bound, by default all of its points")
    startup: Whole | None = Field(
        None,
        ge=0,
        description="configurations spread evenly before the sampler learns; by default 8 to 16, with auto and tpe",
    )
    by: Literal["mean", "expected"] | None = Field(
        None,
        description="what the sampler learns from: means over seeds, or what is expected of a configuration over all "
        "seeds; by default expected where auto chooses TPE and trials are long enough, else mean",
    )
    population: Whole = Field(50, ge=2, description="population of NSGA-II")
    points: list[dict[str, Any]] = Field(default_factory=list, description="configurations to try first")
    warm_start: list[str] = Field(default_factory=list, description="studies whose results the sampler starts from")
    where: str | None = Field(None, description="constraint on final metrics; only what meets it is on the front")


class Seeds(Section):
    """Trials of a configuration: `min`, and up to `max`, the further ones only where the front is in doubt.

    `until: std_error(mig) < 0.02` gives a configuration more as soon as it is measured, while no other dominates it by
    more than both standard errors. `until: front` gives them when the search is over, to all that may be on the front,
    until each of these has `max` or is unlikely to be on it.
    """

    min: Whole = Field(ge=1, le=MOST_SEEDS)
    max: Whole = Field(ge=1, le=MOST_SEEDS)
    until: str | None = None


class EarlyStop(Section):
    """When a configuration is stopped before its budget is spent; all its seeds stop together.

    `asha`: at each rung only the best 1/`reduction` go on. `median`: below the median of the others at the same step.
    `dominated`: at each rung, worse than another configuration in every objective. Rungs are `grace`,
    `grace · reduction`, …; a model's own warm-up is added to its grace. A `control` share of those that the rule would
    stop runs to the end, which tells what stopping costs.

    With several objectives, `asha` and `median` lost more of the front than the saved steps bought on every problem of
    the benchmark, since they look at one metric; `dominated` won a little on two of three, and lost on that where the
    best model learns late (`benchmarks/results/search.md`).
    """

    rule: Literal["asha", "median", "dominated"]
    metric: str | None = None
    grace: Whole = Field(ge=1)
    reduction: Whole = Field(3, ge=2)
    control: float = Field(0.1, ge=0.0, le=1.0)


class Budget(Section):
    """Steps of one trial, how often it is evaluated, reported and saved, and when the whole study ends."""

    steps: Whole = Field(ge=1)
    evaluate_every: Whole = Field(ge=1, description="by default only at the end")
    hours: float | None = Field(None, gt=0.0, description="wall-clock hours of the study, all drivers together")
    gpu_hours: float | None = Field(None, gt=0.0, description="GPU share times hours, over all trials")
    patience: float | None = Field(None, gt=0.0, description="seconds without a report after which a trial is hung")

    @model_validator(mode="before")
    @classmethod
    def _evaluate_at_the_end(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        steps = data.get("steps")
        legal = isinstance(steps, int | float) and steps >= 1  # else that is told, and no more
        return {"evaluate_every": steps if legal else 1, **data}


def _cpu(value: Any) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if number and (value == int(value) >= 1 or 0 < value < 1):
        return int(value) if value >= 1 else value
    raise ValueError("must be a whole number of cores, or a fraction of one")


def _gpu(value: Any) -> float | str:
    if value == "auto" or (isinstance(value, int | float) and not isinstance(value, bool) and 0.0 <= value <= 1.0):
        return value
    raise ValueError("must be a share of a GPU from 0 to 1, or auto")


class Resources(Section):
    """What one trial occupies. The GPU share applies where the cluster has GPUs; `auto` measures which one fits.

    With `stack`, so many trials share each GPU and train at the same time in one process
    (`trainables.training.together`); their own processes only evaluate, for which a fraction of a core may do.

    `precision` is in which numbers a GPU computes: `auto` is `tf32`; `bf16` falls back to it where a model's losses
    leave those of float32 (`trainables.training.run`).
    """

    cpu: Annotated[Any, PlainValidator(_cpu)] = 1
    gpu: Annotated[Any, PlainValidator(_gpu)] = 0.0
    stack: Whole = Field(1, ge=1, le=256)
    precision: Precision = "auto"

    @property
    def threads(self) -> int:
        """Threads of a trial's process."""
        return max(1, int(self.cpu))

    def cores(self, share: float) -> float:
        """Cores of a trial with a GPU share; one that trains on the CPU has whole ones."""
        return float(self.cpu if share else self.threads)


class Metrics(Section):
    """Requests such as `mig` or `factor_vae_score/fast`, computed at every evaluation and at the end."""

    during: list[str] = Field(default_factory=list)
    final: list[str] = Field(default_factory=list)


class OwnModel(Section):
    """What is known of a model of an extension where its code is not: its title, and the points of its space."""

    title: str
    points: int | None = Field(None, description="configurations that the study could try; null: no end of them")


class OwnCode(Section):
    """An extension, as a study remembers it: reading the study needs no more than this, and runs nothing.

    `source` is the file or package where it was found; `models` and `directions` (by result key) are those that it
    defines.
    """

    module: str
    sha256: str
    source: str
    models: dict[str, OwnModel] = Field(default_factory=dict)
    directions: dict[str, Direction | None] = Field(default_factory=dict)

    @property
    def identity(self) -> Extension:
        """By which a process knows it."""
        return Extension(self.module, self.sha256)

    def at_source(self) -> Source | None:
        """What is there now, where it was found; None where that is not on this machine."""
        path = pathlib.Path(self.source)
        return Source(self.module, path) if path.exists() else None


class StudySpec(BaseModel):
    """Everything a study is; see `studies/quickstart.yaml` for how it is written."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    name: str
    dataset: Any
    seeds: Seeds
    seed: int
    models: dict[str, dict[str, Any]]
    defaults: dict[str, Any]
    search: Search
    objectives: dict[str, Direction]
    budget: Budget
    metrics: Metrics
    resources: Resources
    early_stop: EarlyStop | None
    retention: Literal["last", "front"]
    paper: str | None = None
    extensions: list[OwnCode] = Field(default_factory=list)
    derived: dict[str, str] = Field(default_factory=dict, description="results computed from others, by name")
    costs: list[str] = Field(default_factory=list, description="costs that are results (core/formulas/costs.py)")

    @functools.cached_property
    def spaces(self) -> dict[str, ModelSpace]:
        """The search space of every model, the study's defaults included."""
        return {name: self._space(name) for name in self.models}

    @property
    def dataset_name(self) -> str:
        """Name of the data set, without its options."""
        return core.data.dataset_name(self.dataset)

    def results(
        self, metrics: Mapping[str, float], configuration: Configuration, ledger: Mapping[str, Any]
    ) -> dict[str, float]:
        """What metrics gave a trial of a configuration, with the study's costs, and what is derived from both."""
        paid = with_costs(metrics, self.costs, configuration.hyperparameters, ledger)
        return with_derived(paid, self.derived)

    @property
    def grid_size(self) -> int:
        """Points of a grid over all models."""
        return sum(each.grid_size for each in self.spaces.values())

    @functools.cached_property
    def num_configurations(self) -> int:
        """Configurations that the search will try: as asked, or as many as there are.

        Of a model of an extension it is remembered, since its code may not be here; one of this repository that is gone
        since limits nothing.
        """
        remembered = {name: each for code in self.extensions for name, each in code.models.items()}
        points = 0.0
        for name in self.models:
            own = remembered.get(name)
            if own is None:
                points += math.inf if trainables.known(name) is None else self.points(name)
            else:
                points += math.inf if own.points is None else own.points
        return int(min(self.search.configurations, points))

    def points(self, model: str) -> float:
        """Different configurations of a model that the search could try; infinite with a real-valued range."""
        space = self._space(model)
        return space.grid_size if self.search.sampler == "grid" else space.size

    def _space(self, model: str) -> ModelSpace:
        """The search space of a model, the study's defaults included. Raises StudyError: it is legal no more."""
        space, problems = model_space(model, self.models[model], self.defaults)
        if space is None:
            raise StudyError(f"study '{self.name}' was made by another version: '{model}': {problems[0].message}")
        return space


def model_space(
    name: str, raw: Mapping[str, Any], defaults: Mapping[str, Any]
) -> tuple[ModelSpace | None, list[Problem]]:
    """The search space of a model with the study's defaults filled in, or what is wrong with it."""
    fields = trainables.get(name).Hyperparameters.model_fields
    shared = {key: value for key, value in defaults.items() if key in fields and key not in raw}
    parsed, problems = space.parse(name, {**shared, **raw}, ("models", name))
    relocated = [
        Problem(("defaults", *each.path[2:]), each.message) if each.path[2:3] and each.path[2] in shared else each
        for each in problems
    ]
    return parsed, relocated


def difference(old: StudySpec, new: StudySpec) -> list[str]:
    """What differs between two specifications: `key: old → new`; of extensions only which there are."""
    before, after = (
        _flatten({**each.model_dump(mode="json"), "extensions": [code.module for code in each.extensions]})
        for each in (old, new)
    )
    keys = dict.fromkeys([*before, *after])
    return [
        f"{key}: {before.get(key, 'absent')} → {after.get(key, 'absent')}"
        for key in keys
        if before.get(key) != after.get(key)
    ]


def _flatten(value: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(value, dict):
        return {prefix: value}
    flat: dict[str, Any] = {}
    for key, inner in value.items():
        flat |= _flatten(inner, f"{prefix}.{key}" if prefix else str(key))
    return flat
