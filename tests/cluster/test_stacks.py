"""Trials of one (logical) GPU that train in one process, through the command line on a real Ray cluster."""

import os
import pathlib
import signal
from typing import Any

import pytest

from core.record import journal
from core.record.events import ConfigurationSuggested, TrialReported
from tests import servers
from tests.service import Service, wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

TINY = {"network": "tiny", "batch_size": 16}
STUDY: dict[str, Any] = {
    "dataset": {"name": "dsprites.quick", "fix": {"shape": 0, "scale": 5}},
    "defaults": TINY,
    "models": {"beta_vae": {"beta": [1.0, 4.0]}, "modular": {"num_annotated": 100, "units": 32}},
    "search": {"sampler": "grid", "configurations": 3},
    "metrics": {"final": ["factor_vae_score/fast", "mig"]},
    "objectives": {"mig": "maximize", "reconstruction_error": "minimize"},
    "resources": {"cpu": 0.5, "gpu": 1, "stack": 4},
}


def reports(service: Service, name: str, model: str) -> list[dict[str, Any]]:
    events = [event for _, event in journal.read(service.root / name)]
    models = {event.configuration: event.model for event in events if isinstance(event, ConfigurationSuggested)}
    return [event for event in events if isinstance(event, TrialReported) and models[event.configuration] == model]


def test_trials_of_a_gpu_train_together_and_stay_trials_of_their_own(tmp_path: pathlib.Path) -> None:
    service = Service(tmp_path)
    budget = {"steps": 60, "evaluate_every": 20}
    stacked = service.write("stacked", **STUDY | {"budget": budget})
    alone = service.write("alone", **STUDY | {"budget": budget, "resources": {"cpu": 1}})
    with servers.ray_nodes(cpus=2, num_gpus=1) as cluster:
        for path in (stacked, alone):
            result = service.run("launch", path, "--address", cluster.address)
            assert result.returncode == 0, result.stderr
    for name in ("stacked", "alone"):
        trials = service.study(name).trials()
        assert list(trials["state"]) == ["COMPLETED"] * 6
        service.assert_agreement(name)
    hosted = reports(service, "stacked", "beta_vae")
    assert len({event.ledger["training_pid"] for event in hosted}) == 1
    assert len({event.ledger["pid"] for event in hosted}) > 1
    assert max(event.ledger["stack"] for event in hosted) > 1
    assert all(event.ledger["stack"] for event in reports(service, "stacked", "modular"))
    together, apart = (
        service.study(name).trials().set_index(["configuration", "seed"])["reconstruction_error"].sort_index()
        for name in ("stacked", "alone")
    )
    assert together.to_dict() == pytest.approx(apart.to_dict(), rel=0.01)


def test_trials_go_on_when_the_process_that_trains_them_is_killed(tmp_path: pathlib.Path) -> None:
    service = Service(tmp_path)
    models = {"beta_vae": {"beta": [1.0, 4.0]}}
    search = {"sampler": "grid", "configurations": 2}
    budget = {"steps": 400, "evaluate_every": 20}
    path = service.write("killed", **STUDY | {"models": models, "search": search, "budget": budget})
    with servers.ray_nodes(cpus=2, num_gpus=1) as cluster:
        driver = service.start("launch", path, "--address", cluster.address)
        wait_until(lambda: len(reports(service, "killed", "beta_vae")) >= 4)
        os.kill(reports(service, "killed", "beta_vae")[-1].ledger["training_pid"], signal.SIGKILL)
        out, err = driver.communicate(timeout=200)
        assert driver.returncode == 0, out + err
    assert len({event.ledger["training_pid"] for event in reports(service, "killed", "beta_vae")}) == 2
    trials = service.study("killed").trials()
    assert list(trials["state"]) == ["COMPLETED"] * 4
    service.assert_agreement("killed")
