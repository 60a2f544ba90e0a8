"""What people write about a study: tags and notes, in `notes.json` beside its record."""

import dataclasses
import json
import pathlib
import re
import time

from core.files import write_whole
from core.mistakes import StudyError

FILE = "notes.json"
TAG = re.compile(r"[\w][\w.:=-]{0,49}")


@dataclasses.dataclass(frozen=True)
class Notes:
    """Tags in the order in which they were given, and dated notes, oldest first: seconds since the epoch, and text."""

    tags: tuple[str, ...] = ()
    notes: tuple[tuple[float, str], ...] = ()

    def tagged(self, tags: list[str]) -> "Notes":
        """With further tags.

        Raises:
            StudyError: one is no tag.
        """
        for tag in tags:
            if not TAG.fullmatch(tag):
                raise StudyError(f"{tag!r} is not a tag: letters, digits, '.', ':', '=', '_' and '-', at most 50")
        return dataclasses.replace(self, tags=tuple(dict.fromkeys([*self.tags, *tags])))

    def untagged(self, tags: list[str]) -> "Notes":
        """Without some tags.

        Raises:
            StudyError: one is not there.
        """
        for tag in tags:
            if tag not in self.tags:
                raise StudyError(f"there is no tag '{tag}'; there are {', '.join(self.tags) or 'none yet'}")
        return dataclasses.replace(self, tags=tuple(tag for tag in self.tags if tag not in tags))

    def noted(self, text: str) -> "Notes":
        """With one more note, of now."""
        return dataclasses.replace(self, notes=(*self.notes, (round(time.time(), 3), text)))

    def write(self, folder: pathlib.Path) -> None:
        """Keep them in a study's folder.

        Raises:
            StudyError: it cannot be written.
        """
        content = {"tags": self.tags, "notes": [{"time": when, "text": text} for when, text in self.notes]}
        try:
            write_whole(folder / FILE, json.dumps(content, indent=1, ensure_ascii=False))
        except OSError as error:
            raise StudyError(f"the folder {folder} of the study cannot be written: {error.strerror}") from None


def read(folder: pathlib.Path) -> Notes:
    """The notes in a study's folder.

    Raises:
        StudyError: they are damaged.
    """
    path = folder / FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return Notes(tuple(content["tags"]), tuple((each["time"], each["text"]) for each in content["notes"]))
    except FileNotFoundError:
        return Notes()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StudyError(f"{path} is damaged: {error}") from None
