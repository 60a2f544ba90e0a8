"""Commands that look whether things are as they should be: a study, code of one's own, this machine."""

import dataclasses
import pathlib
import tempfile
from typing import Annotated, Any

import typer

from studies.cli.options import ROOT, Address, DataRoot, Json, Name, Root, Storage, TrackingUri
from studies.cli.output import emit, line, say


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


def check_extension(
    file: Annotated[str, typer.Argument(help="A Python file, the folder of a package, or an importable module.")],
    only: Annotated[str | None, typer.Option(help="One model, metric, data set or labeller of it.")] = None,
    dataset: Annotated[
        str | None, typer.Option(help="The data set that models are trained on for a few steps.")
    ] = None,
    data_root: DataRoot = None,
    as_json: Json = False,
) -> None:
    """Run the contracts of models, metrics, data sets and labellers on your own; exit code 1 if one is broken."""
    from core.mistakes import ExtensionError
    from studies.testing.extension import cases

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        data = pathlib.Path(data_root or folder).absolute()
        every = list(cases(file, pathlib.Path.cwd(), data, dataset, only))
        if not every:
            raise ExtensionError(f"{file} defines nothing that is called '{only}'")
        rows: list[dict[str, Any]] = []
        for number, case in enumerate(every, 1):
            say(f"{number} of {len(every)}  {case}")
            result, why = case.result()
            rows.append({"of": f"{case.kind} {case.name}", "promise": case.law, "result": result, "why": why})
    emit(rows, as_json, f"contracts of {file}")
    failed = sum(row["result"] == "failed" for row in rows)
    say(f"{len(rows)} checks, {failed} failed")
    if failed:
        raise typer.Exit(1)


def doctor(
    root: Root = ROOT,
    address: Address = None,
    tracking_uri: TrackingUri = None,
    storage: Storage = None,
    data_root: DataRoot = None,
    as_json: Json = False,
) -> None:
    """Look whether studies would run here, and say what to do where not; exit code 2 if one would not."""
    from studies import service
    from studies.doctor.finding import State

    findings = service.examine(
        root=root, address=address, tracking_uri=tracking_uri, storage=storage, data_root=data_root
    )
    emit([dataclasses.asdict(finding) for finding in findings], as_json, "what a study would meet here")
    if any(finding.state is State.FAULT for finding in findings):
        raise typer.Exit(2)
