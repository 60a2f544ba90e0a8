"""What the MLflow UI shows of a study: names of runs, and descriptions for a reader who has never seen one."""

from collections.abc import Mapping
from typing import Any

import core.data
from core.record.history import ConfigurationHistory
from studies.delivery.view import varied

NOTE = "mlflow.note.content"  # shown as the description of an experiment or a run
KIND = "mlflow.experimentKind"  # which of its two faces the UI shows
LONGEST = 120  # characters of a run's name

EXPERIMENT = """{purpose}

Data set `{dataset}`; models {models}; objectives {objectives}; {steps:,} steps per trial.

**How to read this experiment.** `studies ui {name}` says the address of a view of it: its configurations, the best by
the first objective above, and its front as a chart. The run `{report}` has the report: *Artifacts*,
`report/report.html`. A run such as `0004 beta=4 beta_vae` is a configuration: a model with its hyperparameters. Its
metrics `mean/…` and `std/…` are over the seeds, which are the runs below it (open them with +). A seed's run has the
curves under *Model metrics* and its pictures and weights under *Artifacts*.

If the sidebar offers traces and judges, switch it to *Model training*. Under *Columns* choose {columns}. The filter
`tags."studies.kind" = 'configuration'` hides the rest; `trial` and `study` are the other kinds.
"""
REPORT = "The study's report and all its figures are under *Artifacts*, in `report/`: open `report.html`."
CONFIGURATION = "Mean and standard deviation over seeds; each seed is a run below this one, with curves and pictures."
TRIAL = "Curves are under *Model metrics*; reconstructions, traversals and weights under *Artifacts*."


def experiment_tags(spec: Mapping[str, Any], purpose: str) -> dict[str, str]:
    """Tags of a study's experiment, from its specification as plain data and what its author says it is for."""
    name = core.data.dataset_name(spec["dataset"])
    ways = {"maximize": "↑", "minimize": "↓"}
    note = EXPERIMENT.format(
        purpose=purpose,
        name=spec["name"],
        dataset=name,
        models=", ".join(f"`{model}`" for model in spec["models"]),
        objectives=", ".join(f"`{key}` {ways[way]}" for key, way in spec["objectives"].items()),
        steps=spec["budget"]["steps"],
        report=report_name(spec["name"]),
        columns=" and ".join(f"`mean/{key}`" for key in spec["objectives"]),
    )
    return {NOTE: note.strip(), KIND: "custom_model_development", "studies.dataset": name}


def told_apart(study: str, launch: str) -> str:
    """Name of a study in a store where another launch has its name."""
    return f"{study} {launch[:8]}"


def report_name(study: str) -> str:
    """Name of the study's own run."""
    return f"report of {study}"


def link_to_report(experiment: str, run: str) -> str:
    """What stands before an experiment's description, whose first line is always shown."""
    page = f"#/experiments/{experiment}/runs/{run}/artifacts/report/report.html"
    return f"[The report]({page}?workflowType=machine_learning)."


def configuration_name(spec: Mapping[str, Any], configuration: ConfigurationHistory) -> str:
    """`0004 beta=4 beta_vae`: its number, the hyperparameters that the study file varies, and its model.

    The model is last, since a table cuts long names there, and has a column of its own.
    """
    model, given = configuration.configuration.model, configuration.configuration.hyperparameters
    values = {name: given[name] for name in varied(spec, model) if name in given}
    texts = [f"{name}={value:.4g}" if isinstance(value, float) else f"{name}={value}" for name, value in values.items()]
    return " ".join([f"{configuration.number:04d}", *texts, model])[:LONGEST]


def trial_name(configuration: ConfigurationHistory, seed: int) -> str:
    """`0004 seed 2 beta_vae`."""
    return f"{configuration.number:04d} seed {seed} {configuration.configuration.model}"
