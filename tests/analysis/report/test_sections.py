import importlib
import json
import pathlib
import pkgutil
import re
import types
import typing

import markupsafe
import numpy as np
import pytest

from analysis.report import page, write
from analysis.report import sections as package
from analysis.report.evidence import evidence
from analysis.report.page import Definitions, Details, Figure, Paragraph, Scatter, Section, Table, images
from analysis.report.sections import asked, cost, failures, front, paper, provenance, sure, training, winners
from analysis.report.write import sections
from analysis.study import Study
from core.record import journal
from core.record.events import ControlChosen
from core.storage import Folder
from tests.analysis.kit import StudyWriter, random_study
from trainables.evaluation.pictures import png

ORDER = (asked, front, paper, winners, sure, training, cost, failures, provenance)
ANCHORS = ["asked", "front", "paper", "winners", "sure", "curves", "cost", "failures", "provenance"]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A finished study that repeats a paper's table, and whose trials left pictures."""
    made = asking(random_study(tmp_path_factory.mktemp("sections")), paper="lecture_table1")
    picture = png(np.random.default_rng(0).integers(0, 255, (60, 60, 3), dtype=np.uint8))
    for key, seed in made.trials()[["configuration", "seed"]].itertuples(index=False):
        folder = Folder(made.checkpoint_folder(f"{key}-s{seed}"))
        folder.write("pictures", {"traversal.png": picture, "reconstruction.png": picture})
    return made


@pytest.fixture(scope="module")
def text(study: Study) -> str:
    return write(study).read_text()


def asking(study: Study, **changes: object) -> Study:
    """The study with other keys in its study file."""
    record = json.loads((study.path / "study.json").read_text())
    record["spec"].update(changes)
    (study.path / "study.json").write_text(json.dumps(record))
    return Study(study.name, study.root)


def made(study: Study, directory: pathlib.Path) -> list[Section]:
    return sections(study, evidence(study), study.history(), directory)


def words(section: Section) -> str:
    return " ".join(block.text for block in section.blocks if isinstance(block, Paragraph))


def tables(section: Section) -> list[Table]:
    return [block for block in section.blocks if isinstance(block, Table)]


def test_every_module_is_a_section_of_the_page_in_its_order(study: Study, tmp_path: pathlib.Path) -> None:
    assert {module.name for module in pkgutil.iter_modules(package.__path__)} == {
        module.__name__.rpartition(".")[2] for module in ORDER
    }
    assert [section.anchor for section in made(study, tmp_path)] == ANCHORS


@pytest.mark.parametrize("module", ORDER, ids=lambda module: module.__name__.rpartition(".")[2])
def test_a_section_module_has_one_public_function(module: types.ModuleType) -> None:
    own = [name for name, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__]
    assert [name for name in own if not name.startswith("_")] == ["section"]


def test_the_page_and_its_navigation_follow_the_sections(text: str) -> None:
    links = re.findall(r'<li><a href="#(\w+)">([^<]+)</a></li>', text)
    headings = re.findall(r'<section aria-labelledby="(\w+)">\s*<h2 id="\1">([^<]+)</h2>', text)
    assert links == headings
    assert [anchor for anchor, _ in headings] == ANCHORS


def test_a_section_without_anything_is_in_neither(tmp_path: pathlib.Path) -> None:
    plain = random_study(tmp_path)
    assert paper.section(plain, tmp_path) is None
    assert paper.section(asking(StudyWriter(tmp_path / "begun").study, paper="few_labels"), tmp_path) is None
    html = write(plain).read_text()
    assert 'id="paper"' not in html
    assert "#paper" not in html
    assert "As in the paper" not in html


def test_a_block_without_anything_is_left_out() -> None:
    assert Section.of("here", "Here", None, Paragraph("said"), None).blocks == (Paragraph("said"),)


@pytest.mark.parametrize("kind", typing.get_args(page.Block), ids=lambda kind: kind.__name__)
def test_every_kind_of_block_has_a_macro(kind: type) -> None:
    macros = pathlib.Path(page.__file__).parents[1] / "templates" / "blocks.html"
    assert f"{{% macro {kind.__name__}(block) %}}" in macros.read_text()


def test_a_caption_belongs_to_the_block_of_its_figure(study: Study, text: str, tmp_path: pathlib.Path) -> None:
    """The page numbers figures and tables in the order of blocks, and sets each caption beside its own picture."""
    blocks = [block for section in made(study, tmp_path) for block in section.blocks]
    drawings = [block for block in blocks if isinstance(block, Figure | Scatter)]
    figures = [each for each in re.findall("<figure>.*?</figure>", text, re.DOTALL) if "<strong>Figure" in each]
    for number, (block, shown) in enumerate(zip(drawings, figures, strict=True), start=1):
        assert f'="{markupsafe.escape(block.alt)}"' in shown
        assert f"<strong>Figure {number}.</strong> {markupsafe.escape(block.caption)}" in shown
    heads = [block for block in blocks if isinstance(block, Table)]
    captions = re.findall(r'<figcaption id="table(\d+)"><strong>Table \1\.</strong> ([^<]*)</figcaption>', text)
    assert captions == [(str(number), markupsafe.escape(each.caption)) for number, each in enumerate(heads, start=1)]


