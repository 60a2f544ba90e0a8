"""Pictures for the report: what the winners reconstruct and what their dimensions do."""

import base64
import dataclasses
import io
import pathlib
from typing import Any

import numpy as np

from analysis import figures
from analysis.models.latents import describe
from analysis.reading.trial import Trial
from analysis.report.wording import mean_and_deviation
from analysis.results import Results
from core.data import DataError
from core.metrics import MetricError
from core.storage import CorruptEntryError, Folder

ENTRY = "pictures"  # of a trial's folder, written when its training ended
ROOM = 8_500_000  # bytes of the page that pictures may take
DENSITY = figures.DPI / 96  # pixels of a drawing for one of the page, so that its text is as large as it was drawn
COLOURS = 256


@dataclasses.dataclass(frozen=True)
class Picture:
    """A picture that stands in the page itself.

    Attributes:
        source: a data URI.
        width: in pixels of the page.
        height: in pixels of the page.
    """

    source: str
    width: int
    height: int


class Album:
    """Takes pictures into the page as long as there is room; the others are only counted.

    Attributes:
        left_out: number of pictures for which there was no room.
    """

    def __init__(self, room: int = ROOM) -> None:
        self.room = room
        self.left_out = 0

    def add(self, png: bytes, density: float = 1.0, widest: int | None = None) -> Picture | None:
        """A PNG file as a picture: in greys or at most 256 colours, and no wider than `widest` pixels."""
        from PIL import Image

        with Image.open(io.BytesIO(png)) as opened:
            image = opened.convert("RGB")
        if widest is not None and image.width > widest:
            image = image.resize((widest, round(image.height * widest / image.width)), Image.Resampling.BOX)
        channels = np.asarray(image)
        grey = bool((channels == channels[..., :1]).all())
        image = image.convert("L") if grey else image.quantize(COLOURS, dither=Image.Dither.NONE)
        buffer = io.BytesIO()
        image.save(buffer, format="PNG", optimize=True)
        source = "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
        if len(source) > self.room:
            self.left_out += 1
            return None
        self.room -= len(source)
        return Picture(source, round(image.width / density), round(image.height / density))

    def add_drawing(self, path: pathlib.Path) -> Picture | None:
        """A figure that `figures.save` wrote, as large as it was drawn."""
        return self.add(path.read_bytes(), DENSITY)


def stored(trial: Trial) -> dict[str, bytes]:
    """The PNG files that a trial left, by name; none when it left none."""
    try:
        files = Folder(trial.checkpoint).read(ENTRY)
    except (CorruptEntryError, OSError):
        return {}
    return {name.removesuffix(".png"): data for name, data in sorted(files.items()) if name.endswith(".png")}


def traversal_of(study: Results, configuration: str) -> bytes | None:
    """The traversal of a configuration's best seed by the first objective, as a PNG file."""
    return stored(best_seed(study, configuration)).get("traversal")


def best_seed(study: Results, configuration: str) -> Trial:
    """The completed trial of a configuration that is best by the first objective."""
    metric, direction = next(iter(study.objectives.items()))
    trials = study.trials()
    own = trials[(trials["configuration"] == configuration) & (trials["state"] == "COMPLETED")]
    best = own.sort_values(metric, ascending=direction == "minimize", kind="stable").iloc[0]
    return study.trial(configuration, int(best["seed"]))


def winners(study: Results, directory: pathlib.Path, album: Album) -> list[dict[str, Any]]:
    """The best configuration by each objective and the knee of the front, each once: pictures of its best seed."""
    front = study.front()
    if front.empty:
        return []
    reasons: dict[str, list[str]] = {}
    for metric, direction in study.objectives.items():
        best = front.sort_values(f"{metric}_mean", ascending=direction == "minimize", kind="stable").iloc[0]
        reasons.setdefault(best["configuration"], []).append(f"best by {figures.short_label(metric)}")
    reasons.setdefault(study.knee()["configuration"], []).append("the best trade-off, the knee of the front")
    found = []
    for _, row in front.iterrows():
        key = row["configuration"]
        if key not in reasons:
            continue
        trial = best_seed(study, key)
        searched = {name: trial.hyperparameters[name] for name in study.searched(trial.model)}
        settings = figures.settings(trial.model, searched)
        found.append(
            {
                "identity": trial.identity,
                "title": f"{figures.title(trial.model)}, {settings}" if settings else figures.title(trial.model),
                "seed": trial.seed,
                "seeds": int(row["n"]),
                "reasons": reasons[key],
                "values": {figures.label(each): mean_and_deviation(row, each) for each in study.objectives},
                "pictures": _pictures(study, trial, directory, album),
            }
        )
    return found


def _pictures(study: Results, trial: Trial, directory: pathlib.Path, album: Album) -> dict[str, Picture]:
    """What the trial left; with the data set at hand also its dimensions by factor, drawn anew."""
    drawn = _drawn(study, trial, directory)
    found = {name: album.add_drawing(path) for name, path in drawn.items()}
    for name, data in stored(trial).items():
        if name != "traversal" or "dimensions" not in drawn:
            found[name] = album.add(data)
    return {name: picture for name, picture in found.items() if picture is not None}


def _drawn(study: Results, trial: Trial, directory: pathlib.Path) -> dict[str, pathlib.Path]:
    """PNG files of a trial's dimensions, votes and prior; none without its weights or its data set."""
    if not cached(study):
        return {}
    try:
        model = trial.load()
        dimensions = describe(model, study.dataset())
    except (FileNotFoundError, DataError, MetricError):  # no checkpoint is kept, or the data set is too small to vote
        return {}
    drawings = {"dimensions": figures.traversals(model, dimensions)}
    if dimensions.votes is not None:
        drawings["votes"] = figures.vote_matrix(dimensions.votes, dimensions.factors)
    if "components" in model.serves:
        drawings["components"] = figures.component_centroids(model)
        drawings["prior"] = figures.prior_components(model)
    figures.animate(model, dimensions, directory / f"{trial.identity}.gif")
    return {name: figures.save(figure, directory, f"{trial.identity}_{name}") for name, figure in drawings.items()}


def cached(study: Results) -> bool:
    """Whether the data set can be opened here without rendering or downloading anything."""
    import core.data

    name = core.data.dataset_name(study.spec["dataset"])
    try:
        entry = next(row for row in core.data.catalogue(study.stores["data"]) if row["name"] == name)
    except (core.data.DataError, StopIteration):
        return False
    return entry["cache"] is not None and pathlib.Path(entry["cache"]).exists()
