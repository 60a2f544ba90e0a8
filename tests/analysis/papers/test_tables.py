import csv
import io
import pathlib

import pytest

from analysis import papers as tables
from analysis.papers import Document, published
from analysis.papers.document import latex_text
from tests.analysis.kit import StudyWriter, random_study

TABLE = Document("made", "A caption, 5 %", ("ab_c", "β"), (("1*", "x | y"), ("2†", "50 %")), ("one", "two"))

JUDGED_ALONE = {"relation_accuracy_judged": "maximize"}


def test_markdown_escapes_bars_and_lists_notes() -> None:
    text = TABLE.markdown()
    assert "| 1\\* | x \\| y |" in text
    assert text.endswith("\\* one\n\n† two\n")
    assert text.startswith("**A caption, 5 %**")


def test_latex_sets_subscripts_of_symbols() -> None:
    assert latex_text("β_l = 50 % of gm_cov") == r"$\beta_{\mathrm{l}}$ = 50 \% of gm\_cov"


def test_latex_escapes_what_it_would_read() -> None:
    text = TABLE.latex()
    assert r"ab\_c & $\beta$ \\" in text
    assert r"50 \%" in text
    assert r"\footnotesize $\dagger$ two" in text


def test_csv_holds_values_without_marks() -> None:
    assert list(csv.reader(io.StringIO(TABLE.csv()))) == [["ab_c", "β"], ["1", "x | y"], ["2", "50 %"]]


def test_all_formats_are_saved(tmp_path: pathlib.Path) -> None:
    assert [path.name for path in tables.save(TABLE, tmp_path)] == ["made.md", "made.tex", "made.csv"]


def test_lecture_table_has_the_published_and_our_column(tmp_path: pathlib.Path) -> None:
    asked = {"factor_vae_score/cascade": "maximize"}
    writer = StudyWriter(tmp_path, models={"beta_vae": {"beta": [4, 10], "num_latents": [5, 10]}}, objectives=asked)
    for beta, scores in ((4.0, (0.70, 0.80)), (10.0, (0.60, 0.62))):
        key = writer.configuration("beta_vae", 2, beta=beta, num_latents=10)
        for seed, score in enumerate(scores):
            writer.complete(key, seed, {"factor_vae_score/cascade": score, "reconstruction_error": 100 - beta})
    table = tables.factor_vae_scores(writer.study)
    assert len(table.rows) == len(published.FACTOR_VAE_SCORES)
    ten = table.rows[1]
    assert ten[:6] == ("β-VAE", "10", "β = 4", "74.41 (7.68)*", "88.38*", "86.2")
    assert ten[6:] == ("β = 4", "75.00 (7.07)", "–", "80.00", "79.0", "2", "75.00 (7.07)", "61.00 (1.41)")
    assert table.rows[0][6:] == ("–", "–", "–", "–", "–", "0", "–", "–")
    assert len(table.notes) == 3
    impossible = [row[:2] for row in table.rows if row[4].endswith("‡")]
    assert impossible == [("FactorVAE", "10"), ("JointVAE", "6")]


def test_the_lecture_table_has_intervals_from_five_seeds_on(tmp_path: pathlib.Path) -> None:
    asked = {"unsupervised_accuracy": "maximize"}
    writer = StudyWriter(tmp_path, models={"cascade_vae": {"beta_l": 2.0, "num_latents": 4}}, objectives=asked)
    key = writer.configuration("cascade_vae", 5, beta_l=2.0, num_latents=4)
    forgotten = {"unsupervised_accuracy": 1.0, "reconstruction_error": 2.0}  # by the end
    writer.event("report", key, 0, step=25, metrics=forgotten, ledger={"seconds_training": 0.3})
    for seed, accuracy in enumerate((0.5, 0.6, 0.7, 0.8, 0.9)):
        writer.complete(key, seed, {"unsupervised_accuracy": accuracy, "reconstruction_error": 1.0})
    last = tables.classification_accuracy(writer.study).rows[-1]
    # mean 70, deviation 15.811; Student's quantile of four degrees 2.776; expected maximum of five normals 1.163
    assert last[7:12] == ("70.00 (15.81)", "50.4 to 89.6", "90.00", "88.4", "5")
    assert last[12] == "80.00 (15.81)"  # 100, 60, 70, 80 and 90


