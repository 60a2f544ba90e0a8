"""Parquet with a column of encoded pictures: binary, or a structure with `bytes`, as data sets on the Hub have it."""

import dataclasses
from collections.abc import Iterator, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from core.data.files import cache
from core.data.own.encoded import Content, Encoded
from core.data.own.fit import Fit
from core.data.own.source import Survey
from core.mistakes import DataError, nearest, reason_of

BATCH = 256  # rows that are read at a time


class ParquetSource(Encoded):
    """Pictures row by row; a folder stands for all ``*.parquet`` in it, in the order of their names.

    Args:
        path: of the file or the folder.
        images: the column of pictures; None where one column only can be it.
        factors: columns of numbers, booleans or words.
    """

    def __init__(self, path: Path, images: str | None, factors: Sequence[str]) -> None:
        self.path = path
        self.label = path.name
        self._given = images
        self._factors = factors

    @cached_property
    def files(self) -> list[Path]:
        """All files."""
        found = sorted(self.path.glob("*.parquet")) if self.path.is_dir() else [self.path]
        if not found:
            raise DataError(f"{self.path} has no file whose name ends in .parquet")
        if not found[0].exists():
            raise DataError(f"the file of images {self.path} does not exist")
        return found

    def identity(self) -> Any:
        """Sizes and times of the files, and the column that is meant."""
        return [[cache.file_identity(path) for path in self.files], self.key]

    @cached_property
    def key(self) -> str:
        """The column of pictures."""
        import pyarrow as pa

        def holds_bytes(kind: Any) -> bool:
            if pa.types.is_struct(kind):
                return any(field.name == "bytes" and holds_bytes(field.type) for field in kind)
            return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))

        fitting = [field.name for field in self._schema if holds_bytes(field.type)]
        if self._given is not None:
            if self._given not in fitting:
                hint = nearest(self._given, fitting) if fitting else "no column holds pictures"
                raise DataError(f"{self.path} has no column {self._given!r} of encoded pictures; {hint}")
            return self._given
        if len(fitting) != 1:
            found = ", ".join(fitting) or f"none of {', '.join(self._schema.names)}"
            raise DataError(f"{self.path}: which column are the pictures ({found})? Say it with 'images: NAME'")
        return fitting[0]

    def contents(self) -> Iterator[Content]:
        """The rows, called by their number."""
        number = 0
        for part in self._batches([self.key]):
            for value in part.column(0).to_pylist():
                content = value.get("bytes") if isinstance(value, dict) else value
                yield f"row {number}", partial(_given, content)
                number += 1

    def columns(self, survey: Survey) -> dict[str, np.ndarray] | None:
        """The columns of factors."""
        if not self._factors:
            return None
        for name in self._factors:
            if name not in self._schema.names:
                raise DataError(f"{self.path} has no column {name!r}; {nearest(name, self._schema.names)}")
        left_out = {int(name.removeprefix("row ")) for name, _ in survey.skipped}
        found: dict[str, list[Any]] = {name: [] for name in self._factors}
        for part in self._batches(list(self._factors)):
            for name in self._factors:
                found[name] += part.column(name).to_pylist()
        columns = {}
        for name, values in found.items():
            kept = [value for row, value in enumerate(values) if row not in left_out]
            if None in kept:
                raise DataError(
                    f"{self.path}: {name!r} has no value in row {kept.index(None):,}; every image needs one"
                )
            columns[name] = np.array(kept)
        return columns

    def survey(self, fit: Fit) -> Survey:
        """Decode every picture, and name the columns that are not used."""
        found = super().survey(fit)
        others = [name for name in self._schema.names if name != self.key and name not in self._factors]
        return dataclasses.replace(found, notes=(*found.notes, f"not used: {', '.join(others)}")) if others else found

    @cached_property
    def _schema(self) -> Any:
        import pyarrow.parquet as pq

        try:
            return pq.read_schema(self.files[0])
        except (OSError, ValueError) as error:
            raise DataError(f"{self.files[0]} is no Parquet file that can be read: {reason_of(error)}") from None

    def _batches(self, columns: list[str]) -> Iterator[Any]:
        import pyarrow.parquet as pq

        for path in self.files:
            try:
                with pq.ParquetFile(path) as file:
                    yield from file.iter_batches(BATCH, columns=columns)
            except (OSError, ValueError) as error:
                raise DataError(f"{path} is no Parquet file that can be read: {reason_of(error)}") from None


def _given(content: bytes | None) -> bytes:
    if content is None:
        raise ValueError("it holds no bytes")
    return content
