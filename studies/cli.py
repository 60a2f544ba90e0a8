"""The command line: `studies validate | launch | status | resume | stop | best | front | report | ui | data …`.

Results go to stdout (with `--json`, one JSON object a line), messages to stderr. Exit codes: 0 done, 1 the study ended
with failed trials, 2 a user's mistake, 130 interrupted.
"""

import os
import pathlib
import shutil
import sys
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import pandas as pd
import typer

import core.data
from analysis.study import NoSuchStudyError, QueryError, Study
from analysis.where import WhereError
from core.metrics import MetricError
from core.storage import CorruptEntryError
from studies import cli_data
from studies.cli_data import DataRoot, Json
from studies.output import OUT, emit, plain, say, text
from studies.study_file import StudyError

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Hyperparameter studies of disentangled representations.",
)
app.add_typer(cli_data.app, name="data")

USERS_MISTAKE = (
    StudyError,
    NoSuchStudyError,
    QueryError,
    WhereError,
    MetricError,
    core.data.DataError,
    CorruptEntryError,
    FileNotFoundError,
    FileExistsError,
)

Root = Annotated[pathlib.Path, typer.Option(help="Directory of studies.")]
Address = Annotated[str | None, typer.Option(help="A running Ray cluster: auto or HOST:PORT.")]
Name = Annotated[str, typer.Argument(help="Name of the study.")]
ROOT = pathlib.Path("runs")


def main() -> None:
    """Entry point: a user's mistake is one sentence on stderr and exit code 2."""
    try:
        sys.exit(app(standalone_mode=False) or 0)
    except (typer.Abort, KeyboardInterrupt):
        sys.exit(130)
    except USERS_MISTAKE as error:
        say(str(error))
        sys.exit(2)
    except Exception as error:
        if type(error).__module__.startswith(("click", "typer")):  # a wrong option or argument
            message = getattr(error, "format_message", None)
            say(message() if message else str(error))
            sys.exit(2)
        raise


@app.command()
def validate(
    file: Annotated[pathlib.Path, typer.Argument(help="Study file.")], data_root: DataRoot = None, as_json: Json = False
) -> None:
    """Check a study file and show its plan; nothing is started."""
    from studies import service

    spec, document = service.load(file, data_root)
    service.require_local_resources(spec, document)
    emit([service.plan(spec, data_root)], as_json, f"plan of study '{spec.name}'")


@app.command()
def launch(
    file: Annotated[pathlib.Path, typer.Argument(help="Study file.")],
    root: Root = ROOT,
    address: Address = None,
    detach: Annotated[
        bool, typer.Option("--detach", help="Drive it as a Ray job at --address http://HOST:8265.")
    ] = False,
    tracking_uri: Annotated[str | None, typer.Option(help="MLflow tracking URI.")] = None,
    storage: Annotated[str | None, typer.Option(help="Optuna's SQLAlchemy URL, or a URI for checkpoints.")] = None,
    data_root: DataRoot = None,
) -> None:
    """Run a study; launching the same file again goes on where it stopped."""
    from studies import service

    spec, document = service.load(file, data_root)
    if address is None:
        service.require_local_resources(spec, document)
    folder = service.prepare(
        spec, document, root=root, tracking_uri=tracking_uri, storage=storage, data_root=data_root, address=address
    )
    if detach:
        from studies.detach import submit

        job = submit(folder, address or "none")
        say(f"study '{spec.name}' runs as job {job}; `studies status | stop {spec.name}{_root(root)}` from any shell")
        return
    trials = spec.num_configurations * spec.seeds.min
    say(f"study '{spec.name}' on {spec.dataset_name}: {trials} trials; Ctrl-C stops it in good order")
    _drive(lambda: service.run(folder, None, address), spec.name, root)


@app.command()
def resume(name: Name, root: Root = ROOT, address: Address = None) -> None:
    """Run what is missing of a study, whatever killed it."""
    from studies import service
    from studies.folder import StudyFolder

    folder = StudyFolder(root, name)
    folder.record()
    _drive(lambda: service.run(folder, None, address), name, root)


def _drive(run: Callable[[], Any], name: str, root: pathlib.Path) -> None:
    outcome = run()
    _summary(name, root)
    if outcome.spent and not outcome.finished:
        say(f"the study's own budget is spent; `studies extend {name}{_root(root)} --hours H` gives it more")
    elif not outcome.finished:
        say(f"stopped before the end; `studies resume {name}{_root(root)}` runs what is missing")
        raise typer.Exit(130)
    if outcome.failed_trials:
        say(f"{outcome.failed_trials} trials failed; the report says why")
        raise typer.Exit(1)


def _root(root: pathlib.Path) -> str:
    return "" if root == ROOT else f" --root {root}"


