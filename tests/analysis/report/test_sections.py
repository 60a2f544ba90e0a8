import importlib
import json
import pathlib
import pkgutil
import re
import types
import typing
from collections.abc import Iterable, Iterator

import markupsafe
import numpy as np
import pytest

from analysis import search
from analysis.report import page
from analysis.report import sections as package
from analysis.report.at_hand import Models
from analysis.report.evidence import evidence
from analysis.report.page import (
    Block,
    Code,
    Definitions,
    Details,
    Figure,
    Panels,
    Paragraph,
    Row,
    Scatter,
    Section,
    Table,
    images,
)
from analysis.report.scatter import scatter
from analysis.report.sections import asked, cost, failures, front, knobs, paper, provenance, sure, training, winners
from analysis.report.sections import next as next_steps
from analysis.report.showcase import showcase
from analysis.report.summary import summary
from analysis.report.write import sections, write
from analysis.study import Study
from core.images import png
from core.record import journal
from core.record.events import ControlChosen
from core.storage import Folder
from tests.analysis.kit import OBJECTIVES, StudyWriter, random_study

ORDER = (front, knobs, paper, winners, sure, training, cost, asked, failures, provenance, next_steps)
ANCHORS = ["front", "knobs", "paper", "winners", "sure", "curves", "cost", "asked", "failures", "provenance", "next"]


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
    return sections(study, evidence(study), study.history(), Models(study), directory)


def flat(blocks: Iterable[Block]) -> Iterator[Block]:
    """Blocks, and those inside of others, in the order in which they are numbered."""
    for block in blocks:
        match block:
            case Row():
                yield from block.figures
            case Details():
                yield block.table
            case _:
                yield block


def words(section: Section) -> str:
    return " ".join(block.text for block in section.blocks if isinstance(block, Paragraph))


def tables(section: Section) -> list[Table]:
    return [block for block in flat(section.blocks) if isinstance(block, Table)]


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
    first = showcase(study, Models(study), {})
    assert first is not None
    blocks = list(flat([first, *(block for section in made(study, tmp_path) for block in section.blocks)]))
    drawings = [block for block in blocks if isinstance(block, Figure | Panels | Scatter)]
    figures = [each for each in re.findall("<figure>.*?</figure>", text, re.DOTALL) if "<strong>Figure" in each]
    for number, (block, shown) in enumerate(zip(drawings, figures, strict=True), start=1):
        for alt in [alt for _, alt in block.pictures] if isinstance(block, Panels) else [block.alt]:
            assert f'="{markupsafe.escape(alt)}"' in shown
        assert f"<strong>Figure {number}.</strong> {markupsafe.escape(block.caption)}" in shown
    heads = [block for block in blocks if isinstance(block, Table)]
    captions = re.findall(r'<figcaption id="table(\d+)"><strong>Table \1\.</strong> ([^<]*)</figcaption>', text)
    assert captions == [(str(number), markupsafe.escape(each.caption)) for number, each in enumerate(heads, start=1)]


