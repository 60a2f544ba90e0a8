"""From a study file to a study that runs, or goes on."""

import dataclasses
import os
import pathlib
import tempfile
from collections.abc import Sequence
from typing import Any

from analysis.study import Study
from core import extensions as own_code
from core.extensions import Source
from core.files import redact
from core.mistakes import StudyError, reason_of
from core.record import journal
from core.record.history import History
from core.record.places import Stores
from core.storage import Folder
from studies.cluster.session import ray_cluster
from studies.delivery.mlflow_store import require_store
from studies.delivery.to_optuna import require_storage
from studies.doctor import examine as checks
from studies.doctor.finding import Asked
from studies.drive.display import Display
from studies.drive.driver import Outcome
from studies.record.folder import Record, StudyFolder, default_stores, is_optuna
from studies.record.own_code import settle
from studies.search.plan import is_complete
from studies.service.driving import ROOT, run
from studies.study_file import auto
from studies.study_file.document import Document, from_mapping, read
from studies.study_file.estimate import require_disk
from studies.study_file.own_code import read_extensions
from studies.study_file.spec import StudySpec, difference
from studies.study_file.validation import require_local_resources, validate


def load(
    path_or_spec: Any, data_root: str | None = None, extensions: Sequence[str | os.PathLike[str]] = ()
) -> tuple[StudySpec, Document]:
    """A study file (or a mapping, or a specification) as a validated specification; its extensions are active.

    Args:
        path_or_spec: path of a study file, what was read of it, or its content.
        data_root: directory of data sets.
        extensions: further ones than the study file has, files relative to this directory or modules.

    Raises:
        StudyError: with every mistake in it.
    """
    if isinstance(path_or_spec, StudySpec):
        document = from_mapping(path_or_spec.model_dump(mode="json"))
        _, problems = read_extensions(document.data, document.folder)
        if problems:
            raise document.fail(problems)
        return path_or_spec, document
    if isinstance(path_or_spec, Document):
        document = path_or_spec
    else:
        document = read(path_or_spec) if isinstance(path_or_spec, str | os.PathLike) else from_mapping(path_or_spec)
    if extensions:
        document = document.extended([os.fspath(each) for each in extensions])
    return validate(document, data_root=data_root), document


def launch(
    path_or_spec: Any,
    *,
    root: str | os.PathLike[str] = ROOT,
    address: str | None = None,
    tracking_uri: str | None = None,
    storage: str | None = None,
    data_root: str | None = None,
    display: Display | None = None,
    extensions: Sequence[str | os.PathLike[str]] = (),
) -> Study:
    """Run a study to its end; launching the same file again goes on where it stopped.

    Args:
        path_or_spec: path of a study file, or its content as a mapping.
        root: directory of studies.
        address: a running Ray cluster (`auto`, `HOST:PORT`); None starts Ray on this machine.
        tracking_uri: MLflow; default `$MLFLOW_TRACKING_URI`, else SQLite under the root.
        storage: SQLAlchemy URL of Optuna's storage, or URI for checkpoints.
        data_root: directory of data sets; default `$STUDIES_DATA`, else `./data`.
        display: shows progress; default a live table on stderr.
        extensions: code of your own beside that of the study file: files, folders of packages, importable modules.

    Raises:
        StudyError: a mistake in the study file, a name that is taken by another study, a store that cannot be reached.
    """
    asked: dict[str, Any] = {"root": root, "tracking_uri": tracking_uri, "storage": storage, "data_root": data_root}
    if isinstance(path_or_spec, str | os.PathLike) and not extensions:
        path_or_spec = read(path_or_spec)
        again = finished(path_or_spec, **asked)
        if again is not None:
            run(again, display, address)
            return Study(again.folder.name, root)
    spec, document = load(path_or_spec, data_root, extensions)
    if address is None:
        require_local_resources(spec, document)
    prepare(spec, document, **asked).run(display, address)
    return Study(spec.name, root)


def finished(
    document: Document,
    *,
    root: str | os.PathLike[str],
    tracking_uri: str | None,
    storage: str | None,
    data_root: str | None,
) -> Record | None:
    """The record of the study that this very file was launched as, if nothing of it is left to run, else None.

    The file was checked when it was launched, so that no model is imported for its answer. Files with code or images of
    the user's own may mean something else today, and are checked again.

    Raises:
        StudyError: other stores are asked for than the study has.
    """
    name, dataset = document.data.get("name"), document.data.get("dataset")
    if not isinstance(name, str) or not isinstance(dataset, str) or "extensions" in document.data:
        return None
    folder = StudyFolder(root, name)
    if document.text is None or not folder.exists or folder.source() != document.text:
        return None
    record = folder.open()
    if record.written.revisions or not is_complete(record.spec, History.read(folder.path)):
        return None
    given = _given(tracking_uri, storage, data_root)
    stores = default_stores(folder.root, name, tracking=tracking_uri, storage=storage, data=data_root)
    _require_same_stores(record, stores, given)
    return record


