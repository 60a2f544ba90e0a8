"""The same study file on a cluster of several nodes, with PostgreSQL, an MLflow server and an object store."""

import pathlib
import time

import pytest

from core import checkpoints
from core.record import journal
from core.record.events import ShareEnlarged, TrialEnded, TrialStarted
from core.storage import Folder
from studies.delivery.to_mlflow import IDENTITY, STUDY_RUN
from tests import servers
from tests.service import Service, wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

FAKETIME = pathlib.Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")
SLOW = {"simulated": {"beta": {"log": [1, 16]}, "interval": 0.3}}
BUDGET = {"steps": 100, "evaluate_every": 20}


def test_nodes_join_and_leave_in_the_middle(tmp_path: pathlib.Path) -> None:
    service = Service(tmp_path)
    path = service.write("nodes", models=SLOW, budget=BUDGET, search={"sampler": "tpe", "configurations": 8})
    with servers.ray_nodes() as cluster:
        leaving = cluster.add_node(num_cpus=1)
        driver = service.start("launch", path, "--address", cluster.address)
        wait_until(lambda: service.ended("nodes") >= 3)
        cluster.add_node(num_cpus=2)
        wait_until(lambda: service.ended("nodes") >= 6)
        cluster.kill_node(leaving)
        out, err = driver.communicate(timeout=120)
        assert driver.returncode == 0, out + err
    service.assert_exactly_once("nodes", configurations=8, seeds=2)


def test_a_wrong_address_and_a_missing_token_are_one_sentence(tmp_path: pathlib.Path) -> None:
    service = Service(tmp_path)
    path = service.write("nowhere")
    result = service.run("launch", path, "--address", f"127.0.0.1:{servers.free_port()}")
    assert result.returncode == 2
    assert "no Ray cluster answers" in result.stderr


def test_a_trial_that_no_node_can_take_is_refused(tmp_path: pathlib.Path) -> None:
    service = Service(tmp_path)
    path = service.write("big", resources={"cpu": 2})
    with servers.ray_nodes() as cluster:
        cluster.add_node(num_cpus=1)
        result = service.run("launch", path, "--address", cluster.address)
    assert result.returncode == 2
    assert "no node of the cluster can take a trial of 2 CPU" in result.stderr


@pytest.mark.parametrize(("share", "at_once"), [(0.25, 4), (0.5, 2), ("auto", 1)])
def test_a_gpu_share_packs_so_many_trials(tmp_path: pathlib.Path, share: float | str, at_once: int) -> None:
    """Logical GPUs: the scheduling is real where the device is not; what cannot be measured gets a whole one."""
    service = Service(tmp_path)
    models = {"simulated": {"beta": [1.0, 2.0, 4.0], "interval": 3.0}}  # longer than a worker takes to start
    path = service.write("shares", models=models, search={"sampler": "grid"}, resources={"cpu": 1, "gpu": share})
    with servers.ray_nodes(cpus=8, num_gpus=1) as cluster:
        result = service.run("launch", path, "--address", cluster.address)
    assert result.returncode == 0, result.stderr
    running = most = 0
    for _, event in journal.read(service.root / "shares"):
        running += {TrialStarted: 1, TrialEnded: -1}.get(type(event), 0)
        most = max(most, running)
    assert most == at_once


def test_a_trial_that_runs_out_of_memory_gets_one_more_chance_with_twice_the_share(tmp_path: pathlib.Path) -> None:
    """One that a second share does not hold either fails with its reason, and the study goes on."""
    service = Service(tmp_path)
    models = {"simulated": {"beta": [2.0], "needs_share": [0.1, 0.5, 1.0]}}
    search = {"sampler": "grid", "configurations": 3}
    path = service.write("memory", models=models, search=search, seeds=1, resources={"cpu": 1, "gpu": 0.25})
    with servers.ray_nodes(cpus=4, num_gpus=1) as cluster:
        service.run("launch", path, "--address", cluster.address)
    trials = service.study("memory").trials().set_index("needs_share")
    assert list(trials["state"]) == ["COMPLETED", "COMPLETED", "FAILED"]
    assert "a GPU share of 0.5 does not hold the trial" in trials["reason"][1.0]
    enlarged = [event for _, event in journal.read(service.root / "memory") if isinstance(event, ShareEnlarged)]
    assert [event.share for event in enlarged] == [0.5, 0.5]
    service.assert_exactly_once("memory", configurations=3, seeds=1)


