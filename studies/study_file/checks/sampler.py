"""A sampler that a study file names by its class: of Optuna, of OptunaHub, or of any installed module."""

import importlib
import inspect
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import optuna
from optuna.trial import TrialState

from analysis.statistics.gain import kind_of_search, sampler_name
from core.mistakes import StudyError, nearest, reason_of
from studies.study_file.document import Problem
from studies.study_file.spec import Direction, Search

HUB = "optunahub:"


def make_sampler(named: Mapping[str, Any], seed: int) -> optuna.samplers.BaseSampler:
    """The sampler of `{class: …, options: …}`, with the seed where it takes one and none is given.

    `class` is a name of `optuna.samplers`, `module.Class`, or `optunahub:package.Class`.

    Raises:
        StudyError: there is none such, it is no sampler, or it refuses the options.
    """
    kind, options = sampler_class(named["class"]), dict(named.get("options") or {})
    known = inspect.signature(kind).parameters
    if "seed" in known:
        options.setdefault("seed", seed)
    for option in options:
        if option not in known and not any(each.kind is each.VAR_KEYWORD for each in known.values()):
            raise StudyError(f"{kind.__name__} has no option '{option}'; {nearest(option, list(known))}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what Optuna calls experimental
            return kind(**options)
    except Exception as error:  # whatever a constructor of somebody else's raises
        raise StudyError(f"{kind.__name__} cannot be made: {reason_of(error)}") from None


def sampler_class(name: str) -> type[optuna.samplers.BaseSampler]:
    """The class of that name. Raises StudyError."""
    try:
        if name.startswith(HUB):
            package, _, attribute = name.removeprefix(HUB).rpartition(".")
            module: Any = importlib.import_module("optunahub").load_module(package)
        else:
            package, _, attribute = name.rpartition(".")
            module = importlib.import_module(package or "optuna.samplers")
    except Exception as error:  # as above
        raise StudyError(f"there is no sampler '{name}': {reason_of(error)}") from None
    found = getattr(module, attribute, None)
    if not (isinstance(found, type) and issubclass(found, optuna.samplers.BaseSampler)):
        samplers = [each for each in optuna.samplers.__all__ if each.endswith("Sampler")]
        raise StudyError(f"'{name}' is no sampler of Optuna; {nearest(attribute, samplers)}")
    return found


def check_sampler(sampler: Any, directions: Sequence[Direction]) -> Iterator[Problem]:
    """A named sampler can be made, and searches as many objectives as the study has."""
    if not isinstance(sampler, dict):
        return
    try:
        made = make_sampler(sampler, 0)
    except StudyError as error:
        yield Problem(("search", "sampler"), str(error))
        return
    try:
        if directions:  # else that is told
            _try(made, directions)
    except Exception as error:  # as above
        yield Problem(("search", "sampler"), f"{type(made).__name__} does not search this study: {reason_of(error)}")


def check_learning(search: Search) -> Iterator[Problem]:
    """What is expected is for a sampler that learns from results."""
    if search.by == "expected" and kind_of_search(search.sampler) != "learn":
        yield Problem(("search", "by"), f"{sampler_name(search.sampler)} does not learn from results, expected or not")


def _try(sampler: optuna.samplers.BaseSampler, directions: Sequence[Direction]) -> None:
    """Ask for two points of a small space; what a sampler cannot do it says then."""
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            study = optuna.create_study(directions=list(directions), sampler=sampler)
            for _ in range(2):
                trial = study.ask()
                value = trial.suggest_float("x", 0.0, 1.0)
                study.tell(trial, [value] * len(directions), state=TrialState.COMPLETE)
    finally:
        optuna.logging.set_verbosity(level)
