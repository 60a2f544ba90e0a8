"""Last evaluations beside the slots, with real Ray on logical cores: one slot, and one core that no trial needs."""

import os
import pathlib
import signal
from typing import Any, TypeVar

import psutil
import pytest

from core.record import journal
from core.record.events import TrialEnded, TrialEvent, TrialReported, TrialStarted
from core.storage import Folder
from studies.testing.trials import QUICK, TINY
from tests import servers
from tests.service import Service, wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

STEPS = 4
STUDY: dict[str, Any] = {
    "dataset": QUICK,
    "seeds": 3,
    "models": {"beta_vae": {**TINY, "beta": 4.0}},
    "search": {"sampler": "grid", "configurations": 1},
    "objectives": {"factor_vae_score": "maximize", "reconstruction_error": "minimize"},
    "metrics": {"during": ["mig"], "final": ["factor_vae_score", "reconstruction_error"]},
    "budget": {"steps": STEPS, "evaluate_every": 2},
    "resources": {"cpu": 2},
}


E = TypeVar("E", bound=TrialEvent)


def events(service: Service, name: str, kind: type[E], trial: str | None = None) -> list[tuple[int, E]]:
    """Events of a kind with their places in the journal."""
    found = enumerate(event for _, event in journal.read(service.root / name))
    return [(place, event) for place, event in found if isinstance(event, kind) and trial in (None, event.trial)]


def handed_over(service: Service, name: str) -> set[str]:
    return {event.trial for _, event in events(service, name, TrialEnded) if "seconds_handed_over" in event.ledger}


def final_state(service: Service, name: str, trial: str) -> list[dict[str, bytes]]:
    """Weights and training state of a trial's last checkpoint, and its pictures."""
    folder = Folder(service.root / name / "trials" / trial)
    saved = folder.read(f"step-{STEPS:09d}")
    return [{key: saved[key] for key in ("model.safetensors", "training.pt")}, folder.read("pictures")]


def test_the_next_trial_trains_while_an_idle_core_evaluates_and_every_number_is_the_same(
    tmp_path: pathlib.Path,
) -> None:
    service = Service(tmp_path)
    for name, cores in (("beside", 3), ("within", 2)):
        with servers.ray_nodes(cores) as cluster:
            result = service.run("launch", service.write(name, **STUDY), "--address", cluster.address)
        assert result.returncode == 0, result.stderr
    assert handed_over(service, "within") == set()
    starts = [event.trial for _, event in events(service, "beside", TrialStarted)]
    assert len(starts) == 3
    assert starts[0] in handed_over(service, "beside")
    assert starts[2] not in handed_over(service, "beside")  # nothing waits for the slot of the last
    last = max(place for place, event in events(service, "beside", TrialReported, starts[0]) if event.step == STEPS)
    ((began, _),) = events(service, "beside", TrialStarted, starts[1])
    assert began < last

    expected = service.study("within").trials().set_index("seed")
    found = service.study("beside").trials().set_index("seed")
    assert set(found["state"]) == {"COMPLETED"}
    metrics = ["mig", "factor_vae_score", "reconstruction_error"]
    assert found[metrics].equals(expected[metrics])
    for trial in starts:
        curves = [
            [(event.step, event.metrics) for _, event in events(service, name, TrialReported, trial)]
            for name in ("beside", "within")
        ]
        assert curves[0] == curves[1]
        assert final_state(service, "beside", trial) == final_state(service, "within", trial)
    service.assert_agreement("beside")


def evaluating() -> list[psutil.Process]:
    """Processes of this test's cluster that evaluate a trial."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            found += [process] if "ray::evaluate" in " ".join(process.cmdline()) else []
        except psutil.Error:
            continue
    return found


def test_a_driver_that_dies_during_an_evaluation_and_a_task_that_dies_lose_nothing(tmp_path: pathlib.Path) -> None:
    """`resume` evaluates what was trained, and trains nothing twice; a killed task's trial is evaluated in a slot."""
    service = Service(tmp_path)
    path = service.write("killed", **STUDY)
    with servers.ray_nodes(3) as cluster:
        driver = service.start("launch", path, "--address", cluster.address, start_new_session=True)
        wait_until(lambda: len(events(service, "killed", TrialStarted)) >= 2, 120)
        os.killpg(driver.pid, signal.SIGKILL)
        driver.communicate()
        first = events(service, "killed", TrialStarted)[0][1].trial
        assert [event.step for _, event in events(service, "killed", TrialReported, first)] == [2]
        wait_until(lambda: not evaluating())

        driver = service.start("resume", "killed", "--address", cluster.address)
        wait_until(lambda: bool(evaluating()), 120)
        for process in evaluating():
            process.kill()
        out, err = driver.communicate(timeout=120)
        assert driver.returncode == 0, out + err
    reports = [event for _, event in events(service, "killed", TrialReported, first)]
    assert [event.step for event in reports] == [2, STEPS]
    assert reports[-1].ledger["resumed_from"] == STEPS
    assert len(events(service, "killed", TrialStarted, first)) == 3  # and neither of the last two trained
    assert first not in handed_over(service, "killed")
    assert len(events(service, "killed", TrialEnded)) == 3
    service.assert_exactly_once("killed", configurations=1, seeds=3)


def test_ctrl_c_during_an_evaluation_stops_in_good_order(tmp_path: pathlib.Path) -> None:
    service = Service(tmp_path)
    path = service.write("interrupted", **STUDY)
    with servers.ray_nodes(3) as cluster:
        driver = service.start("launch", path, "--address", cluster.address)
        wait_until(lambda: len(events(service, "interrupted", TrialStarted)) >= 2, 120)
        os.kill(driver.pid, signal.SIGINT)
        _, err = driver.communicate(timeout=120)
        assert driver.returncode == 130, err
        assert "studies resume interrupted" in err
        assert "died" not in err
        wait_until(lambda: not evaluating())


def test_an_evaluation_whose_node_leaves_is_done_in_a_slot(tmp_path: pathlib.Path) -> None:
    """No other core is idle then, and the study must not wait for one."""
    service = Service(tmp_path)
    path = service.write("left", **STUDY)
    with servers.ray_nodes(2) as cluster:
        leaving = cluster.add_node(num_cpus=1)
        driver = service.start("launch", path, "--address", cluster.address)
        wait_until(lambda: len(events(service, "left", TrialStarted)) >= 2, 120)
        cluster.kill_node(leaving)
        out, err = driver.communicate(timeout=120)
        assert driver.returncode == 0, out + err
    assert handed_over(service, "left") == set()
    service.assert_exactly_once("left", configurations=1, seeds=3)