def test_the_numbers_behind_a_trade_off_say_what_chance_leaves_open(tmp_path: pathlib.Path) -> None:
    writer = StudyWriter(tmp_path, models={"chyvae": {"nu": [12, 33]}, "beta_vae": {"beta": [4, 1]}})
    better, worse, last = (
        writer.configuration(model, 5, **{knob: value})
        for model, knob, value in (("beta_vae", "beta", 4), ("beta_vae", "beta", 1), ("chyvae", "nu", 33))
    )
    for seed, score in enumerate((0.5, 0.6, 0.7, 0.8, 0.9)):
        writer.complete(better, seed, {"factor_vae_score": score, "reconstruction_error": 30.0})
        writer.complete(worse, seed, {"factor_vae_score": score - 0.1, "reconstruction_error": 40.0})
    assert "on the front in redraws" in tables.trade_off(writer.study).columns
    for seed in range(4):
        writer.complete(last, seed, {"factor_vae_score": 0.1, "reconstruction_error": 20.0})
    assert len(tables.trade_off(writer.study).rows) == 2  # until the fifth is there
    writer.complete(last, 4, {"factor_vae_score": 0.1, "reconstruction_error": 20.0})
    table = tables.trade_off(writer.study)
    assert [row[:3] for row in table.rows] == [
        ("CHyVAE", "ν = 33", "5"),
        ("β-VAE", "β = 1", "5"),
        ("β-VAE", "β = 4", "5"),
    ]
    assert table.rows[2][3:] == ("0.7 ± 0.16", "0.504 to 0.896", "30 ± 0", "100%")
    assert [row[-1] for row in table.rows] == ["100%", "0%", "100%"]


def test_relation_table_takes_a_study_per_version(tmp_path: pathlib.Path) -> None:
    writers = [
        StudyWriter(tmp_path, f"v{index}", dataset=f"dsprites.v{index}", objectives=JUDGED_ALONE) for index in (2, 3)
    ]
    for writer in writers:
        key = writer.configuration("modular", 1, num_annotated=1000)
        writer.complete(key, 0, {"relation_accuracy": 0.7, "relation_accuracy_judged": 0.6})
    table = tables.relation_accuracy([writer.study for writer in writers])
    assert table.rows[0][:2] == ("dsprites.v2", "27")
    assert table.rows[1][5:] == ("0.751 (1,000)", "0.7 (1,000)", "0.6")
    assert table.rows[2][6] == "–"
    assert "0.124*" in table.rows[5][2]


@pytest.mark.parametrize(
    ("where", "best"),
    [(None, ("0.98 (1,000, modular)", "0.9")), ("relation_accuracy > 0.985", ("0.99 (1,000, paper_literal)", "0.2"))],
)
def test_the_relation_table_says_which_feasible_preset_is_best_when_judged(
    tmp_path: pathlib.Path, where: str | None, best: tuple[str, str]
) -> None:
    search = {"sampler": "random", "configurations": 2, "where": where}
    writer = StudyWriter(tmp_path, dataset="dsprites.v2", objectives=JUDGED_ALONE, search=search)
    for preset, latent, judged in (("paper_literal", 0.99, 0.2), ("modular", 0.98, 0.9)):
        key = writer.configuration("modular", 1, num_annotated=1000, preset=preset)
        writer.complete(key, 0, {"relation_accuracy": latent, "relation_accuracy_judged": judged})
    assert tables.relation_accuracy([writer.study]).rows[0][6:] == best


def test_modular_scores_footnote_the_doubtful_rows(tmp_path: pathlib.Path) -> None:
    table = tables.modular_scores([random_study(tmp_path)])
    assert table.rows[1][4] == "1*† | –"
    assert "exchanged" in table.notes[0]


