"""The study file as a JSON Schema, by which editors complete and check it.

    # yaml-language-server: $schema=study.schema.json

The schema knows keys, types and bounds. What `studies validate` says beyond that (whether a metric suits a data set, a
model its images) no schema can.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

import core.data
import core.metrics
import trainables
from core.formulas.costs import COSTS
from core.papers import EXPERIMENTS
from studies.study_file.spec import MOST_SEEDS, NAME, SAMPLERS, Budget, EarlyStop, Metrics, Resources, Search, Seeds
from trainables.hyperparameters import Hyperparameters

DIALECT = "https://json-schema.org/draft/2020-12/schema"
COUNT = {"type": "integer", "minimum": 1}
TEXTS = {"type": "array", "items": {"type": "string"}}
BOUNDS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}
ABOUT = {
    "name": "of the study, and of its folder",
    "dataset": "a name (`studies data list`), a mapping with factors and fix, or images of your own",
    "extensions": "files and modules with models, metrics and data sets of your own",
    "seeds": "trials of every configuration, or `auto`, or `min`, `max` and `until`",
    "seed": "of the study; seed i of every configuration trains with this plus i",
    "models": "by name; a value, choices, or a range for each hyperparameter",
    "defaults": "hyperparameters for every model that has them",
    "objectives": "results and costs, and which way is better",
    "derived": "results computed from others, such as 0.5 * mig + 0.5 * sap_svc",
    "costs": "costs that are results beside those that objectives and formulas name",
    "retention": "whose checkpoints are kept: the last of every trial, or those on the front",
    "paper": "the experiment of a paper whose figure or table the report draws too",
}


def schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a study file, with the models, metrics and data sets that are known now."""
    kinds = {name: trainables.get(name).Hyperparameters for name in trainables.names()}
    models = {name: {"anyOf": [{"type": "null"}, _space(kind)]} for name, kind in kinds.items()}
    shared = {field: _value(kind, field) for kind in kinds.values() for field in kind.model_fields}
    results = sorted({key for name in core.metrics.names() for key in core.metrics.get(name).directions})
    properties: dict[str, Any] = {
        "name": {"type": "string", "pattern": f"^{NAME.pattern}$"},
        "dataset": {"anyOf": [{"type": "string", "examples": core.data.names()}, {"type": "object"}]},
        "extensions": {"anyOf": [{"type": "string"}, TEXTS]},
        "seeds": {"anyOf": [{**COUNT, "maximum": MOST_SEEDS}, {"const": "auto"}, _section(Seeds)]},
        "seed": {"type": "integer", "minimum": 0},
        "models": {"type": "object", "minProperties": 1, "properties": models},
        "defaults": {"type": "object", "properties": shared},
        "search": _with_samplers(_section(Search)),
        "objectives": {
            "type": "object",
            "minProperties": 1,
            "propertyNames": {"examples": [*results, *COSTS]},
            "additionalProperties": {"enum": ["maximize", "minimize"]},
        },
        "metrics": _section(Metrics),
        "derived": {"type": "object", "additionalProperties": {"type": "string"}},
        "costs": {"type": "array", "items": {"type": "string", "examples": list(COSTS)}},
        "early_stop": _section(EarlyStop),
        "budget": _section(Budget, optional=("evaluate_every",)),
        "resources": _section(Resources),
        "retention": {"enum": ["last", "front"]},
        "paper": {"enum": list(EXPERIMENTS)},
    }
    described = {
        key: {"description": ABOUT[key], **value} if key in ABOUT else value for key, value in properties.items()
    }
    return {
        "$schema": DIALECT,
        "title": "Study file",
        "description": "A hyperparameter study of disentangled representations: what `studies launch` runs.",
        "type": "object",
        "properties": described,
        "patternProperties": {"^x-": {}},
        "additionalProperties": False,
        "required": ["name", "dataset", "models", "budget"],
    }


def _section(kind: type[BaseModel], optional: tuple[str, ...] = ()) -> dict[str, Any]:
    """A section of the file, as its class says it."""
    found = kind.model_json_schema(mode="validation")
    found.pop("title", None)
    required = [key for key in found.pop("required", []) if key not in optional]
    fields = {key: _without_titles(value) for key, value in found["properties"].items()}
    return {
        **found,
        "properties": fields,
        "additionalProperties": False,
        **({"required": required} if required else {}),
    }


def _with_samplers(search: dict[str, Any]) -> dict[str, Any]:
    """The section `search`, whose sampler is a name or a class."""
    named = {
        "type": "object",
        "properties": {"class": {"type": "string"}, "options": {"type": "object"}},
        "required": ["class"],
        "additionalProperties": False,
    }
    search["properties"]["sampler"] |= {"anyOf": [{"enum": list(SAMPLERS)}, named]}
    return search


def _without_titles(value: Mapping[str, Any]) -> dict[str, Any]:
    return {key: inner for key, inner in value.items() if key != "title"}


def _space(kind: type[Hyperparameters]) -> dict[str, Any]:
    """The search space of a model."""
    properties = {field: _value(kind, field) for field in kind.model_fields}
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _value(kind: type[Hyperparameters], field: str) -> dict[str, Any]:
    """A hyperparameter: a value, choices, or for a number a range."""
    fixed, info = _fixed(kind, field), kind.model_fields[field]
    ways: list[dict[str, Any]] = [fixed, {"type": "array", "items": fixed, "minItems": 1}]
    if fixed.get("type") in ("integer", "number"):
        ends = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}
        ways += [
            {
                "type": "object",
                "properties": {scale: ends, "num": COUNT},
                "required": [scale],
                "additionalProperties": False,
            }
            for scale in ("log", "uniform")
        ]
    return {"description": f"{info.description} Default: {info.default}.", "anyOf": ways}


def _fixed(kind: type[Hyperparameters], field: str) -> dict[str, Any]:
    """What one value of a hyperparameter may be."""
    info = kind.model_fields[field]
    types = {int: "integer", float: "number", bool: "boolean"}
    if info.annotation in types:
        bounds = {
            word: getattr(each, name) for each in info.metadata for name, word in BOUNDS.items() if hasattr(each, name)
        }
        return {"type": types[info.annotation], **bounds}
    described = kind.model_json_schema()["properties"][field]
    return {key: value for key, value in described.items() if key in ("enum", "type", "items", "anyOf", "const")}
