"""Commands that ask a study: best, front, knee, nearest, compare, report, export, log-model."""

import pathlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

import studies
from core.configuration import split_identity
from core.mistakes import QueryError
from core.record import study as written
from studies.cli.options import ROOT, Json, Metric, Name, Root
from studies.cli.output import emit, line, say
from studies.cli.rows import best_rows, compare_row, front_rows, verdict

if TYPE_CHECKING:
    from analysis.results import By
    from analysis.study import Study


def best(
    name: Name,
    metric: Metric = None,
    where: Annotated[str | None, typer.Option(help="Condition such as 'reconstruction_error < 40'.")] = None,
    top: Annotated[int, typer.Option(min=1, help="How many.")] = 5,
    root: Root = ROOT,
    as_json: Json = False,
) -> None:
    """The best completed trials by a metric."""
    study = studies.open(name, root)
    emit(best_rows(study, metric, top, where, as_json), as_json, f"best trials of '{name}'")


def front(
    name: Name,
    root: Root = ROOT,
    plot: Annotated[bool, typer.Option("--plot", help="Draw it as PNG and PDF too.")] = False,
    expected: Annotated[
        bool, typer.Option("--expected", help="By what is expected over all seeds, going by neighbours too.")
    ] = False,
    as_json: Json = False,
) -> None:
    """The Pareto front: configurations that no other dominates by the means of the objectives."""
    study = studies.open(name, root)
    by: By = "expected" if expected else "mean"
    title = f"Pareto front of '{name}'{', as expected over all seeds' if expected else ''}"
    emit(front_rows(study, as_json, by), as_json, f"{title}, hypervolume {study.hypervolume(by=by):.4g}")
    if plot:
        from analysis import figures

        drawing = figures.pareto_front(
            study.configurations(), study.front("all", by), study.objectives, name, searched=study.searched_by_model()
        )
        say(str(figures.save(drawing, study.pictures_folder(), f"pareto_front{'_expected' if expected else ''}")))


def report(
    names: Annotated[list[str], typer.Argument(metavar="NAME…", help="Name of the study, or of several.")],
    root: Root = ROOT,
) -> None:
    """Write the report: one HTML file that opens offline, with figures as PNG and PDF; of several, one over all."""
    first, *others = (studies.open(name, root) for name in names)
    line(str(first.report(*others, redraw=True)))


def knee(name: Name, root: Root = ROOT, as_json: Json = False) -> None:
    """The point of the front with the best trade-off between the objectives."""
    study = studies.open(name, root)
    emit([_found(study, dict(study.knee()))], as_json, f"knee of the front of '{name}'")


def nearest(
    name: Name,
    targets: Annotated[list[str], typer.Argument(help="METRIC=VALUE, such as reconstruction_error=40.")],
    root: Root = ROOT,
    as_json: Json = False,
) -> None:
    """The point of the front that is nearest to wanted values."""
    wanted: dict[str, float] = {}
    for target in targets:
        key, _, value = target.partition("=")
        try:
            wanted[key] = float(value)
        except ValueError:
            raise QueryError(f"'{target}' is not METRIC=VALUE, such as reconstruction_error=40") from None
    study = studies.open(name, root)
    emit([_found(study, dict(study.nearest(**wanted)))], as_json, f"nearest to {', '.join(targets)}")


def _found(study: "Study", row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of the front, with what the study searched and its objectives."""
    columns = ["model", "configuration", *study.searched(row["model"]), "n"]
    columns += [f"{objective}_{part}" for objective in study.objectives for part in ("mean", "std")]
    return {column: row[column] for column in columns}


def compare(
    name: Name,
    first: Annotated[str, typer.Argument(help="A model of the study, or another study.")],
    second: Annotated[str | None, typer.Argument(help="Another model of the study.")] = None,
    metric: Metric = None,
    root: Root = ROOT,
    as_json: Json = False,
) -> None:
    """Two models of a study, or two studies, in pairs of equal seeds: difference, interval, and what follows."""
    study = studies.open(name, root)
    model = second is not None or first in study.spec["models"]
    if model and second is None:
        raise QueryError(f"with which model is '{first}' compared? there are {', '.join(study.spec['models'])}")
    if not model and first not in written.names(root):
        models = ", ".join(study.spec["models"])
        raise QueryError(f"'{first}' is neither a model of study '{name}' ({models}) nor a study under {root}")
    other: Study | str = first if model else studies.open(first, root)
    left, right = (name, first) if second is None else (first, second)
    found = [dict(row) for _, row in study.compare(other, second, metric).iterrows()]
    told = [(row, verdict(row, left, right, _direction(study, row["metric"]))) for row in found]
    if as_json:
        emit([{**row, "of_first": left, "of_second": right, "verdict": sentence} for row, sentence in told], True)
        return
    shown = [compare_row(row, left, right) for row in found]
    emit(shown, False, f"'{left}' minus '{right}', 95 % intervals, {found[0]['basis']}", downwards=False)
    for row, sentence in told:
        line(f"{row['metric']}: {sentence}")


def _direction(study: "Study", metric: str) -> str | None:
    """Where better values of a metric lie; None where that is not known."""
    try:
        return study.direction(metric)
    except QueryError:
        return None


def export(
    name: Name, directory: Annotated[pathlib.Path, typer.Argument(help="A new directory.")], root: Root = ROOT
) -> None:
    """Everything of a study in one folder (SQLite, Parquet, artifacts, report) that opens on another machine."""
    line(str(studies.open(name, root).export(directory)))


def log_model(
    name: Name,
    trial: Annotated[str | None, typer.Argument(help="<configuration>-s<seed>; default the best.")] = None,
    root: Root = ROOT,
    allow_code: Annotated[
        bool, typer.Option("--allow-code", help="Run the study's own code, where the model is defined in it.")
    ] = False,
    register: Annotated[
        str | None, typer.Option(help="Name in MLflow's registry, of which it becomes a version.")
    ] = None,
    alias: Annotated[str | None, typer.Option(help="Alias of that version, such as best.")] = None,
) -> None:
    """Log the encoder of a trial as an MLflow model, with signature and pinned requirements; register it if asked."""
    study = studies.open(name, root)
    chosen = study.best(top=1)
    if trial is not None:
        try:
            chosen = [study.trial(*split_identity(trial))]
        except ValueError as error:
            raise QueryError(f"{error}; `studies best {name}` lists some") from None
    if not chosen:
        raise QueryError(f"study '{name}' has no completed trial yet")
    if alias is not None and register is None:
        raise QueryError("--alias is of a registered model: add --register NAME")
    line(study.log_model(chosen[0], allow_code=allow_code, register=register, alias=alias))
