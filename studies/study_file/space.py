"""The search space of one model: a value, a list of choices, or a range for every hyperparameter.

In a study file::

    beta: 4                          # fixed
    beta: [1, 4, 16]                 # choices
    beta: {log: [1, 16]}             # a range, drawn on a logarithmic scale
    beta: {uniform: [1, 16]}         # a range, drawn on a linear scale
    beta: {log: [1, 16], num: 5}     # for `sampler: grid`: so many points of the range
"""

import collections
import dataclasses
import itertools
import math
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import optuna
from pydantic import ValidationError
from pydantic.fields import FieldInfo

import trainables
from core.configuration import Configuration
from core.mistakes import nearest
from studies.study_file.document import Path, Problem, sentence
from trainables.hyperparameters import whole

MOST_POINTS = 1_000  # of one range in a grid
SIGNIFICANT = 4  # digits of a drawn value: enough for any hyperparameter, and readable


@dataclasses.dataclass(frozen=True)
class Fixed:
    """A hyperparameter with one value."""

    value: Any

    def suggest(self, trial: optuna.trial.BaseTrial, name: str) -> Any:  # noqa: ARG002
        """The value; nothing is drawn."""
        return self.value

    @property
    def described(self) -> str:
        """For a person."""
        return str(self.value)

    def points(self) -> tuple[Any, ...]:
        """The value."""
        return (self.value,)


@dataclasses.dataclass(frozen=True)
class Choice:
    """A hyperparameter with a few values."""

    values: tuple[Any, ...]

    def suggest(self, trial: optuna.trial.BaseTrial, name: str) -> Any:
        """One of the values."""
        return trial.suggest_categorical(name, self.values)

    @property
    def described(self) -> str:
        """For a person."""
        return ", ".join(map(str, self.values))

    def points(self) -> tuple[Any, ...]:
        """All values."""
        return self.values

    def at(self, share: float) -> Any:
        """The value at a share, in [0, 1), of the way through the list."""
        return self.values[int(share * len(self.values))]


@dataclasses.dataclass(frozen=True)
class Range:
    """A hyperparameter between two bounds, both included."""

    low: float
    high: float
    log: bool
    integer: bool
    num: int | None = None

    def suggest(self, trial: optuna.trial.BaseTrial, name: str) -> Any:
        """A value of the range; real ones are rounded to four significant digits."""
        if self.integer:
            return trial.suggest_int(name, int(self.low), int(self.high), log=self.log)
        return self._legal(trial.suggest_float(name, self.low, self.high, log=self.log))

    @property
    def described(self) -> str:
        """For a person."""
        bounds = f"{self.low:g} to {self.high:g}"
        return bounds + (", logarithmic" if self.log else "") + (f", {self.num} points" if self.num else "")

    def points(self) -> tuple[Any, ...]:
        """`num` evenly spaced points, or the two bounds."""
        count = self.num or 2
        return _once(self._legal(self._between(index / max(1, count - 1))) for index in range(count))

    def at(self, share: float) -> Any:
        """The value at a share, in [0, 1), of the way through the range; whole numbers have equal shares."""
        return self._legal(self._between(share, 0.5 if self.integer else 0.0))

    def _between(self, share: float, beyond: float = 0.0) -> float:
        """A number at a share of the way, from and to a little beyond the bounds."""
        low, high = self.low - beyond, self.high + beyond
        return (
            math.exp((1 - share) * math.log(low) + share * math.log(high)) if self.log else low + share * (high - low)
        )

    def _legal(self, value: float) -> Any:
        """The nearest value that the hyperparameter can have; real ones have four significant digits."""
        rounded = round(value) if self.integer else float(f"{value:.{SIGNIFICANT}g}")
        return min(max(rounded, self.low), self.high)


Parameter = Fixed | Choice | Range


