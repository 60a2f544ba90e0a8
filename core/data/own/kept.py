"""What a study pinned, kept beside the cache of its images: who has both needs the user's files no more.

So a node that sees the data root alone can train, a trial does not walk through a large folder, and a study goes on
when its pictures were moved or changed.
"""

import contextlib
import io
import json
import zipfile
from pathlib import Path

import numpy as np

from core.data.own.source import Survey
from core.data.table import Table
from core.files import write_whole


def keep(folder: Path, content: str, survey: Survey, table: Table | None) -> None:
    """Write survey and factors under the digest of the content, once; without them where nothing can be written."""
    if kept(folder, content) is not None:
        return
    arrays = {"survey": np.array(survey.to_json())}
    if table is not None:
        arrays["names"] = np.array(json.dumps([table.names, table.labels]))
        arrays["classes"] = table.factors(np.arange(len(table)))
        arrays |= {f"values{k}": table.values(k) for k in range(len(table.names))}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]  # names are no option of NumPy's
    with contextlib.suppress(OSError):
        write_whole(_path(folder, content), buffer.getvalue())


def kept(folder: Path, content: str) -> tuple[Survey, Table | None] | None:
    """What was kept under a digest; None where nothing is, or it is damaged."""
    try:
        with np.load(_path(folder, content), allow_pickle=False) as file:
            survey = Survey.from_json(str(file["survey"]))
            if "names" not in file:
                return survey, None
            names, labels = json.loads(str(file["names"]))
            values = tuple(file[f"values{k}"] for k in range(len(names)))
            return survey, Table(tuple(names), file["classes"], values, tuple(map(tuple, labels)))
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
        return None


def _path(folder: Path, content: str) -> Path:
    return folder / f"own-{content}.npz"
