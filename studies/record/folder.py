"""The folder of a study: its record, which is read once, and who may drive it."""

import contextlib
import dataclasses
import fcntl
import os
import pathlib
from collections.abc import Iterator

import filelock

import core.data
from core import extensions
from core.mistakes import ExtensionError, StudyError
from core.record import study as written
from core.record.adoption import adopt
from core.record.places import Stores, absolute, sqlite_url
from core.record.study import StudyRecord
from studies.study_file.spec import NAME, StudySpec

LOOK = 0.3  # seconds; who asks whether a study is driven holds its lock for a moment


@dataclasses.dataclass(frozen=True)
class Record:
    """What `study.json` said when it was opened, handed to whoever needs it.

    Attributes:
        folder: of the study.
        written: the record as plain data.
        spec: the specification as it stood then.
    """

    folder: "StudyFolder"
    written: StudyRecord
    spec: StudySpec

    @property
    def stores(self) -> Stores:
        """Where the study keeps things."""
        return self.written.stores


class StudyFolder:
    """`<root>/<name>`."""

    def __init__(self, root: str | os.PathLike[str], name: str) -> None:
        if not NAME.fullmatch(name):
            raise StudyError(f"{name!r} is not a study name: letters, digits, '.', '_' and '-', no path")
        self.root = pathlib.Path(root).expanduser().resolve()
        self.name = name
        self.path = self.root / name

    @property
    def exists(self) -> bool:
        """Whether a study of that name was launched."""
        return (self.path / written.FILE).exists()

    def create(self, spec: StudySpec, stores: Stores, source: str) -> Record:
        """Make the folder and its record; `source` is the text of the study file.

        Raises:
            StudyError: nothing can be written there.
            ExtensionError: the study's own code has changed since it was looked at.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            (self.path / "study.yaml").write_text(source, encoding="utf-8")
            self.keep_code(spec)
        except OSError as error:
            raise StudyError(f"the folder {self.path} of the study cannot be written: {error.strerror}") from None
        return self._write(StudyRecord.new(self.root, self.name, spec.model_dump(mode="json"), stores), spec)

    def source(self) -> str | None:
        """Text of the study file as it was launched."""
        try:
            return (self.path / "study.yaml").read_text(encoding="utf-8")
        except OSError:
            return None

    @property
    def code(self) -> pathlib.Path:
        """The folder with copies of the study's own code."""
        return self.path / extensions.FOLDER

    def keep_code(self, spec: StudySpec) -> None:
        """Copy the study's own code from where it was found.

        Raises:
            ExtensionError: it has changed since it was looked at.
            OSError: nothing can be written there.
        """
        for each in spec.extensions:
            if extensions.copy_folder(each.identity, self.code).exists():
                continue
            source = each.at_source()
            if source is None or source.identity != each.identity:
                raise ExtensionError(f"{each.source} was changed while the study was launched; launch it again")
            extensions.keep(source, self.code)

    def open(self) -> Record:
        """Read the record.

        Raises:
            StudyError: there is no such study, its record is damaged, or a newer version made it.
        """
        record = written.read(self.root, self.name)
        return Record(self, record, StudySpec.model_validate(record.spec))

    def adopt(self, record: Record) -> Record:
        """Settle a study that was moved, copied or renamed where it is now; the caller drives it.

        Raises:
            StudyError: a copy that cannot be told apart from its original.
        """
        return dataclasses.replace(record, written=adopt(record.written))

    def revise(self, record: Record, spec: StudySpec, note: str) -> Record:
        """Replace the specification, and keep the one before as a revision."""
        return self._write(record.written.revised(spec.model_dump(mode="json"), note), spec)

    def _write(self, record: StudyRecord, spec: StudySpec) -> Record:
        return Record(self, record.write(), spec)

    @contextlib.contextmanager
    def driving(self) -> Iterator[None]:
        """Hold the study for this process; the lock falls with the process.

        Raises:
            StudyError: another driver has it.
        """
        lock = filelock.FileLock(self.path / ".lock")
        try:
            lock.acquire(timeout=LOOK)
        except filelock.Timeout:
            raise StudyError(
                f"study '{self.name}' is being driven by another process; see `studies status {self.name}`"
            ) from None
        except OSError as error:
            raise StudyError(f"the folder {self.path} of the study cannot be written: {error.strerror}") from None
        try:
            (self.path / ".driver").write_text(str(os.getpid()))
            yield
        finally:
            (self.path / ".driver").unlink(missing_ok=True)
            lock.release()

    def driver(self) -> int | None:
        """Process id of the driver, if one is at work on this machine."""
        with contextlib.suppress(OSError, ValueError), (self.path / ".lock").open("rb") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)  # of a file that another person may own
            except BlockingIOError:
                return int((self.path / ".driver").read_text())
        return None


def is_optuna(storage: str) -> bool:
    """Whether a `--storage` is for Optuna; else it is for checkpoints."""
    return storage.startswith(("postgresql", "sqlite", "mysql"))


def default_stores(
    root: pathlib.Path, name: str, *, tracking: str | None, storage: str | None, data: str | None
) -> Stores:
    """The embedded stores under the root, except where a URI says otherwise; what is relative is so to this directory.

    `storage` is either an SQLAlchemy URL for Optuna (`postgresql://…`, `sqlite:///…`) or a URI for checkpoints.
    """
    here = pathlib.Path.cwd()
    tracking = tracking or os.environ.get("MLFLOW_TRACKING_URI")
    for_optuna = storage is not None and is_optuna(storage)
    return Stores(
        tracking=absolute(tracking, here) if tracking else sqlite_url(root / "mlflow.db"),
        optuna=absolute(storage, here) if storage and for_optuna else sqlite_url(root / name / "optuna.db"),
        checkpoints=absolute(storage, here) if storage and not for_optuna else str(root),
        data=str(core.data.data_root(data)),
    )
