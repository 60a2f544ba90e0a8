"""The report of a study: one self-contained HTML file that opens offline, with its figures beside it."""

import pathlib
from collections.abc import Sequence

from analysis.results import Results


def report(study: Results, *, redraw: bool = False) -> pathlib.Path:
    """Path of a study's report, which is drawn if it is not there, no longer what it would be, or if asked."""
    from analysis.report.freshness import current

    there = None if redraw else current(study)
    if there is not None:
        return there
    from analysis.report.write import write  # imports all that draws

    return write(study)


def together(studies: Sequence[Results]) -> pathlib.Path:
    """Write one report over several studies; its path. Raises QueryError: they are not of one kind."""
    from analysis.report.several.write import write

    return write(studies)
