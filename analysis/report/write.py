"""Write the report of a study: the order of its sections, and the page around them."""

import contextlib
import importlib.resources
import pathlib
import re
from collections.abc import Sequence

import jinja2

from analysis.figures import press
from analysis.report.album import fit
from analysis.report.at_hand import Models, cached
from analysis.report.evidence import Evidence, evidence
from analysis.report.freshness import PAGE, digest
from analysis.report.page import Row, Section, images
from analysis.report.sections import asked, cost, failures, front, knobs, paper, provenance, sure, training, winners
from analysis.report.sections import next as next_steps
from analysis.report.showcase import showcase
from analysis.report.summary import Summary, summary
from analysis.report.wording import symbols
from analysis.results import Results
from core.record.history import History
from core.runtime import one_torch_thread, seldom_collected

OF_A_TRIAL = re.compile(r"[0-9a-f]{12}-s\d+[._]")


def write(study: Results) -> pathlib.Path:
    """Draw the figures (PNG and PDF) and write `report.html` beside them; the path of the HTML file.

    The front, curves, statistics and cost come from the tables alone. Pictures of the winners are drawn anew, rows
    sorted by factor, when the data set's cache is on this machine; otherwise those that the trials left are shown.
    """
    made_from, directory = digest(study), study.pictures_folder()
    directory.mkdir(parents=True, exist_ok=True)
    _forget_winners(directory)
    alone = one_torch_thread() if cached(study) else contextlib.nullcontext()  # without images no model is run
    with seldom_collected(), press.beside(), alone:
        found, ran, models = evidence(study), study.history(), Models(study)
        first = showcase(study, models, found.probability)
        made = sections(study, found, ran, models, directory)
        page = rendered(study.name, summary(study, found, ran), first, made, made_from)
    path = directory / PAGE
    path.write_text(page, encoding="utf-8")  # last, since it says what all of them were made from
    return path


def sections(study: Results, found: Evidence, ran: History, models: Models, directory: pathlib.Path) -> list[Section]:
    """The sections that have something to show, in the order of the page; their figures are saved in the directory."""
    made = (
        front.section(study, found, directory),
        knobs.section(study, directory),
        paper.section(study, directory),
        winners.section(study, models, directory),
        sure.section(study, found, directory),
        training.section(study, directory),
        cost.section(study, ran, directory),
        asked.section(study),
        failures.section(study),
        provenance.section(study, ran),
        next_steps.section(study, found),
    )
    return [section for section in made if section is not None]


def rendered(name: str, said: Summary, first: Row | None, made: Sequence[Section], made_from: str = "") -> str:
    """A page as HTML: what is said and shown first, then its sections."""
    blocks = [*([first] if first else []), *(block for section in made for block in section.blocks)]
    wanted = list(images(blocks))
    pictures = fit(wanted)
    return template("report.html").render(
        name=name,
        summary=said,
        first=first,
        sections=made,
        pictures=pictures,
        left_out=len(wanted) - len(pictures),
        made_from=made_from,
    )


def _forget_winners(directory: pathlib.Path) -> None:
    """Remove pictures of the winners of an earlier report."""
    for path in directory.glob("*"):
        if OF_A_TRIAL.match(path.name):
            path.unlink()


def template(name: str) -> jinja2.Template:
    """One of the templates of `analysis/templates`."""
    folder = importlib.resources.files("analysis").joinpath("templates")
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=jinja2.FunctionLoader(lambda file: folder.joinpath(file).read_text(encoding="utf-8")),
    )
    environment.filters["symbols"] = symbols
    environment.filters["kind"] = lambda block: type(block).__name__
    return environment.get_template(name)
