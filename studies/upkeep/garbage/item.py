"""One thing that may go, and one that stays because nobody can be sure of it."""

import contextlib
import dataclasses
import pathlib
import shutil
from collections.abc import Callable

from studies.upkeep.plan import bytes_in, in_units


@dataclasses.dataclass(frozen=True)
class Item:
    """Something that may go.

    Attributes:
        what: the sentence on it.
        bytes: that are free afterwards.
        act: what takes it away; where it is in use again by then, nothing happens.
    """

    what: str
    bytes: int
    act: Callable[[], None]

    def __str__(self) -> str:
        return f"{self.what} ({in_units(self.bytes)})"


@dataclasses.dataclass(frozen=True)
class Doubt:
    """Something that stays: whose it is, or whether it is needed, is not known."""

    what: str

    def __str__(self) -> str:
        return self.what


def of_path(what: str, path: pathlib.Path, still: Callable[[], bool] = lambda: True) -> Item:
    """A file or a folder that may go, if it is `still` so when its turn comes."""

    def act() -> None:
        if not still():
            return
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with contextlib.suppress(FileNotFoundError):
                path.unlink()

    return Item(what, bytes_in(path), act)
