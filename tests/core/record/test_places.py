"""Places in memory and in the file: relative to the study's folder where they move with it."""

import pathlib

import pytest
from sqlalchemy.engine import make_url

from core.record import places
from core.record.places import Stores, absolute, sqlite_file, sqlite_url

ODD = pathlib.Path("/a b/100%25 what?é#@/[old] x")


def test_an_url_of_sqlite_names_the_file_whatever_its_characters() -> None:
    url = sqlite_url(ODD / "x.db")
    assert make_url(url).database == str(ODD / "x.db")
    assert sqlite_file(url) == ODD / "x.db"
    assert sqlite_file("postgresql://host/x") is None


@pytest.mark.parametrize("root", [pathlib.Path("/lab/runs"), ODD])
def test_what_is_under_the_root_moves_with_the_study(root: pathlib.Path) -> None:
    stores = Stores(
        sqlite_url(root / "mlflow.db"), sqlite_url(root / "one/optuna.db"), str(root), str(root.parent / "data")
    )
    written = places.to_file(stores, root / "one")
    assert written == {
        "tracking": "sqlite:///../mlflow.db",
        "optuna": "sqlite:///optuna.db",
        "checkpoints": "..",
        "data": "../../data",
    }
    assert places.from_file(written, root / "one") == stores
    there = pathlib.Path("/elsewhere/runs")
    moved = Stores(sqlite_url(there / "mlflow.db"), sqlite_url(there / "two/optuna.db"), str(there), "/elsewhere/data")
    assert places.from_file(written, there / "two") == moved


def test_what_is_elsewhere_stays_as_it_is() -> None:
    stores = Stores("http://host:5000", "postgresql+psycopg://u@host/optuna", "s3://bucket/x?region=y", "/data")
    assert places.to_file(stores, pathlib.Path("/lab/runs/one")) == vars(stores)
    assert places.from_file(vars(stores), pathlib.Path("/other/runs/one")) == stores
    assert stores.trials_uri("one") == "s3://bucket/x/one/trials?region=y"
    assert places.to_file(Stores("", "", "/runs", "/data"), pathlib.Path("/runs/one"))["data"] == "/data"


@pytest.mark.parametrize(
    ("given", "resolved"),
    [
        ("sqlite:///mlflow.db", "sqlite:////here/mlflow.db"),
        ("sqlite:////abs/mlflow.db", "sqlite:////abs/mlflow.db"),
        ("saved/../kept", "/here/kept"),
        ("http://host", "http://host"),
        ("databricks", "databricks"),
    ],
)
def test_what_a_user_gives_is_resolved_once(given: str, resolved: str) -> None:
    assert absolute(given, pathlib.Path("/here")) == resolved


def test_a_home_directory_is_expanded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert absolute("~/saved", pathlib.Path("/here")) == "/home/me/saved"
    assert absolute("sqlite:///~/x.db", pathlib.Path("/here")) == "sqlite:////home/me/x.db"
