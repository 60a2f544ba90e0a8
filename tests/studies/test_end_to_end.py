"""One study file becomes a front, through the command line, with real Ray, Optuna and MLflow."""

import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import sys

import pandas as pd
import pytest
from mlflow import MlflowClient

import studies
from core import checkpoints
from core.record import progress
from core.record.history import History
from core.storage import Folder
from studies.drive import driver as driver_module
from tests.service import Service, wait_until

pytestmark = pytest.mark.timeout(120)


def test_the_plan_is_there_exactly_once(finished: Service) -> None:
    finished.assert_exactly_once("done", configurations=4, seeds=2)
    parents = [run for run in finished.runs("done") if run.data.tags["studies.kind"] == "configuration"]
    table = finished.study("done").configurations().set_index("configuration")
    for run in parents:
        row = table.loc[run.data.tags["studies.configuration"]]
        assert run.data.metrics["n"] == row["n"] == 2
        assert run.data.metrics["mean/mig"] == pytest.approx(row["mig_mean"], abs=1e-12)
        assert run.data.metrics["std/mig"] == pytest.approx(row["mig_std"], abs=1e-12)
    children = [run for run in finished.runs("done") if run.data.tags["studies.kind"] == "trial"]
    ids = {run.info.run_id: run for run in parents}
    for run in children:
        parent = ids[run.data.tags["mlflow.parentRunId"]]
        assert run.data.tags["studies.device"] == "simulated"
        assert parent.data.params == run.data.params
        points = MlflowClient(finished.tracking).get_metric_history(run.info.run_id, "mig")
        assert [point.step for point in points] == [50, 100]


def test_optuna_was_told_the_means(finished: Service) -> None:
    table = finished.study("done").configurations().set_index("configuration")
    for trial in finished.optuna_trials("done"):
        row = table.loc[trial.user_attrs["configuration"]]
        assert trial.values == [row["factor_vae_score_mean"], row["reconstruction_error_mean"]]


def test_results_as_json_lines(finished: Service) -> None:
    best = finished.rows("best", "done", "--metric", "reconstruction_error", "--top", 3)
    errors = [row["reconstruction_error"] for row in best]
    assert errors == sorted(errors)
    assert len(best) == 3
    front = finished.rows("front", "done")
    scores = [row["factor_vae_score_mean"] for row in front]
    assert scores == sorted(scores, reverse=True)
    (status,) = finished.rows("status", "done")
    assert status["completed"] == status["planned"] == 8
    assert status["driver"] is None


def test_the_report_is_one_file_and_attached_to_the_study_run(finished: Service) -> None:
    path = finished.root / "done" / "report" / "report.html"
    html = path.read_text()
    assert "http://" not in html
    assert "https://" not in html
    assert (path.parent / "pareto_front.pdf").exists()
    (run,) = [run for run in finished.runs("done") if run.data.tags["studies.identity"] == "study"]
    artifacts = pathlib.Path(run.info.artifact_uri.removeprefix("file://"))
    assert (artifacts / "report" / "report.html").read_text() == html


def test_launching_the_same_file_again_changes_nothing(finished: Service) -> None:
    """Neither the journal nor the report; models are not even imported."""
    before = finished.study("done").trials()
    files = [finished.root / "done" / name for name in ("journal.jsonl", "study.json", "report/report.html")]
    written = [file.stat().st_mtime_ns for file in files]
    result = finished.run("launch", finished.folder / "done.yaml")
    assert result.returncode == 0, result.stderr
    assert "is done already" in result.stderr
    assert finished.study("done").trials().equals(before)
    assert [file.stat().st_mtime_ns for file in files] == written
    finished.assert_exactly_once("done", configurations=4, seeds=2)


