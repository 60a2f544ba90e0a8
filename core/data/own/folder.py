"""A folder of pictures, to any depth, and the table of their factors."""

import csv
import dataclasses
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from core.data.own.encoded import Content, Encoded
from core.data.own.fit import Fit
from core.data.own.source import Survey
from core.mistakes import DataError, nearest

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff")
KEYS = ("file", "path")  # columns that name the picture


class FolderSource(Encoded):
    """Pictures by the names of their files below a folder, sorted; hidden files and folders are left out.

    Args:
        path: of the folder.
        table: of factors, a CSV file with a column `file` or `path` (below the folder) and one per factor.
        chosen: the columns that are factors; None for all.
    """

    def __init__(self, path: Path, table: Path | None, chosen: Sequence[str] | None) -> None:
        self.path = path
        self.label = f"{path.name}/"
        self._table = table
        self._chosen = chosen

    @cached_property
    def names(self) -> list[str]:
        """Paths below the folder of all files that are called like pictures."""
        return self._listing[0]

    @cached_property
    def _listing(self) -> tuple[list[str], Counter[str]]:
        if not self.path.is_dir():
            what = "is a file, not a folder" if self.path.exists() else "does not exist"
            raise DataError(f"the folder of pictures {self.path} {what}")
        found, others = [], Counter[str]()
        try:
            for folder, inner, files in os.walk(self.path, onerror=_refuse):
                inner[:] = [name for name in inner if not name.startswith(".") and name != "__MACOSX"]
                for name in files:
                    if name.lower().endswith(SUFFIXES) and not name.startswith("."):
                        found.append((Path(folder) / name).relative_to(self.path).as_posix())
                    else:
                        others[Path(name).suffix or name] += 1
        except OSError as error:
            raise DataError(f"the folder of pictures {self.path} cannot be read: {error.strerror or error}") from None
        if not found:
            raise DataError(f"{self.path} has no file whose name ends in {', '.join(SUFFIXES)}")
        return sorted(found), others

    def identity(self) -> Any:
        """Names, sizes and times of the files."""
        rows = []
        for name in self.names:
            try:
                stat = (self.path / name).stat()
                rows.append((ascii(name), stat.st_size, stat.st_mtime_ns))
            except OSError:
                rows.append((ascii(name), -1, 0))
        return rows

    def contents(self) -> Iterator[Content]:
        """The files in the order of their names."""
        return ((name, (self.path / name).read_bytes) for name in self.names)

    def survey(self, fit: Fit) -> Survey:
        """Decode every picture, and count what else lies there."""
        found = super().survey(fit)
        others = self._listing[1]
        if not others:
            return found
        common = sorted(others.items(), key=lambda item: (-item[1], item[0]))[:5]
        kinds = ", ".join(f"{kind} {count:,}" for kind, count in common)
        note = f"{sum(others.values()):,} other files were not looked at: {kinds}"
        return dataclasses.replace(found, notes=(*found.notes, note))

    def columns(self, survey: Survey) -> dict[str, np.ndarray] | None:
        """The columns of the table, in the order of the pictures."""
        if self._table is None:
            if self._chosen is not None:
                raise DataError(f"{self.label} has no table for 'columns': write 'factors: factors.csv' too")
            return None
        unreadable = {name for name, _ in survey.skipped}
        rows, columns = _read(self._table)
        missing = [name for name in self.names if name not in rows and name not in unreadable]
        if missing:
            raise DataError(f"{self._table} has no row for {missing[0]!a} ({len(missing):,} pictures have none)")
        unknown = sorted(set(rows) - set(self.names))
        if unknown:
            raise DataError(f"{self._table} has a row for {unknown[0]!a}, which is not in {self.path}")
        for name in self._chosen or ():
            if name not in columns:
                raise DataError(f"{self._table} has no column {name!r}; {nearest(name, columns)}")
        order = [rows[name] for name in self.names if name not in unreadable]
        return {name: _typed(name, columns[name], order, self._table) for name in self._chosen or columns}


def _read(path: Path) -> tuple[dict[str, int], dict[str, list[str]]]:
    """Row of each picture, and the columns of a CSV file."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            header, *lines = list(csv.reader(file)) or [[]]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"the table of factors {path} cannot be read: {error}") from None
    header = [name.strip() for name in header]
    lines = [line for line in lines if line]
    key = next((name for name in KEYS if name in header), None)
    if key is None:
        raise DataError(f"{path} needs a column 'file' with the pictures' paths in the folder; it has {header}")
    if len(set(header)) < len(header):
        raise DataError(f"{path} has two columns of one name: {', '.join(header)}")
    for number, line in enumerate(lines, 2):
        if len(line) != len(header):
            raise DataError(f"{path}, row {number}: it has {len(line)} fields, and there are {len(header)} columns")
    columns = {name: [line[k].strip() for line in lines] for k, name in enumerate(header)}
    files = [Path(name.replace("\\", "/")).as_posix() for name in columns.pop(key)]
    rows = {name: number for number, name in enumerate(files)}
    if len(rows) < len(files):
        twice = next(name for name, count in Counter(files).items() if count > 1)
        raise DataError(f"{path} has two rows for {twice!a}")
    return rows, columns


def _typed(name: str, column: list[str], order: list[int], path: Path) -> np.ndarray:
    """Numbers where all fields are numbers, else words."""
    values = [column[row] for row in order]
    if "" in values:
        raise DataError(
            f"{path}, row {order[values.index('')] + 2}: {name!r} is empty, and every picture needs a value"
        )
    try:
        return np.array([float(value) for value in values])
    except ValueError:
        return np.array(values)


def _refuse(error: OSError) -> None:
    raise error
