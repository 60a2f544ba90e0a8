"""What would be done to a study, as sentences that a user reads before anything is done."""

import contextlib
import dataclasses
import pathlib
from collections.abc import Callable, Sequence

from studies.record.folder import StudyFolder


@dataclasses.dataclass(frozen=True)
class Step:
    """One step: the sentence on it, and what does it. Doing it again does no harm."""

    text: str
    act: Callable[[], None]


@dataclasses.dataclass(frozen=True)
class Plan:
    """Steps in their order; one that is cut off is asked for again.

    Attributes:
        folder: of the study.
        steps: what is done.
        afterwards: sentences on what stays, and on the way back.
    """

    folder: StudyFolder
    steps: Sequence[Step]
    afterwards: Sequence[str] = ()

    def carry_out(self) -> None:
        """Do it.

        Raises:
            StudyError: somebody drives the study, or a store cannot be reached.
        """
        with self.folder.driving():
            for step in self.steps:
                step.act()


def size(folder: pathlib.Path) -> str:
    """Size of all files of a folder, for a sentence."""
    return in_units(bytes_in(folder))


def bytes_in(path: pathlib.Path) -> int:
    """Bytes of a file, or of all files of a folder."""
    files = path.rglob("*") if path.is_dir() and not path.is_symlink() else [path]
    total = 0
    for each in files:
        with contextlib.suppress(OSError):  # gone since
            total += 0 if each.is_dir() and not each.is_symlink() else each.lstat().st_size
    return total


def in_units(number: float) -> str:
    """`12 MB`."""
    for unit in ("bytes", "KB", "MB"):
        if number < 1000:
            return f"{number:.0f} {unit}"
        number /= 1000
    return f"{number:.1f} GB"
