"""What was asked: the study file in words."""

from collections.abc import Mapping
from typing import Any

from analysis import figures
from analysis.report.page import Definitions, Section
from analysis.report.wording import dataset_name, symbols
from analysis.results import Results
from analysis.statistics.gain import sampler_name

AIMS = {"maximize": "as large as possible", "minimize": "as small as possible"}


def section(study: Results) -> Section:
    """What the study file asks for."""
    words = {heading: symbols(text) for heading, text in _words(study).items()}
    return Section.of("asked", "What was asked", Definitions(words))


def _sampler(search: Mapping[str, Any]) -> str:
    """By its name, and what it learns from."""
    name = sampler_name(search["sampler"])
    return f"{name} on expected values" if search.get("by") == "expected" else name


def _words(study: Results) -> dict[str, str]:
    """What the study file asks for, by heading."""
    spec = study.spec
    search, budget = spec["search"], spec["budget"]
    words = {
        "Data set": dataset_name(study),
        "Models": _models(study),
        "Objectives": "; ".join(f"{figures.label(key)} {AIMS[aim]}" for key, aim in study.objectives.items()),
        "Search": f"{_sampler(search)}, up to {search['configurations']} configurations",
        "Seeds": _seeds(spec["seeds"]),
        "Budget": f"{budget['steps']:,} steps per trial, evaluated every {budget['evaluate_every']:,}",
    }
    if study.derived:
        words["Derived"] = "; ".join(f"{figures.label(name)} = {text}" for name, text in study.derived.items())
    if search.get("where"):
        words["Constraint"] = f"only {search['where']} may be on the front"
    if spec.get("early_stop"):
        words["Early stopping"] = f"{spec['early_stop']['rule']}, from step {spec['early_stop']['grace']:,} on"
    return words


def _models(study: Results) -> str:
    """The models, each with what is searched of it."""
    words = []
    for model, own in study.spec["models"].items():
        raw = {**study.spec["defaults"], **own}
        ranges = [f"{figures.symbol(model, name)} {_span(raw[name])}" for name in study.searched(model)]
        words.append(f"{figures.title(model)} ({', '.join(ranges) or 'fixed'})")
    return "; ".join(words)


def _span(value: Any) -> str:
    """A range or choices of a study file: `from 1 to 16 (log)`, `in 1, 2, 4`."""
    if isinstance(value, Mapping):
        kind, bounds = next(((key, each) for key, each in value.items() if isinstance(each, list)), ("", []))
        if len(bounds) == 2:
            return f"from {bounds[0]} to {bounds[1]}{' (log)' if kind == 'log' else ''}"
        return ", ".join(f"{key} {each}" for key, each in value.items())
    return "in " + ", ".join(map(str, value))


def _seeds(seeds: Mapping[str, Any]) -> str:
    if seeds["min"] == seeds["max"]:
        return f"{seeds['min']} per configuration"
    return f"{seeds['min']} to {seeds['max']} per configuration, until {seeds['until']}"