def test_a_picture_without_room_takes_its_caption_with_it(
    study: Study, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    monkeypatch.setattr(importlib.import_module("analysis.report.write"), "fit", lambda _: {})
    html = write(study).read_text()
    first = showcase(study, Models(study), {})
    assert first is not None
    wanted = [*images([first]), *(image for section in made(study, tmp_path) for image in images(section.blocks))]
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


def test_a_search_is_named_with_what_its_sampler_learns_from(tmp_path: pathlib.Path) -> None:
    sampler = {"class": "GPSampler", "options": {"n_startup_trials": 5}}
    searches = {"tpe on expected values": {"sampler": "tpe", "by": "expected"}, "GPSampler": {"sampler": sampler}}
    for said, section in searches.items():
        begun = StudyWriter(tmp_path / said, search={**section, "configurations": 30})
        (definitions,) = (block for block in asked.section(begun.study).blocks if isinstance(block, Definitions))
        assert definitions.entries["Search"] == f"{said}, up to 30 configurations"


def test_the_front_is_drawn_and_tabulated(study: Study, tmp_path: pathlib.Path) -> None:
    (table,) = front.section(study, evidence(study), tmp_path).blocks
    row = showcase(study, Models(study), {})
    assert row is not None
    scatter, winner = row.figures
    assert isinstance(scatter, Scatter)
    assert isinstance(winner, Figure)
    assert isinstance(table, Table)
    assert list(scatter.images) == [row[-1] for row in table.rows] == list(study.front()["configuration"])
    assert scatter.caption.endswith("for its configuration and traversal.")
    assert {path.name for path in tmp_path.iterdir()} == {"pareto_front.png", "pareto_front.pdf"}


def test_a_front_of_few_seeds_has_what_is_to_be_expected_beside_it(tmp_path: pathlib.Path) -> None:
    single = random_study(tmp_path, configurations=30, seeds=1)
    seen, expected = tables(front.section(single, evidence(single), tmp_path))
    assert [row[-1] for row in seen.rows] == list(single.front()["configuration"])
    assert [row[-1] for row in expected.rows] == list(single.front(by="expected")["configuration"])
    assert f"{single.hypervolume(by='expected'):.4g}, where the front above claims" in expected.caption
    assert "±" in expected.rows[0][3]


def test_the_summary_says_how_much_of_a_front_is_luck(tmp_path: pathlib.Path) -> None:
    rng = np.random.default_rng(0)
    writer = StudyWriter(tmp_path)
    for beta in np.geomspace(1.0, 16.0, 30).round(3).tolist():
        score, error = 0.5 + 0.2 * rng.normal(), 40.0 + beta + rng.normal()
        writer.complete(
            writer.configuration("beta_vae", 1, beta=beta), 0, dict(zip(OBJECTIVES, (score, error), strict=True))
        )
    study = writer.study
    said = " ".join(remark.text for remark in summary(study, evidence(study), study.history()).remarks)
    share = search.luck(study)
    assert share is not None
    assert f"About {100 * share:.0f} % of its hypervolume is luck of the seeds" in said


def test_three_objectives_are_drawn_in_pairs_and_one_in_the_order_of_suggestion(tmp_path: pathlib.Path) -> None:
    three = {"factor_vae_score": "maximize", "reconstruction_error": "minimize", "mig": "maximize"}
    study = asking(random_study(tmp_path, "three"), objectives=three)
    head = showcase(study, Models(study), {})
    row, _ = front.section(study, evidence(study), tmp_path).blocks
    assert head is not None
    assert isinstance(row, Row)
    plots = [each.plot for each in (*head.figures, *row.figures) if isinstance(each, Scatter)]
    labels = [tuple(label.partition(" ")[0] for label in plot.labels) for plot in plots]
    assert labels == [("reconstruction", "FactorVAE"), ("MIG", "FactorVAE"), ("MIG", "reconstruction")]
    assert {plot.line for plot in plots} == {""}  # what is ringed is no edge in two of three
    write(study)
    single = asking(random_study(tmp_path, "single"), objectives={"mig": "maximize"})
    plot = scatter(single, {})
    assert plot is not None
    assert plot.labels == ("configuration, in the order of suggestion", "MIG ↑")
    write(single)


def test_a_cost_without_a_spread_has_a_logarithmic_axis_with_a_place_for_none(tmp_path: pathlib.Path) -> None:
    writer = StudyWriter(tmp_path, objectives={"mig": "maximize", "paid": "minimize"})
    for beta, paid in ((1.0, 0.0), (2.0, 32.0), (3.0, 1024.0)):
        key = writer.configuration("beta_vae", 2, beta=beta)
        for seed in range(2):
            writer.complete(key, seed, {"mig": beta / 10, "paid": paid})
    plot = scatter(writer.study, {})
    assert plot is not None
    assert [text for _, text in plot.across] == ["0", "32", "1,024"]
    places = sorted(point["x"] for point in plot.points)
    assert places[1] - places[0] < places[2] - places[1]
    assert all(point["bars"][0] == point["bars"][1] for point in plot.points)


def test_the_knobs_have_a_panel_for_each_objective(study: Study, tmp_path: pathlib.Path) -> None:
    section = knobs.section(study, tmp_path)
    assert section is not None
    against, lines = (block for block in section.blocks if isinstance(block, Panels))
    assert len(against.pictures) == 2 * 3  # objectives by β, γ and ν
    assert len(lines.pictures) == 3  # models
    assert words(section) == ""  # of one knob each there is no importance to tell
    assert knobs.section(StudyWriter(tmp_path).study, tmp_path) is None


def test_two_knobs_of_a_model_are_drawn_against_each_other(tmp_path: pathlib.Path) -> None:
    writer = StudyWriter(tmp_path, models={"beta_vae": {"beta": {"log": [1, 16]}, "network": ["tiny", "small"]}})
    for index in range(8):
        key = writer.configuration("beta_vae", 1, beta=1.0 + index, network=("tiny", "small")[index % 2])
        writer.complete(key, 0, {"factor_vae_score": 0.1 * index, "reconstruction_error": 40.0 + index})
    section = knobs.section(writer.study, tmp_path)
    assert section is not None
    assert [type(block) for block in section.blocks] == [Panels, Panels, Panels, Figure]


def test_what_to_do_next(study: Study, tmp_path: pathlib.Path) -> None:
    section = next_steps.section(study, evidence(study))
    assert "studies extend made --seeds 5" in words(section)
    more = f"{search.outlook(study).sentence} <code>studies extend made --configurations 22</code> tries them."
    assert more in words(section)
    load, compare = (block.text for block in section.blocks if isinstance(block, Code))
    best = study.front()["configuration"][0]
    assert f'study.trial("{best}", ' in load
    compile(load, "load", "exec")
    assert compare.startswith("studies compare made ")
    begun = StudyWriter(tmp_path)
    begun.configuration("beta_vae", 1, beta=4.0)
    assert "studies resume made" in words(next_steps.section(begun.study, evidence(begun.study)))


def test_the_progress_of_the_search_says_whether_it_still_paid(tmp_path: pathlib.Path) -> None:
    def caption(study: Study) -> str:
        figures = flat(sure.section(study, evidence(study), tmp_path).blocks)
        return next(each.caption for each in figures if isinstance(each, Figure) and "search" in each.caption)

    searched = random_study(tmp_path)
    assert caption(searched).endswith(
        f"after each configuration that ended. {search.past(searched, search.history(searched))}"
    )
    grid = asking(searched, search={**searched.spec["search"], "sampler": "grid"})
    assert caption(grid).endswith("after each configuration that ended.")
    assert "More configurations" not in words(next_steps.section(grid, evidence(grid)))


def test_a_winner_at_the_end_of_its_range_asks_for_a_wider_one(tmp_path: pathlib.Path) -> None:
    writer = StudyWriter(tmp_path, models={"beta_vae": {"beta": {"log": [1, 16]}}})
    for beta, score in ((2.0, 0.3), (15.5, 0.9)):
        key = writer.configuration("beta_vae", 5, beta=beta)
        for seed in range(5):
            writer.complete(key, seed, {"factor_vae_score": score, "reconstruction_error": 40.0})
    said = words(next_steps.section(writer.study, evidence(writer.study)))
    assert "A wider range: β of the best by FactorVAE score, β-VAE (β = 15.5), lies at the upper end of 1 to 16" in said
    assert "More seeds" not in said


def test_notes_of_a_paper_are_below_its_table_with_their_marks(study: Study, tmp_path: pathlib.Path) -> None:
    section = paper.section(study, tmp_path)
    assert section is not None
    (table,) = tables(section)
    assert [note.partition(" ")[0] for note in table.notes] == ["*", "†", "‡", "§"][: len(table.notes)]


def test_winners_show_what_their_best_seed_left(study: Study, tmp_path: pathlib.Path) -> None:
    section = winners.section(study, Models(study), tmp_path)
    pictures = [block for block in section.blocks if isinstance(block, Figure)]
    assert "Chosen as best by FactorVAE score" in words(section)
    assert "Shown is the best of its 3 seeds by FactorVAE score, seed " in words(section)
    assert {picture.kind for picture in pictures} == {"pixels"}
    assert [picture.caption.partition(" ")[0] for picture in pictures[:2]] == ["Images", "Latent"]


def test_models_are_compared_and_variance_is_shared_out(study: Study, tmp_path: pathlib.Path) -> None:
    comparisons, rules, shares = tables(sure.section(study, evidence(study), tmp_path))
    assert rules.rows[0][0] == "best trial by the score"
    assert len(comparisons.rows) == 3
    assert [row[0] for row in shares.rows] == ["FactorVAE score", "reconstruction error (nats per image)", "MIG"]


def test_training_is_drawn_when_it_was_watched(study: Study, tmp_path: pathlib.Path) -> None:
    (curves,) = training.section(study, tmp_path).blocks
    assert isinstance(curves, Panels)
    assert len(curves.pictures) == 3 * 3  # metrics by models
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
    reasons, again, details = failures.section(writer.study).blocks
    assert reasons == page.Items(["3 × no reason recorded"])
    assert isinstance(again, page.Paragraph)
    assert f"studies resume {writer.study.name} --retry-failed" in again.text
    assert isinstance(details, Details)
    assert details.summary == "3 trials failed or stopped; the first 2"
    assert len(details.table.rows) == 2


def test_a_password_in_a_checkpoint_uri_stays_out(tmp_path: pathlib.Path) -> None:
    own = random_study(tmp_path)
    record = json.loads((own.path / "study.json").read_text())
    record["stores"]["checkpoints"] = "s3://key:hidden@bucket/studies"
    (own.path / "study.json").write_text(json.dumps(record))
    (shown,) = provenance.section(Study(own.name, tmp_path), own.history()).blocks
    assert isinstance(shown, Definitions)
    assert shown.entries["checkpoints"] == "<code>s3://key:***@bucket/studies</code>"