def _summary(name: str, root: pathlib.Path) -> None:
    """What a user wants to see at the end of a study."""
    study = Study(name, root)
    dataset = study.spec["dataset"]
    dataset_name = dataset if isinstance(dataset, str) else dataset["name"]
    for objective in study.objectives:
        if objective in study.metrics():
            emit(_best_rows(study, objective, 3, None), False, f"best trials by {objective}, on {dataset_name}")
    emit(_front_rows(study), False, f"Pareto front (means over seeds), hypervolume {study.hypervolume():.4g}")
    report = study.path / "report" / "report.html"
    OUT.print(f"report   {report}", highlight=False, soft_wrap=True)
    OUT.print(f"picture  {report.with_name('pareto_front.png')}", highlight=False, soft_wrap=True)
    called = os.path.relpath(sys.argv[0])
    program = "studies" if shutil.which("studies") else "python -m studies.cli" if called.endswith(".py") else called
    where = _root(root)
    OUT.print(f"UI       {program} ui{where}", highlight=False, soft_wrap=True)
    OUT.print(f"resume   {program} resume {name}{where}", highlight=False, soft_wrap=True)
    OUT.print(f"extend   {program} extend {name}{where} --configurations N", highlight=False, soft_wrap=True)


@app.command()
def status(name: Name, root: Root = ROOT, as_json: Json = False) -> None:
    """How far a study is."""
    from studies import service

    emit([service.status(name, root=root)], as_json, f"study '{name}'")


@app.command()
def stop(name: Name, root: Root = ROOT) -> None:
    """Ask the driver, on this machine or as a Ray job, to stop."""
    from studies import service

    stopped = service.stop(name, root=root)
    say(f"asked {stopped} to stop; `studies resume {name}{_root(root)}` will go on")


@app.command()
def extend(
    name: Name,
    configurations: Annotated[int | None, typer.Option(help="Configurations in all.")] = None,
    seeds: Annotated[int | None, typer.Option(help="Seeds of every configuration.")] = None,
    steps: Annotated[int | None, typer.Option(help="Steps of every trial; trained ones go on from their end.")] = None,
    hours: Annotated[float | None, typer.Option(help="Wall-clock hours of the study.")] = None,
    root: Root = ROOT,
    address: Address = None,
) -> None:
    """Enlarge the plan of a study, and run what that adds."""
    from studies import service

    service.extend(name, root=root, configurations=configurations, seeds=seeds, steps=steps, hours=hours)
    resume(name, root, address)


@app.command()
def check(name: Name, root: Root = ROOT) -> None:
    """Compare the journal, Ray, Optuna and MLflow number by number; exit code 1 if they disagree."""
    from studies.check import check as compare
    from studies.folder import StudyFolder

    findings = compare(StudyFolder(root, name))
    for finding in findings:
        OUT.print(finding, highlight=False, soft_wrap=True)
    if findings:
        raise typer.Exit(1)
    OUT.print(f"study '{name}': journal, Ray, Optuna and MLflow agree", highlight=False)


@app.command()
def replay(
    name: Name,
    trial: Annotated[str, typer.Argument(help="Identity of the trial: <configuration>-s<seed>.")],
    steps: Annotated[int | None, typer.Option(min=1, help="How far; default to the end.")] = None,
    root: Root = ROOT,
    as_json: Json = False,
) -> None:
    """Run one trial again without Ray and compare; exit code 1 if a number differs."""
    from studies.folder import StudyFolder
    from studies.replay import replay as run_again

    rows = run_again(StudyFolder(root, name), trial, steps)
    columns = ("step", "metric", "recorded", "replayed", "equal")
    emit([{key: getattr(row, key) for key in columns} for row in rows], as_json, f"trial {trial}")
    if not all(row.equal for row in rows):
        raise typer.Exit(1)


@app.command()
def best(
    name: Name,
    metric: Annotated[str | None, typer.Option(help="Final metric; default the first objective.")] = None,
    where: Annotated[str | None, typer.Option(help="Condition such as 'reconstruction_error < 40'.")] = None,
    top: Annotated[int, typer.Option(min=1, help="How many.")] = 5,
    root: Root = ROOT,
    as_json: Json = False,
) -> None:
    """The best completed trials by a metric."""
    study = Study(name, root)
    emit(_best_rows(study, metric, top, where, as_json), as_json, f"best trials of '{name}'")


def _best_rows(
    study: Study, metric: str | None, top: int, where: str | None, full: bool = False
) -> list[dict[str, Any]]:
    """The best trials: with everything, or (for a table) with what the study searched and its objectives."""
    rows: list[dict[str, Any]] = []
    for trial in study.best(metric, top, where):
        row: dict[str, Any] = {"model": trial.model}
        if full:
            row |= {"configuration": trial.configuration, "seed": trial.seed}
            rows.append({**row, "hyperparameters": dict(trial.hyperparameters), **trial.metrics})
        else:
            shown = dict.fromkeys([*([metric] if metric else []), *study.objectives])
            values = {key: trial.metrics[key] for key in shown if key in trial.metrics}
            row["hyperparameters"] = _settings(study, trial.model, trial.hyperparameters)
            rows.append({**row, **values, "trial": f"{trial.configuration}-s{trial.seed}"})
    return rows


def _settings(study: Study, model: str, values: Mapping[str, Any]) -> str:
    """The searched hyperparameters of a configuration: `beta=4, …`."""
    return ", ".join(f"{key}={text(values[key])}" for key in study.searched(model))


