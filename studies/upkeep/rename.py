"""Rename a study: its folder, and what MLflow shows."""

from core.mistakes import StudyError
from studies.record.folder import Record, StudyFolder
from studies.study_file.sections import read_name
from studies.upkeep.plan import Plan, Step
from studies.upkeep.stores import rename_experiment


def renaming(record: Record, new: str) -> Plan:
    """Plan to rename a study.

    Raises:
        StudyError: the new name is no name or is taken, or MLflow cannot be reached.
    """
    _, problems = read_name({"name": new})
    if problems:
        raise StudyError(problems[0].message)
    folder, target = record.folder, StudyFolder(record.folder.root, new)
    if target.path.exists():
        raise StudyError(f"{target.path} exists already; give study '{folder.name}' another name")

    def act() -> None:
        folder.adopt(record)
        folder.path.rename(target.path)
        (target.path / ".driver").unlink(missing_ok=True)
        target.adopt(target.open())

    steps = [Step(f"rename {folder.path} to {target.path}", act), *rename_experiment(record, new)]
    return Plan(folder, steps, (f"the study file still says `name: {folder.name}`, which would launch another study",))
