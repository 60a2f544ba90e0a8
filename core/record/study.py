"""The record of a study, `study.json`: what was asked, as plain data, where things are kept, and where it was last."""

import dataclasses
import json
import os
import pathlib
import re
import time
import uuid
from collections.abc import Mapping
from typing import Any, Self

from core.files import child_uri, write_whole
from core.mistakes import StudyError, nearest
from core.papers import of_name
from core.record import places
from core.record.places import Stores

FORMAT = 2
FILE = "study.json"
_SECRET = re.compile(r"://[^/?]*@|://[^?]*\?")  # a user's name, with or without a password, or options of a store


class NoSuchStudyError(StudyError):
    """There is no study of that name."""


@dataclasses.dataclass(frozen=True)
class StudyRecord:
    """What `<root>/<name>/study.json` says.

    Attributes:
        root: directory of studies.
        name: of the study, which is its folder's.
        spec: the specification as it stands, as plain data.
        stores: where things are kept, now.
        launch: identity of the launch, by which stores that several studies share tell them apart; empty for studies
            of earlier releases.
        launched_as: name under which these stores know the study; a study that is renamed keeps it.
        place: the folder where the study was last written; another one than `path` if it was moved, copied or renamed.
        created: seconds since the epoch.
        revisions: earlier specifications, oldest first: `time`, `note`, `spec`.
    """

    root: pathlib.Path
    name: str
    spec: Mapping[str, Any]
    stores: Stores
    launch: str
    launched_as: str
    place: pathlib.Path
    created: float
    revisions: tuple[Mapping[str, Any], ...] = ()

    @classmethod
    def new(cls, root: pathlib.Path, name: str, spec: Mapping[str, Any], stores: Stores) -> Self:
        """The record of a study that is launched now."""
        return cls(root, name, spec, stores, uuid.uuid4().hex, name, root / name, time.time())

    @property
    def path(self) -> pathlib.Path:
        """Folder of the study."""
        return self.root / self.name

    @property
    def trials_uri(self) -> str:
        """URI of the folder that holds all trials of the study."""
        inside = pathlib.Path(self.stores.checkpoints) == self.root
        return self.stores.trials_uri(self.name if inside else self.launched_as)

    def trial_uri(self, identity: str) -> str:
        """URI of a trial's folder of checkpoints and pictures."""
        return child_uri(self.trials_uri, identity)

    @property
    def original(self) -> "StudyRecord | None":
        """The study that this one is a copy of, if that is still where this one was last."""
        if self.place == self.path:
            return None
        try:
            there = read(self.place.parent, self.place.name)
        except (StudyError, OSError):
            return None
        return there if (there.launch, there.created) == (self.launch, self.created) else None

    def revised(self, spec: Mapping[str, Any], note: str) -> Self:
        """With another specification, the one before kept as a revision."""
        before = {"time": time.time(), "note": note, "spec": self.spec}
        return dataclasses.replace(self, spec=spec, revisions=(*self.revisions, before))

    def write(self) -> Self:
        """Write it whole, where it is now; it is its owner's alone where the URI of a store may hold a secret.

        Raises:
            StudyError: the folder cannot be written.
        """
        written = dataclasses.replace(self, place=self.path)
        content = {
            "format": FORMAT,
            "launch": self.launch,
            "launched_as": self.launched_as,
            "place": str(self.path),
            "created": self.created,
            "revisions": list(self.revisions),
            "spec": self.spec,
            "stores": places.to_file(self.stores, self.path),
        }
        secret = any(_SECRET.search(uri) for uri in dataclasses.astuple(self.stores))
        try:
            write_whole(self.path / FILE, json.dumps(content, indent=1), private=secret)
        except OSError as error:
            raise StudyError(f"the folder {self.path} of the study cannot be written: {error.strerror}") from None
        return written


def read(root: str | os.PathLike[str], name: str) -> StudyRecord:
    """The record of a study, as it stands in this folder, wherever it was written.

    Raises:
        NoSuchStudyError: there is none of that name; the nearest one is proposed.
        StudyError: it is damaged, cannot be read, or a newer version made it.
    """
    root = pathlib.Path(root).expanduser().resolve()
    path = root / name / FILE
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise NoSuchStudyError(f"there is no study '{name}' under {root}; {nearest(name, names(root))}") from None
    except ValueError as error:
        raise StudyError(f"{path} is damaged: {error}") from None
    except OSError as error:
        raise StudyError(f"{path} cannot be read: {error.strerror}") from None
    if content.get("format", 0) > FORMAT:
        raise StudyError(
            f"study '{name}' was made by a newer version (format {content['format']}, this one knows {FORMAT})"
        )
    if content.get("format", 0) < FORMAT:
        content = _upgraded(content, root / name)
    return StudyRecord(
        root,
        name,
        spec={**content["spec"], "name": name},
        stores=places.from_file(content["stores"], root / name),
        launch=content["launch"],
        launched_as=content["launched_as"],
        place=pathlib.Path(content["place"]),
        created=content["created"],
        revisions=tuple(content["revisions"]),
    )


def names(root: str | os.PathLike[str]) -> list[str]:
    """Names of the studies under a root, sorted."""
    return sorted(path.parent.name for path in pathlib.Path(root).glob(f"*/{FILE}"))


def _upgraded(content: Mapping[str, Any], folder: pathlib.Path) -> dict[str, Any]:
    """A record of format 1, which had absolute places (or, exported, relative ones) and no identity."""
    spec = {"paper": of_name(content["spec"]["name"]), **content["spec"]}
    stores = dict(content["stores"])
    checkpoints = pathlib.Path(stores["checkpoints"])
    if "://" not in stores["checkpoints"] and not checkpoints.is_absolute():  # exported: relative to the root
        stores["checkpoints"] = os.path.join("..", stores["checkpoints"])  # noqa: PTH118 - not a path of this machine
        place = folder
    else:
        place = _earlier_place(stores, spec["name"]) or folder
        was = Stores(**stores)
        stores = places.to_file(was, place)
    return {
        "launch": "",
        "launched_as": spec["name"],
        "place": str(place),
        "created": content.get("created", 0.0),
        "revisions": content.get("revisions", ()),
        "spec": spec,
        "stores": stores,
    }


def _earlier_place(stores: Mapping[str, str], name: str) -> pathlib.Path | None:
    """Where the folder of a study of format 1 was, by what it kept there."""
    optuna = stores["optuna"].removeprefix(places.SQLITE)
    if stores["optuna"].startswith(places.SQLITE) and optuna.endswith(f"/{name}/optuna.db"):
        return pathlib.Path(optuna).parent
    if "://" not in stores["checkpoints"] and pathlib.Path(stores["checkpoints"]).is_absolute():
        return pathlib.Path(stores["checkpoints"]) / name
    return None
