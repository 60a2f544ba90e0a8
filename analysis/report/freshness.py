"""Whether a report that was written is still the one that would be written: of the same study, by the same code."""

import hashlib
import pathlib
import re

from analysis.results import Results
from core import runtime
from core.record import journal
from core.record import study as record

PAGE = "report.html"
HEAD = 2_000  # bytes of a page in which its origin stands
TAIL = 65_536  # bytes at the end of a journal, which only grows, that tell it from another one
PACKAGES = ("analysis", "core", "trainables")
MADE_FROM = re.compile(r'<meta name="made-from" content="([0-9a-f]{64})">')


def current(study: Results) -> pathlib.Path | None:
    """The study's report, if nothing that it was made from has changed since: milliseconds, and nothing is drawn."""
    page = study.pictures_folder() / PAGE
    try:
        with page.open(encoding="utf-8") as stream:
            found = MADE_FROM.search(stream.read(HEAD))
    except OSError:
        return None
    return page if found and found[1] == digest(study) else None


def digest(study: Results) -> str:
    """SHA-256 of what the report reads: study file, journal, the data set's presence, and its own code.

    A report that repeats a paper's figure reads the journals of all studies under the root.
    """
    from analysis.report.at_hand import cached

    found = hashlib.sha256(code_digest().encode())
    names = record.names(study.root) if study.spec.get("paper") else [study.name]
    for folder in (study.root / name for name in names):
        for file in (record.FILE, "study.yaml"):
            found.update(_content(folder / file))
        found.update(_end(folder / journal.FILE))
    found.update(f"{study.path} {cached(study)}".encode())
    return found.hexdigest()


def code_digest() -> str:
    """Digest of all code and templates that a report may come from."""
    return runtime.code_digest(*PACKAGES, kinds=(".py", ".html", ".css", ".js"))


def _content(path: pathlib.Path) -> bytes:
    content = path.read_bytes() if path.exists() else b""
    return f"{path.name}\0{len(content)}\0".encode() + content


def _end(path: pathlib.Path) -> bytes:
    """Size and last bytes of a file that only grows."""
    if not path.exists():
        return b"0"
    with path.open("rb") as stream:
        size = stream.seek(0, 2)
        stream.seek(max(0, size - TAIL))
        return f"{size}\0".encode() + stream.read()
