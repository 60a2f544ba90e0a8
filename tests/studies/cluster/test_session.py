"""Which cluster an address means, found out at once."""

import pathlib
import time

import pytest

from core.mistakes import StudyError
from studies.cluster.session import require_address
from tests import servers


@pytest.fixture
def note(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """Where `ray start` notes the address of its cluster."""
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    (tmp_path / "ray").mkdir()
    return tmp_path / "ray" / "ray_current_cluster"


def test_auto_without_a_cluster_is_refused_at_once(note: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    began = time.monotonic()
    with pytest.raises(StudyError, match="no Ray cluster is known on this machine"):
        require_address("auto")
    port = servers.free_port()
    note.write_text(f"127.0.0.1:{port}")
    with pytest.raises(StudyError, match=f"no Ray cluster answers at '127.0.0.1:{port}'"):
        require_address("auto")
    monkeypatch.setenv("RAY_ADDRESS", "nobody")
    with pytest.raises(StudyError, match="no Ray cluster answers at 'nobody'"):
        require_address("auto")
    assert time.monotonic() - began < 5


def test_a_job_server_is_left_to_ray() -> None:
    require_address("http://127.0.0.1:8265")
