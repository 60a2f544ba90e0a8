"""Write one report over several studies: a front in which every study has a colour, and a table of the studies."""

import itertools
import os
import pathlib
import urllib.parse
from collections.abc import Sequence

import markupsafe
import pandas as pd

from analysis import figures
from analysis.figures.front import axes_of
from analysis.figures.marks import mark_name
from analysis.figures.style import arrow, styles
from analysis.report.freshness import PAGE
from analysis.report.page import Block, Code, Paragraph, Row, Scatter, Section, Table
from analysis.report.scatter import Plot, Words, knobs, plot
from analysis.report.several.union import Union, union
from analysis.report.summary import Contender, Summary, scales, verdict
from analysis.report.wording import chosen, count, dataset_name, mean_and_deviation, name_of, symbols
from analysis.report.write import rendered
from analysis.results import Results
from analysis.statistics import uncertainty

LARGE, SMALL = (760, 480), (480, 340)  # pixels
MOST_PAIRS = 9  # of objectives


def write(studies: Sequence[Results]) -> pathlib.Path:
    """Write `with_<other>_….html` beside the first study's report, its front as PNG and PDF too; the path of the page.

    Raises:
        QueryError: the studies are not of one kind; see `union`.
    """
    together = union(studies)
    directory = studies[0].pictures_folder()
    directory.mkdir(parents=True, exist_ok=True)
    stem = "_".join(["with", *(study.name for study in studies[1:])])
    figure = figures.pareto_front(
        together.rows.assign(model=together.rows["study"]), together.front, together.objectives, together.name
    )
    figures.save(figure, directory, stem)
    first = Row([_scatter(together, axes_of(together.objectives), LARGE, reachable=True)])
    sections = [
        Section.of("front", "The front of all", *_pairs(together), _front(together)),
        Section.of("studies", "The studies", _studies(together, directory), *_next(together)),
    ]
    path = directory / f"{stem}.html"
    path.write_text(rendered(together.name, _summary(together), first, sections), encoding="utf-8")
    return path


def _summary(together: Union) -> Summary:
    shares = together.front["study"].value_counts()
    own = ", ".join(f"{shares.get(study.name, 0)} of {study.name}" for study in together.studies)
    remarks = [
        f"{len(together.front):,} of {len(together.rows):,} completed configurations are on the common front: {own}.",
        *scales(together.objectives),
        f"All on {dataset_name(together.studies[0])}.",
    ]
    return Summary("", symbols(_verdict(together)), tuple(Paragraph(symbols(sentence)) for sentence in remarks))


def _verdict(together: Union) -> str:
    """The best of all beside the best of the other studies."""
    metric, direction = next(iter(together.objectives.items()))
    ranked = together.rows.sort_values(f"{metric}_mean", ascending=direction == "minimize", kind="stable")
    others = ranked[ranked["study"] != ranked["study"].iloc[0]]
    best, *rest = (_contender(together, row) for _, row in pd.concat([ranked.head(1), others.head(1)]).iterrows())
    noise = uncertainty.seed_deviation(together.rows, metric)
    return verdict(best, rest[0] if rest else None, metric, direction, noise, int(together.rows["n"].min()))


def _contender(together: Union, row: "pd.Series") -> Contender:
    study = together.study_of(row)
    trials = study.trials()
    own = trials[trials["configuration"] == row["configuration"].partition(":")[2]]
    return Contender(f"{name_of(study, row)} of {study.name}", row, own)


def _scatter(together: Union, axes: tuple[str, str], size: tuple[int, int], *, reachable: bool) -> Scatter:
    drawn = _plot(together, axes, size)
    names = f"{drawn.labels[1]} against {drawn.labels[0]}"
    caption = (
        f"{names}: means over seeds of all completed configurations, bars ± one standard deviation, a colour and mark "
        "for each study. The front of all together is ringed."
    )
    return Scatter(drawn, f"Scatter plot: {names}.", {}, caption, caption, reachable)


def _plot(together: Union, axes: tuple[str, str], size: tuple[int, int]) -> Plot:
    def text(row: "pd.Series") -> str:
        values = "; ".join(f"{figures.label(key)} {mean_and_deviation(row, key)}" for key in together.objectives)
        return f"{row['study']}: {name_of(together.study_of(row), row)}: {values}; {count(row['n'], 'seed')}"

    look = styles(study.name for study in together.studies)
    names = {
        row["configuration"]: f"{figures.title(row['model'])} {mark_name(row['model'], _knobs(together, row))}".strip()
        for _, row in together.rows.iterrows()
    }
    words = Words(text, names, look, [(name, colour, marker) for name, (colour, marker) in look.items()])
    rows, front = together.rows.assign(series=together.rows["study"]), set(together.front["configuration"])
    drawn = plot(rows, front, together.objectives, axes, words, size)
    assert drawn is not None  # a union has rows
    return drawn


def _knobs(together: Union, row: "pd.Series") -> dict[str, object]:
    return knobs(together.study_of(row), row)


def _pairs(together: Union) -> list[Block]:
    further = list(itertools.combinations(together.objectives, 2))[1 : MOST_PAIRS + 1]
    plots = [_scatter(together, axes, SMALL, reachable=False) for axes in further]
    return [Row(plots)] if plots else []


def _front(together: Union) -> Table:
    return Table(
        "The front of all studies together, best first by the first objective: mean ± standard deviation over seeds.",
        ["study", "model", "hyperparameters", "seeds", *_heads(together), "configuration"],
        [
            [
                markupsafe.escape(row["study"]),
                figures.title(row["model"]),
                chosen(together.study_of(row), row),
                row["n"],
                *(mean_and_deviation(row, key) for key in together.objectives),
                row["configuration"].partition(":")[2],
            ]
            for _, row in together.front.iterrows()
        ],
    )


def _heads(together: Union) -> list[str]:
    return [f"{figures.label(key)} {arrow(direction)}" for key, direction in together.objectives.items()]


def _studies(together: Union, directory: pathlib.Path) -> Table:
    best_by, rows = [f"best {head}" for head in _heads(together)], []
    for study in together.studies:
        own = together.rows[together.rows["study"] == study.name]
        best = [
            mean_and_deviation(own.sort_values(f"{key}_mean", ascending=direction == "minimize").iloc[0], key)
            if len(own)
            else "–"
            for key, direction in together.objectives.items()
        ]
        rows.append(
            [
                _link(study, directory),
                ", ".join(map(figures.title, study.spec["models"])),
                len(own),
                f"{study.spec['budget']['steps']:,}",
                *best,
                int((together.front["study"] == study.name).sum()),
                f"{together.hypervolume(study):.4g}",
            ]
        )
    return Table(
        "Each study with its best by every objective, its share of the common front, and the hypervolume of its own "
        "front, all against one reference point.",
        ["study", "models", "completed", "steps", *best_by, "on the front", "hypervolume"],
        rows,
    )


def _link(study: Results, directory: pathlib.Path) -> markupsafe.Markup:
    """A study's name, which leads to its own report where there is one."""
    page = study.pictures_folder() / PAGE
    if not page.exists():
        return markupsafe.escape(study.name)
    target = pathlib.Path(os.path.relpath(page, directory)).as_posix()
    return markupsafe.Markup('<a href="{}">{}</a>').format(urllib.parse.quote(target), study.name)


def _next(together: Union) -> list[Block]:
    first, second = together.studies[:2]
    lines = f"studies compare {first.name} {second.name}   # pairs of equal seeds\nstudies report {first.name}"
    return [Paragraph("Two studies seed by seed, and the report of one:"), Code(lines)]