@dataclasses.dataclass(frozen=True)
class ModelSpace:
    """The search space of one model; what a study file leaves out is fixed to its default."""

    model: str
    parameters: Mapping[str, Parameter]

    def suggest(self, trial: optuna.trial.BaseTrial) -> Configuration:
        """Draw a configuration.

        Raises:
            ValueError: the values drawn are not legal together (each is, alone).
        """
        values = {name: parameter.suggest(trial, f"{self.model}.{name}") for name, parameter in self.parameters.items()}
        return configure(self.model, values)

    def distributions(self) -> dict[str, optuna.distributions.BaseDistribution]:
        """What is drawn, by the name of its Optuna parameter."""
        found: dict[str, optuna.distributions.BaseDistribution] = {}
        for name, parameter in self.parameters.items():
            if isinstance(parameter, Choice):
                found[f"{self.model}.{name}"] = optuna.distributions.CategoricalDistribution(parameter.values)
            elif isinstance(parameter, Range) and parameter.integer:
                low, high = int(parameter.low), int(parameter.high)
                found[f"{self.model}.{name}"] = optuna.distributions.IntDistribution(low, high, log=parameter.log)
            elif isinstance(parameter, Range):
                found[f"{self.model}.{name}"] = optuna.distributions.FloatDistribution(
                    parameter.low, parameter.high, log=parameter.log
                )
        return found

    def fixed(self) -> dict[str, Any]:
        """All hyperparameters that are not drawn."""
        values = trainables.get(self.model).Hyperparameters().model_dump(mode="json")
        given = {name: parameter.points()[0] for name, parameter in self.parameters.items()}
        drawn = {name for name, parameter in self.parameters.items() if not isinstance(parameter, Fixed)}
        return {name: value for name, value in {**values, **given}.items() if name not in drawn}

    def grid(self) -> Iterator[dict[str, Any]]:
        """All combinations of points, as Optuna parameters: the middle, the corners, and then what is between.

        As a composite design (Box and Wilson 1951), of which a part spans the space. Choices that are no numbers have
        nothing between them, and stay in their order.
        """
        axes = {name: list(_middle_first(parameter.points())) for name, parameter in self._searched().items()}
        for places in _least_first([len(points) for points in axes.values()]):
            yield {f"{self.model}.{name}": axes[name][place] for name, place in zip(axes, places, strict=True)}

    def spread(self, count: int, seed: Sequence[int]) -> Iterator[dict[str, Any]]:
        """Points that fill the space evenly: a scrambled sequence of Sobol' (1967), as Optuna parameters."""
        from scipy.stats import qmc

        free = self._searched()
        if not free:
            return iter([{}])
        sequence = qmc.Sobol(len(free), scramble=True, seed=np.random.default_rng(seed))
        shares = sequence.random_base2(math.ceil(math.log2(count)))[:count]
        return (
            {
                f"{self.model}.{name}": each.at(float(share))
                for (name, each), share in zip(free.items(), row, strict=True)
            }
            for row in shares
        )

    def _searched(self) -> dict[str, Choice | Range]:
        """What is not fixed."""
        return {name: value for name, value in self.parameters.items() if not isinstance(value, Fixed)}

    @property
    def grid_size(self) -> int:
        """Number of points of `grid`."""
        return math.prod(len(parameter.points()) for parameter in self.parameters.values())

    @property
    def size(self) -> float:
        """Number of different configurations; infinite with a real-valued range."""
        sizes: list[float] = []
        for parameter in self.parameters.values():
            if isinstance(parameter, Range):
                sizes.append(parameter.high - parameter.low + 1 if parameter.integer else math.inf)
            else:
                sizes.append(len(parameter.points()))
        return math.prod(sizes)


def _middle_first(points: Sequence[Any]) -> Iterator[Any]:
    """Numbers in another order: the middle, both ends, the middles of both halves, and so on."""
    first, middle, last = 0, (len(points) - 1) // 2, len(points) - 1
    if last < 2 or any(isinstance(each, bool) or not isinstance(each, int | float) for each in points):
        yield from points
        return
    yield from (points[middle], points[first], points[last])
    gaps = collections.deque([(first, middle), (middle, last)])
    while gaps:
        low, high = gaps.popleft()
        if high - low > 1:
            middle = (low + high) // 2
            yield points[middle]
            gaps += [(low, middle), (middle, high)]


