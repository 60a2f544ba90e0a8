"""What a user's images are, once they were all looked at; remembered until a file changes."""

import contextlib
import dataclasses
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import filelock
import numpy as np

from core.data.own.fit import RULES, Fit
from core.files import write_whole


@dataclasses.dataclass(frozen=True)
class Survey:
    """What all images of a source are.

    Attributes:
        digest: SHA-256 of names and contents of the images.
        count: images that can be read.
        colour: whether any of them has colour.
        skipped: name of each one that cannot be read, and why.
        notes: sentences on what was found.
        binary: of an array of bytes, that 1 is white.
    """

    digest: str
    count: int
    colour: bool
    skipped: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    binary: bool = False

    def to_json(self) -> str:
        """As text, for `from_json`."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Survey":
        """Inverse of `to_json`. Raises ValueError, KeyError or TypeError for any other text."""
        found = json.loads(text)
        skipped = tuple((str(name), str(reason)) for name, reason in found.pop("skipped"))
        return cls(**{**found, "skipped": skipped, "notes": tuple(found["notes"])})


class Source(Protocol):
    """Images of one kind: a folder, a file of arrays, Parquet. All methods raise DataError, one sentence."""

    label: str

    def identity(self) -> Any:
        """JSON that changes when a file is replaced; nothing is read for it."""
        ...

    def survey(self, fit: Fit) -> Survey:
        """Read everything."""
        ...

    def images(self, survey: Survey, fit: Fit, start: int) -> Iterator[np.ndarray]:
        """The images that can be read from number `start` on, uint8 (n, 1 or 3, S, S)."""
        ...

    def columns(self, survey: Survey) -> dict[str, np.ndarray] | None:
        """A value (N,) for each factor and image that can be read; None without factors."""
        ...


_remembered: dict[str, Survey] = {}


def survey_of(source: Source, fit: Fit, folder: Path, *, again: bool = False) -> Survey:
    """The survey of a source: remembered in this process and in the cache `folder`, or made now.

    With `again` everything is read, whatever is remembered. A folder that cannot be written is done without.
    """
    key = hashlib.sha256(json.dumps([source.identity(), fit, RULES]).encode()).hexdigest()[:16]
    path = folder / f"own-survey-{key}.json"
    if again:
        _remembered.pop(key, None)
        with contextlib.suppress(OSError):
            path.unlink()
    if key not in _remembered:
        _remembered[key] = _read(path) or _made(source, fit, path)
    return _remembered[key]


def _made(source: Source, fit: Fit, path: Path) -> Survey:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(path.with_name(path.name + ".lock"))
        lock.acquire()
    except OSError:
        return source.survey(fit)
    with lock, contextlib.ExitStack() as held:
        held.callback(lock.release)
        found = _read(path)  # by another process, while this one waited
        if found is None:
            found = source.survey(fit)
            with contextlib.suppress(OSError):
                write_whole(path, found.to_json())
    return found


def _read(path: Path) -> Survey | None:
    try:
        return Survey.from_json(path.read_text())
    except (OSError, ValueError, KeyError, TypeError):
        return None
