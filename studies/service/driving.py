"""Run what is missing of a study, and ask its driver to stop."""

import os
import pathlib
import shlex
import signal

import trainables
from analysis.study import Study
from core.mistakes import StudyError
from studies.cluster import job
from studies.drive.display import Display, display_of
from studies.drive.driver import Outcome, drive
from studies.record.folder import Record, StudyFolder
from studies.record.own_code import Decision, settle
from studies.study_file.spec import StudySpec

ROOT = "runs"


def resume(
    name: str,
    *,
    root: str | os.PathLike[str] = ROOT,
    address: str | None = None,
    display: Display | None = None,
    changed_code: Decision = "ask",
    retry_failed: bool = False,
) -> Study:
    """Run what is missing of a study, whatever killed it.

    Args:
        name: of the study.
        root: directory of studies.
        address: as of `launch`.
        display: as of `launch`.
        changed_code: where files of the study's extensions have changed since: refuse ("ask"), "accept" them, which is
            noted, or "keep" to the study's copies.
        retry_failed: run trials that failed once more, from their last checkpoint before that.

    Raises:
        StudyError: no such study, another driver has it, or its code has changed.
    """
    run(to_resume(name, root, changed_code), display, address, retry_failed=retry_failed)
    return Study(name, root)


def to_resume(name: str, root: str | os.PathLike[str], changed_code: Decision = "ask") -> Record:
    """The record of a study that goes on, with the code that it goes on with; see `resume`."""
    record = settle(StudyFolder(root, name).open(), changed_code)
    _require_models(record.spec)
    return record


def _require_models(spec: StudySpec) -> None:
    """Refuse to go on with a model of this repository that is not in it any more."""
    own = {name for code in spec.extensions for name in code.models}
    gone = [name for name in spec.models if name not in own and name not in trainables.names()]
    if gone:
        raise StudyError(
            f"study '{spec.name}' cannot go on: model '{gone[0]}' is not in this version; its results can be read"
        )


def run(record: Record, display: Display | None, address: str | None, *, retry_failed: bool = False) -> Outcome:
    """Drive a study, then write its report and attach it to MLflow."""
    name = record.folder.name
    elsewhere = record.folder.root != pathlib.Path(ROOT).resolve()
    where = f" --root {shlex.quote(str(record.folder.root))}" if elsewhere else ""
    looks = (f"studies {command} {name}{where}" for command in ("status --watch", "ui", "logs"))
    meanwhile = f"meanwhile: {' · '.join(looks)}"
    return drive(record, display or display_of(record.spec, meanwhile), address, retry_failed=retry_failed)


def stop(name: str, *, root: str | os.PathLike[str] = ROOT) -> str:
    """Ask the driver to stop, in good order when it is a process of this machine; what was asked.

    Raises:
        StudyError: no such study, or nobody drives it.
    """
    folder = StudyFolder(root, name).open().folder
    submitted = job.stop(folder)
    if submitted is not None:
        return f"job {submitted}"
    pid = folder.driver()
    if pid is None:
        raise StudyError(f"nobody drives study '{name}' on this machine; `studies resume {name}` goes on with it")
    os.kill(pid, signal.SIGTERM)
    return f"process {pid}"
