import base64
import html.parser
import io
import pathlib
import re

import numpy as np
import pandas as pd
import PIL.Image
import pytest

from analysis.reading.purpose import purpose
from analysis.report.album import OF_A_WINNER, ON_HOVER, Image, fit, from_png
from analysis.report.evidence import evidence
from analysis.report.freshness import current
from analysis.report.scatter import scatter
from analysis.report.summary import summary
from analysis.report.wording import duration, mean_and_deviation, symbols
from analysis.statistics.uncertainty import ENOUGH_SEEDS
from analysis.study import Study
from core.images import png
from tests.analysis.kit import StudyWriter, random_study

VOID = {"meta", "link", "img", "br", "line", "path", "circle", "polyline"}


class Page(html.parser.HTMLParser):
    """Checks the nesting, and collects what tests look at."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes another element"

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return random_study(tmp_path_factory.mktemp("report"))


def told(study: Study) -> str:
    """The summary as text."""
    said = summary(study, evidence(study), study.history())
    return " ".join([said.verdict, *(part.text for part in said.remarks)]).replace("\u00a0", " ")


@pytest.fixture(scope="module")
def text(study: Study) -> str:
    return study.report().read_text()


def test_the_page_stands_alone(text: str) -> None:
    page = Page(text)
    assert not re.search(r"""(?:src|href)=["'](?:https?:)?//""", text)
    assert all((image["src"] or "").startswith("data:image/png;base64,") for image in page.all("img"))
    assert not page.all("iframe")
    assert len(text) < 10_000_000


def test_the_page_can_be_read_by_ear_and_keyboard(text: str, study: Study) -> None:
    page = Page(text)
    assert page.all("html")[0]["lang"] == "en"
    assert all(image.get("alt") for image in page.all("img"))
    assert all(head.get("scope") in ("col", "row") for head in page.all("th"))
    identifiers = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(identifiers) == len(set(identifiers))
    assert {(link["href"] or "")[1:] for link in page.all("a")} <= set(identifiers)
    reachable = [attributes for attributes in page.all("g") if attributes.get("tabindex") == "0"]
    assert len(reachable) == len(study.front())
    assert all("FactorVAE score" in (point["aria-label"] or "") for point in reachable)


def test_the_page_says_what_was_asked_and_found(text: str) -> None:
    for expected in (
        "β-VAE (β from 1 to 100 (log))",
        "How sure we are",
        "best configuration on the other seeds",
        "Hypervolume of the front",
        "only three seeds",
        "more than seeds differ",
        "Nothing failed",
        "per 1,000 minibatches",
    ):
        assert expected in text


def test_figures_lie_beside_the_page(study: Study, text: str) -> None:
    assert text
    names = {path.name for path in (study.path / "report").iterdir()}
    assert {"pareto_front.png", "pareto_front.pdf", "curves.pdf", "history.png", "ranks.png", "time.png"} <= names


def test_pictures_of_earlier_winners_go_and_others_stay(tmp_path: pathlib.Path) -> None:
    study = StudyWriter(tmp_path).study
    directory = study.path / "report"
    directory.mkdir()
    for name in ("0123456789ab-s0.gif", "0123456789ab-s12_votes.png", "mine.png"):
        (directory / name).touch()
    study.report()
    assert {path.name for path in directory.glob("*-s*")} == set()
    assert (directory / "mine.png").exists()


def test_a_study_that_has_just_begun_has_a_report(tmp_path: pathlib.Path) -> None:
    writer = StudyWriter(tmp_path)
    assert "No configuration is completed yet" in writer.study.report().read_text()
    key = writer.configuration("beta_vae", 1, beta=4.0)
    writer.event("start", key, 0)
    Page(writer.study.report().read_text())


def test_failures_are_listed_and_text_is_escaped(tmp_path: pathlib.Path) -> None:
    writer = StudyWriter(tmp_path, early_stop={"rule": "asha", "grace": 50, "control": 0.1})
    failed, pruned = writer.configuration("beta_vae", 1, beta=4.0), writer.configuration("beta_vae", 1, beta=2.0)
    writer.event("end", failed, 0, state="FAILED", step=50, reason="<script>alert(1)</script>", metrics={}, ledger={})
    writer.event("end", pruned, 0, state="PRUNED", step=50, reason="stopped early by asha", metrics={}, ledger={})
    text = writer.study.report().read_text()
    assert "<script>alert(1)" not in text
    assert "1 × &lt;script&gt;alert(1)" in text
    assert "ended 1 of 2 trials and saved 50 steps, 25% of the plan" in text


def test_one_seed_says_nothing_about_chance(tmp_path: pathlib.Path) -> None:
    study = random_study(tmp_path, seeds=1, configurations=3)
    found = evidence(study)
    assert "but one seed each cannot tell its lead over" in told(study)
    assert found.probability == {}
    assert "due to the model" not in study.report().read_text()
    assert "every configuration has one" in found.rules.without


