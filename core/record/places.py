"""Where a study keeps things: as URIs in memory, and relative to its folder in the file, so that it can be moved."""

import dataclasses
import os
import pathlib
from collections.abc import Mapping
from urllib.parse import quote, unquote

from core.files import child_uri

SQLITE = "sqlite:///"
NAMES_OF_SERVERS = ("databricks", "databricks-uc")  # which MLflow knows without a scheme


@dataclasses.dataclass(frozen=True)
class Stores:
    """Where a study keeps things besides its folder.

    Attributes:
        tracking: MLflow tracking URI.
        optuna: SQLAlchemy URL of Optuna's storage.
        checkpoints: directory or URI under which trials save checkpoints and pictures.
        data: directory of data sets.
    """

    tracking: str
    optuna: str
    checkpoints: str
    data: str

    def trials_uri(self, name: str) -> str:
        """URI of the folder that holds all trials of a study."""
        return child_uri(self.checkpoints, name, "trials")


def sqlite_url(path: pathlib.Path) -> str:
    """The SQLAlchemy URL of an SQLite file, whatever characters its path has (SQLAlchemy 2.1 unquotes them)."""
    return SQLITE + quote(str(path))


def sqlite_file(url: str) -> pathlib.Path | None:
    """The file of an SQLAlchemy URL of SQLite; None of other URLs."""
    if not url.startswith(SQLITE):
        return None
    return pathlib.Path(unquote(url.removeprefix(SQLITE).partition("?")[0]))


def is_absent(url: str) -> bool:
    """Whether a store is an SQLite file that is not there: it holds nothing, and to look into it would make it."""
    file = sqlite_file(url)
    return file is not None and not file.exists()


def absolute(place: str, base: pathlib.Path) -> str:
    """A directory or a URI as a user gives it, resolved once: `~` expanded, paths and SQLite files against `base`."""
    if place.startswith(SQLITE):
        relative = place.removeprefix(SQLITE)
        return place if relative.startswith("/") else sqlite_url(_joined(base, relative))
    return place if "://" in place or place in NAMES_OF_SERVERS else str(_joined(base, place))


def to_file(stores: Stores, folder: pathlib.Path) -> dict[str, str]:
    """The stores for `study.json`: what lies under the root, and data beside it, relative to the study's folder."""
    root = folder.parent
    return {
        "tracking": _relative(stores.tracking, folder, root),
        "optuna": _relative(stores.optuna, folder, root),
        "checkpoints": _relative(stores.checkpoints, folder, root),
        "data": _relative(stores.data, folder, root.parent),
    }


def from_file(places: Mapping[str, str], folder: pathlib.Path) -> Stores:
    """Inverse of `to_file`, wherever the folder is now."""
    return Stores(**{name: absolute(place, folder) if place else place for name, place in places.items()})


def _relative(place: str, folder: pathlib.Path, within: pathlib.Path) -> str:
    """A place under `within` relative to a folder; any other as it is."""
    file = sqlite_file(place)
    path = file or (pathlib.Path(place) if place and "://" not in place else None)
    if path is None or within == within.parent or not path.is_relative_to(within):
        return place
    relative = os.path.relpath(path, folder)
    return SQLITE + relative if file else relative


def _joined(base: pathlib.Path, path: str) -> pathlib.Path:
    return pathlib.Path(os.path.normpath(base / pathlib.Path(path).expanduser()))
