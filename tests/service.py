"""The command line on one root, for tests: real Ray, real Optuna storage, real MLflow, simulated training."""

import json
import os
import pathlib
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from core.record import journal
from core.record.events import TrialEnded

STUDY = {
    "dataset": "dsprites.quick",
    "seeds": 2,
    "models": {"simulated": {"beta": {"log": [1, 16]}}},
    "search": {"sampler": "tpe", "configurations": 4},
    "objectives": {"factor_vae_score": "maximize", "reconstruction_error": "minimize"},
    "budget": {"steps": 100, "evaluate_every": 50},
}


class Service:
    """The command line on one root, each command in a process of its own."""

    def __init__(self, folder: pathlib.Path, tracking: str | None = None, optuna_url: str | None = None) -> None:
        self.folder = folder
        self.root = folder / "runs"
        self.tracking = tracking or f"sqlite:///{self.root / 'mlflow.db'}"
        self.optuna_url = optuna_url

    def write(self, name: str, **changes: Any) -> pathlib.Path:
        path = self.folder / f"{name}.yaml"
        path.write_text(json.dumps({"name": name, **STUDY, **changes}))  # JSON is YAML
        return path

    def start(self, *arguments: Any, prefix: Sequence[str] = (), **options: Any) -> subprocess.Popen[str]:
        command = [*prefix, sys.executable, "-m", "studies.cli", *map(str, arguments)]
        if arguments[0] not in ("validate", "data"):
            command += ["--root", str(self.root)]
        environment = {**os.environ, "STUDIES_DATA": str(self.folder / "data"), "COLUMNS": "200"}
        return subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.folder,
            env=environment,
            **options,
        )

    def run(self, *arguments: Any, **options: Any) -> subprocess.CompletedProcess[str]:
        process = self.start(*arguments, **options)
        try:
            out, err = process.communicate(timeout=110)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            raise AssertionError(f"{arguments} did not end:\n{out}{err}") from None
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def rows(self, *arguments: Any) -> list[dict[str, Any]]:
        done = self.run(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def study(self, name: str) -> Any:
        import studies

        return studies.open(name, self.root)

    def runs(self, name: str) -> list[Any]:
        """All MLflow runs of a study."""
        from mlflow import MlflowClient

        client = MlflowClient(self.tracking)
        experiment = client.get_experiment_by_name(name)
        return list(client.search_runs([experiment.experiment_id], max_results=1000))

    def optuna_trials(self, name: str) -> list[Any]:
        import optuna

        storage = optuna.storages.RDBStorage(self.optuna_url or f"sqlite:///{self.root / name / 'optuna.db'}")
        trials = optuna.load_study(study_name=name, storage=storage).get_trials()
        storage.engine.dispose()
        return trials

    def ended(self, name: str) -> int:
        """Trials that have ended so far."""
        return sum(isinstance(event, TrialEnded) for _, event in journal.read(self.root / name))

    def assert_agreement(self, name: str) -> None:
        """`studies check` finds nothing."""
        result = self.run("check", name)
        assert result.returncode == 0, result.stdout + result.stderr

    def assert_exactly_once(self, name: str, configurations: int, seeds: int) -> None:
        """Every (configuration, seed) of the plan is once in the table, in Optuna and in MLflow, with equal numbers."""
        trials = self.study(name).trials()
        assert len(trials) == configurations * seeds
        assert not trials.duplicated(["configuration", "seed"]).any()
        identities = {f"{row.configuration}-s{row.seed}" for row in trials.itertuples()}

        self.assert_agreement(name)
        told = [trial for trial in self.optuna_trials(name) if "configuration" in trial.user_attrs]
        assert Counter(trial.user_attrs["configuration"] for trial in told) == dict.fromkeys(trials["configuration"], 1)
        assert "RUNNING" not in {trial.state.name for trial in self.optuna_trials(name)}

        runs = self.runs(name)
        tags = Counter(run.data.tags["studies.identity"] for run in runs)
        assert tags == dict.fromkeys([*identities, *trials["configuration"], "study"], 1)
        by_identity = {run.data.tags["studies.identity"]: run for run in runs}
        for row in trials.itertuples():
            run = by_identity[f"{row.configuration}-s{row.seed}"]
            assert run.info.run_id == row.mlflow_run_id
            assert run.info.status != "RUNNING"
            if row.state == "COMPLETED":
                assert run.data.metrics["factor_vae_score"] == row.factor_vae_score


def wait_until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline, pause = time.monotonic() + seconds, threading.Event()
    while not condition():
        assert time.monotonic() < deadline, "what was waited for did not happen"
        pause.wait(0.02)
