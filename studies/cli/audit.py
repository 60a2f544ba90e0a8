"""Commands that look whether a study is what it says: check, replay."""

from typing import Annotated

import typer

from studies.cli.options import ROOT, Json, Name, Root
from studies.cli.output import emit, line


def check(name: Name, root: Root = ROOT) -> None:
    """Compare the journal, Ray, Optuna and MLflow number by number; exit code 1 if they disagree."""
    from studies.audit.check import check as compare
    from studies.record.folder import StudyFolder

    findings = compare(StudyFolder(root, name).open())
    for finding in findings:
        line(finding)
    if findings:
        raise typer.Exit(1)
    line(f"study '{name}': journal, Ray, Optuna and MLflow agree")


def replay(
    name: Name,
    trial: Annotated[str, typer.Argument(help="Identity of the trial: <configuration>-s<seed>.")],
    steps: Annotated[int | None, typer.Option(min=1, help="How far; default to the end.")] = None,
    root: Root = ROOT,
    as_json: Json = False,
) -> None:
    """Run one trial again without Ray and compare; exit code 1 if a number differs."""
    from studies.audit.replay import replay as run_again
    from studies.record.folder import StudyFolder

    rows = run_again(StudyFolder(root, name).open(), trial, steps)
    columns = ("step", "metric", "recorded", "replayed", "equal")
    emit([{key: getattr(row, key) for key in columns} for row in rows], as_json, f"trial {trial}")
    if not all(row.equal for row in rows):
        raise typer.Exit(1)
