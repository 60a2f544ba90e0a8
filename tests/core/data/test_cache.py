import errno
import json
import os
import pathlib
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import numpy as np
import pytest

import core.data
from core.data.files import cache

SHAPE = (40, 1000)
IDENTITY = {"source": "test", "version": 1}
ROWS = np.random.default_rng(0).integers(0, 256, SHAPE, dtype=np.uint8)


def in_fours(start: int) -> Iterator[np.ndarray]:
    for first in range(start, len(ROWS), 4):
        yield ROWS[first : first + 4]


def leftovers(folder: pathlib.Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".lock")


def test_a_cache_is_a_plain_read_only_array_with_a_record(tmp_path: pathlib.Path) -> None:
    seen = []
    path = tmp_path / "cache" / "set.npy"
    built = cache.ensure(path, SHAPE, IDENTITY, in_fours, lambda done, total: seen.append((done, total)))
    np.testing.assert_array_equal(built, ROWS)
    np.testing.assert_array_equal(np.load(path), ROWS)
    assert isinstance(built, np.memmap)
    assert not built.flags.writeable
    assert seen == [(done, 40) for done in range(4, 41, 4)]
    assert json.loads(path.with_suffix(".json").read_text())["identity"] == IDENTITY
    assert leftovers(path.parent) == ["set.json", "set.npy"]
    assert cache.findings(path) == []


