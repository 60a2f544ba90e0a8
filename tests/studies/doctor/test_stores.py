"""Stores that do not answer, and none that is made by looking."""

import contextlib
import pathlib

import pytest

from core.record.places import sqlite_url
from studies.doctor import cluster, stores
from studies.doctor.finding import State
from tests.servers import free_port
from tests.studies.doctor.kit import asked, below_a_closed_folder, one


def test_embedded_stores_are_not_made(tmp_path: pathlib.Path) -> None:
    given = asked(tmp_path / "runs")
    assert one(stores.mlflow, given).says == f"{tmp_path}/runs/mlflow.db will be made"
    assert one(stores.optuna, given).state is State.OK
    assert list(stores.checkpoints(given)) == []
    assert list(tmp_path.iterdir()) == []


def test_an_embedded_store_that_cannot_be_made(tmp_path: pathlib.Path) -> None:
    found = below_a_closed_folder("stores.mlflow", tmp_path)
    assert (found.state, found.says.endswith(f"{tmp_path}/closed cannot be written")) == (State.FAULT, True)


def test_a_file_that_is_no_database(tmp_path: pathlib.Path) -> None:
    (tmp_path / "mlflow.db").write_text("a letter, which is no database at all")
    found = one(stores.mlflow, asked(tmp_path))
    assert (found.state, "file is not a database" in found.says) == (State.FAULT, True)


def test_servers_that_do_not_answer(tmp_path: pathlib.Path) -> None:
    port = free_port()
    postgres = f"postgresql+psycopg://me:secret-word@127.0.0.1:{port}/optuna"
    found = one(stores.optuna, asked(tmp_path, storage=postgres))
    assert found.state is State.FAULT
    assert "secret-word" not in found.says
    found = one(stores.mlflow, asked(tmp_path, tracking=f"http://127.0.0.1:{port}"))
    assert (found.state, "cannot be reached" in found.says) == (State.FAULT, True)


@pytest.mark.slow  # pyarrow tries for seconds
def test_an_object_store_that_does_not_answer(tmp_path: pathlib.Path) -> None:
    uri = f"s3://key:word@bucket/studies?scheme=http&endpoint_override=127.0.0.1%3A{free_port()}&region=us-east-1"
    found = one(stores.checkpoints, asked(tmp_path, storage=uri))
    assert (found.state, "word" in found.says) == (State.FAULT, False), found.says


@pytest.mark.parametrize("address", ["127.0.0.1:{port}", "http://127.0.0.1:{port}", "nonsense"])
def test_a_cluster_that_does_not_answer(tmp_path: pathlib.Path, address: str) -> None:
    address = address.format(port=free_port())
    found = one(cluster.cluster, asked(tmp_path, address))
    assert (found.state, address in found.says) == (State.FAULT, True)


def test_nodes_cannot_be_asked_for_a_root_that_cannot_be_written(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "ray_cluster", contextlib.nullcontext)
    (tmp_path / "file").touch()
    _, found = cluster.cluster(asked(tmp_path / "file" / "runs", "auto"))
    assert (found.check, found.state, "Not a directory" in found.says) == ("nodes", State.FAULT, True)


def test_an_embedded_store_that_is_there(tmp_path: pathlib.Path) -> None:
    (tmp_path / "mlflow.db").touch()
    given = asked(tmp_path, tracking=sqlite_url(tmp_path / "mlflow.db"))
    assert one(stores.mlflow, given).state is State.OK
