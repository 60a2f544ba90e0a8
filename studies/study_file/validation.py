"""Check a study file: every mistake at once, each one sentence with its line."""

import os
from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

import core.data
import core.metrics
import trainables
from core import papers
from core.bounds import FormulaError, parse_bounds, parse_until
from core.mistakes import nearest
from studies.study_file.document import Document, Path, Problem
from studies.study_file.space import ModelSpace, Range, configure
from studies.study_file.spec import (
    NAME,
    SAMPLERS,
    Budget,
    Direction,
    EarlyStop,
    Metrics,
    Resources,
    Search,
    Section,
    Seeds,
    StudySpec,
    model_space,
)

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
            "seeds": self._seeds(),
            "seed": self._count("seed", 0, at_least=0),
            "defaults": self._mapping("defaults", {}),
            "search": self._section("search", Search, {}),
            "budget": self._section("budget", Budget, None),
            "resources": self._section("resources", Resources, {}),
            "metrics": self._section("metrics", Metrics, {}),
            "early_stop": self._section("early_stop", EarlyStop, None) if "early_stop" in self.data else None,
            "retention": self._retention(),
            "paper": self._paper(),
        }
        values["models"] = self._models(values["defaults"] or {}, values["search"])
        values["objectives"] = self._objectives()
        self._budget(values["budget"])
        self._points(values["search"], values["models"] or {})
        self._resources(values["resources"])
        wanted = [*(values["objectives"] or {}), *self._bounds(values["search"]), *self._until(values["seeds"])]
        values["metrics"] = self._metrics(
            values["metrics"],
            wanted,
            self._rule_keys(values["early_stop"], values["objectives"]),
            values["models"] or {},
        )
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
                    text = (
                        detail["msg"]
                        .removeprefix("Input ")
                        .removeprefix("Value error, ")
                        .replace("should be", "must be")
                    )
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
            parsed, problems = model_space(name, models[name], defaults)
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
        kind = trainables.get(parsed.model).Hyperparameters
        refusals: dict[str, str] = {}
        for name, parameter in [("", None), *parsed.parameters.items()]:
            for values in [first] if parameter is None else [{**first, name: point} for point in parameter.points()]:
                refusal = kind(**values).refuse(self.info)
                if refusal:
                    refusals.setdefault(refusal, name)
        for refusal, name in refusals.items():
            self.problem((*path, name) if name else path, refusal)

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
        if resources.stack > 1 and resources.gpu != 1:
            message = f"a stack has a whole GPU, which its {resources.stack} trials share: write gpu: 1"
            self.problem(("resources", "stack"), message)
        if resources.gpu == "auto":
            return
        if resources.gpu and abs(1 / resources.gpu - round(1 / resources.gpu)) > 1e-6:
            self.problem(
                ("resources", "gpu"),
                f"a share of {resources.gpu} does not divide a GPU; take 1, 0.5, 0.25, 0.2, 0.125, …",
            )

    def _seeds(self) -> Seeds | None:
        raw = self.data.get("seeds", 1)
        if not isinstance(raw, dict):
            count = self._count("seeds", 1, at_least=1)
            return Seeds(min=count, max=count)
        seeds: Seeds | None = self._section("seeds", Seeds, None)
        if seeds and seeds.max < seeds.min:
            self.problem(("seeds", "max"), f"{seeds.max} is below min, {seeds.min}")
        if seeds and seeds.max > seeds.min and seeds.until is None:
            self.problem(("seeds",), "says when there are enough: add until: 'std_error(factor_vae_score) < 0.02'")
        return seeds

    def _retention(self) -> str:
        value = self.data.get("retention", "last")
        if value not in ("last", "front"):
            self.problem(
                ("retention",), f"is 'last' (of every trial) or 'front' (and the best by metric), not {value!r}"
            )
        return str(value)

    def _paper(self) -> str | None:
        value = self.data.get("paper")
        if value is not None and value not in papers.EXPERIMENTS:
            self.problem(("paper",), f"no experiment of a paper has this name; {nearest(value, papers.EXPERIMENTS)}")
        return value

    def _bounds(self, search: Search | None) -> list[str]:
        """Metrics of the constraint."""
        try:
            return [bound.metric for bound in parse_bounds(search.where if search else None)]
        except FormulaError as error:
            self.problem(("search", "where"), str(error))
            return []

    def _until(self, seeds: Seeds | None) -> list[str]:
        """Metric of the condition on seeds."""
        if seeds is None or seeds.until is None:
            return []
        try:
            return [parse_until(seeds.until)[0]]
        except FormulaError as error:
            self.problem(("seeds", "until"), str(error))
            return []

    def _rule_keys(self, rule: EarlyStop | None, objectives: Mapping[str, str] | None) -> list[str]:
        """Metrics that early stopping looks at."""
        if rule is None:
            return []
        if rule.rule == "dominated":
            return list(objectives or {})
        return [rule.metric] if rule.metric else list(objectives or {})[:1]

    def _points(self, search: Search | None, models: Mapping[str, Any]) -> None:
        """Points to try first must name a model of the study and hyperparameters that it searches."""
        for index, point in enumerate(search.points if search else ()):
            path = ("search", "points", index)
            model = point.get("model", next(iter(models)) if len(models) == 1 else None)
            if not isinstance(model, str) or model not in models:
                self.problem(path, f"names no model of this study; {nearest(str(model), models)}")
                continue
            try:
                configure(model, {key: value for key, value in point.items() if key != "model"})
            except ValidationError as error:
                self.problem(path, f"is not legal: {error.errors()[0]['msg']}")
            for key in point:
                if key != "model" and not isinstance(models[model].get(key), dict | list):
                    self.problem(path, f"'{key}' is not searched in this study; {nearest(key, models[model])}")

    def _complete(self, requests: list[str], keys: list[str], path: Path) -> list[str]:
        """Requests, with those added that give the result keys."""
        complete = list(requests)
        for key in keys:
            try:
                metric, protocol = core.metrics.find_key(key)
            except core.metrics.MetricError as error:
                if key not in (self.data.get("objectives") or {}):  # those are reported where they stand
                    self.problem(path, str(error))
                continue
            request = f"{metric.name}/{protocol}" if "/" in key else metric.name
            if request not in complete:
                complete.append(request)
        return complete

    def _metrics(
        self, given: Metrics | None, final: list[str], during: list[str], models: Mapping[str, Any]
    ) -> Metrics | None:
        """Complete the requests with those that the study itself needs, and check that all can be served."""
        if given is None:
            return None
        metrics = Metrics(
            during=self._complete(given.during, during, ("early_stop",)),
            final=self._complete(given.final, final, ("search", "where")),
        )
        for stage, requests in (("during", metrics.during), ("final", metrics.final)):
            for index, request in enumerate(requests):
                self._serve(("metrics", stage, index), request, models)
        return metrics

    def _serve(self, path: Path, request: str, models: Mapping[str, Any]) -> None:
        try:
            metric, _, _ = core.metrics.parse(request)
        except core.metrics.MetricError as error:
            self.problem(path, str(error))
            return
        if not hasattr(self, "info"):
            return
        for model in models:
            if not trainables.get(model).learns:
                continue  # its metrics are its own
            if metric.needs_factors and not self.info.has_factors:
                self.problem(path, f"'{request}' needs ground-truth factors, which '{self.info.name}' does not have")
                return
            from trainables.evaluation.inputs import available_inputs, inputs_for

            try:
                inputs_for(request, available_inputs(trainables.get(model), self.info.has_factors))
            except core.metrics.MetricError as error:
                self.problem(path, f"model '{model}': {error}")


def require_local_resources(spec: StudySpec, document: Document) -> None:
    """Refuse what this machine can never give a trial.

    Raises:
        StudyFileError: more CPUs than the machine has.
    """
    cpus = os.cpu_count() or 1
    if spec.resources.cpu > cpus:
        message = f"a trial asks for {spec.resources.cpu} CPUs, but this machine has {cpus}"
        raise document.fail([Problem(("resources", "cpu"), message)])
