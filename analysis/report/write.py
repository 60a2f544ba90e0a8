"""Write the report of a study: the order of its sections, and the page around them."""

import importlib.resources
import pathlib
import re

import jinja2

from analysis.report.album import fit
from analysis.report.evidence import Evidence, evidence
from analysis.report.page import Section, images
from analysis.report.sections import asked, cost, failures, front, paper, provenance, sure, training, winners
from analysis.report.summary import summary
from analysis.report.wording import symbols
from analysis.results import Results
from core.record.history import History

OF_A_TRIAL = re.compile(r"[0-9a-f]{12}-s\d+[._]")


def write(study: Results) -> pathlib.Path:
    """Draw the figures (PNG and PDF) and write `report.html` beside them; the path of the HTML file.

    The front, curves, statistics and cost come from the tables alone. Pictures of the winners are drawn anew, rows
    sorted by factor, when the data set's cache is on this machine; otherwise those that the trials left are shown.
    """
    directory = study.pictures_folder()
    _forget_winners(directory)
    found, ran = evidence(study), study.history()
    made = sections(study, found, ran, directory)
    wanted = [image for section in made for image in images(section.blocks)]
    pictures = fit(wanted)
    html = _template().render(
        name=study.name,
        summary=summary(study, found, ran),
        sections=made,
        pictures=pictures,
        left_out=len(wanted) - len(pictures),
    )
    path = directory / "report.html"
    path.write_text(html, encoding="utf-8")
    return path


def sections(study: Results, found: Evidence, ran: History, directory: pathlib.Path) -> list[Section]:
    """The sections that have something to show, in the order of the page; their figures are saved in the directory."""
    made = (
        asked.section(study),
        front.section(study, found, directory),
        paper.section(study, directory),
        winners.section(study, directory),
        sure.section(study, found, directory),
        training.section(study, directory),
        cost.section(study, ran, directory),
        failures.section(study),
        provenance.section(study, ran),
    )
    return [section for section in made if section is not None]


def _forget_winners(directory: pathlib.Path) -> None:
    """Remove pictures of the winners of an earlier report."""
    for path in directory.glob("*"):
        if OF_A_TRIAL.match(path.name):
            path.unlink()


def _template() -> jinja2.Template:
    folder = importlib.resources.files("analysis").joinpath("templates")
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=jinja2.FunctionLoader(lambda name: folder.joinpath(name).read_text(encoding="utf-8")),
    )
    environment.filters["symbols"] = symbols
    environment.filters["kind"] = lambda block: type(block).__name__
    return environment.get_template("report.html")
