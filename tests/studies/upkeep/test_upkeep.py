"""What becomes of a study: renamed, archived, deleted, and a name that is used again."""

import pathlib
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import optuna
import pytest
from mlflow import MlflowClient
from mlflow.entities import ViewType

from core.mistakes import StudyError
from core.record.places import sqlite_url
from core.storage import Folder
from studies import service as verbs
from studies.cli import app
from studies.delivery.mlflow_store import find_experiment, quiet_mlflow
from studies.delivery.to_optuna import OptunaSink
from studies.record.folder import Record, StudyFolder
from studies.upkeep.archive import archiving
from studies.upkeep.delete import deletion
from studies.upkeep.rename import renaming
from tests.service import STUDY, Service

pytestmark = pytest.mark.timeout(120)


class Copy(Service):
    """A copy of a root with a finished study, `done`, beside what other tests left there."""

    def __init__(self, folder: pathlib.Path, original: Service) -> None:
        super().__init__(folder)
        shutil.copytree(original.root, self.root)
        self.others = self.experiments(set()).keys() - {"done"}

    def experiments(self, others: set[str] | None = None) -> dict[str, str]:
        """Of the study: whether each is active or deleted, by name."""
        found = MlflowClient(self.tracking).search_experiments(view_type=ViewType.ALL)
        left_out = {"Default", *(self.others if others is None else others)}
        return {each.name: each.lifecycle_stage for each in found if each.name not in left_out}


@pytest.fixture
def copied(finished: Service, tmp_path: pathlib.Path) -> Copy:
    return Copy(tmp_path, finished)


