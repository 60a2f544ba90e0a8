"""A table as it is printed: text in cells, a caption, footnotes; Markdown, LaTeX and CSV say the same."""

import csv
import dataclasses
import io
import itertools
import pathlib
import re

from analysis.figures.style import SUBSCRIPT

LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    "–": "--",
    "′": r"$'$",
    "²": r"$^2$",
    "β": r"$\beta$",
    "γ": r"$\gamma$",
    "λ": r"$\lambda$",
    "ν": r"$\nu$",
    "η": r"$\eta$",
    "Σ": r"$\Sigma$",
}
DAGGERS = ("*", "†", "‡", "§", "¶", "‖")
LATEX |= {"†": r"$\dagger$", "‡": r"$\ddagger$", "§": r"\S{}", "¶": r"\P{}", "‖": r"$\|$"}


@dataclasses.dataclass(frozen=True)
class Document:
    """A table.

    Attributes:
        name: file name without extension.
        caption: what it shows, a sentence.
        columns: their heads.
        rows: as many cells each.
        notes: footnotes; note 0 is marked by `*` in a cell, note 1 by `†`, and so on.
    """

    name: str
    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()

    def markdown(self) -> str:
        """GitHub's Markdown."""
        lines = [self.columns, ("---",) * len(self.columns), *self.rows]
        body = "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)
        notes = "".join(f"\n\n{mark} {note}" for mark, note in zip(DAGGERS, self.notes, strict=False))
        return f"**{self.caption}**\n\n{body}{notes}\n".replace("*", r"\*").replace(r"\*\*", "**")

    def latex(self) -> str:
        """A `table` that needs `booktabs`."""
        lines = [" & ".join(map(latex_text, cells)) + r" \\" for cells in (self.columns, *self.rows)]
        notes = [
            f"\\par\\footnotesize {latex_text(mark)} {latex_text(note)}"
            for mark, note in zip(DAGGERS, self.notes, strict=False)
        ]
        return "\n".join(
            [
                r"\begin{table}",
                f"\\caption{{{latex_text(self.caption)}}}",
                r"\centering",
                f"\\begin{{tabular}}{{{'l' * len(self.columns)}}}",
                r"\toprule",
                lines[0],
                r"\midrule",
                *lines[1:],
                r"\bottomrule",
                r"\end{tabular}",
                *notes,
                r"\end{table}",
                "",
            ]
        )

    def csv(self) -> str:
        """Cells only; the footnotes' marks are left out."""
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows([re.sub(f"[{''.join(DAGGERS)}]", "", cell) for cell in row] for row in self.rows)
        return buffer.getvalue()


def latex_text(text: str) -> str:
    """Text with everything escaped that LaTeX would read, and with the subscripts of its symbols set as such."""
    parts = SUBSCRIPT.split(text)  # plain, symbol, subscript, plain, …
    plain = ["".join(LATEX.get(character, character) for character in part) for part in parts[::3]]
    symbols = [
        f"${LATEX.get(symbol, symbol).strip('$')}_{{\\mathrm{{{below}}}}}$"
        for symbol, below in zip(parts[1::3], parts[2::3], strict=True)
    ]
    return "".join(itertools.chain.from_iterable(itertools.zip_longest(plain, symbols, fillvalue="")))


def save(document: Document, directory: pathlib.Path) -> list[pathlib.Path]:
    """Write `<name>.md`, `<name>.tex` and `<name>.csv`."""
    directory.mkdir(parents=True, exist_ok=True)
    contents = {".md": document.markdown(), ".tex": document.latex(), ".csv": document.csv()}
    paths = []
    for suffix, text in contents.items():
        path = directory / f"{document.name}{suffix}"
        path.write_text(text, encoding="utf-8")
        paths.append(path)
    return paths
