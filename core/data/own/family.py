"""`dataset: {folder: …}`, `{npz: …}`, `{h5: …}` and `{parquet: …}`: images that have no file in `core.data.sets`."""

import hashlib
import itertools
import math
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from core.data.dataset import IMAGE_SIZES, DatasetInfo, FactorDataset, Progress
from core.data.family import Family, refuse_other_options
from core.data.files import cache
from core.data.files.stores import ArrayStore
from core.data.own.arrays import ArraySource
from core.data.own.columns import table_of
from core.data.own.fit import BACKGROUNDS, FITS, RULES, Fit
from core.data.own.folder import FolderSource
from core.data.own.kept import keep, kept
from core.data.own.parquet import ParquetSource
from core.data.own.source import Source, Survey, survey_of
from core.data.table import Table
from core.mistakes import DataError

CONTENT = re.compile("[0-9a-f]{16}")
SHOWN = 10  # classes of a factor, pairs of factors
CORRELATED = 0.1  # what is worth a word
FEWEST = 12  # images: a sixth of them is held out, and a score needs some
OF_ALL = ("name", "size", "fit", "background", "content")
OF_KIND = {
    "folder": ("factors", "columns", "unreadable"),
    "npz": ("images", "factors", "names"),
    "h5": ("images", "factors", "names"),
    "parquet": ("images", "factors", "unreadable"),
}
KINDS = tuple(OF_KIND)


