"""The process that feeds the stores: what it says of a store that is away, and what it does when it is killed."""

import dataclasses
import pathlib
from collections.abc import Iterator

import pytest

from studies import service
from studies.delivery import client as delivery_module
from studies.delivery.client import Delivery
from studies.delivery.to_optuna import OptunaSink
from studies.record.folder import StudyFolder, default_stores
from studies.record.state import StudyState
from studies.study_file.space import configure
from tests import servers
from tests.service import STUDY, wait_until


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> StudyFolder:
    """A study with one configuration, whose MLflow server is away."""
    spec = service.load({"name": "away", **STUDY})[0]
    made = StudyFolder(tmp_path, "away")
    stores = default_stores(tmp_path, "away", tracking=None, storage=None, data=None)
    made.create(spec, dataclasses.replace(stores, tracking=f"http://127.0.0.1:{servers.free_port()}"), "")
    state = StudyState(made.path)
    state.add_configuration(configure("simulated", {"beta": 2.0}), {})
    state.close()
    return made


@pytest.fixture
def delivery(folder: StudyFolder) -> Iterator[Delivery]:
    with Delivery(folder) as made:
        made.begin()
        yield made


def in_optuna(folder: StudyFolder) -> list[str]:
    sink = OptunaSink.of(folder.open())
    sink.begin()
    hashes = [trial.user_attrs["configuration"] for trial in sink.trials()]
    sink.reset()
    return hashes


def test_one_store_that_is_away_keeps_nothing_from_the_other(folder: StudyFolder, delivery: Delivery) -> None:
    wait_until(lambda: "MLflow" in (delivery.trouble or ""))
    assert "cannot be reached" in (delivery.trouble or "")
    assert not delivery.flush(0.5)
    wait_until(lambda: in_optuna(folder) == [configure("simulated", {"beta": 2.0}).hash])


def test_a_killed_process_is_started_again_and_ends_with_the_driver(folder: StudyFolder) -> None:
    with Delivery(folder) as delivery:
        delivery.begin()
        first = delivery._process
        assert first is not None
        first.kill()
        wait_until(lambda: delivery._process is not first and "MLflow" in (delivery.trouble or ""))
        second = delivery._process
    assert second is not None
    assert second.poll() is not None


def test_the_first_trials_have_a_head_start(folder: StudyFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery_module, "HEAD_START", 0.1)
    with Delivery(folder) as delivery:
        assert delivery._process is None
        wait_until(lambda: delivery._process is not None)
        first = delivery._process
        delivery.begin()
        assert delivery._process is first
    with Delivery(folder) as delivery:
        pass
    delivery.begin()
    assert delivery._process is None


def test_what_a_library_prints_disturbs_nothing(folder: StudyFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """MLflow prints the address of every run that ends at a server."""
    (folder.path / "sitecustomize.py").write_text(
        "import threading, sys\nthreading.Timer(2.0, lambda: print('View run at: here', flush=True)).start()\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(folder.path))
    with Delivery(folder) as delivery:
        delivery.begin()
        wait_until(lambda: "MLflow" in (delivery.trouble or ""))
        delivery._troubles.clear()
        wait_until(lambda: "MLflow" in (delivery.trouble or ""))  # said again after the greeting
        assert delivery._reader.is_alive()
