"""The folder of a study: where everything is, who may drive it, and its record `study.json`."""

import contextlib
import dataclasses
import json
import os
import pathlib
import time
from collections.abc import Iterator
from typing import Any

import filelock

from core.mistakes import nearest
from studies.spec import NAME, StudySpec
from studies.study_file import StudyError

FORMAT = 1
RECORD = "study.json"


@dataclasses.dataclass(frozen=True)
class Stores:
    """Where a study keeps things besides its folder, as URIs.

    Attributes:
        tracking: MLflow tracking URI.
        optuna: SQLAlchemy URL of Optuna's storage.
        checkpoints: URI under which trials save checkpoints and pictures.
        data: directory of data sets.
    """

    tracking: str
    optuna: str
    checkpoints: str
    data: str


@dataclasses.dataclass(frozen=True)
class Folders:
    """Where the trials of a study save."""

    stores: Stores
    study: str

    @property
    def uri(self) -> str:
        """URI of the folder that holds all trials of the study."""
        path, question, query = self.stores.checkpoints.partition("?")
        return f"{path.rstrip('/')}/{self.study}/trials{question}{query}"

    def of(self, identity: str) -> str:
        """URI of one trial's folder."""
        path, question, query = self.uri.partition("?")
        return f"{path}/{identity}{question}{query}"


class StudyFolder:
    """`<root>/<name>`."""

    def __init__(self, root: str | os.PathLike[str], name: str) -> None:
        if not NAME.fullmatch(name):
            raise StudyError(f"{name!r} is not a study name: letters, digits, '.', '_' and '-', no path")
        self.root = pathlib.Path(root).resolve()
        self.name = name
        self.path = self.root / name

    @property
    def exists(self) -> bool:
        """Whether a study of that name was launched."""
        return (self.path / RECORD).exists()

    def create(self, spec: StudySpec, stores: Stores, source: str) -> None:
        """Make the folder and its record; `source` is the text of the study file."""
        self.path.mkdir(parents=True, exist_ok=True)
        (self.path / "study.yaml").write_text(source, encoding="utf-8")
        self._write({"format": FORMAT, "created": time.time(), "revisions": [], **_entries(spec, stores)})

    def revise(self, spec: StudySpec, note: str) -> None:
        """Replace the specification, and keep the one before as a revision."""
        record = self.record()
        record["revisions"].append({"time": time.time(), "note": note, "spec": record["spec"]})
        record["spec"] = spec.model_dump(mode="json")
        self._write(record)

    def _write(self, record: dict[str, Any]) -> None:
        temporary = self.path / f".{RECORD}.{os.getpid()}"
        temporary.touch(mode=0o600)  # URIs may hold passwords
        temporary.write_text(json.dumps(record, indent=1), encoding="utf-8")
        temporary.replace(self.path / RECORD)

    def record(self) -> dict[str, Any]:
        """The content of `study.json`.

        Raises:
            StudyError: there is no such study, or a newer version made it.
        """
        try:
            record: dict[str, Any] = json.loads((self.path / RECORD).read_text(encoding="utf-8"))
        except FileNotFoundError:
            known = sorted(path.parent.name for path in self.root.glob(f"*/{RECORD}"))
            hint = nearest(self.name, known)
            raise StudyError(f"there is no study '{self.name}' under {self.root}; {hint}") from None
        except ValueError as error:
            raise StudyError(f"{self.path / RECORD} is damaged: {error}") from None
        if record.get("format", 0) > FORMAT:
            raise StudyError(
                f"study '{self.name}' was made by a newer version (format {record['format']}, this one knows {FORMAT})"
            )
        return record

    def spec(self) -> StudySpec:
        """The specification as it stands."""
        return StudySpec.model_validate(self.record()["spec"])

    def stores(self) -> Stores:
        """Where the study keeps things."""
        return Stores(**self.record()["stores"])

    @contextlib.contextmanager
    def driving(self) -> Iterator[None]:
        """Hold the study for this process; the lock falls with the process.

        Raises:
            StudyError: another driver has it.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(self.path / ".lock")
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            raise StudyError(
                f"study '{self.name}' is being driven by another process; see `studies status {self.name}`"
            ) from None
        try:
            (self.path / ".driver").write_text(str(os.getpid()))
            yield
        finally:
            (self.path / ".driver").unlink(missing_ok=True)
            lock.release()

    def driver(self) -> int | None:
        """Process id of the driver, if one is at work on this machine."""
        lock = filelock.FileLock(self.path / ".lock")
        try:
            with lock.acquire(timeout=0):
                return None
        except filelock.Timeout:
            with contextlib.suppress(OSError, ValueError):
                return int((self.path / ".driver").read_text())
            return None


def _entries(spec: StudySpec, stores: Stores) -> dict[str, Any]:
    return {"spec": spec.model_dump(mode="json"), "stores": dataclasses.asdict(stores)}
