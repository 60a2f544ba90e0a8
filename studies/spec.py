"""A study file as a validated, frozen specification; all mistakes are found at once."""

import difflib
import hashlib
import json
import os
import re
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

import core.data
import core.metrics
import trainables
from studies import space
from studies.space import Choice, ModelSpace, Range
from studies.study_file import Document, Path, Problem, StudyFileError

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
Direction = Literal["maximize", "minimize"]
SAMPLERS = ("grid", "random", "tpe", "nsga2")


class Section(BaseModel):
    """A part of a study file."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


class Search(Section):
    """How configurations are chosen: the sampler, and how many."""

    sampler: Literal["grid", "random", "tpe", "nsga2"] = "tpe"
    configurations: int = Field(20, ge=1, description="with `grid`, an upper bound")
    startup: int = Field(10, ge=1, description="configurations drawn at random before TPE starts to learn")
    population: int = Field(50, ge=2, description="population of NSGA-II")


class Budget(Section):
    """Steps of one trial, and how often it is evaluated, reported and saved."""

    steps: int = Field(ge=1)
    evaluate_every: int = Field(ge=1)


class Resources(Section):
    """What one trial occupies. The GPU share applies where the cluster has GPUs."""

    cpu: int = Field(1, ge=1)
    gpu: float = Field(0.0, ge=0.0, le=1.0)


class Metrics(Section):
    """Requests such as `mig` or `factor_vae_score/fast`, computed at every evaluation and at the end."""

    during: list[str] = Field(default_factory=list)
    final: list[str] = Field(default_factory=list)


class StudySpec(BaseModel):
    """Everything a study is; see `studies/quickstart.yaml` for how it is written."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    name: str
    dataset: Any
    seeds: int
    seed: int
    models: dict[str, dict[str, Any]]
    defaults: dict[str, Any]
    search: Search
    objectives: dict[str, Direction]
    budget: Budget
    metrics: Metrics
    resources: Resources

    @property
    def spaces(self) -> dict[str, ModelSpace]:
        """The search space of every model, the study's defaults included."""
        return {name: _model_space(name, raw, self.defaults)[0] for name, raw in self.models.items()}  # type: ignore[misc]

    @property
    def dataset_name(self) -> str:
        """Name of the data set, without its options."""
        return str(self.dataset["name"] if isinstance(self.dataset, dict) else self.dataset)

    @property
    def num_configurations(self) -> int:
        """Configurations that the search will try: as asked, or as many as there are."""
        if self.search.sampler == "grid":
            return min(self.search.configurations, sum(len(list(each.grid())) for each in self.spaces.values()))
        return int(min(self.search.configurations, sum(each.size for each in self.spaces.values())))

    @property
    def fingerprint(self) -> str:
        """Hash of what may never change in a study: all but configurations, seeds, steps and resources."""
        data = self.model_dump(mode="json", exclude={"seeds", "resources"})
        data["search"].pop("configurations")
        data["budget"].pop("steps")
        return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()[:12]


KEYS = tuple(StudySpec.model_fields)


def validate(document: Document, *, data_root: str | None = None) -> StudySpec:
    """Check a whole study file.

    Raises:
        StudyFileError: with every mistake found, and its line.
    """
    checker = _Checker(document, data_root)
    spec = checker.check()
    if checker.problems or spec is None:
        raise document.fail(checker.problems)
    return spec