def test_points_behind_the_front_are_sampled(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    from analysis.report import scatter as module

    whole = scatter(study, {})
    assert whole is not None
    behind = len(study.configurations()) - len(study.front())
    monkeypatch.setattr(module, "MOST_POINTS", behind - 1)
    sampled = scatter(study, {})
    assert sampled is not None
    assert (whole.left_out, sampled.left_out) == (0, 1)
    assert len(sampled.points) == len(whole.points) - 1
    for point in whole.points:
        assert whole.box[0] <= point["x"] <= whole.box[2]
        assert whole.box[1] <= point["y"] <= whole.box[3]


def test_chance_is_put_in_numbers_from_enough_seeds_on(tmp_path: pathlib.Path) -> None:
    """Below that number nothing on the page is an interval, a share or 95 % of anything."""
    few, enough = random_study(tmp_path, "few", seeds=ENOUGH_SEEDS - 1), random_study(tmp_path, seeds=ENOUGH_SEEDS)
    found = evidence(enough)
    assert found.hypervolume is not None
    assert found.hypervolume.low < found.hypervolume.value
    assert set(found.probability) == set(enough.configurations()["configuration"])
    assert evidence(few).probability == {}
    page = few.report().read_text()
    for promise in ("95 %", "95\u00a0%", "of redraws", "when seeds are drawn anew"):
        assert promise not in page
    assert "95 % interval" in enough.report().read_text()


def study_of(tmp_path: pathlib.Path, *scores: tuple[float, ...]) -> Study:
    """A β-VAE and a FactorVAE with these scores by seed."""
    writer = StudyWriter(tmp_path)
    for (model, knob), values in zip((("beta_vae", "beta"), ("factor_vae", "gamma")), scores, strict=True):
        key = writer.configuration(model, len(values), **{knob: 4.0})
        for seed, value in enumerate(values):
            writer.complete(key, seed, {"factor_vae_score": value, "reconstruction_error": 40.0})
    return writer.study


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        (((0.5, 0.6), (0.45, 0.63)), "but two seeds are too few to tell it from FactorVAE (γ = 4) at 0.54 ± 0.13"),
        (((0.90, 0.91), (0.3, 0.32)), "ahead of FactorVAE (γ = 4) at 0.310 ± 0.014 by more than seeds differ"),
        (((0.7,) * 4 + (0.72,), (0.5,) * 4 + (0.51,)), "ahead of FactorVAE (γ = 4) at 0.5020 ± 0.0045 by 0.202 (95 %"),
        (((0.7, 0.5, 0.7, 0.5, 0.7), (0.5, 0.7, 0.5, 0.7, 0.5)), "but whether it is ahead of FactorVAE (γ = 4) at"),
    ],
)
def test_the_first_sentence_says_how_far_it_can_be_trusted(
    tmp_path: pathlib.Path, scores: tuple[tuple[float, ...], ...], expected: str
) -> None:
    study = study_of(tmp_path, *scores)
    sentence = summary(study, evidence(study), study.history()).verdict.replace("\u00a0", " ")
    assert sentence.startswith("β-VAE (β = 4) reaches the highest FactorVAE score, 0.")
    assert " of at most 1" in sentence
    assert expected in sentence


