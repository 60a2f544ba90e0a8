"""Experiments in a root's own MLflow store that belong to no study of it, in two steps: marked as deleted, then gone.

An experiment is known by the launch that it is tagged with. Stores that are elsewhere may serve other roots, so nothing
is looked for in them; neither is where a study cannot be read, whose experiment would look like nobody's.
"""

import functools
import pathlib
import subprocess
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote, urlsplit

from core.mistakes import StudyError, UserError
from core.record import study as written
from core.record.places import sqlite_url
from studies.delivery.mlflow_store import LAUNCH, connect, quiet_mlflow
from studies.upkeep.garbage.item import Doubt, Item, of_path
from studies.upkeep.plan import bytes_in


def in_mlflow(root: pathlib.Path) -> Iterator[Item | Doubt]:
    """What may go of the MLflow store of a root.

    Raises:
        StudyError: it cannot be reached.
    """
    file = root / "mlflow.db"
    if not file.exists():
        return
    try:
        launches = set(_launches(root))
    except (UserError, ValueError, KeyError, TypeError):
        yield Doubt(f"experiments in {file}, as long as a study of this root cannot be read")
        return
    uri, artifacts = sqlite_url(file), root / "mlartifacts"
    from mlflow.entities import ViewType

    with quiet_mlflow():
        experiments = list(connect(uri).search_experiments(view_type=ViewType.ALL, max_results=10_000))
    archives = [path.name.removesuffix(".tar.gz") for path in root.glob("*.tar.gz")]
    for each in experiments:
        place, launch = _local(each.artifact_location), each.tags.get(LAUNCH)
        if not launch or launch in launches or place is None or place.parent != artifacts:
            continue
        if any(each.name == name or each.name.startswith(f"{name} ") for name in archives):
            yield Doubt(f"experiment '{each.name}' in MLflow, of which {root} has an archive")
        elif each.lifecycle_stage == "active":
            size = bytes_in(place)
            what = f"mark experiment '{each.name}' in MLflow as deleted, of which no study is left"
            later = f"{what}; the next gc frees its {size / 1e6:.0f} MB"
            yield Item(later, 0, functools.partial(_mark, uri, each.experiment_id))
        else:
            what = f"remove experiment '{each.name}' and its artifacts from MLflow, where it is marked as deleted"
            yield Item(what, bytes_in(place), functools.partial(_purge, uri, each.experiment_id, place))
    places = {_local(each.artifact_location) for each in experiments}
    for path in sorted(artifacts.iterdir()) if artifacts.is_dir() else ():
        if path not in places:
            yield Doubt(f"{path}, which is of no experiment in {file}")


def _launches(root: pathlib.Path) -> Iterator[str]:
    """Of all studies under a root, and of those that they were copied from."""
    for name in written.names(root):
        record = written.read(root, name)
        yield record.launch
        if record.original is not None:
            yield record.original.launch


def _local(uri: str) -> pathlib.Path | None:
    parts = urlsplit(uri)
    return pathlib.Path(unquote(parts.path)) if parts.scheme == "file" else None


def _mark(uri: str, experiment: str) -> None:
    with quiet_mlflow():
        connect(uri).delete_experiment(experiment)


def _purge(uri: str, experiment: str, place: pathlib.Path) -> None:
    """By MLflow's own command, which removes runs and artifacts, and then the folder that is left."""
    command = [sys.executable, "-m", "mlflow", "gc", "--backend-store-uri", uri, "--tracking-uri", uri]
    with quiet_mlflow():
        done: Any = subprocess.run(
            [*command, "--experiment-ids", experiment], capture_output=True, text=True, check=False
        )
    if done.returncode:
        raise StudyError(f"MLflow does not let go of experiment {experiment}: {done.stderr.strip().splitlines()[-1]}")
    of_path("", place).act()