def test_the_same_file_with_other_values_is_another_study(finished: Service) -> None:
    result = finished.run("launch", finished.folder / "done.yaml", "--set", "budget.steps=200")
    assert result.returncode == 2
    assert "exists with a different file" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("best", "dome"), "did you mean 'done'"),
        (("best", "done", "--metric", "mug"), "did you mean 'mig'"),
        (("best", "done", "--where", "mig >"), "expected a number"),
        (("resume", "absent"), "no study 'absent'"),
        (("status", "../done"), "not a study name"),
        (("stop", "done"), "nobody drives"),
        (("validate", "absent.yaml"), "no such study file"),
        (("frond", "done"), "frond"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_2(finished: Service, arguments: tuple[str, ...], message: str) -> None:
    result = finished.run(*arguments)
    assert result.returncode == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


def test_an_unreachable_mlflow_is_refused_at_launch(service: Service) -> None:
    result = service.run("launch", service.write("away"), "--tracking-uri", "http://user:secret@127.0.0.1:9")
    assert result.returncode == 2
    assert "cannot be reached" in result.stderr
    assert "secret" not in result.stderr


def test_failing_trials_fail_with_a_reason_and_do_not_stop_the_study(service: Service) -> None:
    models = {"simulated": {"beta": [1.0, 2.0], "diverges_at": [0, 50], "crashes_at": [0, 100]}}
    path = service.write("failing", models=models, seeds=1, search={"sampler": "grid", "configurations": 99})
    result = service.run("launch", path)
    assert result.returncode == 1, result.stderr
    trials = service.study("failing").trials()
    assert len(trials) == 8
    for row in trials.itertuples():
        if row.diverges_at:
            assert (row.state, "diverged" in row.reason) == ("FAILED", True)
        elif row.crashes_at:
            assert (row.state, "simulated error" in row.reason) == ("FAILED", True)
        else:
            assert (row.state, pd.isna(row.reason)) == ("COMPLETED", True)
    states = {trial.user_attrs["configuration"]: trial.state.name for trial in service.optuna_trials("failing")}
    for row in trials.itertuples():
        assert states[row.configuration] == ("COMPLETE" if row.state == "COMPLETED" else "FAIL")
    completed = set(trials[trials["state"] == "COMPLETED"]["configuration"])
    assert set(service.study("failing").front()["configuration"]) <= completed


@pytest.mark.slow
def test_a_process_that_lost_its_device_is_replaced_and_the_trials_go_on(service: Service) -> None:
    models = {"simulated": {"beta": [1.0, 2.0, 4.0], "loses_device_at": [0, 100], "interval": 0.1}}
    path = service.write("lost-device", seeds=1, models=models, search={"sampler": "grid"})
    result = service.run("launch", path)
    assert result.returncode == 0, result.stderr
    trials = service.study("lost-device").trials()
    assert trials["state"].tolist() == ["COMPLETED"] * 6
    history = History.read(service.root / "lost-device")
    ill = trials[trials["loses_device_at"] == 100]["configuration"]
    assert [history.configurations[each].trials[0].ledger["resumed_from"] for each in ill] == [50] * 3
    service.assert_agreement("lost-device")


FRAIL = """
import os, pathlib, signal
from trainables.models.simulated import Simulated

started = []


class Frail(Simulated):
    name = "frail"
    title = "Frail"

    @staticmethod
    def start(config):
        note = pathlib.Path(__file__).parent / "notes" / config.identity
        if started and not note.exists():
            note.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        started.append(config.identity)
        return Simulated.start(config)
"""


@pytest.mark.slow
def test_a_process_that_dies_before_its_next_trial_has_started_costs_that_trial_nothing(service: Service) -> None:
    """Ray starts a trial again whose process died, and fails it at once where the process had another trial before."""
    (service.folder / "notes").mkdir()
    (service.folder / "frail.py").write_text(FRAIL.replace("__file__", repr(str(service.folder / "frail.py"))))
    models = {"frail": {"beta": [1.0, 2.0, 4.0, 8.0]}}
    path = service.write("frail", seeds=1, models=models, search={"sampler": "grid"}, extensions=["frail.py"])
    result = service.run("launch", path)
    assert result.returncode == 0, result.stderr
    died = len(list((service.folder / "notes").iterdir()))
    assert died >= 1
    assert (
        result.stderr.count("goes on in another process: The actor is dead because its worker process has died.")
        == died
    )
    assert "did not complete" not in result.stderr
    service.assert_exactly_once("frail", configurations=4, seeds=1)
    assert set(service.study("frail").trials()["state"]) == {"COMPLETED"}


@pytest.mark.slow
def test_an_extended_study_trains_on_and_still_agrees_everywhere(service: Service) -> None:
    path = service.write(
        "grown",
        seeds=1,
        models={"beta_vae": {"beta": {"log": [1, 16]}}},
        defaults={"network": "tiny", "batch_size": 16},
        search={"sampler": "tpe", "configurations": 2},
        budget={"steps": 4, "evaluate_every": 2},
    )
    assert service.run("launch", path).returncode == 0
    smaller = service.run("extend", "grown", "--steps", 2)
    assert (smaller.returncode, "is 4 already" in smaller.stderr) == (2, True)
    result = service.run("extend", "grown", "--configurations", 3, "--seeds", 2, "--steps", 6)
    assert result.returncode == 0, result.stderr
    trials = service.study("grown").trials()
    assert len(trials) == 6
    assert set(trials["steps"]) == {6}
    assert set(trials["state"]) == {"COMPLETED"}
    agreement = service.run("check", "grown")
    assert agreement.returncode == 0, agreement.stdout


FRAGILE = """
import torch
from trainables.models.beta_vae import BetaVAE


class Fragile(BetaVAE):
    name = "fragile"
    title = "Fragile"

    def penalty(self, posterior):
        penalty, parts = super().penalty(posterior)
        ill = (self.steps_done >= 2) & (self.hyperparameters.beta > 2)
        return torch.where(ill, torch.nan, 1.0) * penalty, parts
"""


@pytest.mark.slow
def test_failed_trials_are_run_again_once_their_cause_is_mended(service: Service) -> None:
    """From before their failure; until then nothing more is planned of their configurations."""
    mine = service.folder / "fragile.py"
    mine.write_text(FRAGILE)
    path = service.write(
        "mended",
        seeds=1,
        models={"fragile": {"beta": [1.0, 4.0]}},
        defaults={"network": "tiny", "batch_size": 16},
        search={"sampler": "grid"},
        budget={"steps": 4, "evaluate_every": 2},
        extensions=["fragile.py"],
    )
    result = service.run("launch", path)
    told = f"1 trial failed; the report says why; `studies resume mended --root {service.root} --retry-failed` tries"
    assert (result.returncode, told in result.stderr) == (1, True), result.stderr
    more = service.run("extend", "mended", "--seeds", 2)
    assert more.returncode == 1, more.stderr
    before = service.study("mended").trials().set_index(["beta", "seed"])["state"].to_dict()
    assert before == {(1.0, 0): "COMPLETED", (1.0, 1): "COMPLETED", (4.0, 0): "FAILED"}
    mine.write_text(FRAGILE.replace("> 2)", "> 9)"))
    result = service.run("resume", "mended", "--accept-changed-code", "--retry-failed")
    assert result.returncode == 0, result.stderr
    trials = service.study("mended").trials()
    assert trials["state"].tolist() == ["COMPLETED"] * 4
    resumed = {trial.ledger.get("resumed_from"): trial for trial in History.read(service.root / "mended").trials()}
    assert (resumed[2].seed, resumed[2].reason) == (0, None)
    service.assert_agreement("mended")
    assert not any("studies.reason" in run.data.tags for run in service.runs("mended"))


def test_check_finds_a_number_that_was_changed(finished: Service) -> None:
    agreement = finished.run("check", "done")
    assert agreement.returncode == 0, agreement.stdout
    with sqlite3.connect(finished.root / "mlflow.db") as connection:
        change = "update latest_metrics set value = value + {} where key = 'mig' and run_uuid in (?)"
        run = finished.study("done").trials()["mlflow_run_id"][3]
        connection.execute(change.format(1), (run,))
    connection.close()
    altered = finished.run("check", "done")
    with sqlite3.connect(finished.root / "mlflow.db") as connection:
        connection.execute(change.format(-1), (run,))
    connection.close()
    assert altered.returncode == 1
    assert "MLflow and the journal differ in mig" in altered.stdout


def test_a_replayed_trial_repeats_every_number(finished: Service) -> None:
    row = finished.study("done").trials().iloc[0]
    rows = finished.rows("replay", "done", f"{row['configuration']}-s{row['seed']}")
    assert len(rows) >= 6
    assert all(row["equal"] for row in rows)


def test_a_record_alone_is_enough_to_repeat_a_trial(finished: Service, tmp_path: pathlib.Path) -> None:
    """As of a trial whose weights `retention: front` dropped, or of a journal that somebody published."""
    (tmp_path / "runs" / "done").mkdir(parents=True)
    for name in ("study.json", "journal.jsonl"):
        shutil.copyfile(finished.root / "done" / name, tmp_path / "runs" / "done" / name)
    row = finished.study("done").trials().iloc[0]
    rows = Service(tmp_path).rows("replay", "done", f"{row['configuration']}-s{row['seed']}")
    assert {row["step"] for row in rows} == {50, 100}
    assert all(row["equal"] for row in rows)


@pytest.mark.slow
def test_early_stopping_prunes_whole_configurations_and_tells_optuna(service: Service) -> None:
    rule = {"rule": "dominated", "grace": 10, "control": 0.0}
    models = {"simulated": {"beta": [1.0, 4.0, 16.0], "noise": [0.0, 0.5, 1.0]}}
    path = service.write(
        "pruned",
        models=models,
        search={"sampler": "grid", "configurations": 9},
        budget={"steps": 100, "evaluate_every": 10},
        early_stop=rule,
    )
    assert service.run("launch", path).returncode == 0
    study = service.study("pruned")
    states = study.trials().groupby("configuration")["state"].agg(set)
    pruned = states[states.map(lambda each: "PRUNED" in each)].index
    assert 0 < len(pruned) < 9
    assert not set(study.front()["configuration"]) & set(pruned)
    told = {trial.user_attrs["configuration"]: trial.state.name for trial in service.optuna_trials("pruned")}
    assert {told[configuration] for configuration in pruned} == {"PRUNED"}
    assert service.run("check", "pruned").returncode == 0


def test_a_killed_driver_loses_nothing(service: Service) -> None:
    """SIGKILL in the middle; `resume` completes the plan, each trial once."""
    path = service.write("killed", models={"simulated": {"beta": {"log": [1, 16]}, "interval": 0.2}})
    driver = service.start("launch", path, start_new_session=True)
    try:
        wait_until(lambda: service.ended("killed") >= 3)
    finally:
        driver.kill()
        driver.communicate()
    assert service.ended("killed") < 8
    result = service.run("resume", "killed")
    assert result.returncode == 0, result.stderr
    service.assert_exactly_once("killed", configurations=4, seeds=2)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_cleanly_and_a_second_driver_is_refused(service: Service, number: signal.Signals) -> None:
    name = f"interrupted-{number.name}"
    path = service.write(name, models={"simulated": {"beta": {"log": [1, 16]}, "interval": 0.3}})
    driver = service.start("launch", path)
    wait_until(lambda: service.ended(name) >= 1)
    second = service.run("resume", name)
    assert second.returncode == 2
    assert "being driven by another process" in second.stderr
    os.kill(driver.pid, number)
    _, err = driver.communicate(timeout=60)
    assert driver.returncode == 130, err
    assert "stopping: trials save what they have trained" in err
    assert f"studies resume {name}" in err
    assert service.run("resume", name).returncode == 0
    service.assert_exactly_once(name, configurations=4, seeds=2)


@pytest.mark.slow
def test_a_signal_between_two_results_saves_what_is_trained(service: Service) -> None:
    """The interval goes on where it was stopped, and ends as if it had never been."""
    models = {"vae": {"network": "tiny", "batch_size": 16}}
    changes = {"models": models, "seeds": 1, "search": {"configurations": 1}, "budget": {"steps": 1500}}
    stopped, whole = (service.write(name, **changes) for name in ("stopped", "whole"))
    driver = service.start("launch", stopped)
    folder = service.root / "stopped"
    wait_until(lambda: any(each.step for each in progress.read(folder).values()))
    os.kill(driver.pid, signal.SIGINT)
    _, err = driver.communicate(timeout=30)
    assert driver.returncode == 130, err
    (trial,) = History.read(folder).trials()
    saved = checkpoints.newest(Folder(str(folder / "trials" / trial.identity)))
    assert saved is not None
    assert 0 < saved.step < 1500
    assert service.run("resume", "stopped").returncode == 0
    assert service.run("launch", whole).returncode == 0
    found, wanted = (service.study(name).trials().iloc[0] for name in ("stopped", "whole"))
    assert found["factor_vae_score"] == wanted["factor_vae_score"]
    assert found["reconstruction_error"] == wanted["reconstruction_error"]
    curves = [service.study(name).curves().set_index("metric")["value"] for name in ("stopped", "whole")]
    assert curves[0]["train/kl"] == curves[1]["train/kl"]


@pytest.mark.slow
def test_a_signal_to_the_whole_process_group_ends_the_study_soon(service: Service) -> None:
    """As `timeout` and systemd send it: Ray's own processes end too, and the driver waits for them no longer."""
    path = service.write("group", models={"simulated": {"beta": {"log": [1, 16]}, "interval": 0.3}})
    driver = service.start("launch", path, start_new_session=True)
    wait_until(lambda: service.ended("group") >= 1)
    os.killpg(driver.pid, signal.SIGTERM)
    _, err = driver.communicate(timeout=30)
    assert driver.returncode == 130, err
    assert "`studies resume group` goes on" in err
    assert service.run("resume", "group").returncode == 0
    service.assert_exactly_once("group", configurations=4, seeds=2)


@pytest.mark.slow
def test_a_second_signal_stops_at_once(service: Service) -> None:
    path = service.write("impatient", models={"simulated": {"beta": {"log": [1, 16]}, "interval": 0.3}})
    driver = service.start("launch", path)
    wait_until(lambda: service.ended("impatient") >= 1)
    os.kill(driver.pid, signal.SIGTERM)
    os.kill(driver.pid, signal.SIGINT)
    _, err = driver.communicate(timeout=20)
    assert driver.returncode == 130, err
    assert "stopped at once; `studies resume impatient" in err
    assert "Traceback" not in err
    assert service.run("resume", "impatient").returncode == 0
    service.assert_exactly_once("impatient", configurations=4, seeds=2)


@pytest.mark.slow
def test_a_finished_study_is_resumed_without_ray(
    finished: Service, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(finished.root, tmp_path / "runs")
    monkeypatch.setattr(driver_module, "ray_cluster", pytest.fail)
    assert len(studies.resume("done", root=tmp_path / "runs").trials()) == 8


IN_A_PROGRAM = """
import logging, os, signal, sys
import studies

def settings():
    names = ("ray", "optuna")
    levels = [logging.getLogger(name).level for name in names]
    signals = [signal.getsignal(getattr(signal, name)) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1")]
    return dict(os.environ), levels, logging.getLogger().handlers, signals

import optuna  # whose import sets its level
before = settings()
study = studies.launch(sys.argv[1], root=sys.argv[2])
assert settings() == before, [pair for pair in zip(settings(), before) if pair[0] != pair[1]]
print(len(study.trials()), studies.resume(study.name, root=sys.argv[2]).front()["n"].tolist())
"""


def test_a_program_that_launches_a_study_is_left_as_it_was(service: Service) -> None:
    path = service.write("inside", search={"sampler": "random", "configurations": 1})
    environment = {**os.environ, "STUDIES_DATA": str(service.folder / "data")}
    command = [sys.executable, "-c", IN_A_PROGRAM, str(path), str(service.root)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "2 [2]\n"