class _Checker:
    def __init__(self, document: Document, data_root: str | None) -> None:
        self.data = document.data
        self.data_root = data_root
        self.problems: list[Problem] = []

    def problem(self, path: Path, message: str) -> None:
        self.problems.append(Problem(path, message))

    def check(self) -> StudySpec | None:
        for key in self.data:
            if key not in KEYS:
                self.problem((str(key),), f"unknown key; {nearest(str(key), KEYS)}")
        values: dict[str, Any] = {
            "name": self._name(),
            "dataset": self._dataset(),
            "seeds": self._count("seeds", 1, at_least=1),
            "seed": self._count("seed", 0, at_least=0),
            "defaults": self._mapping("defaults", {}),
            "search": self._section("search", Search, {}),
            "budget": self._section("budget", Budget, None),
            "resources": self._section("resources", Resources, {}),
            "metrics": self._section("metrics", Metrics, {}),
        }
        values["models"] = self._models(values["defaults"] or {}, values["search"])
        values["objectives"] = self._objectives()
        self._budget(values["budget"])
        self._resources(values["resources"])
        values["metrics"] = self._metrics(values["metrics"], values["objectives"] or {}, values["models"] or {})
        if self.problems:
            return None
        return StudySpec(**values)

    def _name(self) -> str | None:
        name = self.data.get("name")
        if name is None:
            self.problem(("name",), "a study needs a name, such as 'name: my-study'")
        elif not isinstance(name, str) or not NAME.fullmatch(name):
            self.problem(("name",), f"{name!r} is not a name: letters, digits, '.', '_' and '-', at most 100, no path")
        return name if isinstance(name, str) else None

    def _dataset(self) -> Any:
        dataset = self.data.get("dataset")
        if dataset is None:
            self.problem(("dataset",), f"a study needs a data set, such as 'dataset: {core.data.names()[0]}'")
            return None
        try:
            self.info = core.data.describe(dataset, self.data_root)
        except core.data.DataError as error:
            self.problem(("dataset",), str(error))
        return dataset

    def _count(self, key: str, default: int, *, at_least: int) -> int:
        value = self.data.get(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or value < at_least:
            self.problem((key,), f"must be a whole number, at least {at_least}, not {value!r}")
            return default
        return value

    def _mapping(self, key: str, default: dict[str, Any] | None) -> dict[str, Any] | None:
        value = self.data.get(key, default)
        if not isinstance(value, dict) or (not value and default is None):
            self.problem((key,), f"must be a mapping with at least one entry, not {value!r}")
            return default
        return value

    def _section(self, key: str, kind: type[Section], default: dict[str, Any] | None) -> Any:
        raw = self._mapping(key, default)
        if raw is None:
            return None
        try:
            return TypeAdapter(kind).validate_python(raw)
        except ValidationError as error:
            for detail in error.errors():
                path = (key, *detail["loc"])
                if detail["type"] == "extra_forbidden":
                    self.problem(path, f"unknown key; {nearest(str(detail['loc'][-1]), kind.model_fields)}")
                elif detail["type"] == "missing":
                    self.problem(path, "is missing")
                elif detail["loc"] == ("sampler",):
                    self.problem(
                        path, f"unknown sampler {detail['input']!r}; {nearest(str(detail['input']), SAMPLERS)}"
                    )
                else:
                    text = detail["msg"].removeprefix("Input ").replace("should be", "must be")
                    self.problem(path, f"{detail['input']!r} is not possible: it {text}")
            return None

    def _models(self, defaults: dict[str, Any], search: Search | None) -> dict[str, dict[str, Any]] | None:
        raw = self._mapping("models", None)
        if raw is None:
            return None
        models: dict[str, dict[str, Any]] = {}
        known: set[str] = set()
        for name, parameters in raw.items():
            path = ("models", str(name))
            if name not in trainables.names():
                self.problem(path, f"unknown model; {nearest(str(name), trainables.names())}")
                continue
            known |= set(trainables.get(name).Hyperparameters.model_fields)
            if parameters is not None and not isinstance(parameters, dict):
                self.problem(path, f"must be a mapping of hyperparameters, not {parameters!r}")
                continue
            models[name] = parameters or {}
            parsed, problems = _model_space(name, models[name], defaults)
            self.problems += [each for each in problems if each not in self.problems]
            if parsed is not None:
                self._grid_points(parsed, search, path)
                self._suits(parsed, path)
        for key in defaults:
            if models and key not in known:
                self.problem(
                    ("defaults", str(key)), f"no model of this study has it; {nearest(str(key), sorted(known))}"
                )
        return models

    def _grid_points(self, parsed: ModelSpace, search: Search | None, path: Path) -> None:
        if search is None or search.sampler != "grid":
            return
        for name, parameter in parsed.parameters.items():
            if isinstance(parameter, Range) and parameter.num is None:
                self.problem((*path, name), "a grid needs the number of points: add 'num: 5' to the range")

    def _suits(self, parsed: ModelSpace, path: Path) -> None:
        if not hasattr(self, "info"):
            return
        first = {name: parameter.points()[0] for name, parameter in parsed.parameters.items()}
        refusal = trainables.get(parsed.model).Hyperparameters(**first).refuse(self.info)
        if refusal:
            self.problem(path, refusal)

    def _objectives(self) -> dict[str, Direction] | None:
        raw = self.data.get("objectives")
        if not isinstance(raw, dict) or not raw:
            example = "{factor_vae_score: maximize, reconstruction_error: minimize}"
            self.problem(("objectives",), f"a study needs at least one objective, such as {example}")
            return None
        for key, direction in raw.items():
            path = ("objectives", str(key))
            if direction not in ("maximize", "minimize"):
                self.problem(path, f"the direction is 'maximize' or 'minimize', not {direction!r}")
                continue
            try:
                metric, _ = core.metrics.find_key(str(key))
            except core.metrics.MetricError as error:
                self.problem(path, str(error))
                continue
            natural = metric.directions.get(str(key).partition("/")[0])
            if natural is not None and natural != direction:
                self.problem(path, f"better values of this metric are found by '{natural}'")
        return dict(raw)

    def _budget(self, budget: Budget | None) -> None:
        if budget and budget.evaluate_every > budget.steps:
            self.problem(
                ("budget", "evaluate_every"),
                f"{budget.evaluate_every} is more than the {budget.steps} steps of a trial",
            )

    def _resources(self, resources: Resources | None) -> None:
        if resources is None:
            return
        if resources.gpu and abs(1 / resources.gpu - round(1 / resources.gpu)) > 1e-6:
            self.problem(
                ("resources", "gpu"),
                f"a share of {resources.gpu} does not divide a GPU; take 1, 0.5, 0.25, 0.2, 0.125, …",
            )

    def _metrics(self, given: Metrics | None, objectives: Mapping[str, str], models: Mapping[str, Any]) -> Any:
        """Complete the requests with those that the objectives need, and check that all can be served."""
        if given is None:
            return None
        final = list(given.final)
        for key in objectives:
            try:
                metric, protocol = core.metrics.find_key(key)
            except core.metrics.MetricError:
                continue
            request = f"{metric.name}/{protocol}" if "/" in key else metric.name
            if request not in final:
                final.append(request)
        metrics = Metrics(during=list(given.during), final=final)
        for stage, requests in (("during", metrics.during), ("final", metrics.final)):
            for index, request in enumerate(requests):
                self._serve(("metrics", stage, index), request, models)
        return metrics

    def _serve(self, path: Path, request: str, models: Mapping[str, Any]) -> None:
        from trainables.evaluation import available_inputs, inputs_for

        try:
            metric, _, _ = core.metrics.parse(request)
        except core.metrics.MetricError as error:
            self.problem(path, str(error))
            return
        if not hasattr(self, "info"):
            return
        for model in models:
            if not hasattr(trainables.get(model), "serves") or model == "simulated":
                continue
            if metric.needs_factors and not self.info.has_factors:
                self.problem(path, f"'{request}' needs ground-truth factors, which '{self.info.name}' does not have")
                return
            try:
                inputs_for(request, available_inputs(trainables.get(model), self.info.has_factors))
            except core.metrics.MetricError as error:
                self.problem(path, f"model '{model}': {error}")


def _model_space(
    name: str, raw: Mapping[str, Any], defaults: Mapping[str, Any]
) -> tuple[ModelSpace | None, list[Problem]]:
    fields = trainables.get(name).Hyperparameters.model_fields
    shared = {key: value for key, value in defaults.items() if key in fields and key not in raw}
    parsed, problems = space.parse(name, {**shared, **raw}, ("models", name))
    relocated = [
        Problem(("defaults", *each.path[2:]), each.message) if each.path[2:3] and each.path[2] in shared else each
        for each in problems
    ]
    return parsed, relocated


def nearest(name: str, known: Any) -> str:
    """'did you mean …?', or all that there is."""
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"did you mean '{near[0]}'?" if near else f"there are {', '.join(known)}"


def require_local_resources(spec: StudySpec, document: Document) -> None:
    """Refuse what this machine can never give a trial.

    Raises:
        StudyFileError: more CPUs than the machine has.
    """
    cpus = os.cpu_count() or 1
    if spec.resources.cpu > cpus:
        message = f"a trial asks for {spec.resources.cpu} CPUs, but this machine has {cpus}"
        raise document.fail([Problem(("resources", "cpu"), message)])


__all__ = [
    "Choice",
    "StudyFileError",
    "StudySpec",
    "nearest",
    "require_local_resources",
    "validate",
]
