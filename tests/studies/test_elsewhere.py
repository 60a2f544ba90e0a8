"""A study folder is a thing of its own: moved, copied, renamed, launched again, and in places with odd names."""

import pathlib
import shutil
import subprocess
import sys

import pytest

from core.record import study as record
from core.record.places import sqlite_url
from tests.service import Service

pytestmark = pytest.mark.timeout(120)

SMALL = {"seeds": 1, "search": {"sampler": "grid", "configurations": 2}, "models": {"simulated": {"beta": [1.0, 2.0]}}}


def contents(folder: pathlib.Path) -> dict[str, bytes]:
    """Every file of a folder that a study writes to."""
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def experiments(service: Service) -> dict[str, tuple[str, set[str]]]:
    """Of the root's own store: by name, where artifacts of the experiment and of its runs are."""
    from mlflow import MlflowClient

    client = MlflowClient(sqlite_url(service.root / "mlflow.db"))
    return {
        each.name: (
            each.artifact_location,
            {run.info.artifact_uri.rsplit("/", 2)[0] for run in client.search_runs([each.experiment_id])},
        )
        for each in client.search_experiments()
        if each.name != "Default"
    }


@pytest.fixture(scope="module")
def first_launch(tmp_path_factory: pytest.TempPathFactory) -> tuple[Service, str]:
    """A study in a place with every odd character, beside modules of the user's own; and what the launch printed.

    Half of all labs have a `core` of their own beside the study file.
    """
    service = Service(tmp_path_factory.mktemp("first") / "100%25 what?é#@" / "[old] x[" / "b]:smile:")
    for name in ("core", "analysis", "trainables"):
        (service.folder / name).mkdir(parents=True)
        (service.folder / name / "__init__.py").write_text("raise RuntimeError('the lab has this name too')")
    result = service.run("launch", service.write("one", **SMALL))
    assert result.returncode == 0, result.stderr
    return service, result.stdout


@pytest.fixture(scope="module")
def launched(first_launch: tuple[Service, str]) -> Service:
    return first_launch[0]


def test_a_root_with_every_odd_character(first_launch: tuple[Service, str]) -> None:
    service, printed = first_launch
    assert f"report   {service.root}/one/report/report.html" in printed
    assert f"resume one --root '{service.root}'" in printed
    service.assert_agreement("one")
    outside = service.folder.parents[2]
    assert [path.name for path in outside.iterdir()] == ["100%25 what?é#@"]  # nothing beside it
    assert sorted(path.name for path in service.folder.parents[1].iterdir()) == ["[old] x["]


@pytest.mark.slow
def test_a_study_in_an_odd_place_goes_on_there(launched: Service, tmp_path: pathlib.Path) -> None:
    service = Service(tmp_path / launched.folder.relative_to(launched.folder.parents[2]))
    shutil.copytree(launched.root, service.root)
    extended = service.run("extend", "one", "--seeds", 2)
    assert extended.returncode == 0, extended.stderr
    service.assert_agreement("one")


def test_modules_of_the_users_own_with_our_names_are_refused_where_they_hide_ours(launched: Service) -> None:
    command = [sys.executable, "-c", "import studies"]
    refused = subprocess.run(command, cwd=launched.folder, capture_output=True, text=True, check=False)
    assert f"ImportError: 'core' is {launched.folder}/core/__init__.py, which hides" in refused.stderr


def test_a_root_that_was_copied_goes_on_and_leaves_the_one_that_it_came_from(
    launched: Service, tmp_path: pathlib.Path
) -> None:
    before = contents(launched.root)
    copied = Service(tmp_path)
    shutil.copytree(launched.root, copied.root)
    assert copied.study("one").best("mig")[0].checkpoint.startswith(str(copied.root))
    extended = copied.run("extend", "one", "--seeds", 2)
    assert extended.returncode == 0, extended.stderr
    copied.assert_agreement("one")
    place = (copied.root / "mlartifacts" / "one").as_uri()
    assert experiments(copied) == {"one": (place, {place})}
    assert contents(launched.root) == before
    launched.assert_agreement("one")