@app.command()
def front(
    name: Name,
    root: Root = ROOT,
    plot: Annotated[bool, typer.Option("--plot", help="Draw it as PNG and PDF too.")] = False,
    as_json: Json = False,
) -> None:
    """The Pareto front: configurations that no other dominates by the means of the objectives."""
    study = Study(name, root)
    emit(_front_rows(study, as_json), as_json, f"Pareto front of '{name}', hypervolume {study.hypervolume():.4g}")
    if plot:
        from analysis import figures

        drawing = figures.pareto_front(study.configurations(), study.front(), study.objectives, name)
        say(str(figures.save(drawing, study.path / "report", "pareto_front")))


def _front_rows(study: Study, full: bool = False) -> list[dict[str, Any]]:
    """The front: with everything, or (for a table) mean ± standard deviation in one column."""
    rows: list[dict[str, Any]] = []
    for _, row in study.front().iterrows():
        entry: dict[str, Any] = {"model": row["model"]}
        if full:
            entry["configuration"] = row["configuration"]
            entry["hyperparameters"] = {key: plain(row[key]) for key in study.searched(row["model"])}
        else:
            entry["hyperparameters"] = _settings(study, row["model"], dict(row))
        for objective in study.objectives:
            mean, std = row[f"{objective}_mean"], row[f"{objective}_std"]
            if full:
                entry |= {f"{objective}_mean": mean, f"{objective}_std": std}
            else:
                entry[objective] = f"{text(mean)} ± {std:.2g}" if plain(std) is not None else text(mean)
        rows.append({**entry, "n": row["n"]})
    return rows


@app.command()
def report(name: Name, root: Root = ROOT) -> None:
    """Write the report: one HTML file that opens offline, with figures as PNG and PDF."""
    OUT.print(str(Study(name, root).report()), highlight=False, soft_wrap=True)


@app.command()
def knee(name: Name, root: Root = ROOT, as_json: Json = False) -> None:
    """The point of the front with the best trade-off between the objectives."""
    emit([_found(Study(name, root), Study(name, root).knee())], as_json, f"knee of the front of '{name}'")


@app.command()
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
    study = Study(name, root)
    emit([_found(study, study.nearest(**wanted))], as_json, f"nearest to {', '.join(targets)}")


def _found(study: Study, row: "pd.Series[Any]") -> dict[str, Any]:
    """A row of the front, with what the study searched and its objectives."""
    columns = ["model", "configuration", *study.searched(row["model"]), "n"]
    columns += [f"{objective}_{part}" for objective in study.objectives for part in ("mean", "std")]
    return {column: row[column] for column in columns}


@app.command()
def compare(
    name: Name,
    first: Annotated[str, typer.Argument(help="A model of the study, or another study.")],
    second: Annotated[str | None, typer.Argument(help="Another model of the study.")] = None,
    metric: Annotated[str | None, typer.Option(help="Final metric; default all objectives.")] = None,
    root: Root = ROOT,
    as_json: Json = False,
) -> None:
    """Two models of a study, or two studies, in pairs of equal seeds: difference, interval, effect size."""
    study = Study(name, root)
    other: Study | str = first if first in study.spec["models"] else Study(first, root)
    table = study.compare(other, second, metric)
    emit([dict(row) for _, row in table.iterrows()], as_json, f"'{first}' against '{second or name}'")


@app.command()
def export(
    name: Name, directory: Annotated[pathlib.Path, typer.Argument(help="A new directory.")], root: Root = ROOT
) -> None:
    """Everything of a study in one folder (SQLite, Parquet, artifacts, report) that opens on another machine."""
    OUT.print(str(Study(name, root).export(directory)), highlight=False, soft_wrap=True)


@app.command("log-model")
def log_model(
    name: Name,
    trial: Annotated[str | None, typer.Argument(help="<configuration>-s<seed>; default the best.")] = None,
    root: Root = ROOT,
) -> None:
    """Log the encoder of a trial as an MLflow model, with signature and pinned requirements."""
    from analysis.mlflow_model import log_model as log

    study = Study(name, root)
    chosen = study.best(top=1)
    if trial is not None:
        configuration, _, seed = trial.rpartition("-s")
        if not seed.isdigit():
            raise QueryError(f"'{trial}' is not a trial, <configuration>-s<seed>; `studies best {name}` lists some")
        chosen = [study.trial(configuration, int(seed))]
    if not chosen:
        raise QueryError(f"study '{name}' has no completed trial yet")
    OUT.print(log(study, chosen[0]), highlight=False, soft_wrap=True)


@app.command()
def ui(root: Root = ROOT, port: Annotated[int, typer.Option(min=1, max=65535)] = 5000) -> None:
    """Open the MLflow UI on the studies of this root, on loopback."""
    from studies.service import tracking_uri

    uri = tracking_uri(root)
    say(f"http://127.0.0.1:{port}/#/experiments?workflowType=machine_learning shows the studies; Ctrl-C ends it")
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--backend-store-uri", uri, "--workers", "1"]
    os.execve(sys.executable, command, {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"})


if __name__ == "__main__":
    main()
