"""The batch script of `deploy/slurm` on a real Slurm: cut off by its time limit, cancelled, beside another job."""

import pathlib
import sys
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

from core.record import journal
from core.record.events import DriverStarted, TrialEnded, TrialStarted
from tests.cluster.slurm import Slurm
from tests.service import Service, wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(400)]

MODELS = {"simulated": {"beta": {"log": [1, 16]}, "interval": 1.0}}
BUDGET = {"steps": 100, "evaluate_every": 20}


@pytest.fixture
def slurm() -> Iterator[Slurm]:
    cluster = Slurm(nodes=2, cpus=4)
    yield cluster
    cluster.close()


def submit(slurm: Slurm, service: Service, *arguments: Any) -> str:
    environment = {
        "STUDIES_BIN": str(pathlib.Path(sys.executable).parent),
        "STUDIES_DATA": str(service.folder / "data"),
    }
    return slurm.submit(service.folder, *arguments, "--root", service.root, **environment)


def output(service: Service, job: str) -> str:
    return (service.folder / f"study-{job}.out").read_text()


def starts(service: Service, name: str) -> int:
    return sum(isinstance(event, DriverStarted) for _, event in journal.read(service.root / name))


def most_at_once(service: Service, name: str) -> int:
    running = most = 0
    for _, event in journal.read(service.root / name):
        running += {TrialStarted: 1, TrialEnded: -1, DriverStarted: -running}.get(type(event), 0)
        most = max(most, running)
    return most


def test_a_study_that_its_time_limit_cuts_off_is_queued_again_and_completes(
    tmp_path: pathlib.Path, slurm: Slurm
) -> None:
    service = Service(tmp_path)
    left_by_others = set(pathlib.Path("/tmp").glob("ray.*"))
    search = {"sampler": "tpe", "configurations": 12}
    resources = {"cpu": 0.25, "gpu": 1}  # a trial on each GPU, so one on each node
    path = service.write("limited", models=MODELS, budget=BUDGET, search=search, resources=resources)
    options = ("--nodes=2", "--cpus-per-task=2", "--gpus-per-node=1", "--time=2", "--signal=B:USR1@60")
    job = submit(slurm, service, *options, "--", "launch", path)
    wait_until(lambda: service.ended("limited") >= 1, 100)
    address = output(service, job).split("Ray at ")[1].split()[0]
    command = (sys.executable, "-m", "studies.cli", "launch", service.write("stranger"), "--root", service.root)
    stranger = slurm.run(*command, "--address", address, STUDIES_DATA=str(service.folder / "data"))
    assert stranger.returncode == 2
    assert "no Ray cluster answers" in stranger.stderr

    wait_until(lambda: "stopping: trials save" in output(service, job), 100)
    wait_until(lambda: output(service, job).count("Ray at ") > 1)
    assert service.ended("limited") < 24
    wait_until(lambda: service.ended("limited") == 24, 200)
    wait_until(lambda: slurm.about(job)["JobState"] == "COMPLETED")
    assert int(slurm.about(job)["Restarts"]) == starts(service, "limited") - 1
    assert most_at_once(service, "limited") == 2
    service.assert_exactly_once("limited", configurations=12, seeds=2)
    assert set(pathlib.Path("/tmp").glob("ray.*")) <= left_by_others
    commands = [" ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"])]
    assert not [
        command
        for command in commands
        if "time.sleep(int(sys.argv[1]))" in command or f"{slurm.folder}/n1/job" in command
    ]


def test_jobs_that_share_nodes_are_cancelled_and_stopped_apart_and_submitted_again(
    tmp_path: pathlib.Path, slurm: Slurm
) -> None:
    service = Service(tmp_path)
    options = {"killed": ("--nodes=2", "--cpus-per-task=1"), "stopped": ("--nodes=1", "--cpus-per-task=2")}
    jobs = {}
    for name in options:
        path = service.write(name, models=MODELS, budget=BUDGET)
        jobs[name] = submit(slurm, service, *options[name], "--", "launch", path)
    wait_until(lambda: min(service.ended("killed"), service.ended("stopped")) >= 1, 150)
    slurm.cancel(jobs["killed"])
    wait_until(lambda: slurm.about(jobs["killed"])["JobState"] == "CANCELLED")
    ended = service.ended("stopped")
    wait_until(lambda: service.ended("stopped") > ended)
    slurm.cancel(jobs["stopped"], "--signal=INT", "--batch")
    wait_until(lambda: slurm.about(jobs["stopped"])["JobState"] == "FAILED")
    assert "stopping: trials save" in output(service, jobs["stopped"])
    assert slurm.about(jobs["stopped"])["ExitCode"] == "130:0"

    for name in jobs:
        assert service.ended(name) < 8
        jobs[name] = submit(slurm, service, *options[name], "--", "resume", name)
    wait_until(lambda: service.ended("killed") == service.ended("stopped") == 8, 150)
    for name, job in jobs.items():
        wait_until(lambda job=job: slurm.about(job)["JobState"] == "COMPLETED")
        assert starts(service, name) == 2
        service.assert_exactly_once(name, configurations=4, seeds=2)