def test_a_sound_cache_is_not_built_again(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "set.npy"
    cache.ensure(path, SHAPE, IDENTITY, in_fours, None)
    cache.ensure(path, SHAPE, IDENTITY, lambda _: pytest.fail("it was built again"), None)


@pytest.mark.parametrize("damage", ["content", "length", "identity", "record", "shape"])
def test_a_damaged_or_stale_cache_is_built_again(tmp_path: pathlib.Path, damage: str) -> None:
    path = tmp_path / "set.npy"
    cache.ensure(path, SHAPE, IDENTITY, in_fours, None)
    identity, shape = IDENTITY, SHAPE
    if damage == "content":
        with path.open("r+b") as file:
            file.seek(5000)
            file.write(bytes(200))
        assert "does not have the content that was written" in cache.findings(path)[0]
    elif damage == "length":
        os.truncate(path, 30_000)
    elif damage == "identity":
        identity = {"source": "test", "version": 2}
    elif damage == "shape":
        shape = (20, 2000)
    else:
        path.with_suffix(".json").write_text("{")
        assert "no readable record" in cache.findings(path)[0]
    rebuilt = cache.ensure(path, shape, identity, lambda start: iter([ROWS.reshape(shape)[start:]]), None)
    np.testing.assert_array_equal(rebuilt, ROWS.reshape(shape))
    assert cache.findings(path) == []


def test_a_full_disk_is_one_sentence_and_leaves_nothing(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = []

    def write(file: object, digest: object, rows: np.ndarray) -> None:  # noqa: ARG001
        written.append(rows)
        if len(written) == 5:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(cache, "write", write)
    with pytest.raises(core.data.DataError, match=r"the disk or quota is full: .*set.npy needs 0 MB; free some space"):
        cache.ensure(tmp_path / "set.npy", SHAPE, IDENTITY, in_fours, None)
    assert leftovers(tmp_path) == []


@pytest.mark.skipif(not pathlib.Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_found_only_when_flushing_leaves_nothing(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sync(file: object) -> None:  # noqa: ARG001
        with pathlib.Path("/dev/full").open("wb") as full:
            full.write(b"x")

    monkeypatch.setattr(cache, "_sync", sync)
    with pytest.raises(core.data.DataError, match="quota is full"):
        cache.ensure(tmp_path / "set.npy", SHAPE, IDENTITY, in_fours, None)
    assert leftovers(tmp_path) == []


def test_too_few_images_leave_nothing(tmp_path: pathlib.Path) -> None:
    with pytest.raises(core.data.DataError, match="20 images were found where 40 were expected"):
        cache.ensure(tmp_path / "set.npy", SHAPE, IDENTITY, lambda _: iter([ROWS[:20]]), None)
    assert leftovers(tmp_path) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: pathlib.Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(core.data.DataError, match=r"cannot build the cache .*Permission denied"):
        cache.ensure(tmp_path / "cache" / "set.npy", SHAPE, IDENTITY, in_fours, None)


def test_a_cache_folder_that_is_a_file_is_one_sentence(tmp_path: pathlib.Path) -> None:
    (tmp_path / "cache").write_text("")
    with pytest.raises(core.data.DataError, match="cannot build the cache"):
        core.data.load("dsprites.quick", tmp_path)


def test_a_killed_build_goes_on_where_it_was(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "SYNC_BYTES", 5000)
    path, starts = tmp_path / "set.npy", []

    def killed(start: int) -> Iterator[np.ndarray]:
        for number, rows in enumerate(in_fours(start)):
            if number == 7:
                raise KeyboardInterrupt
            yield rows

    def counted(start: int) -> Iterator[np.ndarray]:
        starts.append(start)
        return in_fours(start)

    with pytest.raises(KeyboardInterrupt):
        cache.ensure(path, SHAPE, IDENTITY, killed, None)
    assert not path.exists()
    np.testing.assert_array_equal(cache.ensure(path, SHAPE, IDENTITY, counted, None), ROWS)
    assert starts == [24]
    assert cache.findings(path) == []
    assert leftovers(tmp_path) == ["set.json", "set.npy"]


def test_the_rest_of_another_build_is_not_used(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "SYNC_BYTES", 5000)
    path = tmp_path / "set.npy"

    def killed(start: int) -> Iterator[np.ndarray]:
        yield from [np.zeros_like(rows) for rows in in_fours(start)][:7]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cache.ensure(path, SHAPE, {"source": "another"}, killed, None)
    np.testing.assert_array_equal(cache.ensure(path, SHAPE, IDENTITY, in_fours, None), ROWS)


OPEN_COLD = """
import sys, time, pathlib
import numpy as np
from core.data.files import cache

folder = pathlib.Path(sys.argv[1])

def chunks(start):
    with (folder / "builds").open("a") as file:
        file.write("x")
    for row in range(start, 40):
        time.sleep(float(sys.argv[2]))
        yield np.full((1, 1000), row, np.uint8)

cache.SYNC_BYTES = 5000
array = cache.ensure(folder / "set.npy", (40, 1000), {"source": "test"}, chunks, None)
assert (array == np.arange(40)[:, None]).all()
print(int(array.sum()))
"""


def cold(folder: pathlib.Path, pause: float) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", OPEN_COLD, str(folder), str(pause)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.timeout(60)
def test_eight_processes_build_a_cold_cache_once(tmp_path: pathlib.Path) -> None:
    processes = [cold(tmp_path, 0.01) for _ in range(8)]
    for process in processes:
        out, error = process.communicate(timeout=50)
        assert (process.returncode, out.strip()) == (0, "780000"), error
    assert (tmp_path / "builds").read_text() == "x"
    assert leftovers(tmp_path) == ["builds", "set.json", "set.npy"]


@pytest.mark.timeout(60)
def test_a_builder_that_is_killed_is_succeeded_by_another(tmp_path: pathlib.Path) -> None:
    first = cold(tmp_path, 0.2)
    deadline = time.monotonic() + 30
    while not (tmp_path / "set.npy.partial.json").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    others = [cold(tmp_path, 0.001) for _ in range(2)]
    first.send_signal(signal.SIGKILL)
    first.communicate()
    assert not (tmp_path / "set.npy").exists()
    for process in others:
        out, error = process.communicate(timeout=50)
        assert (process.returncode, out.strip()) == (0, "780000"), error
    assert (tmp_path / "builds").read_text() == "xx"