class Opened(NamedTuple):
    """A user's images, looked at: what they are, and their factors if they have any, with what was done to these."""

    source: Source
    fit: Fit
    survey: Survey
    table: Table | None
    notes: list[str]

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(C, S, S)."""
        return 3 if self.survey.colour else 1, self.fit.size, self.fit.size

    @property
    def content(self) -> str:
        """Sixteen hexadecimal digits of all that a model can see: images, how they are fitted, and factors."""
        digest = hashlib.sha256(f"{self.survey.digest} {self.fit} {RULES}".encode())
        if self.table is not None:
            digest.update(repr((self.table.names, self.table.labels)).encode())
            digest.update(self.table.factors(np.arange(len(self.table))).tobytes())
        return digest.hexdigest()[:16]


class OwnFamily(Family):
    """Images of a user's own, told by one of the keys `folder`, `npz`, `h5` and `parquet`."""

    name = "own"
    image_shape = (3, 64, 64)

    def names(self) -> list[str]:
        """None: these sets are told by their place."""
        return []

    def describe(self, name: str, options: dict[str, Any], root: Path) -> DatasetInfo:
        """What all images are; they are read for it once, unless a file changes. Raises DataError."""
        opened = self.opened(name, options, root)
        table = opened.table
        return DatasetInfo(
            name=name,
            factor_names=table.names if table else (),
            factor_sizes=table.sizes if table else (),
            image_shape=opened.image_shape,
            num_images=opened.survey.count,
            source="original",
            has_factors=table is not None,
            complete=table is None or table.complete,
        )

    def load(self, name: str, options: dict[str, Any], root: Path, progress: Progress | None) -> FactorDataset:
        """Open the set; the images of a size are decoded into one cache for all who have the same contents."""
        opened = self.opened(name, options, root)
        fit, survey = opened.fit, opened.survey
        path = _cache_path(opened, root)
        shape = (survey.count, *opened.image_shape)

        def chunks(start: int) -> Iterator[np.ndarray]:
            _require_same(opened.content, self._looked_at(name, options, root), name)
            return opened.source.images(survey, fit, start)

        array = cache.ensure(
            path, shape, {"content": survey.digest, "fit": list(fit), "rules": RULES}, chunks, progress
        )
        keep(cache.folder(root), opened.content, survey, opened.table)
        space = opened.table if opened.table is not None else survey.count
        return FactorDataset(name, options, root, opened.image_shape, ArrayStore(array, "original", path), space)

    def cache_path(self, name: str, options: dict[str, Any], root: Path) -> Path:
        """Where the fitted images are or will be, by their contents. Raises DataError."""
        return _cache_path(self._looked_at(name, options, root), root)

    def check(self, name: str, options: dict[str, Any], root: Path) -> list[str]:
        """Read everything anew; a line for each picture that cannot be read, unless allowed for. Raises DataError."""
        opened = self._looked_at(name, options, root, again=True)
        return [] if _allowed(opened.survey, options, name) else _unreadable(opened, options)

    def opened(self, name: str, options: dict[str, Any], root: Path) -> Opened:
        """The images that the options tell of.

        Raises:
            DataError: there are none, some cannot be read and are not allowed for, they changed since a study began,
                or the factors are none.
        """
        content = options.get("content")
        opened = self._kept(name, options, root) or self._looked_at(name, options, root)
        if not _allowed(opened.survey, options, name):
            first, *others = _unreadable(opened, options)
            more = f" (and {len(others):,} more, which `studies data check` lists)" if others else ""
            raise DataError(f"a picture cannot be read, {first}{more}: mend or remove it, or write 'unreadable: skip'")
        if content is not None:
            _require_same(content, opened, name)
        return opened

    def _kept(self, name: str, options: dict[str, Any], root: Path) -> Opened | None:
        """What a study pinned, if its images are cached too, so that the user's files are not looked at."""
        content = options.get("content")
        found = kept(cache.folder(root), content) if isinstance(content, str) and CONTENT.fullmatch(content) else None
        if found is None:
            return None
        opened = Opened(_source(name, options), _fit(name, options), *found, [])
        return opened if opened.content == content and _cache_path(opened, root).exists() else None

    def found(self, name: str, options: dict[str, Any], root: Path) -> list[str]:
        """What the files hold, what was done to it, and how the factors hang together. Raises DataError."""
        opened = self._looked_at(name, options, root)
        fit, table = opened.fit, opened.table
        how = {"crop": "cut to their middle square", "pad": f"padded with {fit.background}"}[fit.fit]
        shape = "×".join(map(str, opened.image_shape))
        reason = "some have colour" if opened.survey.colour else "none has colour"
        lines = [f"images: {opened.survey.count:,}, {how}, as {shape} ({reason})", *opened.survey.notes]
        if _allowed(opened.survey, options, name):
            lines += [f"left out, cannot be read: {line}" for line in _unreadable(opened, options)]
        if table is None:
            return [*lines, "factors: none, so that only metrics without factors can be asked for"]
        for k, factor in enumerate(table.names):
            shown = ", ".join(table.labels[k][:SHOWN]) + (", …" if table.sizes[k] > SHOWN else "")
            lines.append(f"factor {factor}: {table.sizes[k]} classes: {shown}")
        return [*lines, *opened.notes, _combinations(table), *_dependences(table)]

    def _looked_at(self, name: str, options: dict[str, Any], root: Path, *, again: bool = False) -> Opened:
        source, fit = _source(name, options), _fit(name, options)
        survey = survey_of(source, fit, cache.folder(root), again=again)
        if survey.count < FEWEST:
            unreadable = ""
            if survey.skipped:
                file, reason = map(_printable, survey.skipped[0])
                unreadable = f" that can be read, and {len(survey.skipped):,} that cannot ({file}: {reason})"
            raise DataError(f"{name} has {survey.count} images{unreadable}; a data set needs {FEWEST} at least")
        columns = source.columns(survey)
        table, notes = table_of(columns) if columns is not None else (None, [])
        return Opened(source, fit, survey, table, notes)


FAMILY = OwnFamily()


def kind_of(spec: Mapping[str, Any]) -> str | None:
    """Which of `folder`, `npz`, `h5` and `parquet` a mapping has; None for a registered set. DataError for two."""
    given = [kind for kind in KINDS if kind in spec]
    if len(given) > 1:
        raise DataError(f"a data set is one of {' and '.join(given)}, not both")
    if given and (not isinstance(spec[given[0]], str | os.PathLike) or not os.fspath(spec[given[0]])):
        raise DataError(f"'{given[0]}' is the path of the images, not {spec[given[0]]!r}")
    return given[0] if given else None


def label(spec: Mapping[str, Any], kind: str) -> str:
    """What a set is called: its `name`, else the last part of its path."""
    place = Path(spec[kind])
    return str(spec.get("name") or (f"{place.name}/" if kind == "folder" else place.name))


def anchored(spec: dict[str, Any], kind: str, base: Path) -> dict[str, Any]:
    """The same with absolute paths; those that are relative begin at `base`, a table of factors also in its folder."""
    place = _absolute(spec[kind], base)
    changed = {**spec, kind: str(place)}
    if kind == "folder" and isinstance(spec.get("factors"), str):
        inside = place / spec["factors"]
        changed["factors"] = str(inside if inside.is_file() else _absolute(spec["factors"], base))
    return changed