@pytest.fixture
def studies(copied: Copy, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """The command line in this process; its exit code."""

    def run(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["studies", *arguments, "--root", str(copied.root)])
        with pytest.raises(SystemExit) as ended:
            app.main()
        return int(ended.value.code or 0)

    return run


def record(copied: Copy, name: str = "done") -> Record:
    return StudyFolder(copied.root, name).open()


def contents(folder: pathlib.Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def journal(copied: Copy, name: str) -> bytes:
    return (copied.root / name / "journal.jsonl").read_bytes()


def test_nothing_is_done_before_somebody_says_so(
    copied: Copy, studies: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(copied.root / "done")
    for command in (("delete", "done"), ("archive", "done"), ("rename", "done", "two")):
        assert studies(*command) == 2
        told = capsys.readouterr()
        assert "nothing is done yet: add --yes" in told.err
        assert str(copied.root / "done") in told.out
        assert "experiment 'done' in MLflow" in told.out
    assert contents(copied.root / "done") == before
    assert copied.experiments() == {"done": "active"}


@pytest.mark.slow
def test_a_renamed_study_is_the_same_study(copied: Copy) -> None:
    before = journal(copied, "done")
    assert copied.run("rename", "done", "two", "--yes").returncode == 0
    assert journal(copied, "two") == before
    assert copied.experiments() == {"two": "active"}
    copied.assert_agreement("two")
    extended = copied.run("extend", "two", "--seeds", 3)
    assert extended.returncode == 0, extended.stderr
    copied.assert_agreement("two")
    assert copied.experiments() == {"two": "active"}


def test_a_name_for_a_renamed_study_is_free_and_a_name(copied: Copy) -> None:
    (copied.root / "two").mkdir()
    for new, reason in (("two", "exists already"), ("a/b", "not a name"), ("mlflow.db", "a file of MLflow")):
        with pytest.raises(StudyError, match=reason):
            renaming(record(copied), new)


def test_a_name_that_somebody_gave_in_mlflow_stays(copied: Copy) -> None:
    client = MlflowClient(copied.tracking)
    client.rename_experiment(client.get_experiment_by_name("done").experiment_id, "the good one")
    renaming(record(copied), "two").carry_out()
    assert copied.experiments() == {"the good one": "active"}
    with quiet_mlflow():
        assert find_experiment(MlflowClient(copied.tracking), record(copied, "two").written) is not None


def test_a_deleted_study_leaves_its_name_free(copied: Copy) -> None:
    launch = record(copied).written.launch
    deletion(record(copied)).carry_out()
    assert not (copied.root / "done").exists()
    assert copied.experiments() == {f"done {launch[:8]}": "deleted"}
    with pytest.raises(StudyError, match="there is no study 'done'"):
        record(copied)


def test_mlflow_may_keep_what_is_deleted(copied: Copy) -> None:
    deletion(record(copied), keep_mlflow=True).carry_out()
    assert copied.experiments() == {"done": "active"}


def test_a_driven_study_is_left_alone(
    copied: Copy, studies: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    plan = deletion(record(copied))
    with record(copied).folder.driving():
        assert studies("delete", "done", "--yes") == 2
        assert "being driven" in capsys.readouterr().err
        with pytest.raises(StudyError, match="driven by another process"):
            plan.carry_out()
    assert copied.experiments() == {"done": "active"}


@pytest.mark.slow
def test_an_archived_study_comes_back(copied: Copy) -> None:
    before = journal(copied, "done")
    done = copied.run("archive", "done", "--yes")
    assert done.returncode == 0, done.stderr
    assert not (copied.root / "done").exists()
    assert list(copied.experiments().values()) == ["deleted"]
    command = done.stdout.split("`")[1]
    assert command == shlex.join(["tar", "-xf", str(copied.root / "done.tar.gz"), "-C", str(copied.root)])
    subprocess.run(shlex.split(command), check=True)
    assert journal(copied, "done") == before
    resumed = copied.run("resume", "done")
    assert resumed.returncode == 0, resumed.stderr
    assert copied.experiments() == {"done": "active"}
    copied.assert_exactly_once("done", configurations=4, seeds=2)


def test_an_archive_that_cannot_be_written_costs_nothing(copied: Copy, tmp_path: pathlib.Path) -> None:
    before = journal(copied, "done")
    with pytest.raises(StudyError, match="cannot be written"):
        archiving(record(copied), tmp_path / "nowhere" / "done.tar.gz").carry_out()
    assert (journal(copied, "done"), copied.experiments()) == (before, {"done": "active"})
    (tmp_path / "there.tar.gz").touch()
    for taken, reason in ((tmp_path / "there.tar.gz", "exists already"), (copied.root / "done" / "a", "inside")):
        with pytest.raises(StudyError, match=reason):
            archiving(record(copied), taken)


@pytest.fixture
def elsewhere(tmp_path: pathlib.Path) -> dict[str, Any]:
    """Arguments of a launch whose checkpoints are not under the root."""
    places = {"root": tmp_path / "runs", "storage": str(tmp_path / "checkpoints"), "data_root": str(tmp_path)}
    return {**places, "tracking_uri": None}


def test_trials_that_an_earlier_study_left_are_not_taken_up(elsewhere: dict[str, Any]) -> None:
    spec, document = verbs.load({"name": "done", **STUDY})
    made = verbs.prepare(spec, document, **elsewhere).record()
    Folder(made.written.trials_uri).write("0123456789ab-s0", {"weights": b"old"})
    verbs.prepare(spec, document, **elsewhere)  # the same study goes on
    shutil.rmtree(made.folder.path)
    with pytest.raises(StudyError, match="is of an earlier study 'done' whose record is gone"):
        verbs.prepare(spec, document, **elsewhere)

    made = verbs.prepare(*verbs.load({"name": "two", **STUDY}), **elsewhere).record()
    Folder(made.written.trials_uri).write("0123456789ab-s0", {"weights": b"new"})
    deletion(made).carry_out()
    verbs.prepare(*verbs.load({"name": "two", **STUDY}), **elsewhere)


def test_of_a_copy_the_folder_alone_is_deleted(elsewhere: dict[str, Any], tmp_path: pathlib.Path) -> None:
    made = verbs.prepare(*verbs.load({"name": "done", **STUDY}), **elsewhere).record()
    trials = Folder(made.written.trials_uri)
    trials.write("0123456789ab-s0", {"weights": b"mine"})
    shutil.copytree(elsewhere["root"], tmp_path / "copy")
    copy = StudyFolder(tmp_path / "copy", "done")
    deletion(copy.open()).carry_out()
    assert not copy.path.exists()
    assert trials.read("0123456789ab-s0") == {"weights": b"mine"}


def test_a_storage_of_optuna_that_others_use_too_loses_the_study_alone(tmp_path: pathlib.Path) -> None:
    url = sqlite_url(tmp_path / "shared.db")
    places = {"root": tmp_path / "runs", "storage": url, "data_root": str(tmp_path), "tracking_uri": None}
    made = [verbs.prepare(*verbs.load({"name": name, **STUDY}), **places).record() for name in ("one", "two")]
    for each in made:
        sink = OptunaSink.of(each)
        sink.begin()
        sink.reset()
    deletion(made[0]).carry_out()
    storage = optuna.storages.RDBStorage(url)
    assert optuna.study.get_all_study_names(storage) == ["two"]
    storage.engine.dispose()
