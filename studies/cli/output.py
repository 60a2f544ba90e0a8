"""What the command line prints: results on stdout, messages on stderr."""

import io
import json
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

# names and paths may look like markup or emoji codes; nothing of the kind is meant
OUT = Console(markup=False, emoji=False, highlight=False)
ERR = Console(markup=False, emoji=False, highlight=False, stderr=True)


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
    table = Table(title=title or None, title_justify="left", header_style="bold")
    if len(rows) == 1 and downwards:  # a single thing reads better downwards
        table.show_header = False
        for key, value in rows[0].items():
            table.add_row(str(key), text(value))
        OUT.print(table)
        return
    for column in rows[0] if rows else ():
        table.add_column(str(column), overflow="fold")
    for row in rows:
        table.add_row(*(text(value) for value in row.values()))
    OUT.print(table if rows else f"{title}: nothing yet" if title else "nothing yet")


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
