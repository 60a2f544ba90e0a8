"""Real processes killed at random moments, drawn from a logged seed; afterwards everything is there exactly once."""

import contextlib
import os
import pathlib
import random
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence

import psutil
import pytest

from core.checkpoints import names
from core.record import journal
from core.record.events import TrialEnded, TrialReported
from core.storage import Folder
from tests import servers
from tests.service import Service, wait_until

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]

PARTS = ("raylet/raylet", "ray::StudyTrainable", "studies.delivery")
ROUNDS = 24
SEED = int(os.environ.get("FAULT_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
RNG = random.Random(SEED)
MODELS = {"simulated": {"beta": {"log": [1, 16]}, "interval": 0.15}}
BUDGET = {"steps": 100, "evaluate_every": 10}


def children(process: "subprocess.Popen[str]", part: str) -> list[psutil.Process]:
    """Descendants of a driver whose command line contains `part`."""
    found: list[psutil.Process] = []
    if process.poll() is not None:
        return found
    for child in psutil.Process(process.pid).children(recursive=True):
        try:
            if part in " ".join(child.cmdline()):
                found.append(child)
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
    return found


def kill_driver(process: "subprocess.Popen[str]", _: random.Random) -> None:
    process.kill()


def kill_actor(process: "subprocess.Popen[str]", rng: random.Random) -> None:
    actors = children(process, "ray::StudyTrainable")
    if actors:
        rng.choice(actors).kill()


def kill_raylet(process: "subprocess.Popen[str]", _: random.Random) -> None:
    for raylet in children(process, "raylet/raylet"):
        raylet.kill()


def kill_delivery(process: "subprocess.Popen[str]", _: random.Random) -> None:
    for delivery in children(process, "studies.delivery"):
        delivery.kill()


def truncate_newest(service: Service, name: str, rng: random.Random) -> None:
    """Cut a file of the newest checkpoint of a trial that has not ended."""
    ended = {event.trial for _, event in journal.read(service.root / name) if isinstance(event, TrialEnded)}
    running = [path for path in (service.root / name / "trials").iterdir() if path.name not in ended]
    if running:
        folder = rng.choice(running)
        newest = names(Folder(folder))[-1:]
        for file in (folder / newest[0]).iterdir() if newest else ():
            file.write_bytes(file.read_bytes()[:10])


def assert_nothing_left_behind(service: Service) -> None:
    """No process that a killed driver of this service left; they have its environment."""
    mark = str(service.folder / "data")

    def strays() -> list[psutil.Process]:
        found = []
        for process in psutil.process_iter(["cmdline"]):
            if any(part in " ".join(process.info["cmdline"] or []) for part in PARTS):
                with contextlib.suppress(psutil.Error):
                    found += [process] if process.environ().get("STUDIES_DATA") == mark else []
        return found

    wait_until(lambda: not strays(), 60.0)


def one_fault(service: Service, name: str, command: Sequence[object], reached: Callable[[], int]) -> str:
    """Run a command until more is `reached`, strike at a random moment, end its driver, cut a file; what was done."""
    driver = service.start(*command, start_new_session=True)
    faults = [kill_driver, kill_actor, kill_raylet, kill_delivery]
    fault, delay = RNG.choice(faults), RNG.uniform(0.0, 4.0)

    def wait_for_more() -> None:
        before = reached()
        wait_until(lambda: reached() > before or driver.poll() is not None)

    wait_for_more()
    threading.Event().wait(delay)
    line = f"{fault.__name__} after {delay:.2f} s, {reached()} reached"
    fault(driver, RNG)
    if fault in (kill_actor, kill_delivery):  # started again; the driver goes on, until it is killed too
        wait_for_more()
    driver.kill()
    driver.communicate()
    assert_nothing_left_behind(service)
    truncate_newest(service, name, RNG)
    return line


def test_kills_at_random_moments(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    service = Service(tmp_path)
    path = service.write("kills", models=MODELS, budget=BUDGET, search={"sampler": "tpe", "configurations": 60})
    commands = [("launch", path), *[("resume", "kills")] * (ROUNDS - 1)]
    log = [one_fault(service, "kills", command, lambda: service.ended("kills")) for command in commands]
    with capsys.disabled():
        print(f"\nFAULT_SEED={SEED}", *log, sep="\n")
    result = service.run("resume", "kills")
    assert result.returncode == 0, result.stderr
    service.assert_exactly_once("kills", configurations=60, seeds=2)
    assert set(service.study("kills").trials()["state"]) == {"COMPLETED"}
    assert_nothing_left_behind(service)


def test_trials_that_are_killed_and_extended_come_to_the_numbers_of_a_straight_run(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of models that are trained: what a process takes up from another continues to the last bit."""
    service = Service(tmp_path)
    discriminator = {"discriminator_layers": 2, "discriminator_units": 16}
    models = {"beta_vae": {"beta": [1, 4]}, "factor_vae": discriminator, "cascade_vae": {"stage_steps": 30}}

    def write(name: str, steps: int) -> pathlib.Path:
        return service.write(
            name,
            models=models,
            defaults={"network": "tiny", "batch_size": 16},
            objectives={"mig": "maximize", "reconstruction_error": "minimize"},
            metrics={"during": ["mig", "reconstruction_error"]},
            search={"sampler": "grid", "configurations": 4},
            seeds=1,
            budget={"steps": steps, "evaluate_every": 50},
        )

    def curves(name: str) -> dict[tuple[str, int], dict[str, float]]:
        reports = [event for _, event in journal.read(service.root / name) if isinstance(event, TrialReported)]
        return {(event.trial, event.step): dict(event.metrics) for event in reports}

    commands = [("launch", write("killed", 150)), *[("resume", "killed")] * 3]
    log = [one_fault(service, "killed", command, lambda: len(curves("killed"))) for command in commands]
    assert service.run("resume", "killed").returncode == 0
    commands = [("extend", "killed", "--steps", 300), *[("resume", "killed")] * 3]
    log += [one_fault(service, "killed", command, lambda: len(curves("killed"))) for command in commands]
    with capsys.disabled():
        print(f"\nFAULT_SEED={SEED}", *log, sep="\n")
    assert service.run("resume", "killed").returncode == 0
    service.assert_agreement("killed")
    assert service.run("launch", write("straight", 300)).returncode == 0
    assert len(curves("straight")) == 4 * 6
    assert curves("killed") == curves("straight")


def test_a_trial_loses_at_most_one_interval(tmp_path: pathlib.Path) -> None:
    service = Service(tmp_path)
    models = {"simulated": {"beta": [2.0], "interval": 0.4}}
    path = service.write("interval", models=models, seeds=1, budget=BUDGET, search={"configurations": 1})
    driver = service.start("launch", path)

    def reports() -> list[int]:
        return [event.step for _, event in journal.read(service.root / "interval") if isinstance(event, TrialReported)]

    wait_until(lambda: len(reports()) >= 4)
    kill_actor(driver, random.Random(0))
    killed_at = reports()[-1]
    out, err = driver.communicate(timeout=100)
    assert driver.returncode == 0, out + err
    steps = reports()
    first_again = steps[steps.index(killed_at) + 1]
    assert killed_at <= first_again <= killed_at + BUDGET["evaluate_every"]
    service.assert_agreement("interval")


def test_an_mlflow_server_that_dies_for_good_costs_nothing(tmp_path: pathlib.Path) -> None:
    """The study ends without it; when it is back, `resume` delivers all that it missed."""
    server = servers.MLflowServer(tmp_path, f"sqlite:///{tmp_path / 'server.db'}")
    service = Service(tmp_path, tracking=server.uri)
    try:
        path = service.write("away", models=MODELS)
        driver = service.start("launch", path, "--tracking-uri", server.uri)
        wait_until(lambda: service.ended("away") >= 2)
        server.kill()
        out, err = driver.communicate(timeout=200)
        assert driver.returncode == 1, out + err
        assert "not everything was delivered yet (MLflow: " in err
        server.start()
        assert service.run("resume", "away").returncode == 0
        service.assert_exactly_once("away", configurations=4, seeds=2)
    finally:
        server.kill()


def test_a_full_disk_fails_trials_with_a_reason_and_resume_goes_on(tmp_path: pathlib.Path) -> None:
    """A real file system of 2 MB for checkpoints; needs the right to mount."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("mounting a small file system is not allowed here")
    try:
        service = Service(tmp_path)
        models = {"vae": {"network": "tiny", "num_latents": [2, 3]}}
        path = service.write(
            "full",
            models=models,
            dataset={"name": "dsprites.quick", "fix": {"shape": 0, "scale": 5}},
            objectives={"reconstruction_error": "minimize"},
            search={"sampler": "grid", "configurations": 2},
            budget={"steps": 4, "evaluate_every": 2},
        )
        (disk / "ballast").write_bytes(b"x" * 1_900_000)
        result = service.run("launch", path, "--storage", disk)
        assert result.returncode in (1, 2), result.stderr
        assert "GB" in result.stderr or "No space left" in str(list(service.study("full").trials()["reason"]))
    finally:
        subprocess.run(["umount", disk], check=True)


def test_a_stopped_driver_can_be_continued_by_signal(tmp_path: pathlib.Path) -> None:
    """SIGSTOP for longer than heartbeats, as of a suspended laptop; the study goes on after SIGCONT."""
    service = Service(tmp_path)
    driver = service.start("launch", service.write("asleep", models=MODELS))
    wait_until(lambda: service.ended("asleep") >= 2)
    os.kill(driver.pid, signal.SIGSTOP)
    began = time.monotonic()
    wait_until(lambda: time.monotonic() - began > 15.0)
    os.kill(driver.pid, signal.SIGCONT)
    out, err = driver.communicate(timeout=100)
    assert driver.returncode == 0, out + err
    service.assert_agreement("asleep")


def test_a_hung_trial_is_ended_and_the_study_goes_on(tmp_path: pathlib.Path) -> None:
    service = Service(tmp_path)
    path = service.write(
        "hung",
        models={"simulated": {"beta": [1.0, 2.0], "hangs_at": [0, 50]}},
        seeds=1,
        search={"sampler": "grid", "configurations": 4},
        budget={**BUDGET, "patience": 2.0},
    )
    result = service.run("launch", path)
    assert result.returncode == 1, result.stderr
    trials = service.study("hung").trials()
    assert dict(trials.groupby("hangs_at")["state"].unique().map(list)) == {0: ["COMPLETED"], 50: ["FAILED"]}
    assert trials.loc[trials["hangs_at"] == 50, "reason"].str.startswith("lost").all()
    service.assert_agreement("hung")
