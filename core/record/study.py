"""The record of a study, `study.json`: what was asked, as plain data, and where things are kept."""

import dataclasses
import json
import os
import pathlib
import time
from collections.abc import Mapping
from typing import Any, Self

from core.files import child_uri, write_whole
from core.mistakes import StudyError, nearest
from core.papers import of_name

FORMAT = 1
FILE = "study.json"


class NoSuchStudyError(StudyError):
    """There is no study of that name."""


@dataclasses.dataclass(frozen=True)
class Stores:
    """Where a study keeps things besides its folder, as URIs.

    Attributes:
        tracking: MLflow tracking URI.
        optuna: SQLAlchemy URL of Optuna's storage.
        checkpoints: URI under which trials save checkpoints and pictures; a relative path is meant from the root.
        data: directory of data sets.
    """

    tracking: str
    optuna: str
    checkpoints: str
    data: str


@dataclasses.dataclass(frozen=True)
class StudyRecord:
    """What `<root>/<name>/study.json` says.

    Attributes:
        root: directory of studies.
        name: of the study, which is its folder's.
        spec: the specification as it stands, as plain data.
        stores: where things are kept.
        created: seconds since the epoch.
        revisions: earlier specifications, oldest first: `time`, `note`, `spec`.
    """

    root: pathlib.Path
    name: str
    spec: Mapping[str, Any]
    stores: Stores
    created: float = dataclasses.field(default_factory=time.time)
    revisions: tuple[Mapping[str, Any], ...] = ()

    @property
    def path(self) -> pathlib.Path:
        """Folder of the study."""
        return self.root / self.name

    @property
    def trials_uri(self) -> str:
        """URI of the folder that holds all trials of the study."""
        checkpoints = self.stores.checkpoints
        base = checkpoints if "://" in checkpoints else str(self.root / checkpoints)
        return child_uri(base, self.name, "trials")

    def trial_uri(self, identity: str) -> str:
        """URI of a trial's folder of checkpoints and pictures."""
        return child_uri(self.trials_uri, identity)

    def revised(self, spec: Mapping[str, Any], note: str) -> Self:
        """With another specification, the one before kept as a revision."""
        before = {"time": time.time(), "note": note, "spec": self.spec}
        return dataclasses.replace(self, spec=spec, revisions=(*self.revisions, before))

    def write(self) -> None:
        """Write it whole; URIs may hold passwords, so that it is its owner's alone."""
        content = {
            "format": FORMAT,
            "created": self.created,
            "revisions": list(self.revisions),
            "spec": self.spec,
            "stores": dataclasses.asdict(self.stores),
        }
        write_whole(self.path / FILE, json.dumps(content, indent=1), private=True)


def read(root: str | os.PathLike[str], name: str) -> StudyRecord:
    """The record of a study.

    Raises:
        NoSuchStudyError: there is none of that name; the nearest one is proposed.
        StudyError: it is damaged, or a newer version made it.
    """
    root = pathlib.Path(root).resolve()
    path = root / name / FILE
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise NoSuchStudyError(f"there is no study '{name}' under {root}; {nearest(name, names(root))}") from None
    except ValueError as error:
        raise StudyError(f"{path} is damaged: {error}") from None
    if content.get("format", 0) > FORMAT:
        raise StudyError(
            f"study '{name}' was made by a newer version (format {content['format']}, this one knows {FORMAT})"
        )
    return StudyRecord(
        root,
        name,
        spec={"paper": of_name(name), **content["spec"]},
        stores=Stores(**content["stores"]),
        created=content.get("created", 0.0),
        revisions=tuple(content.get("revisions", ())),
    )


def names(root: str | os.PathLike[str]) -> list[str]:
    """Names of the studies under a root, sorted."""
    return sorted(path.parent.name for path in pathlib.Path(root).glob(f"*/{FILE}"))