def test_a_report_is_drawn_again_only_when_it_would_be_another_one(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = StudyWriter(tmp_path)
    page = writer.study.report()
    page.write_text(page.read_text() + "<!-- still here -->")
    assert "still here" in writer.study.report().read_text()
    assert current(writer.study) == page
    writer.configuration("beta_vae", 1, beta=4.0)  # the journal grows
    assert current(writer.study) is None
    assert "still here" not in writer.study.report().read_text()
    assert current(writer.study) == page
    monkeypatch.setattr("analysis.report.freshness.code_digest", lambda: "another version")
    assert current(writer.study) is None
    assert Study(writer.name, writer.root).report(redraw=True) == page


def test_the_summary_says_what_was_found_and_how_sure_it_is(text: str, study: Study) -> None:
    front, sentences = study.front(), told(study)
    assert "12 configurations of β-VAE, FactorVAE and CHyVAE on dsprites.quick; trials: 36 completed." in sentences
    assert f"reaches the highest FactorVAE score, {front['factor_vae_score_mean'].max():.3f}" in sentences
    assert (
        f"{len(front)} of 12 configurations are on the front of FactorVAE score and reconstruction error" in sentences
    )
    assert "FactorVAE score runs from 0 to 1: " in sentences
    assert 'class="summary"' in text


def test_rules_of_choice_for_the_study_and_for_each_model(study: Study) -> None:
    rules = evidence(study).rules
    assert rules.models == ["β-VAE", "FactorVAE", "CHyVAE"]
    assert [row["blind"] for row in rules.rows] == [False, False, False, False, True]
    best = rules.rows[2]
    means = study.configurations().groupby("model", sort=False)["factor_vae_score_mean"].max()
    assert best["models"] == [f"{value:.4g}" for value in means]
    assert best["value"] == f"{means.max():.4g}"
    assert "not on this machine" in rules.without


def test_rules_of_choice_wait_for_all_seeds_of_a_configuration(tmp_path: pathlib.Path) -> None:
    writer = StudyWriter(tmp_path)
    for beta, seeds, score in ((4.0, 2, 0.5), (8.0, 1, 0.9)):
        key = writer.configuration("beta_vae", 2, beta=beta)
        for seed in range(seeds):
            writer.complete(key, seed, {"factor_vae_score": score, "reconstruction_error": 40.0})
    assert {row["value"] for row in evidence(writer.study).rules.rows} == {"0.5"}


def test_the_purpose_is_the_comment_at_the_head_of_the_study_file(tmp_path: pathlib.Path) -> None:
    writer = StudyWriter(tmp_path)
    assert purpose(writer.path) == ""
    (writer.path / "study.yaml").write_text("# Whether β\n# matters.\n\nname: made  # not this\n# nor this\n")
    assert purpose(writer.path) == "Whether β matters."
    assert "Whether β matters." in writer.study.report().read_text()


def test_symbols_are_escaped_and_set_with_their_subscripts() -> None:
    assert str(symbols("β_l = 1, λ_od <2>")) == "β<sub>l</sub>\u00a0=\u00a01, λ<sub>od</sub> &lt;2&gt;"
    assert str(symbols("gm_cov relation_accuracy")) == "gm_cov relation_accuracy"


def test_the_journal_tells_time_on_the_clock_and_trials_at_a_time(tmp_path: pathlib.Path) -> None:
    writer = StudyWriter(tmp_path)
    key = writer.configuration("beta_vae", 2, beta=4.0)
    ledger = {"seconds_training": 60.0, "gpu_seconds": 30.0}
    for when, type, seed in ((10, "start", 0), (20, "start", 1), (70, "end", 0), (80, "end", 1)):  # noqa: A001
        fields = (
            {}
            if type == "start"
            else {"state": "COMPLETED", "step": 100, "reason": None, "metrics": {}, "ledger": ledger}
        )
        writer.event(type, key, seed, **fields, time=when)
    writer.write("session", pid=2, versions={}, source={}, time=1000.0)  # the hours between two drivers do not count
    writer.event("start", key, 1, time=1010.0)
    found = writer.study.history()
    assert (len(found.drivers), found.seconds_driven, found.most_running, found.gpu_seconds) == (2, 90.0, 2, 60.0)


def test_an_album_keeps_greys_makes_small_and_leaves_out_what_has_no_room() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (200, 400, 1), dtype=np.uint8)
    grey, colour = png(noise.repeat(3, 2)), png(np.dstack([noise, noise, 255 - noise]))
    drawn = Image(PIL.Image.fromarray(noise.repeat(3, 2)), density=2.0)
    images = [drawn, from_png(colour, widest=100), *(from_png(grey) for _ in range(4))]
    found = fit(images, room=400_000)
    whole, small = found[images[0]], found[images[1]]
    assert ((whole.width, whole.height), (small.width, small.height)) == ((200, 100), (100, 50))
    shown = np.asarray(PIL.Image.open(io.BytesIO(base64.b64decode(whole.source.partition(",")[2]))))
    np.testing.assert_array_equal(shown, noise[..., 0])
    assert [image in found for image in images[2:]] == [True, True, False, False]


def test_what_is_shown_on_hover_gets_room_last() -> None:
    picture = png(np.zeros((10, 10, 3), dtype=np.uint8))
    hover, winner, drawing = (from_png(picture, rank=rank) for rank in (ON_HOVER, OF_A_WINNER, 0))
    size = len(fit([drawing])[drawing].source)
    found = fit([hover, winner, drawing], room=2 * size)
    assert [image in found for image in (hover, winner, drawing)] == [False, True, True]


def test_words_of_durations() -> None:
    assert [duration(value) for value in (12.0, 240.0, 7200.0)] == ["12 s", "4 min", "2 h"]


def test_numbers_have_as_many_digits_as_their_deviation_leaves_them() -> None:
    rows = [(0.15664, 0.0241), (58.0634, 0.2122), (1024.0, 0.0), (-0.5, np.nan), (164.4321, 12.0), (5.0e5, 1.2e4)]
    told = [mean_and_deviation(pd.Series({"m_mean": mean, "m_std": spread}), "m") for mean, spread in rows]
    assert told == ["0.157 ± 0.024", "58.06 ± 0.21", "1,024", "−0.5", "164 ± 12", "500,000 ± 12,000"]
    assert mean_and_deviation(pd.Series({"m_mean": 3.0}), "m") == "3"
