"""Delete a study: its folder, and what other stores have of it."""

import shutil

from core.record import study as written
from studies.record.folder import Record, StudyFolder
from studies.upkeep.plan import Plan, Step, size
from studies.upkeep.stores import delete_from_optuna, delete_trials, hide_experiment


def deletion(record: Record, *, keep_mlflow: bool = False) -> Plan:
    """Plan to delete a study.

    Of a copy that shares stores with its original, the folder alone is deleted.

    Raises:
        StudyError: a store cannot be reached.
    """
    hidden = [] if keep_mlflow else hide_experiment(record)
    steps = [*hidden, *delete_from_optuna(record), *delete_trials(record), remove_folder(record.folder)]
    afterwards = ["MLflow keeps a deleted experiment, and its artifacts, until `mlflow gc`"] if hidden else []
    return Plan(record.folder, steps, afterwards)


def remove_folder(folder: StudyFolder) -> Step:
    """The study is there until everything else of its folder is gone."""

    def act() -> None:
        last = (written.FILE, ".lock")
        for path in sorted(folder.path.iterdir(), key=lambda path: path.name in last):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        folder.path.rmdir()

    return Step(f"remove {folder.path} ({size(folder.path)})", act)
