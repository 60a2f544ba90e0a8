"""Commands for a study that has its answer: rename, archive, delete. Each says what it will do before it does it."""

import pathlib
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from core.mistakes import StudyError
from studies.cli.options import ROOT, Name, Root
from studies.cli.output import line, say

if TYPE_CHECKING:
    from studies.upkeep.plan import Plan

Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
KeepMlflow = Annotated[bool, typer.Option("--keep-mlflow", help="Leave the experiment in MLflow as it is.")]


def rename(
    name: Name, new: Annotated[str, typer.Argument(help="Its new name.")], root: Root = ROOT, yes: Yes = False
) -> None:
    """Rename a study, and its experiment in MLflow."""
    from studies.record.folder import StudyFolder
    from studies.upkeep.rename import renaming

    _carry_out(renaming(StudyFolder(root, name).open(), new), yes)


def archive(
    name: Name,
    root: Root = ROOT,
    to: Annotated[pathlib.Path | None, typer.Option(help="File; default ROOT/NAME.tar.gz.")] = None,
    keep_mlflow: KeepMlflow = False,
    yes: Yes = False,
) -> None:
    """Pack a study into one file, and take it from the root and from MLflow's list."""
    from studies.record.folder import StudyFolder
    from studies.upkeep.archive import archiving

    _carry_out(archiving(StudyFolder(root, name).open(), to, keep_mlflow=keep_mlflow), yes)


def delete(name: Name, root: Root = ROOT, keep_mlflow: KeepMlflow = False, yes: Yes = False) -> None:
    """Delete a study, with its checkpoints and what Optuna and MLflow have of it."""
    from studies.record.folder import StudyFolder
    from studies.upkeep.delete import deletion

    _carry_out(deletion(StudyFolder(root, name).open(), keep_mlflow=keep_mlflow), yes)


def _carry_out(plan: "Plan", yes: bool) -> None:
    if plan.folder.driver() is not None:
        raise StudyError(f"study '{plan.folder.name}' is being driven; `studies stop {plan.folder.name}` stops that")
    for step in plan.steps:
        line(f"- {step.text}")
    for sentence in plan.afterwards:
        line(f"  {sentence}")
    if not yes:
        if not sys.stdin.isatty():
            raise StudyError("nothing is done yet: add --yes")
        typer.confirm("Do this?", abort=True, err=True)
    plan.carry_out()
    say("done")
