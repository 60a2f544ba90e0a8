"""Pictures for the report: what the winners reconstruct and what their dimensions do."""

import base64
import pathlib
from typing import TYPE_CHECKING, Any

from analysis import figures
from analysis.latents import describe
from analysis.trial import Trial
from core.data import DataError
from core.metrics import MetricError
from core.storage import CorruptEntryError, Folder

if TYPE_CHECKING:
    from analysis.study import Study

ENTRY = "pictures"  # of a trial's folder, written when its training ended


def inline(data: bytes) -> str:
    """A PNG file as a URI that stands in the page itself."""
    return "data:image/png;base64," + base64.b64encode(data).decode()


def stored(trial: Trial) -> dict[str, str]:
    """The pictures that a trial left, inline, by name; none when it left none."""
    try:
        files = Folder(trial.checkpoint).read(ENTRY)
    except (CorruptEntryError, OSError):
        return {}
    return {name.removesuffix(".png"): inline(data) for name, data in sorted(files.items()) if name.endswith(".png")}


def traversal_of(study: "Study", configuration: str) -> str | None:
    """The traversal of a configuration's best seed by the first objective, inline."""
    metric, direction = next(iter(study.objectives.items()))
    trials = study.trials()
    own = trials[(trials["configuration"] == configuration) & (trials["state"] == "COMPLETED")]
    best = own.sort_values(metric, ascending=direction == "minimize", kind="stable").iloc[0]
    return stored(study.trial(configuration, int(best["seed"]))).get("traversal")


def winners(study: "Study", directory: pathlib.Path) -> list[dict[str, Any]]:
    """The best trial of every objective and of the knee of the front, each once, with its pictures."""
    if study.front().empty:
        return []
    reasons: dict[str, list[str]] = {}
    chosen: dict[str, Trial] = {}
    for metric in study.objectives:
        for trial in study.best(metric):
            chosen[trial.identity] = trial
            reasons.setdefault(trial.identity, []).append(f"best by {figures.label(metric)}")
    knee = study.knee()["configuration"]
    completed = study.trials().query("configuration == @knee and state == 'COMPLETED'")
    trial = study.trial(knee, int(completed["seed"].iloc[0]))
    chosen.setdefault(trial.identity, trial)
    reasons.setdefault(trial.identity, []).append("the knee of the front")
    return [
        {
            "identity": identity,
            "title": f"{figures.title(trial.model)}, seed {trial.seed}",
            "settings": figures.settings(
                trial.model, {name: trial.hyperparameters[name] for name in study.searched(trial.model)}
            ),
            "reasons": reasons[identity],
            "values": {figures.label(key): f"{trial.metrics[key]:.4g}" for key in study.objectives},
            "pictures": _pictures(study, trial, directory),
        }
        for identity, trial in chosen.items()
    ]


def _pictures(study: "Study", trial: Trial, directory: pathlib.Path) -> dict[str, str]:
    """What the trial left; with the data set at hand also its dimensions by factor, drawn anew."""
    pictures = stored(trial)
    if not pictures or not _cached(study):
        return pictures
    try:
        model = trial.load()
        dimensions = describe(model, study.dataset())
    except (FileNotFoundError, DataError, MetricError):  # no checkpoint is kept, or the data set is too small to vote
        return pictures
    drawn = {"dimensions": figures.traversals(model, dimensions)}
    if dimensions.votes is not None:
        drawn["votes"] = figures.vote_matrix(dimensions.votes, dimensions.factors)
    if hasattr(model, "prior"):
        drawn["components"] = figures.component_centroids(model)
    figures.animate(model, dimensions, directory / f"{trial.identity}.gif")
    for name, figure in drawn.items():
        pictures[name] = inline(figures.save(figure, directory, f"{trial.identity}_{name}").read_bytes())
    pictures.pop("traversal", None)
    return pictures


def _cached(study: "Study") -> bool:
    """Whether the data set can be opened here without rendering or downloading anything."""
    import core.data

    dataset = study.spec["dataset"]
    name = dataset if isinstance(dataset, str) else dataset["name"]
    try:
        entry = next(row for row in core.data.catalogue(study.stores["data"]) if row["name"] == name)
    except (core.data.DataError, StopIteration):
        return False
    return entry["cache"] is not None and pathlib.Path(entry["cache"]).exists()
