"""Stores of MLflow that cannot be used are refused in one sentence, before anything runs."""

import contextlib
import http.server
import pathlib
import shutil
import sqlite3
import threading
from collections.abc import Iterator

import pytest

from core.mistakes import StudyError
from studies.delivery.mlflow_store import connect, require_store


@pytest.fixture
def refusing(request: pytest.FixtureRequest) -> Iterator[str]:
    """A server that answers everything with one status code."""

    class Refuse(http.server.BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.send_response(request.param)
            self.end_headers()

        do_GET = do_POST = answer  # noqa: N815

        def log_message(self, *arguments: object) -> None:
            """Quiet."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refuse)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("refusing", "hint"),
    [(401, "MLFLOW_TRACKING_TOKEN"), (403, "not allowed"), (404, "another version")],
    indirect=["refusing"],
)
def test_a_server_that_refuses_says_what_to_do(refusing: str, hint: str) -> None:
    with pytest.raises(StudyError, match=hint):
        require_store(refusing)


def test_a_file_that_is_no_database_is_refused(tmp_path: pathlib.Path) -> None:
    (tmp_path / "mlflow.db").write_text("these are not the pages of a database" * 100)
    with pytest.raises(StudyError, match="not a database"):
        require_store(f"sqlite:///{tmp_path / 'mlflow.db'}")


def test_the_folder_of_a_new_file_is_made(tmp_path: pathlib.Path) -> None:
    require_store(f"sqlite:///{tmp_path / 'new' / 'mlflow.db'}")
    assert (tmp_path / "new").is_dir()


@pytest.mark.parametrize(
    ("version", "reason"), [("ffffffffffff", "made by a newer MLflow"), ("451aebb31d03", "out-of-date database schema")]
)
def test_tables_of_another_mlflow_are_refused_at_once(tmp_path: pathlib.Path, version: str, reason: str) -> None:
    connect(f"sqlite:///{tmp_path / 'ours.db'}")
    require_store(f"sqlite:///{tmp_path / 'ours.db'}")
    shutil.copyfile(tmp_path / "ours.db", tmp_path / "theirs.db")
    with contextlib.closing(sqlite3.connect(tmp_path / "theirs.db")) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (version,))
    with pytest.raises(StudyError, match=reason):
        require_store(f"sqlite:///{tmp_path / 'theirs.db'}")
