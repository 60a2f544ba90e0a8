"""Small synthetic studies: a `study.json` and a journal, as the service writes them."""

import json
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from analysis.study import Study
from core.configuration import Configuration
from core.record import journal

OBJECTIVES = {"factor_vae_score": "maximize", "reconstruction_error": "minimize"}
MODELS = {"beta_vae": "beta", "factor_vae": "gamma", "chyvae": "nu"}


class StudyWriter:
    """Writes a study by its events."""

    def __init__(self, root: pathlib.Path, name: str = "made", **spec: Any) -> None:
        self.root, self.name = root, name
        self.path = root / name
        self.path.mkdir(parents=True)
        complete = {
            "name": name,
            "dataset": "dsprites.quick",
            "seeds": {"min": 2, "max": 2, "until": None},
            "seed": 0,
            "models": {model: {key: {"log": [1, 100]}} for model, key in MODELS.items()},
            "defaults": {"batch_size": 50},
            "search": {"sampler": "random", "configurations": 4, "where": None},
            "objectives": OBJECTIVES,
            "budget": {"steps": 100, "evaluate_every": 50},
            "metrics": {"during": [], "final": list(OBJECTIVES)},
            "resources": {"cpu": 1, "gpu": 0.0, "stack": 1},
            "early_stop": None,
            "retention": "last",
            **spec,
        }
        stores = {"tracking": "", "optuna": "", "checkpoints": str(root), "data": str(root / "data")}
        (self.path / "study.json").write_text(json.dumps({"format": 1, "spec": complete, "stores": stores}))
        self.write("session", pid=1, versions={"python": "3.11"}, source={"commit": "0" * 40})

    def write(self, type: str, **fields: Any) -> None:  # noqa: A002 - the field's name in the file
        with (self.path / journal.FILE).open("a") as stream:
            stream.write(json.dumps({"type": type, "time": 0.0, **fields}) + "\n")

    def configuration(self, model: str, seeds: int = 2, **hyperparameters: Any) -> str:
        key = Configuration(model, hyperparameters).hash
        self.write("configuration", configuration=key, number=0, model=model, hyperparameters=hyperparameters)
        self.write("seeds", configuration=key, seeds=seeds)
        return key

    def event(self, type: str, key: str, seed: int, **fields: Any) -> None:  # noqa: A002
        self.write(type, trial=f"{key}-s{seed}", configuration=key, seed=seed, **fields)

    def complete(self, key: str, seed: int, metrics: Mapping[str, float], step: int = 100) -> None:
        """A trial that reported halfway and at its end."""
        ledger = {"seconds_training": 1.0, "seconds_evaluating": 0.5, "device": "cpu"}
        self.event("start", key, seed)
        halfway = {name: value / 2 for name, value in metrics.items()}
        self.event("report", key, seed, step=step // 2, metrics=halfway, ledger=ledger)
        self.event("report", key, seed, step=step, metrics=dict(metrics), ledger=ledger)
        self.event("end", key, seed, state="COMPLETED", step=step, reason=None, metrics=dict(metrics), ledger=ledger)

    @property
    def study(self) -> Study:
        return Study(self.name, self.root)


def random_study(root: pathlib.Path, name: str = "made", configurations: int = 12, seeds: int = 3) -> Study:
    """A finished study of three models whose scores depend on model, hyperparameter and seed, in this order."""
    writer = StudyWriter(root, name)
    rng = np.random.default_rng(0)
    seed_effect = rng.normal(0.0, 0.02, seeds)
    for index in range(configurations):
        model, hyperparameter = list(MODELS.items())[index % len(MODELS)]
        value = float(rng.uniform(1.0, 100.0))
        key = writer.configuration(model, seeds, **{hyperparameter: value, "batch_size": 50})
        for seed in range(seeds):
            score = 0.4 + 0.15 * (index % len(MODELS)) + 0.001 * value + seed_effect[seed] + rng.normal(0.0, 0.01)
            error = 30.0 + 0.5 * value + rng.normal(0.0, 1.0)
            metrics = {"factor_vae_score": score, "reconstruction_error": error, "mig": score / 2, "train/kl": 3.0}
            writer.complete(key, seed, metrics)
    return writer.study
