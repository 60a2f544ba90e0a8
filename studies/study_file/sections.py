"""The sections of a study file: each as a typed value, and what is wrong with the way it is written.

A reader gives the value and the mistakes that it found. The value counts only where there are none: else it is what
the other sections can still be checked with, which may be None.
"""

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

import core.data
import trainables
from core.mistakes import nearest
from core.papers import EXPERIMENTS
from studies.study_file import auto
from studies.study_file.checks.costs import legal_costs
from studies.study_file.checks.derived import derived_fault
from studies.study_file.checks.trials import check_seeds
from studies.study_file.document import Problem, sentence
from studies.study_file.spec import MOST_SEEDS, NAME, Section, Seeds
from trainables.hyperparameters import whole

TAKEN = ("mlflow.db", "mlartifacts")  # under the root, with what SQLite puts beside a database
EXAMPLES = {  # of sections and keys that a study cannot do without
    "models": "models: {beta_vae: {beta: {log: [1, 16]}}}",
    "budget": "budget: {steps: 1000}",
    "early_stop": "early_stop: {rule: median, grace: 1000}",
    "seeds": "seeds: {min: 2, max: 5, until: 'std_error(mig) < 0.02'}",
    "steps": "steps: 1000",
    "rule": "rule: median",
    "grace": "grace: 1000",
}
S = TypeVar("S", bound=Section)


def read_mapping(data: Mapping[str, Any], key: str, *, required: bool = False) -> tuple[dict[str, Any], list[Problem]]:
    """A key whose value is a mapping; one that is required has entries."""
    value = data.get(key, None if required else {})
    if not isinstance(value, dict) or (required and not value):
        example = f", such as `{EXAMPLES[key]}`" if key in EXAMPLES else ""
        wrong = f"must be a mapping with at least one entry, not {value!r}" if key in data else "is missing"
        return {}, [Problem((key,), wrong + example)]
    return value, []


def read_section(
    data: Mapping[str, Any], key: str, kind: type[S], *, required: bool = False
) -> tuple[S | None, list[Problem]]:
    """A key whose value is a mapping with the fields of `kind`; all defaults where it may be left out."""
    raw, problems = read_mapping(data, key, required=required)
    if required and problems:
        return None, problems
    try:
        return kind.model_validate(raw), problems
    except ValidationError as error:
        return None, problems + list(_refused(error, key, kind))


def _refused(error: ValidationError, section: str, kind: type[Section]) -> Iterator[Problem]:
    """What is wrong with the fields of a section."""
    for detail in error.errors():
        path = (section, *detail["loc"])
        if detail["type"] == "extra_forbidden":
            yield Problem(path, f"unknown key; {nearest(str(detail['loc'][-1]), kind.model_fields)}")
        elif detail["type"] == "missing":
            example = EXAMPLES.get(str(detail["loc"][-1]))
            yield Problem(path, f"is missing, such as `{example}`" if example else "is missing")
        elif detail["loc"] == ("sampler",):
            yield Problem(path, str(detail["ctx"]["error"]))
        else:
            yield Problem(path, sentence(detail))


def read_count(
    data: Mapping[str, Any], key: str, default: int, *, at_least: int, at_most: int
) -> tuple[int, list[Problem]]:
    """A key whose value is a whole number."""
    value = whole(data.get(key, default))
    if not isinstance(value, int) or isinstance(value, bool) or value < at_least:
        return default, [Problem((key,), f"must be a whole number, at least {at_least}, not {value!r}")]
    if value > at_most:
        return default, [Problem((key,), f"must be at most {at_most}, not {value}")]
    return value, []


def read_seeds(data: Mapping[str, Any]) -> tuple[Seeds | None, list[Problem]]:
    """`seeds: 3`, `seeds: auto`, or `seeds: {min: 3, max: 10, until: 'std_error(mig) < 0.02'}`."""
    if data.get("seeds") == "auto":
        return auto.SEEDS, []
    if isinstance(data.get("seeds"), str):
        wrong = f"must be a whole number, auto, or a mapping with min, max and until, not {data['seeds']!r}"
        return None, [Problem(("seeds",), wrong)]
    if not isinstance(data.get("seeds", 1), dict):
        count, problems = read_count(data, "seeds", 1, at_least=1, at_most=MOST_SEEDS)
        return Seeds(min=count, max=count), problems
    seeds, problems = read_section(data, "seeds", Seeds, required=True)
    return seeds, problems + list(check_seeds(seeds) if seeds else ())