def _absolute(path: str | os.PathLike[str], base: Path) -> Path:
    return Path(os.path.normpath(base / Path(path).expanduser()))


def _source(name: str, options: dict[str, Any]) -> Source:
    kind = kind_of(options)
    assert kind is not None
    refuse_other_options(name, options, (kind, *OF_KIND[kind], *OF_ALL))
    place = Path(options[kind])
    if kind == "folder":
        table = _text(name, options, "factors")
        return FolderSource(place, Path(table) if table else None, _texts(name, options, "columns"))
    images, factors = _text(name, options, "images"), _texts(name, options, "factors") or ()
    if kind == "parquet":
        return ParquetSource(place, images, factors)
    return ArraySource(place, kind, images, factors, _texts(name, options, "names"))


def _fit(name: str, options: dict[str, Any]) -> Fit:
    chosen = Fit(**{key: options[key] for key in Fit._fields if key in options})
    for key, allowed in (("size", IMAGE_SIZES), ("fit", FITS), ("background", tuple(BACKGROUNDS))):
        value = getattr(chosen, key)
        if isinstance(value, bool) or value not in allowed:
            raise DataError(f"{name}: {key!r} is one of {', '.join(map(str, allowed))}, not {value!r}")
    return chosen


def _text(name: str, options: dict[str, Any], key: str) -> str | None:
    value = options.get(key)
    if value is not None and (not isinstance(value, str) or not value):
        raise DataError(f"{name}: {key!r} is a name, not {value!r}")
    return value


def _texts(name: str, options: dict[str, Any], key: str) -> list[str] | None:
    """A name, or a list of different names."""
    value = options.get(key)
    if value is None:
        return None
    names = [value] if isinstance(value, str) else value
    fit = isinstance(names, list | tuple) and names and all(isinstance(each, str) and each for each in names)
    if not fit or len(set(names)) < len(names):
        raise DataError(f"{name}: {key!r} is a list of different names, not {value!r}")
    return list(names)


def _require_same(content: str, opened: Opened, name: str) -> None:
    if content != opened.content:
        raise DataError(
            f"the images or factors of {name} are not those that the study began with: put these back, or launch "
            "a study of another name"
        )


def _allowed(survey: Survey, options: dict[str, Any], name: str) -> bool:
    """Whether the user allows for so many pictures that cannot be read: `unreadable: skip`, or a number."""
    allowed = options.get("unreadable", 0)
    if allowed == "skip":
        return True
    if isinstance(allowed, bool) or not isinstance(allowed, int) or allowed < 0:
        raise DataError(f"{name}: 'unreadable' is skip, or how many pictures may be left out, not {allowed!r}")
    return len(survey.skipped) <= allowed


def _unreadable(opened: Opened, options: dict[str, Any]) -> list[str]:
    where = Path(options.get("folder") or opened.source.label)
    return [f"{_printable(str(where / file))}: {_printable(reason)}" for file, reason in opened.survey.skipped]


def _combinations(table: Table) -> str:
    if table.complete:
        return f"combinations: all {table.num_combinations:,} are there"
    possible = math.prod(table.sizes)
    return (
        f"combinations: {table.num_combinations:,} of {possible:,} are there, so that metrics look at groups of images "
        "that share a value, and not at images of which one factor was changed"
    )


def _dependences(table: Table) -> list[str]:
    """The pairs of factors that tell most of each other."""
    pairs = itertools.combinations(range(len(table.names)), 2)
    found = sorted(((table.dependence(*pair), pair) for pair in pairs), reverse=True)[:SHOWN]
    strong = [f"{table.names[i]} and {table.names[j]} {v:.2f}" for v, (i, j) in found if v >= CORRELATED]
    if len(table.names) < 2:
        return []
    return [f"correlated factors (Cramér's V, 1 is the same): {', '.join(strong) or f'none above {CORRELATED}'}"]


def _cache_path(opened: Opened, root: Path) -> Path:
    key = hashlib.sha256(f"{opened.survey.digest} {opened.fit} {RULES}".encode()).hexdigest()[:16]
    return cache.folder(root) / f"own-{key}.npy"


def _printable(text: str) -> str:
    """Names of files as they are, but for bytes that are no text."""
    return " ".join(os.fsencode(text).decode("utf-8", "backslashreplace").split())