def test_a_picture_without_room_takes_its_caption_with_it(
    study: Study, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    monkeypatch.setattr(importlib.import_module("analysis.report.write"), "fit", lambda _: {})
    html = write(study).read_text()
    wanted = [image for section in made(study, tmp_path) for image in images(section.blocks)]
    assert f"{len(wanted)} more pictures had no room in this page" in html
    assert re.findall(r"<strong>Figure (\d+)", html) == ["1"]  # the scatter plot is none of them
    assert "for its configuration." in html


def test_what_was_asked(study: Study) -> None:
    ranges = {"beta_vae": {"beta": {"log": [1, 16], "num": 5}}, "factor_vae": {"gamma": [1, 2]}}
    begun = StudyWriter(study.root / "asked", models=ranges, seeds={"min": 2, "max": 3, "until": "std_error(mig) < 1"})
    (definitions,) = (block for block in asked.section(begun.study).blocks if isinstance(block, Definitions))
    assert definitions.entries["Models"] == "β-VAE (β from 1 to 16 (log)); FactorVAE (γ in 1, 2)"
    assert definitions.entries["Seeds"] == "2 to 3 per configuration, until std_error(mig) &lt; 1"
    (definitions,) = (block for block in asked.section(study).blocks if isinstance(block, Definitions))
    assert definitions.entries["Seeds"] == "2 per configuration"


def test_the_front_is_drawn_and_tabulated(study: Study, tmp_path: pathlib.Path) -> None:
    scatter, table = front.section(study, evidence(study), tmp_path).blocks
    assert isinstance(scatter, Scatter)
    assert isinstance(table, Table)
    assert list(scatter.images) == [row[-1] for row in table.rows] == list(study.front()["configuration"])
    assert scatter.caption.endswith("for its configuration and traversal.")
    assert {path.name for path in tmp_path.iterdir()} == {"pareto_front.png", "pareto_front.pdf"}


def test_notes_of_a_paper_are_below_its_table_with_their_marks(study: Study, tmp_path: pathlib.Path) -> None:
    section = paper.section(study, tmp_path)
    assert section is not None
    (table,) = tables(section)
    assert [note.partition(" ")[0] for note in table.notes] == ["*", "†", "‡", "§"][: len(table.notes)]


def test_winners_show_what_their_best_seed_left(study: Study, tmp_path: pathlib.Path) -> None:
    section = winners.section(study, tmp_path)
    pictures = [block for block in section.blocks if isinstance(block, Figure)]
    assert "Chosen as best by FactorVAE score" in words(section)
    assert "Shown is the best of its 3 seeds by FactorVAE score, seed " in words(section)
    assert {picture.kind for picture in pictures} == {"pixels"}
    assert [picture.caption.partition(" ")[0] for picture in pictures[:2]] == ["Images", "Latent"]


def test_models_are_compared_and_variance_is_shared_out(study: Study, tmp_path: pathlib.Path) -> None:
    rules, comparisons, shares = tables(sure.section(study, evidence(study), tmp_path))
    assert rules.rows[0][0] == "best trial by the score"
    assert len(comparisons.rows) == 3
    assert [row[0] for row in shares.rows] == ["FactorVAE score", "reconstruction error (nats per image)", "MIG"]


def test_training_is_drawn_when_it_was_watched(study: Study, tmp_path: pathlib.Path) -> None:
    (curves,) = training.section(study, tmp_path).blocks
    assert isinstance(curves, Figure)
    assert (tmp_path / "curves.pdf").exists()
    assert "more than once" in words(training.section(StudyWriter(tmp_path).study, tmp_path))


def test_what_early_stopping_cost_is_told_by_its_controls(tmp_path: pathlib.Path) -> None:
    """The hypervolume with and without the configurations that ran on although the rule would have stopped them."""
    rule = {"rule": "dominated", "metric": None, "grace": 10, "reduction": 3, "control": 0.1}
    again = asking(random_study(tmp_path), early_stop=rule)
    assert "is not known" in words(cost.section(again, again.history(), tmp_path))
    writer = journal.Journal(again.path)
    writer.write(ControlChosen(again.front()["configuration"][0]))
    writer.close()
    again = Study(again.name, again.root)
    saved = words(cost.section(again, again.history(), tmp_path))
    assert "1 configuration that" in saved
    assert f"instead of {again.hypervolume():.4g}" in saved


def test_only_the_first_failures_are_listed(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = StudyWriter(tmp_path)
    for beta in (1.0, 2.0, 3.0):
        key = writer.configuration("beta_vae", 1, beta=beta)
        writer.event("end", key, 0, state="FAILED", step=50, reason=None, metrics={}, ledger={})
    monkeypatch.setattr(failures, "MOST_ROWS", 2)
    reasons, details = failures.section(writer.study).blocks
    assert reasons == page.Items(["3 × no reason recorded"])
    assert isinstance(details, Details)
    assert details.summary == "3 trials failed or were stopped; the first 2"
    assert len(details.table.rows) == 2


def test_a_password_in_a_checkpoint_uri_stays_out(tmp_path: pathlib.Path) -> None:
    own = random_study(tmp_path)
    record = json.loads((own.path / "study.json").read_text())
    record["stores"]["checkpoints"] = "s3://key:hidden@bucket/studies"
    (own.path / "study.json").write_text(json.dumps(record))
    (shown,) = provenance.section(Study(own.name, tmp_path), own.history()).blocks
    assert isinstance(shown, Definitions)
    assert shown.entries["checkpoints"] == "<code>s3://key:***@bucket/studies</code>"