@pytest.mark.skipif(not FAKETIME.exists(), reason="libfaketime is not installed")
@pytest.mark.parametrize("hours", [-30, 30])
def test_a_node_whose_clock_is_wrong_changes_nothing(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    service = Service(tmp_path)
    path = service.write("skewed", budget=BUDGET)
    with servers.ray_nodes(0) as cluster:
        with monkeypatch.context() as patch:
            patch.setenv("LD_PRELOAD", str(FAKETIME))
            patch.setenv("FAKETIME", f"{hours:+d}h")
            patch.setenv("DONT_FAKE_MONOTONIC", "1")
            cluster.add_node(num_cpus=2)
        began = time.time()
        result = service.run("launch", path, "--address", cluster.address)
        assert result.returncode == 0, result.stdout + result.stderr
        ended = time.time()
    stamps = [event.time for _, event in journal.read(service.root / "skewed")]
    assert stamps == sorted(stamps)
    assert began - 1 < stamps[0] < stamps[-1] < ended + 1
    service.assert_exactly_once("skewed", configurations=4, seeds=2)
    for run in service.runs("skewed"):
        assert 1000 * (began - 1) < run.info.start_time
        if run.data.tags[IDENTITY] != STUDY_RUN:  # that ends when the report is attached, after the launch
            assert run.info.start_time <= run.info.end_time < 1000 * (ended + 1)
    assert (service.study("skewed").trials()["seconds"] < ended - began).all()


def test_postgresql_an_mlflow_server_and_an_object_store(tmp_path: pathlib.Path) -> None:
    """PostgreSQL is restarted and the MLflow server killed and started again while the study runs."""
    postgres = servers.Postgres()
    server = servers.MLflowServer(tmp_path, postgres.url("mlflow"))
    service = Service(tmp_path, tracking=server.uri, optuna_url=postgres.url("optuna"))
    try:
        path = service.write("served", models=SLOW, budget=BUDGET, search={"sampler": "tpe", "configurations": 6})
        arguments = ("launch", path, "--tracking-uri", server.uri, "--storage", postgres.url("optuna"))
        driver = service.start(*arguments)
        wait_until(lambda: service.ended("served") >= 2)
        server.kill()
        wait_until(lambda: service.ended("served") >= 5)
        server.start()
        wait_until(lambda: service.ended("served") >= 7)
        postgres.stop()
        postgres.start()
        out, err = driver.communicate(timeout=120)
        assert driver.returncode == 0, out + err
        assert "hidden-secret" not in out + err
        service.assert_exactly_once("served", configurations=6, seeds=2)
        assert "hidden-secret" not in (service.root / "served" / "report" / "report.html").read_text()
        for run in service.runs("served"):
            assert "hidden-secret" not in str(run.to_dictionary())
    finally:
        server.kill()
        postgres.close()


def test_checkpoints_in_an_object_store(tmp_path: pathlib.Path) -> None:
    service = Service(tmp_path)
    with servers.s3_store(tmp_path) as uri:
        result = service.run("launch", service.write("objects"), "--storage", uri)
        assert result.returncode == 0, result.stderr
        study = service.study("objects")
        trial = study.best("mig")[0]
        saved = checkpoints.newest(Folder(trial.checkpoint))
        assert saved is not None
        assert saved.step == 100
        service.assert_agreement("objects")
        assert "word" not in (service.root / "objects" / "report" / "report.html").read_text().split("keyword")[0]


def test_a_detached_study_is_stopped_and_resumed_from_another_shell(tmp_path: pathlib.Path) -> None:
    service = Service(tmp_path)
    path = service.write("away", models=SLOW, budget=BUDGET, search={"sampler": "tpe", "configurations": 4})
    port, agent = servers.free_port(), servers.free_port()  # another cluster may have the agent's usual port
    dashboard = {"include_dashboard": True, "dashboard_host": "127.0.0.1", "dashboard_port": port}
    with servers.ray_nodes(2, **dashboard, dashboard_agent_listen_port=agent):
        url = f"http://127.0.0.1:{port}"
        launched = service.run("launch", path, "--address", url, "--detach")
        assert launched.returncode == 0, launched.stderr
        assert "runs as job" in launched.stderr
        wait_until(lambda: service.ended("away") >= 1, 120)
        stopped = service.run("stop", "away")
        assert stopped.returncode == 0, stopped.stderr
        assert "asked job" in stopped.stderr
        wait_until(lambda: service.rows("status", "away")[0]["driver"] is None)
        assert service.ended("away") < 8
        assert service.run("launch", path, "--address", url, "--detach").returncode == 0
        wait_until(lambda: service.rows("status", "away")[0]["completed"] == 8, 120)
        wait_until(lambda: service.rows("status", "away")[0]["driver"] is None)
    service.assert_exactly_once("away", configurations=4, seeds=2)
