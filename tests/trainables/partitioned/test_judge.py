"""The judge is trained once per data set, by one of those who ask for it, and never taken from a damaged file."""

import pathlib
import subprocess
import sys
import threading
from typing import Any

import numpy as np
import pytest
import torch

import core.data
from studies.testing.trials import QUICK
from trainables.partitioned import judge
from trainables.partitioned.judge import judge_of

SQUARES = {"name": "dsprites.quick", "fix": {"shape": 1, "scale": 5}}


@pytest.fixture
def dataset(tmp_path: pathlib.Path) -> core.data.FactorDataset:
    return core.data.load(QUICK, tmp_path)


@pytest.fixture
def trainings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the data sets for which a judge was trained."""
    names, train = [], judge._train

    def counted(dataset: core.data.FactorDataset, steps: int) -> Any:
        names.append(dataset.name)
        return train(dataset, steps)

    monkeypatch.setattr(judge, "_train", counted)
    return names


def kept(dataset: core.data.FactorDataset) -> list[pathlib.Path]:
    return sorted((pathlib.Path(dataset.root) / "cache").glob("judge-*.safetensors"))


def test_the_judge_is_trained_once_and_read_from_the_cache_afterwards(
    dataset: core.data.FactorDataset, trainings: list[str]
) -> None:
    state = torch.random.get_rng_state()
    first = judge_of(dataset, steps=2)
    assert len(kept(dataset)) == 1
    again = judge_of(core.data.load(QUICK, dataset.root), steps=2)
    assert trainings == ["dsprites.quick"]
    images = dataset.images(np.arange(10))
    np.testing.assert_array_equal(first(images), again(images))
    np.testing.assert_array_equal(first(images), first(images.astype(np.float32) / 255))
    np.testing.assert_array_equal(first.accuracy, again.accuracy)
    assert first(images).shape == (10, 2)
    assert first.accuracy.shape == (2,)
    assert torch.equal(state, torch.random.get_rng_state())


def test_every_data_set_and_every_training_has_a_judge_of_its_own(
    dataset: core.data.FactorDataset, trainings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    judge_of(dataset, steps=1)
    judge_of(dataset, steps=2)
    judge_of(core.data.load(SQUARES, dataset.root), steps=1)
    monkeypatch.setattr(judge, "LEARNING_RATE", 1e-3)
    judge_of(dataset, steps=1)
    assert len(trainings) == len(kept(dataset)) == 4
    images = dataset.images
    monkeypatch.setattr(dataset, "images", lambda indices: 255 - images(indices))
    judge_of(dataset, steps=1)  # the same name and other pixels, as after a change of the renderer
    assert len(trainings) == len(kept(dataset)) == 5


@pytest.mark.parametrize("damage", ["cut", "flipped", "emptied", "foreign"])
def test_a_damaged_file_is_replaced(
    damage: str, dataset: core.data.FactorDataset, trainings: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    whole = judge_of(dataset, steps=1)
    (path,) = kept(dataset)
    content = path.read_bytes()
    flipped = bytearray(content)
    flipped[-5] ^= 0x40
    damaged = {"cut": content[:1000], "flipped": bytes(flipped), "emptied": b"", "foreign": b"\x80\x04K\x01."}
    path.write_bytes(damaged[damage])
    again = judge_of(dataset, steps=1)
    assert len(trainings) == 2
    assert "damaged" in caplog.text
    images = dataset.images(np.arange(10))
    np.testing.assert_array_equal(whole(images), again(images))
    assert path.read_bytes() == content
    judge_of(dataset, steps=1)
    assert len(trainings) == 2


def test_others_wait_for_the_one_who_trains(dataset: core.data.FactorDataset, trainings: list[str]) -> None:
    askers = [threading.Thread(target=judge_of, args=(dataset, 1)) for _ in range(3)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    assert len(trainings) == 1
    assert not list((pathlib.Path(dataset.root) / "cache").glob("judge-*.partial"))


def test_where_nothing_can_be_kept_everyone_trains(
    dataset: core.data.FactorDataset,
    trainings: list[str],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(judge, "_write", full)
    judge_of(dataset, steps=1)
    assert trainings == ["dsprites.quick"]
    assert "cannot be kept" in caplog.text
    assert "No space left" in caplog.text


@pytest.mark.slow
def test_two_processes_train_one_judge(dataset: core.data.FactorDataset) -> None:
    program = f"""
import core.data
from trainables.partitioned import judge
train = judge._train
def told(*arguments):
    print("trained")
    return train(*arguments)
judge._train = told
judge.judge_of(core.data.load({QUICK!r}, {str(dataset.root)!r}), steps=20)
"""
    arguments: Any = {"stdout": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen([sys.executable, "-c", program], **arguments) for _ in range(2)]
    assert sorted(process.communicate()[0] for process in processes) == ["", "trained\n"]
