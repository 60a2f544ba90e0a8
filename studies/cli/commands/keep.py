"""Commands that keep studies in order: tag, note, rename, archive, delete, gc.

The last four say what they will do before they do it.
"""

import datetime
import pathlib
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from core.mistakes import StudyError
from core.record import notes
from core.record import study as written
from studies.cli.options import ROOT, DataRoot, Name, Root
from studies.cli.output import line, say

if TYPE_CHECKING:
    from studies.upkeep.plan import Plan

Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
KeepMlflow = Annotated[bool, typer.Option("--keep-mlflow", help="Leave the experiment in MLflow as it is.")]


def tag(
    name: Name,
    tags: Annotated[list[str] | None, typer.Argument(help="Tags to add; none shows those that there are.")] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Take them away instead.")] = False,
    root: Root = ROOT,
) -> None:
    """Add tags to a study, remove some, or show them; `studies list --tag` finds it by them."""
    path = written.read(root, name).path
    now = notes.read(path)
    if tags:
        now = now.untagged(tags) if remove else now.tagged(tags)
        now.write(path)
    line(", ".join(now.tags) or "no tags")


def note(
    name: Name,
    text: Annotated[str | None, typer.Argument(help="A sentence to keep; none shows those that there are.")] = None,
    root: Root = ROOT,
) -> None:
    """Add a dated note to a study, or show its notes."""
    path = written.read(root, name).path
    now = notes.read(path)
    if text:
        now = now.noted(text)
        now.write(path)
    for when, sentence in now.notes:
        line(f"{datetime.datetime.fromtimestamp(when).astimezone():%Y-%m-%d %H:%M}  {sentence}")


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


def gc(
    root: Root = ROOT,
    data_root: DataRoot = None,
    caches: Annotated[
        bool, typer.Option("--caches", help="Rendered data sets too that no study of this root uses.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say it, and do nothing.")] = False,
    yes: Yes = False,
) -> None:
    """Clear away what belongs to no study any more, or is not kept by its retention; what is in doubt stays."""
    from studies.upkeep.garbage.find import garbage
    from studies.upkeep.garbage.item import Item
    from studies.upkeep.plan import in_units

    items = []
    for found in garbage(root, data_root, caches=caches):
        if isinstance(found, Item):
            items.append(found)
            line(f"- {found}")
        else:
            say(f"left alone: {found}")
    if not items:
        line("there is nothing to clear away")
        return
    line(f"{in_units(sum(item.bytes for item in items))} in all")
    if not dry_run:
        _confirm(yes)
        for item in items:
            item.act()
        say("done")


def _confirm(yes: bool) -> None:
    if not yes:
        if not sys.stdin.isatty():
            raise StudyError("nothing is done yet: add --yes")
        typer.confirm("Do this?", abort=True, err=True)


def _carry_out(plan: "Plan", yes: bool) -> None:
    if plan.folder.driver() is not None:
        raise StudyError(f"study '{plan.folder.name}' is being driven; `studies stop {plan.folder.name}` stops that")
    for step in plan.steps:
        line(f"- {step.text}")
    for sentence in plan.afterwards:
        line(f"  {sentence}")
    _confirm(yes)
    plan.carry_out()
    say("done")
