"""Cache files: built once per node behind a lock, atomically, and checked by content hash when opened.

A cache is a plain ``.npy`` file of uint8 rows with a JSON sidecar. It grows under the name ``*.partial``;
the final name appears only when it is complete and on the disk. A build that was killed or interrupted is
continued where its last synchronised rows end; a build that fails leaves nothing behind.
"""

import errno
import hashlib
import json
import logging
import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import filelock
import numpy as np

from core.data.dataset import Progress
from core.files import write_whole
from core.mistakes import DataError

log = logging.getLogger(__name__)

Chunks = Callable[[int], Iterator[np.ndarray]]
"""Gives the rows of a cache, from the given row on, as uint8 arrays (n, ...)."""

SYNC_BYTES = 1 << 28
SAMPLES, SAMPLE_BYTES = 64, 4096


def folder(root: Path) -> Path:
    """Where the caches of a data folder are: $STUDIES_CACHE, else `cache` in it. Raises DataError."""
    given = os.environ.get("STUDIES_CACHE")
    if not given:
        return root / "cache"
    path = Path(given).expanduser()
    if not path.is_absolute():
        raise DataError(f"STUDIES_CACHE must be an absolute path, since every process reads it, not {given!r}")
    return path


def ensure(
    path: Path, shape: tuple[int, ...], identity: dict[str, Any], chunks: Chunks, progress: Progress | None
) -> np.ndarray:
    """Open the cache `path` as a read-only memory map of `shape`, building it first where needed.

    `identity` says what the content depends on (source, renderer version, size of the original, ...): a cache
    with another identity, another size or damaged content is built again. Raises DataError when the disk is
    full or the folder cannot be written.
    """
    if is_valid(path, shape, identity):
        return np.load(path, mmap_mode="r", allow_pickle=False)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(path.with_name(path.name + ".lock")):
            if not is_valid(path, shape, identity):
                if path.exists():
                    log.warning("%s is out of date or damaged: building it again", path)
                _build(path, shape, identity, chunks, progress)
    except OSError as error:
        raise _explained(error, path, math.prod(shape)) from error
    return np.load(path, mmap_mode="r", allow_pickle=False)


def is_valid(path: Path, shape: tuple[int, ...], identity: dict[str, Any]) -> bool:
    """Whether `path` is complete, of this identity, and its size and sampled content match the sidecar."""
    record = _read_json(_sidecar(path))
    if record is None or record.get("identity") != identity or record.get("shape") != list(shape):
        return False
    try:
        return path.stat().st_size == record["bytes"] and sampled_hash(path) == record["sampled"]
    except OSError:
        return False


def findings(path: Path) -> list[str]:
    """What is wrong with the cache file `path`, read in full: one sentence each; empty when nothing is."""
    if not path.exists():
        return []
    record = _read_json(_sidecar(path))
    if record is None:
        return [f"{path} has no readable record beside it: delete it, it will be built again"]
    with path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != record.get("sha256"):
            return [f"{path} does not have the content that was written: delete it, it will be built again"]
    return []


def sampled_hash(path: Path) -> str:
    """A hash of the size of a file and of 64 evenly spaced blocks of 4 KiB."""
    size = path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        for i in range(SAMPLES):
            file.seek(max(0, size - SAMPLE_BYTES) * i // (SAMPLES - 1))
            digest.update(file.read(SAMPLE_BYTES))
    return digest.hexdigest()


def file_identity(path: Path) -> dict[str, Any]:
    """Name, size and time of an original file: what tells that it was replaced."""
    stat = path.stat()
    return {"file": path.name, "bytes": stat.st_size, "mtime_ns": stat.st_mtime_ns}


def _build(
    path: Path, shape: tuple[int, ...], identity: dict[str, Any], chunks: Chunks, progress: Progress | None
) -> None:
    partial = path.with_name(path.name + ".partial")
    journal = partial.with_name(partial.name + ".json")
    try:
        with partial.open("r+b" if partial.exists() else "w+b") as file:
            digest, done = _resume(file, _read_json(journal), shape, identity)
            synced = file.tell()
            for rows in chunks(done):
                write(file, digest, np.ascontiguousarray(rows, dtype=np.uint8))
                done += len(rows)
                if file.tell() - synced > SYNC_BYTES:
                    _sync(file)
                    facts = {"identity": identity, "shape": list(shape), "rows": done}
                    write_whole(journal, json.dumps(facts, indent=1), durable=True)
                    synced = file.tell()
                if progress is not None:
                    progress(done, shape[0])
            if done != shape[0]:
                raise DataError(f"{path.name}: {done:,} images were found where {shape[0]:,} were expected")
            _sync(file)
            size = file.tell()
        record = {"identity": identity, "shape": list(shape), "bytes": size, "sha256": digest.hexdigest()}
        facts = {**record, "sampled": sampled_hash(partial)}
        write_whole(_sidecar(path), json.dumps(facts, indent=1), durable=True)
        partial.replace(path)
        journal.unlink(missing_ok=True)
    except BaseException as error:
        if isinstance(error, Exception) or not journal.exists():
            partial.unlink(missing_ok=True)
            journal.unlink(missing_ok=True)
        raise


def _resume(
    file: BinaryIO, journal: dict[str, Any] | None, shape: tuple[int, ...], identity: dict[str, Any]
) -> tuple[Any, int]:
    """Place `file` after the rows that an earlier build certainly wrote; return its hash and their number."""
    row_bytes = math.prod(shape[1:])
    file.seek(0)
    np.lib.format.write_array_header_1_0(
        file, {"descr": np.lib.format.dtype_to_descr(np.dtype(np.uint8)), "fortran_order": False, "shape": shape}
    )
    header = file.tell()
    same = journal is not None and journal.get("identity") == identity and journal.get("shape") == list(shape)
    done = int(journal["rows"]) if journal is not None and same else 0
    file.truncate(header + done * row_bytes)
    file.seek(0)
    digest = hashlib.sha256()
    while block := file.read(1 << 22):
        digest.update(block)
    return digest, done


def write(file: BinaryIO, digest: Any, rows: np.ndarray) -> None:
    """Append `rows` to a growing cache."""
    file.write(rows.data)
    digest.update(rows.data)


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _sidecar(path: Path) -> Path:
    return path.with_suffix(".json")


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def _explained(error: OSError, path: Path, size: int) -> DataError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        room = f"{path} needs {size / 1e6:,.0f} MB"
        return DataError(f"the disk or quota is full: {room}; free some space or set STUDIES_CACHE elsewhere")
    return DataError(f"cannot build the cache {path}: {error.strerror or error}; set STUDIES_CACHE to another folder")
