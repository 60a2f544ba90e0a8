"""As in the paper: the figure or the tables that a study file names, from the study's own trials."""

import pathlib

from analysis.papers import experiments
from analysis.papers.document import DAGGERS, Document
from analysis.report.album import from_file
from analysis.report.page import Figure, Section, Table
from analysis.results import Results


def section(study: Results, directory: pathlib.Path) -> Section | None:
    """The figures and tables of the paper; None for a study that names none, or that has nothing for them yet."""
    drawings = [_figure(path) for path in experiments.draw(study, directory) if path.suffix == ".png"]
    tables = [_table(document) for document in experiments.documents(study)]
    return Section.of("paper", "As in the paper", *drawings, *tables) if drawings or tables else None


def _figure(path: pathlib.Path) -> Figure:
    return Figure(
        from_file(path),
        "The figure that this study is named after",
        "The figure that this study is named after, from its own trials: mean ± standard deviation over seeds.",
    )


def _table(document: Document) -> Table:
    notes = [f"{mark} {note}" for mark, note in zip(DAGGERS, document.notes, strict=False)]
    return Table(f"{document.caption}.", document.columns, document.rows, notes)
