"""What was asked and what was found, in words and rows."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from analysis import figures
from analysis.results import Results


def asked(study: Results) -> dict[str, str]:
    """The study file in words, by heading."""
    spec = study.spec
    search, seeds, budget = spec["search"], spec["seeds"], spec["budget"]
    models = []
    for model, raw in spec["models"].items():
        chosen = {**spec["defaults"], **raw}
        ranges = [f"{figures.symbol(model, name)} {span(chosen[name])}" for name in study.searched(model)]
        models.append(f"{figures.title(model)} ({', '.join(ranges) or 'fixed'})")
    aims = {"maximize": "as large as possible", "minimize": "as small as possible"}
    words = {
        "Data set": dataset_name(study),
        "Models": "; ".join(models),
        "Objectives": "; ".join(f"{figures.label(key)} {aims[aim]}" for key, aim in study.objectives.items()),
        "Search": f"{search['sampler']}, up to {search['configurations']} configurations",
        "Seeds": f"{seeds['min']} per configuration"
        if seeds["min"] == seeds["max"]
        else f"{seeds['min']} to {seeds['max']} per configuration, until {seeds['until']}",
        "Budget": f"{budget['steps']:,} steps per trial, evaluated every {budget['evaluate_every']:,}",
    }
    if search.get("where"):
        words["Constraint"] = f"only {search['where']} may be on the front"
    if spec.get("early_stop"):
        words["Early stopping"] = f"{spec['early_stop']['rule']}, from step {spec['early_stop']['grace']:,} on"
    return words


def span(value: Any) -> str:
    """A range or choices of a study file: `from 1 to 16 (log)`, `in 1, 2, 4`."""
    if isinstance(value, Mapping):
        kind, bounds = next(((key, each) for key, each in value.items() if isinstance(each, list)), ("", []))
        if len(bounds) == 2:
            return f"from {bounds[0]} to {bounds[1]}{' (log)' if kind == 'log' else ''}"
        return ", ".join(f"{key} {each}" for key, each in value.items())
    return "in " + ", ".join(map(str, value))


def dataset_name(study: Results) -> str:
    """The data set, with the options that the study file gives it."""
    dataset = study.spec["dataset"]
    if isinstance(dataset, str):
        return dataset
    options = ", ".join(f"{key}: {value}" for key, value in dataset.items() if key != "name" and value)
    return f"{dataset['name']} ({options})" if options else str(dataset["name"])


def count(number: int, noun: str) -> str:
    """`1 seed`, `1,200 seeds`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def state_counts(study: Results) -> dict[str, int]:
    """Number of trials by state."""
    return {str(state): int(count) for state, count in study.trials()["state"].value_counts().items()}


def chosen(study: Results, row: "pd.Series") -> str:
    """The searched hyperparameters of a configuration as papers write them."""
    return figures.settings(row["model"], {name: row[name] for name in study.searched(row["model"])})


def mean_and_deviation(row: "pd.Series", metric: str) -> str:
    """`0.412 ± 0.03`; no deviation is known from one seed."""
    mean, deviation = row[f"{metric}_mean"], row[f"{metric}_std"]
    return f"{mean:.4g}" if pd.isna(deviation) else f"{mean:.4g} ± {deviation:.2g}"


def front_rows(study: Results, front: pd.DataFrame, probability: Mapping[str, float]) -> list[list[str]]:
    """The front as rows of text: model, hyperparameters, seeds, objectives, how often on the front, configuration."""
    return [
        [
            figures.title(row["model"]),
            chosen(study, row),
            str(row["n"]),
            *(mean_and_deviation(row, metric) for metric in study.objectives),
            f"{probability[row['configuration']]:.0%}" if row["configuration"] in probability else "–",
            row["configuration"],
        ]
        for _, row in front.iterrows()
    ]
