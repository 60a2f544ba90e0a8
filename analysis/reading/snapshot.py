"""Parquet snapshots of a study's tables, so that questions to a large study need not read its journal again.

They lie in `tables/` beside the journal and count only for the journal's size at which they were taken; the journal is
append-only, so the size tells them apart. They can be deleted at any time.
"""

import contextlib
import io
import json
import pathlib
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from analysis.reading import table
from analysis.reading.table import Tables
from core.files import write_whole
from core.record import journal

FOLDER = "tables"
WORTHWHILE = 1_000_000  # bytes of journal; a smaller one is read faster than a snapshot is written
SIZE = b"journal"
SETTINGS = b"settings"
METRICS = b"metrics"


def load(folder: pathlib.Path) -> Tables:
    """The tables of a study: from the snapshot when it is up to date, else from the journal, leaving a snapshot."""
    size = journal.size(folder)
    if size < WORTHWHILE:
        return table.read(folder)
    taken = _read(folder / FOLDER, size)
    if taken is None:
        taken = table.read(folder)
        if journal.size(folder) == size:
            with contextlib.suppress(OSError):  # a study on a read-only share has no snapshot
                _write(folder / FOLDER, taken, size)
    return taken


def storable(frame: pd.DataFrame) -> pd.DataFrame:
    """The table with every column of mixed types as JSON text, which Parquet needs and people can read."""
    frame = frame.copy()
    for column in [name for name in frame if pd.api.types.is_object_dtype(frame[name])]:
        if len({type(value) for value in frame[column].dropna()}) > 1:
            frame[column] = [None if value is None or value != value else json.dumps(value) for value in frame[column]]
    return frame


def _write(folder: pathlib.Path, tables: Tables, size: int) -> None:
    folder.mkdir(exist_ok=True)
    facts = {
        SIZE: str(size).encode(),
        SETTINGS: json.dumps(tables.settings).encode(),
        METRICS: json.dumps(tables.metrics).encode(),
    }
    for name, frame in (("curves", tables.curves), ("trials", tables.trials)):
        content = pa.Table.from_pandas(storable(frame), preserve_index=False)
        content = content.replace_schema_metadata({**(content.schema.metadata or {}), **facts})
        buffer = io.BytesIO()
        pq.write_table(content, buffer)
        write_whole(folder / f"{name}.parquet", buffer.getvalue())


def _read(folder: pathlib.Path, size: int) -> Tables | None:
    """The snapshot taken at that size of the journal, if there is one."""
    frames: dict[str, pd.DataFrame] = {}
    facts: dict[bytes, Any] = {}
    for name in ("trials", "curves"):
        try:
            content = pq.read_table(folder / f"{name}.parquet")
        except (OSError, pa.ArrowException):
            return None
        facts = content.schema.metadata or {}
        if facts.get(SIZE) != str(size).encode() or METRICS not in facts:  # as an earlier version wrote it
            return None
        frames[name] = content.to_pandas()
    settings = {key: (model, values) for key, (model, values) in json.loads(facts[SETTINGS]).items()}
    return Tables(settings, frames["trials"], frames["curves"], json.loads(facts[METRICS]))
