import pathlib
import pickle

import pytest
import torch

from core import checkpoints
from core.checkpoints import Checkpoint
from core.storage import CorruptEntryError, Folder


class Malicious:
    """Touches a file when it is unpickled."""

    def __init__(self, marker: pathlib.Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, ...]:
        return pathlib.Path.touch, (self.marker,)


def checkpoint(step: int) -> Checkpoint:
    weights = checkpoints.encode_tensors({"w": torch.full((3,), float(step))})
    return Checkpoint(step, {"note": "x"}, weights, checkpoints.encode_training({"step": step}))


def test_the_newest_two_are_kept(tmp_path: pathlib.Path) -> None:
    folder = Folder(tmp_path)
    for step in (10, 20, 30):
        checkpoints.save(folder, checkpoint(step))
    assert checkpoints.names(folder) == ["step-000000020", "step-000000030"]
    newest = checkpoints.newest(folder)
    assert newest is not None
    assert newest.step == 30
    assert checkpoints.decode_tensors(newest.weights)["w"].tolist() == [30.0] * 3
    assert checkpoints.decode_training(newest.training) == {"step": 30}


@pytest.mark.parametrize("file", ["model.safetensors", "training.pt", "checkpoint.json", "manifest.json"])
def test_a_truncated_newest_is_passed_over(tmp_path: pathlib.Path, file: str) -> None:
    folder = Folder(tmp_path)
    for step in (10, 20):
        checkpoints.save(folder, checkpoint(step))
    path = tmp_path / "step-000000020" / file
    path.write_bytes(path.read_bytes()[:-5])
    newest = checkpoints.newest(folder)
    assert newest is not None
    assert newest.step == 10


def test_a_failed_write_leaves_nothing_half_made(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Folder(tmp_path)
    checkpoints.save(folder, checkpoint(10))

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        checkpoints.save(folder, checkpoint(20))
    assert [path.name for path in tmp_path.iterdir()] == ["step-000000010"]


def test_a_checkpoint_with_code_in_it_is_refused(tmp_path: pathlib.Path) -> None:
    marker = tmp_path / "ran"
    data = checkpoints.encode_training({"x": Malicious(marker)})
    with pytest.raises(pickle.UnpicklingError):
        checkpoints.decode_training(data)
    assert not marker.exists()


def test_a_newer_format_is_refused(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Folder(tmp_path)
    monkeypatch.setattr(checkpoints, "FORMAT", 99)
    checkpoints.save(folder, checkpoint(10))
    monkeypatch.undo()
    with pytest.raises(CorruptEntryError, match="newer version"):
        checkpoints.load(folder, "step-000000010")


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\\b"])
def test_a_child_never_climbs_out(tmp_path: pathlib.Path, name: str) -> None:
    with pytest.raises(ValueError, match="not a folder name"):
        Folder(tmp_path).child(name)


def test_a_directory_uri_is_the_same_place(tmp_path: pathlib.Path) -> None:
    checkpoints.save(Folder(tmp_path.as_uri()).child("a"), checkpoint(1))
    assert checkpoints.names(Folder(tmp_path / "a")) == ["step-000000001"]
