"""Launch, resume and stop studies."""

import os
import pathlib
import signal
from typing import Any

import core.data
from analysis.study import Study
from core.storage import redact
from studies import detach, driver
from studies.budget import disk_needed, hours_here, require_disk
from studies.display import ProgressDisplay
from studies.driver import Display, Outcome, drive
from studies.folder import StudyFolder
from studies.optuna_store import open_storage
from studies.spec import StudySpec
from studies.state import StudyState
from studies.study_file import Document, StudyError, from_mapping, read
from studies.tracking import require_store
from studies.validation import require_local_resources, validate

ROOT = "runs"


def load(path_or_spec: Any, data_root: str | None = None) -> tuple[StudySpec, Document]:
    """A study file (or a mapping, or a specification) as a validated specification.

    Raises:
        StudyError: with every mistake in it.
    """
    if isinstance(path_or_spec, StudySpec):
        return path_or_spec, from_mapping(path_or_spec.model_dump(mode="json"))
    document = read(path_or_spec) if isinstance(path_or_spec, str | os.PathLike) else from_mapping(path_or_spec)
    return validate(document, data_root=data_root), document


def launch(
    path_or_spec: Any,
    *,
    root: str | os.PathLike[str] = ROOT,
    address: str | None = None,
    tracking_uri: str | None = None,
    storage: str | None = None,
    data_root: str | None = None,
    display: Display | None = None,
) -> Study:
    """Run a study to its end; launching the same file again goes on where it stopped.

    Args:
        path_or_spec: path of a study file, or its content as a mapping.
        root: directory of studies.
        address: a running Ray cluster (`auto`, `HOST:PORT`); None starts Ray on this machine.
        tracking_uri: MLflow; default `$MLFLOW_TRACKING_URI`, else SQLite under the root.
        storage: SQLAlchemy URL of Optuna's storage, or URI for checkpoints.
        data_root: directory of data sets; default `$STUDIES_DATA`, else `./data`.
        display: shows progress; default a live table on stderr.

    Raises:
        StudyError: a mistake in the study file, a name that is taken by another study, a store that cannot be reached.
    """
    spec, document = load(path_or_spec, data_root)
    folder = prepare(
        spec, document, root=root, tracking_uri=tracking_uri, storage=storage, data_root=data_root, address=address
    )
    if address is None:
        require_local_resources(spec, document)
    run(folder, display, address)
    return Study(spec.name, root)


def prepare(
    spec: StudySpec,
    document: Document,
    *,
    root: str | os.PathLike[str],
    tracking_uri: str | None,
    storage: str | None,
    data_root: str | None,
    address: str | None = None,
) -> StudyFolder:
    """The folder of a new study, or of the one that this very file started."""
    folder = StudyFolder(root, spec.name)
    if folder.exists:
        differences = difference(folder.spec(), spec)
        if differences:
            listing = "\n".join(f"  {line}" for line in differences)
            raise StudyError(
                f"study '{spec.name}' exists with a different file:\n{listing}\n"
                f"resume it as it is (`studies resume {spec.name}`), or give the new one another name"
            )
        if tracking_uri not in (None, folder.stores().tracking):
            raise StudyError(
                f"study '{spec.name}' is tracked at {redact(folder.stores().tracking)}, which cannot change"
            )
        return folder
    driver.require_address(address)
    stores = driver.default_stores(folder.root, spec.name, tracking=tracking_uri, storage=storage, data=data_root)
    require_store(stores.tracking)
    if not stores.optuna.startswith("sqlite:"):
        open_storage(stores.optuna).engine.dispose()
    source = pathlib.Path(document.source)
    text = source.read_text(encoding="utf-8") if document.marks is not None else spec.model_dump_json(indent=1)
    require_disk(spec, stores.data, stores.checkpoints)
    folder.create(spec, stores, text)
    return folder


def difference(old: StudySpec, new: StudySpec) -> list[str]:
    """What differs between two specifications: `key: old → new`."""
    before, after = _flatten(old.model_dump(mode="json")), _flatten(new.model_dump(mode="json"))
    keys = dict.fromkeys([*before, *after])
    return [
        f"{key}: {before.get(key, 'absent')} → {after.get(key, 'absent')}"
        for key in keys
        if before.get(key) != after.get(key)
    ]


