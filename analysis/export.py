"""A study as one folder that opens on another machine, without Ray, a server or the service.

The folder is a study: `Study(folder.name, folder.parent)` opens it. Beside its own files it holds

- `parquet/`: trials, configurations and curves;
- `study.sqlite`: the same three tables;
- `mlflow.db` and `mlartifacts/`: the study's MLflow runs, if their store was SQLite;
- `trials/`: the newest checkpoint and the pictures of every trial, without the optimiser's state;
- `report/`: the report with its figures.
"""

import contextlib
import dataclasses
import pathlib
import shutil
import sqlite3
import urllib.parse
from collections.abc import Iterable
from typing import Any

from analysis.reading import snapshot
from analysis.report import report
from analysis.results import Results
from core import checkpoints, extensions
from core.configuration import identity_of
from core.mistakes import QueryError
from core.record import journal, notes
from core.record.places import Stores, sqlite_file, sqlite_url
from core.storage import CorruptEntryError, Folder

PICTURES = "pictures"
TRAINING = "training.pt"  # only needed to train on
README = """# {name}

`python -c "import studies; print(studies.open('{folder}', '..').front())"`, run in this folder, shows the front;
`report/report.html` opens in any browser; `parquet/` and `study.sqlite` hold the tables for other tools.

`mlflow ui --backend-store-uri sqlite:///mlflow.db`, run in this folder, shows the runs (if `mlflow.db` is here).
"""


def export(study: Results, directory: pathlib.Path) -> pathlib.Path:
    """Write everything of a study into a new folder; the folder. Nothing half-made is left by an interruption.

    Args:
        study: finished or running; what is there now is exported.
        directory: does not exist yet, or is empty.

    Raises:
        QueryError: the directory holds something, or cannot be written.
    """
    directory = pathlib.Path(directory).resolve()
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise QueryError(f"'{directory}' holds something already; export into a new folder")
    part = directory.with_name(f".{directory.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        part.mkdir(parents=True)
    except OSError as error:
        raise QueryError(f"'{directory}' cannot be written: {error.strerror}") from None
    try:
        _copy_files(study, part)
        _write_tables(study, part)
        _copy_trials(study, part)
        _copy_tracking(study, part)
        (part / "README.md").write_text(README.format(name=study.name, folder=directory.name), encoding="utf-8")
        if directory.exists():
            directory.rmdir()
        part.rename(directory)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return directory


def _copy_files(study: Results, target: pathlib.Path) -> None:
    """The study's record with its stores inside the folder, the journal, the study file, the report."""
    inside = Stores(sqlite_url(target / "mlflow.db"), sqlite_url(target / "optuna.db"), str(target.parent), data="")
    dataclasses.replace(study.record, root=target.parent, name=target.name, stores=inside).write()
    for name in (journal.FILE, journal.RUN_IDS, notes.FILE, "study.yaml"):
        if (study.path / name).exists():
            shutil.copyfile(study.path / name, target / name)
    shutil.copytree(report(study).parent, target / "report")
    if (study.path / extensions.FOLDER).is_dir():
        shutil.copytree(study.path / extensions.FOLDER, target / extensions.FOLDER)
    optuna = _sqlite_path(study.stores["optuna"])
    if optuna is not None:
        _backup(optuna, target / "optuna.db").close()


def _write_tables(study: Results, target: pathlib.Path) -> None:
    (target / "parquet").mkdir()
    with contextlib.closing(sqlite3.connect(target / "study.sqlite")) as connection:
        tables = {"trials": study.trials(), "configurations": study.configurations(), "curves": study.curves()}
        for name, table in tables.items():
            plain = snapshot.storable(table)
            plain.to_parquet(target / "parquet" / f"{name}.parquet")
            plain.to_sql(name, connection, index=False, chunksize=10_000)


def _copy_trials(study: Results, target: pathlib.Path) -> None:
    """Newest whole checkpoint and pictures of every trial, wherever they are kept."""
    trials = study.trials()
    for key, seed in zip(trials["configuration"], trials["seed"], strict=True):
        identity = identity_of(key, seed)
        source = Folder(study.checkpoint_folder(identity))
        newest = checkpoints.names(source)[::-1]
        copy = Folder(target / "trials" / identity)
        for candidates in (newest, [name for name in source.entries() if name == PICTURES]):
            for name in candidates:
                try:
                    files = source.read(name)
                except CorruptEntryError:
                    continue
                copy.write(name, {file: data for file, data in files.items() if file != TRAINING})
                break


def _copy_tracking(study: Results, target: pathlib.Path) -> None:
    """This study's part of an SQLite store of MLflow, and its artifacts; nothing when the store is a server."""
    source = _sqlite_path(study.stores["tracking"])
    if source is None:
        return
    with contextlib.closing(_backup(source, target / "mlflow.db")) as connection:
        row = _experiment_of(connection, journal.run_ids(study.path).values())
        if row is None:
            connection.close()
            (target / "mlflow.db").unlink()
            return
        experiment, location = row
        _keep_experiment(connection, experiment)
        place = f"mlartifacts/{study.name}"
        for table, column in (("experiments", "artifact_location"), ("runs", "artifact_uri")):
            connection.execute(f"UPDATE {table} SET {column} = replace({column}, ?, ?)", (location, place))
        connection.commit()
        connection.execute("VACUUM")
    artifacts = pathlib.Path(urllib.parse.unquote(urllib.parse.urlparse(location).path))
    if artifacts.is_dir():
        shutil.copytree(artifacts, target / place)


def _experiment_of(connection: sqlite3.Connection, runs: Iterable[str]) -> tuple[Any, str] | None:
    """Id and place of artifacts of the experiment that holds these runs, whatever it is called now."""
    for run in runs:
        row: tuple[Any, str] | None = connection.execute(
            "SELECT experiment_id, artifact_location FROM experiments "
            "WHERE experiment_id = (SELECT experiment_id FROM runs WHERE run_uuid = ?)",
            (run,),
        ).fetchone()
        if row is not None:
            return row
    return None


def _keep_experiment(connection: sqlite3.Connection, experiment: Any) -> None:
    """Drop the rows of all other experiments, whatever tables this version of MLflow has."""
    tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    columns = {name: {row[1] for row in connection.execute(f"PRAGMA table_info('{name}')")} for name in tables}
    ours = "SELECT run_uuid FROM runs WHERE experiment_id = ?"
    for name in tables:
        if "run_uuid" in columns[name] and name != "runs":
            connection.execute(f"DELETE FROM '{name}' WHERE run_uuid NOT IN ({ours})", (experiment,))
    for name in tables:
        if "experiment_id" in columns[name]:
            connection.execute(f"DELETE FROM '{name}' WHERE experiment_id != ?", (experiment,))


def _sqlite_path(uri: str) -> pathlib.Path | None:
    """The file of an SQLite URL, if it is one and is there."""
    path = sqlite_file(uri)
    return path if path is not None and path.exists() else None


def _backup(source: pathlib.Path, target: pathlib.Path) -> sqlite3.Connection:
    """A consistent copy of a database that others may be writing to, opened."""
    copy = sqlite3.connect(target)
    with contextlib.closing(sqlite3.connect(f"{source.as_uri()}?mode=ro", uri=True)) as original:
        original.backup(copy)
    return copy