@pytest.mark.slow
def test_a_root_that_was_moved_is_not_made_again(launched: Service, tmp_path: pathlib.Path) -> None:
    earlier, moved = Service(tmp_path), Service(tmp_path / "moved")
    shutil.copytree(launched.root, earlier.root)
    record.read(earlier.root, "one").write()  # at home there
    moved.folder.mkdir()
    earlier.root.rename(moved.root)
    assert moved.run("resume", "one").returncode == 0
    assert not earlier.root.exists()
    moved.assert_agreement("one")


@pytest.mark.slow
def test_a_copy_beside_its_original_is_a_study_of_its_own(launched: Service, tmp_path: pathlib.Path) -> None:
    service = Service(tmp_path)
    shutil.copytree(launched.root, service.root)
    record.read(service.root, "one").write()  # at home here
    shutil.copytree(service.root / "one", service.root / "two")
    before = contents(service.root / "one")
    assert service.run("extend", "two", "--seeds", 2).returncode == 0
    assert contents(service.root / "one") == before
    service.assert_agreement("one")
    service.assert_agreement("two")
    assert set(experiments(service)) == {"one", "two"}
    assert record.read(service.root, "two").launch != record.read(service.root, "one").launch


@pytest.mark.slow
def test_a_study_that_was_renamed_keeps_its_experiment(launched: Service, tmp_path: pathlib.Path) -> None:
    service = Service(tmp_path)
    shutil.copytree(launched.root, service.root)
    record.read(service.root, "one").write()  # at home here
    (service.root / "one").rename(service.root / "three")
    assert service.run("extend", "three", "--seeds", 2).returncode == 0
    service.assert_agreement("three")
    assert set(experiments(service)) == {"one"}


@pytest.mark.slow
def test_the_same_name_again_is_another_study(launched: Service, tmp_path: pathlib.Path) -> None:
    service = Service(tmp_path)
    shutil.copytree(launched.root, service.root)
    shutil.rmtree(service.root / "one")
    assert service.run("launch", service.write("one", **SMALL)).returncode == 0
    service.assert_agreement("one")
    again = f"one {record.read(service.root, 'one').launch[:8]}"
    assert set(experiments(service)) == {"one", again}


@pytest.mark.slow
def test_relative_places_are_those_of_the_launch(tmp_path: pathlib.Path) -> None:
    service = Service(tmp_path)
    path = service.write("near", **SMALL)
    given = ("--tracking-uri", "sqlite:///tracks.db", "--storage", "saved")
    assert service.run("launch", path, *given).returncode == 0
    assert (tmp_path / "tracks.db").exists()
    assert len(list((tmp_path / "saved" / "near" / "trials").iterdir())) == 2
    elsewhere = Service(tmp_path)
    elsewhere.folder = tmp_path / "another"
    elsewhere.folder.mkdir()
    assert elsewhere.run("extend", "near", "--seeds", 2).returncode == 0
    assert list(elsewhere.folder.iterdir()) == []
    assert len(list((tmp_path / "saved" / "near" / "trials").iterdir())) == 4


def test_other_stores_for_a_study_that_exists_are_refused(launched: Service, tmp_path: pathlib.Path) -> None:
    file = launched.folder / "one.yaml"
    for option, place in (
        ("--storage", tmp_path),
        ("--tracking-uri", f"sqlite:///{tmp_path}/x.db"),
        ("--data", tmp_path),
    ):
        result = launched.run("launch", file, option, place)
        assert (result.returncode, "cannot change" in result.stderr) == (2, True), result.stderr
    assert launched.run("status", "one").returncode == 0


def test_no_folder_is_made_before_the_cluster_answers(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    service = Service(tmp_path)
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))  # without the address of the cluster that was started last
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    result = service.run("launch", service.write("early"), "--address", "auto")
    assert (result.returncode, "no Ray cluster is known" in result.stderr) == (2, True), result.stderr
    assert not (service.root / "early").exists()