def test_what_annotated_images_buy_is_told_way_by_way_and_seed_by_seed(tmp_path: pathlib.Path) -> None:
    writer = StudyWriter(
        tmp_path,
        objectives={"relation_accuracy_judged": "maximize", "reconstruction_error": "minimize"},
        metrics={"during": [], "final": ["relation_accuracy_judged", "reconstruction_error"]},
    )
    luck = (0.00, 0.01, 0.02, 0.03, 0.04)  # which pairs of the same seed share
    trained = {
        ("weak", 1000, None): 0.9,
        ("modular", 1000, "paper_literal"): 0.2,
        ("modular", 1000, "modular"): 0.95,
        ("modular", 100, "modular"): 0.5,  # where the predecessor cannot be trained
    }
    for (model, annotated, preset), accuracy in trained.items():
        own = {"preset": preset} if preset else {}
        key = writer.configuration(model, 5, num_annotated=annotated, **own)
        for seed in range(5):
            values = {"relation_accuracy_judged": accuracy + luck[seed], "reconstruction_error": 40.0}
            writer.complete(key, seed, values)
    table = tables.by_annotation(writer.study, "modular_table1_labels", ["preset"])
    assert table.columns[:4] == ("annotated images", "way", "seeds", "relation accuracy of judged images")
    assert table.columns[-1] == "relation accuracy of judged images, less the first way"
    assert [row[:3] for row in table.rows] == [
        ("100", "M-AE + ReL, preset = modular", "5"),
        ("1,000", "weakly disentangled AE", "5"),
        ("1,000", "M-AE + ReL, preset = paper_literal", "5"),
        ("1,000", "M-AE + ReL, preset = modular", "5"),
    ]
    assert [row[-1] for row in table.rows] == ["–", "–", "−0.7 (−0.7 to −0.7)", "+0.05 (+0.05 to +0.05)"]
    assert table.rows[1][3] == "0.92 ± 0.016"


def test_one_way_of_using_labels_has_no_difference_and_says_the_best_setting(tmp_path: pathlib.Path) -> None:
    space = {"few_labels": {"beta": {"log": [1, 16]}, "num_annotated": [32, 128]}}
    writer = StudyWriter(tmp_path, models=space)
    for beta, annotated, score in ((1.0, 32, 0.5), (16.0, 32, 0.7), (1.0, 128, 0.9)):
        key = writer.configuration("few_labels", 1, beta=beta, num_annotated=annotated)
        writer.complete(key, 0, {"factor_vae_score": score, "reconstruction_error": 40.0})
    table = tables.by_annotation(writer.study, "few_labels", [])
    assert table.columns[:4] == ("annotated images", "way", "best setting", "seeds")
    assert [row[:5] for row in table.rows] == [
        ("32", "S²-β-VAE", "β = 16", "1", "0.7"),
        ("128", "S²-β-VAE", "β = 1", "1", "0.9"),
    ]
    assert not any("first way" in column for column in table.columns)
    assert tables.by_annotation(StudyWriter(tmp_path, "begun").study, "few_labels", []).rows == ()
    assert tables.by_annotation(random_study(tmp_path, "unlabelled", 3, 1), "few_labels", []).rows == ()


def test_what_misses_the_constraint_is_not_what_annotated_images_buy(tmp_path: pathlib.Path) -> None:
    writer = StudyWriter(
        tmp_path, search={"sampler": "random", "configurations": 2, "where": "reconstruction_error < 60"}
    )
    for beta, score, error in ((1.0, 0.5, 40.0), (16.0, 0.7, 80.0)):
        key = writer.configuration("few_labels", 1, beta=beta, num_annotated=32)
        writer.complete(key, 0, {"factor_vae_score": score, "reconstruction_error": error})
    ((*_, score, _error),) = tables.by_annotation(writer.study, "few_labels", []).rows
    assert score == "0.5"


@pytest.mark.parametrize("row", published.FACTOR_VAE_SCORES)
def test_published_scores_are_multiples_of_one_of_800_votes(row: published.Score) -> None:
    assert abs(row.best * 8 - round(row.best * 8)) <= 0.05  # printed with two digits