def _given(tracking_uri: str | None, storage: str | None, data_root: str | None) -> list[str]:
    """Names of the stores that were given, and not left to their defaults."""
    kind = "optuna" if storage and is_optuna(storage) else "checkpoints"
    given = {"tracking": tracking_uri, kind: storage, "data": data_root}
    return [name for name, value in given.items() if value is not None]


@dataclasses.dataclass(frozen=True)
class Prepared:
    """A launch that nothing speaks against; nothing is written yet.

    Attributes:
        folder: of the study.
        spec: what was asked.
        stores: where it will keep things.
        source: text of the study file.
        existing: the record, if this very file was launched before.
    """

    folder: StudyFolder
    spec: StudySpec
    stores: Stores
    source: str
    existing: Record | None

    def record(self) -> Record:
        """The study's record, made if there is none."""
        return self.existing or self.folder.create(self.spec, self.stores, self.source)

    def run(self, display: Display | None, address: str | None) -> Outcome:
        """Drive the study; its folder is made once the cluster has answered."""
        if self.existing:
            return run(self.existing, display, address)
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            code = [
                own_code.keep(Source(each.module, pathlib.Path(each.source)), pathlib.Path(folder))
                for each in self.spec.extensions
            ]
            with ray_cluster(address, code):
                return run(self.record(), display, address)


def prepare(
    spec: StudySpec,
    document: Document,
    *,
    root: str | os.PathLike[str],
    tracking_uri: str | None,
    storage: str | None,
    data_root: str | None,
) -> Prepared:
    """Look whether a study can be launched, or goes on with the same file and the same stores.

    Raises:
        StudyError: the name is taken by another study, a store cannot be reached or is another one, the disk is full,
            or something else of this machine would fail it (`studies.doctor`).
    """
    folder = StudyFolder(root, spec.name)
    stores = default_stores(folder.root, spec.name, tracking=tracking_uri, storage=storage, data=data_root)
    checks.require_fit(Asked(folder.root, stores))
    if folder.exists:
        record = folder.open()
        _require_same_file(record, auto.as_chosen_before(spec, record.spec.search, document.data))
        settle(record, "ask")
        _require_same_stores(record, stores, _given(tracking_uri, storage, data_root))
        return Prepared(folder, record.spec, record.stores, "", record)
    require_store(stores.tracking)
    if not stores.optuna.startswith("sqlite:"):
        require_storage(stores.optuna)
    require_disk(spec, stores.data, stores.checkpoints)
    _require_no_earlier_trials(folder, stores)
    text = spec.model_dump_json(indent=1) if document.text is None else document.text
    return Prepared(folder, spec, stores, text, None)


def _require_no_earlier_trials(folder: StudyFolder, stores: Stores) -> None:
    """Refuse to go on from what an earlier study of the same name left behind when its record was deleted."""
    left = [str(folder.path / journal.FILE)] if journal.size(folder.path) else []
    try:
        trials = Folder(stores.trials_uri(folder.name))
        left += [trials.uri] if trials.entries() else []
    except (OSError, ValueError) as error:
        where = redact(stores.checkpoints)
        raise StudyError(f"no checkpoints can be kept in {where}: {reason_of(error)}; give another --storage") from None
    if left:
        raise StudyError(
            f"{redact(left[0])} is of an earlier study '{folder.name}' whose record is gone: "
            "delete it, or give the new study another name"
        )


def _require_same_file(record: Record, spec: StudySpec) -> None:
    """Refuse another study under a name that is taken."""
    differences = difference(record.spec, spec)
    if differences:
        listing = "\n".join(f"  {line}" for line in differences)
        raise StudyError(
            f"study '{spec.name}' exists with a different file:\n{listing}\n"
            f"resume it as it is (`studies resume {spec.name}`), or give the new one another name"
        )


def _require_same_stores(record: Record, asked: Stores, given: Sequence[str]) -> None:
    """Refuse other stores than those that the study has, of those that were given."""
    for store in given:
        has, wanted = getattr(record.stores, store), getattr(asked, store)
        if has != wanted:
            raise StudyError(
                f"{store} of study '{record.folder.name}' is at {redact(has)} and cannot change to {redact(wanted)}; "
                "leave the option out, or give the new study another name"
            )
