"""What programs that show studies, MLflow's UI and optuna-dashboard, are pointed at."""

import contextlib
import logging
import os
import pathlib
import time

from core.mistakes import StudyError, UserError
from core.record import study as written
from core.record.places import is_absent
from core.runtime import logging_at
from studies.delivery import view
from studies.delivery.mlflow_store import connect, find_experiment, quiet_mlflow
from studies.delivery.to_optuna import OptunaSink
from studies.record.folder import StudyFolder


def tracking_uri(root: str | os.PathLike[str], name: str | None = None) -> str:
    """The MLflow store of a study, or of the newest one under a root.

    Raises:
        StudyError: there is no such study, or none under the root.
    """
    if name is not None:
        return StudyFolder(root, name).open().stores.tracking
    newest = _newest(root)
    for each in written.names(root):
        _settle(StudyFolder(root, each))
    return newest.open().stores.tracking


def optuna_url(root: str | os.PathLike[str], name: str | None = None) -> str:
    """The storage of Optuna of a study, or of the newest one under a root, in which its objectives have their names.

    Raises:
        StudyError: there is no such study, or none under the root.
    """
    folder = _newest(root) if name is None else StudyFolder(root, name)
    record = folder.open()
    with contextlib.suppress(UserError, OSError), folder.driving(), logging_at(logging.ERROR, "optuna"):
        sink = OptunaSink.of(record)  # which names the objectives of an earlier release's study, too
        sink.begin()
        sink.reset()
    return record.stores.optuna


def _newest(root: str | os.PathLike[str]) -> StudyFolder:
    folders = [StudyFolder(root, name) for name in written.names(root)]
    if not folders:
        raise StudyError(
            f"there is no study under {pathlib.Path(root).resolve()} yet; `studies launch FILE` starts one"
        )
    return max(folders, key=lambda folder: (folder.path / written.FILE).stat().st_mtime)


def view_of(name: str, root: str | os.PathLike[str]) -> str:
    """The experiment in MLflow of a study, which has a saved view then; its id.

    Raises:
        StudyError: there is no such study, its store cannot be reached, or has nothing of it yet.
    """
    folder = StudyFolder(root, name)
    record = folder.open()
    _settle(folder)
    nothing = StudyError(f"MLflow has nothing of study '{name}'; `studies resume {name}` delivers it")
    if is_absent(record.stores.tracking):
        raise nothing
    with quiet_mlflow():
        client = connect(record.stores.tracking)
        experiment = find_experiment(client, record.written)
        if experiment is None or experiment.lifecycle_stage != "active":
            raise nothing
        if not view.is_shown(record.written.spec, experiment.tags):  # it is of an earlier release
            from mlflow.exceptions import MlflowException

            value = view.view(record.written.spec, int(time.time() * 1000))
            with contextlib.suppress(MlflowException):  # a store that cannot be written shows its own default
                client.set_experiment_tag(experiment.experiment_id, view.TAG, value)
    return str(experiment.experiment_id)


def _settle(folder: StudyFolder) -> None:
    """Let MLflow find the artifacts of a study that was moved, unless somebody drives it or it cannot be written."""
    with contextlib.suppress(StudyError, OSError), folder.driving():
        folder.adopt(folder.open())
