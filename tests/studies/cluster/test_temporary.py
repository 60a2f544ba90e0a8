"""Where Ray on this machine keeps its sockets."""

import os
import pathlib
from collections.abc import Iterator

import pytest

from core.mistakes import StudyError
from studies.cluster import temporary
from studies.cluster.temporary import LONGEST, temporary_folder

UNIX = 107  # bytes of a socket's path
SOCKET = "session_2026-11-28_13-26-55_123456_4194304/sockets/plasma_store"


@pytest.fixture
def places(monkeypatch: pytest.MonkeyPatch) -> Iterator[pathlib.Path]:
    """A short directory, and no other place than those that the environment names."""
    monkeypatch.delenv("RAY_TMPDIR", raising=False)
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    short = pathlib.Path(f"/tmp/t{os.getpid()}")
    short.mkdir()
    monkeypatch.setenv("TMPDIR", str(short))
    yield short
    for folder in (*short.iterdir(), short):
        folder.rmdir()


def test_the_longest_path_has_room_for_a_socket() -> None:
    assert LONGEST + len("/") + len(SOCKET) <= UNIX


def test_the_temporary_directory_of_the_user_is_taken(places: pathlib.Path) -> None:
    assert temporary_folder() == places / "ray"


def test_one_that_is_too_long_or_somebody_elses_is_not(
    places: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / ("d" * 60)
    deep.mkdir()
    monkeypatch.setenv("RAY_TMPDIR", str(deep))
    assert temporary_folder() == places / "ray"
    if os.geteuid() == 0:
        os.chown(places / "ray", 12345, 12345)
        assert temporary_folder() == places / "ray-0"


def test_nowhere_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(temporary, "LONGEST", 3)
    with pytest.raises(StudyError, match="set RAY_TMPDIR to a directory of at most"):
        temporary_folder()
