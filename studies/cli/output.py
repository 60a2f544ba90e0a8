"""What the command line prints: results on stdout, messages on stderr."""

import io
import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table

# names and paths may look like markup or emoji codes; nothing of the kind is meant
OUT = Console(markup=False, emoji=False, highlight=False)
ERR = Console(markup=False, emoji=False, highlight=False, stderr=True)


LONG = 14  # characters of a heading that stays in one line
HYPHENATED = {"hyperparameters": "hyper-\nparameters"}
WORD = 30  # what is longer may be broken in a table: a path, an address


def use_any_encoding() -> None:
    """Let a terminal that knows no Greek show the rest, where Python would fail."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def say(message: str) -> None:
    """A message for the user."""
    ERR.print(message, soft_wrap=True)


def line(text: str) -> None:
    """One line of a result."""
    OUT.print(text, soft_wrap=True)


def emit(rows: Iterable[Mapping[str, Any]], as_json: bool, title: str = "", *, downwards: bool = True) -> None:
    """Rows as a table (a single one `downwards`), or as JSON lines (missing values are null)."""
    rows = list(rows)
    if as_json:
        for row in rows:
            values = {key: plain(value) for key, value in row.items()}
            unicode = (sys.stdout.encoding or "").lower().startswith("utf")
            sys.stdout.write(json.dumps(values, ensure_ascii=not unicode) + "\n")
        return
    if not rows:
        line(f"{title}: nothing yet" if title else "nothing yet")
        return
    if title:
        line(title)
    cells = [[text(value) for value in row.values()] for row in rows]
    names = [str(column) for column in rows[0]]
    room = OUT.width - 3 * len(names) - 1
    fits = sum(_widest([names, *cells], whole=True)) <= room
    heads = names if fits else [broken(name) for name in names]
    words = [min(word, WORD) for word in _widest([heads, *cells], whole=False)]
    if (len(rows) == 1 and downwards) or sum(words) > room:  # which then reads better downwards
        for one in cells:
            table = Table(show_header=False)
            for name, cell in zip(names, one, strict=True):
                table.add_row(name, cell)
            OUT.print(table)
        return
    table = Table(header_style="bold")
    for head, width in zip(heads, _widths(_widest([heads, *cells], whole=True), words, room), strict=True):
        table.add_column(head, overflow="fold", width=width)
    for shown in cells:
        table.add_row(*shown)
    OUT.print(table)


def broken(name: str) -> str:
    """A long name in lines that end where its words do: `reconstruction_` and `error`."""
    if len(name) <= LONG or name in HYPHENATED:
        return HYPHENATED.get(name, name)
    lines = [""]
    for part in re.findall(r"[^_/]+[_/]?", name):
        if lines[-1] and len(lines[-1]) + len(part) > LONG:
            lines.append("")
        lines[-1] += part
    return "\n".join(lines)


def _widest(rows: Sequence[Sequence[str]], *, whole: bool) -> list[int]:
    """Width of the longest line of every column, or of its longest word."""
    columns = zip(*rows, strict=True)
    return [
        max(cell_len(part) for cell in column for part in ((cell.split("\n") if whole else cell.split()) or [""]))
        for column in columns
    ]


def _widths(lines: Sequence[int], words: Sequence[int], room: int) -> list[int]:
    """Widths of columns in the room: those with most to spare give it up first, and only long words are broken."""
    widths = list(lines)
    while sum(widths) > room:
        spare = [width - word for width, word in zip(widths, words, strict=True)]
        widths[spare.index(max(spare))] -= 1
    return widths


def plain(value: Any) -> Any:
    """A value as JSON knows it: NumPy scalars as Python numbers, NaN as None."""
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and value != value else value


def text(value: Any) -> str:
    """A value in a table: numbers with four significant digits."""
    value = plain(value)
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