def _least_first(sizes: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """All places of a grid of these sizes, by the greatest of their coordinates."""
    if not sizes:
        yield ()
    for greatest in range(max(sizes, default=0)):
        for axis, size in enumerate(sizes):
            if greatest < size:  # this axis is the first one that is there
                before = [range(min(greatest, each)) for each in sizes[:axis]]
                after = [range(min(greatest + 1, each)) for each in sizes[axis + 1 :]]
                yield from itertools.product(*before, [greatest], *after)


def configure(model: str, values: Mapping[str, Any]) -> Configuration:
    """A configuration with all defaults written out.

    Raises:
        ValueError: a value is out of its bounds, of the wrong type, or unknown.
    """
    hyperparameters = trainables.get(model).Hyperparameters(**values)
    return Configuration(model, hyperparameters.model_dump(mode="json"))


def parse(model: str, raw: Mapping[str, Any], path: Path) -> tuple[ModelSpace | None, list[Problem]]:
    """The search space that a study file writes for a model, or what is wrong with it."""
    fields = trainables.get(model).Hyperparameters.model_fields
    problems: list[Problem] = []
    parameters: dict[str, Parameter] = {}
    for key, value in raw.items():
        here = (*path, key)
        if key not in fields:
            hint = nearest(str(key), fields)
            problems.append(Problem(here, f"'{model}' has no hyperparameter '{key}'; {hint}"))
            continue
        parameter, message = _parse_parameter(value, fields[key])
        if parameter is None:
            problems.append(Problem(here, message))
        else:
            parameters[key] = parameter
    if problems:
        return None, problems
    problems = _out_of_bounds(model, parameters, path)
    return (None, problems) if problems else (ModelSpace(model, parameters), [])


def _parse_parameter(value: Any, field: FieldInfo) -> tuple[Parameter | None, str]:
    if isinstance(value, list):
        if not value:
            return None, "the list of choices is empty"
        return Choice(_once(value)), ""
    if not isinstance(value, dict):
        return Fixed(value), ""
    scales = [scale for scale in ("log", "uniform") if scale in value]
    unknown = sorted(set(value) - {"log", "uniform", "num"})
    if len(scales) != 1 or unknown:
        return None, "a range is written {log: [low, high]} or {uniform: [low, high]}, with num: points for a grid"
    bounds = value[scales[0]]
    number = int | float
    if not (isinstance(bounds, list) and len(bounds) == 2 and all(_is(bound, number) for bound in bounds)):
        return None, f"'{scales[0]}' takes two numbers, [low, high], not {bounds!r}"
    if field.annotation not in (int, float):
        return None, "a range is for numbers; give a value or a list of choices"
    integer = field.annotation is int
    low, high = map(whole, bounds) if integer else bounds
    if integer and not (_is(low, int) and _is(high, int)):
        return None, f"takes whole numbers, not {low} to {high}"
    if low >= high:
        return None, f"the range is reversed or empty: {low} is not below {high}"
    if scales[0] == "log" and low <= 0:
        return None, f"a logarithmic range starts above 0, not at {low}"
    num = whole(value.get("num"))
    if num is not None and not (_is(num, int) and 2 <= num <= MOST_POINTS):
        return None, f"num is a whole number of points, from 2 to {MOST_POINTS}, not {num!r}"
    return Range(low, high, scales[0] == "log", integer, num), ""


def _once(values: Iterable[Any]) -> tuple[Any, ...]:
    """The values in their order, equal ones once; `true` is not 1."""
    first: dict[tuple[bool, Any], Any] = {}
    for value in values:
        key = value if isinstance(value, Hashable) else repr(value)
        first.setdefault((isinstance(value, bool), key), value)
    return tuple(first.values())


def _is(value: Any, kind: Any) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


def extremes(parameters: Mapping[str, Parameter]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Values to try: each point of each parameter, under its name, with the others at their first point."""
    first = {name: parameter.points()[0] for name, parameter in parameters.items()}
    for name, parameter in parameters.items():
        for point in parameter.points():
            yield name, {**first, name: point}


def _out_of_bounds(model: str, parameters: Mapping[str, Parameter], path: Path) -> list[Problem]:
    found: dict[tuple[str, str], Problem] = {}
    for name, values in extremes(parameters):
        try:
            configure(model, values)
        except ValidationError as error:
            for detail in error.errors():
                key = str(detail["loc"][0]) if detail["loc"] else ""  # empty: values that do not go together
                message = sentence(detail)
                found.setdefault((key, message), Problem((*path, key or name), message))
    return list(found.values())