def _flatten(value: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(value, dict):
        return {prefix: value}
    flat: dict[str, Any] = {}
    for key, inner in value.items():
        flat |= _flatten(inner, f"{prefix}.{key}" if prefix else str(key))
    return flat


def resume(
    name: str, *, root: str | os.PathLike[str] = ROOT, address: str | None = None, display: Display | None = None
) -> Study:
    """Run what is missing of a study, whatever killed it.

    Raises:
        StudyError: no such study, or another driver has it.
    """
    run(StudyFolder(root, name), display, address)
    return Study(name, root)


def run(folder: StudyFolder, display: Display | None, address: str | None) -> Outcome:
    """Drive a study, then write its report and attach it to MLflow."""
    spec = folder.spec()
    return drive(folder, display or ProgressDisplay(spec), address)


def stop(name: str, *, root: str | os.PathLike[str] = ROOT) -> str:
    """Ask the driver to stop, in good order when it is a process of this machine; what was asked.

    Raises:
        StudyError: no such study, or nobody drives it.
    """
    folder = StudyFolder(root, name)
    folder.record()
    job = detach.stop(folder)
    if job is not None:
        return f"job {job}"
    pid = folder.driver()
    if pid is None:
        raise StudyError(f"nobody drives study '{name}' on this machine; `studies resume {name}` goes on with it")
    os.kill(pid, signal.SIGINT)
    return f"process {pid}"


def status(name: str, *, root: str | os.PathLike[str] = ROOT) -> dict[str, Any]:
    """How far a study is: planned trials, trials by state, and the process that drives it."""
    folder = StudyFolder(root, name)
    spec = folder.spec()
    state = StudyState.read(folder.path)
    pid = folder.driver()
    counts = state.counts()
    if pid is None:
        counts["PENDING"] += counts.pop("RUNNING")
        counts["RUNNING"] = 0
    planned = state.planned(spec)
    counts["PENDING"] += max(0, planned - sum(counts.values()))
    return {"study": name, "planned": planned, **{key.lower(): value for key, value in counts.items()}, "driver": pid}


def plan(spec: StudySpec, data_root: str | None = None) -> dict[str, Any]:
    """What a study will do: trials, CPU core hours on a machine like this one, and disk for its checkpoints."""
    import trainables

    root = str(core.data.data_root(data_root))

    configurations = spec.num_configurations
    return {
        "study": spec.name,
        "dataset": spec.dataset_name,
        "models": ", ".join(str(trainables.get(model).title) for model in spec.models),
        "configurations": configurations,
        "seeds": spec.seeds.min if spec.seeds.min == spec.seeds.max else f"{spec.seeds.min} to {spec.seeds.max}",
        "trials": configurations * spec.seeds.min,
        "steps": spec.budget.steps,
        "core_hours_here": round(hours_here(spec, root), 3),
        "disk_gb": round(disk_needed(spec, root) / 1e9, 3),
    }


def tracking_uri(root: str | os.PathLike[str]) -> str:
    """The MLflow store of the studies under a root.

    Raises:
        StudyError: there is no study under it.
    """
    studies = sorted(pathlib.Path(root).glob("*/study.json"), key=lambda path: path.stat().st_mtime)
    if not studies:
        raise StudyError(
            f"there is no study under {pathlib.Path(root).resolve()} yet; `studies launch FILE` starts one"
        )
    return StudyFolder(root, studies[-1].parent.name).stores().tracking


def extend(
    name: str,
    *,
    root: str | os.PathLike[str] = ROOT,
    configurations: int | None = None,
    seeds: int | None = None,
    steps: int | None = None,
    hours: float | None = None,
) -> StudySpec:
    """Enlarge the plan of a study; what is there stays, and trials train on from their last checkpoint.

    Raises:
        StudyError: a value is smaller than it was, or nothing is enlarged.
    """
    folder = StudyFolder(root, name)
    spec = folder.spec()
    changes = {
        "configurations": (spec.search.configurations, configurations),
        "seeds": (spec.seeds.max, seeds),
        "steps": (spec.budget.steps, steps),
        "hours": (spec.budget.hours or 0.0, hours),
    }
    given = {key: (old, new) for key, (old, new) in changes.items() if new is not None}
    for key, (old, new) in given.items():
        if new <= old:
            raise StudyError(f"{key} of study '{name}' is {old} already; extend it to more, not to {new}")
    if not given:
        raise StudyError("nothing to extend; give --configurations, --seeds, --steps or --hours")
    data = spec.model_dump(mode="json")
    if configurations is not None:
        data["search"]["configurations"] = configurations
    if seeds is not None:
        data["seeds"]["max"] = seeds
        data["seeds"]["min"] = seeds if spec.seeds.until is None else spec.seeds.min
    if steps is not None:
        data["budget"]["steps"] = steps
    if hours is not None:
        data["budget"]["hours"] = hours
    extended = StudySpec.model_validate(data)
    with folder.driving():
        folder.revise(extended, ", ".join(f"{key}: {old} → {new}" for key, (old, new) in given.items()))
    return extended