def read_name(data: Mapping[str, Any]) -> tuple[str | None, list[Problem]]:
    """The name of the study, which is that of its folder too."""
    name = data.get("name")
    if name is None:
        return None, [Problem(("name",), "a study needs a name, such as 'name: my-study'")]
    if not isinstance(name, str) or not NAME.fullmatch(name):
        message = f"{name!r} is not a name: letters, digits, '.', '_' and '-', at most 100, no path"
        return None, [Problem(("name",), message)]
    if name.lower().startswith(TAKEN):
        return None, [Problem(("name",), f"{name!r} is the name of a file of MLflow beside the studies; take another")]
    return name, []


def read_retention(data: Mapping[str, Any]) -> tuple[str, list[Problem]]:
    """Which checkpoints are kept."""
    value = data.get("retention", "last")
    if value not in ("last", "front"):
        message = f"is 'last' (of every trial) or 'front' (and the best by metric), not {value!r}"
        return "last", [Problem(("retention",), message)]
    return value, []


def read_paper(data: Mapping[str, Any]) -> tuple[str | None, list[Problem]]:
    """The experiment of a paper that the study repeats."""
    value = data.get("paper")
    if value is not None and (not isinstance(value, str) or value not in EXPERIMENTS):
        message = f"no experiment of a paper has this name; {nearest(str(value), EXPERIMENTS)}"
        return None, [Problem(("paper",), message)]
    return value, []


def read_derived(data: Mapping[str, Any]) -> tuple[dict[str, str], list[Problem]]:
    """Results that are computed from others; those that can be read, and what is wrong with the rest."""
    written, problems = read_mapping(data, "derived")
    readable, costs = {}, legal_costs(_models(data))
    for name, text in written.items():
        fault = derived_fault(name, text, costs)
        if fault:
            problems.append(Problem(("derived", str(name)), fault))
        else:
            readable[name] = text
    return readable, problems


def read_costs(data: Mapping[str, Any]) -> tuple[list[str], list[Problem]]:
    """`costs: [parameters, num_annotated]`, those that can be had."""
    written = data.get("costs") or []
    if not isinstance(written, list):
        return [], [Problem(("costs",), f"is a list such as [parameters, num_annotated], not {written!r}")]
    known = legal_costs(_models(data))
    problems = [
        Problem(("costs", index), f"no cost and no model's number is named {name!r}; {nearest(str(name), known)}")
        for index, name in enumerate(written)
        if name not in known
    ]
    return [name for name in dict.fromkeys(map(str, written)) if name in known], problems


def _models(data: Mapping[str, Any]) -> list[str]:
    """Names in the section `models`."""
    models = data.get("models")
    return [str(name) for name in models] if isinstance(models, dict) else []


def read_dataset(data: Mapping[str, Any], root: str | None) -> tuple[core.data.DatasetInfo | None, list[Problem]]:
    """What is known of the study's data set."""
    dataset = data.get("dataset")
    if dataset is None:
        return None, [Problem(("dataset",), "a study needs a data set, such as 'dataset: dsprites.quick'")]
    try:
        return core.data.describe(dataset, root), []
    except core.data.DataError as error:
        return None, [Problem(("dataset",), str(error))]


def default_objectives(info: core.data.DatasetInfo | None) -> dict[str, str]:
    """What a study that names no objectives is searched for.

    With factors, how well they are separated against how much is lost; without, how much a code says against it.
    """
    first = {"mig": "maximize"} if info is None or info.has_factors else {"kl": "minimize"}
    return {**first, "reconstruction_error": "minimize"}


def model_fault(name: Any, hyperparameters: Any) -> str | None:
    """Why an entry of `models` names no model of the study, as a sentence; None when it does."""
    if name not in trainables.names():
        return f"unknown model; {nearest(str(name), trainables.names())}"
    if hyperparameters is not None and not isinstance(hyperparameters, dict):
        return f"must be a mapping of hyperparameters, not {hyperparameters!r}"
    return None
