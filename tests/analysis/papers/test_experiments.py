import pathlib

import pytest

from analysis.papers import experiments, published
from analysis.results import Results
from analysis.statistics.uncertainty import ENOUGH_SEEDS
from core import papers
from tests.analysis.kit import StudyWriter, random_study


@pytest.mark.parametrize("name", sorted(experiments.EXPERIMENTS))
def test_every_experiment_writes_what_it_is_named_after(name: str, tmp_path: pathlib.Path) -> None:
    study = random_study(tmp_path, f"{name}-smoke", configurations=6, seeds=2)
    files = experiments.draw(study, tmp_path / "out")
    assert f"{name}.png" in {path.name for path in files} or f"{name}.md" in {path.name for path in files}
    assert all(path.stat().st_size for path in files)


def test_shares_of_variance_have_intervals_from_enough_seeds_on_and_single_seeds_tell_none(
    tmp_path: pathlib.Path,
) -> None:
    cells = {}
    for seeds in (1, 2, ENOUGH_SEEDS):
        study = random_study(tmp_path, f"twelve_thousand-{seeds}", configurations=6, seeds=seeds)
        table = experiments.documents(study)[1]
        assert table.name == "twelve_thousand_shares"
        cells[seeds] = table.rows[0][1:]
    assert set(cells[1]) == {"–"}
    assert all(cell.endswith("%") for cell in cells[2])
    assert all(" to " in cell for cell in cells[ENOUGH_SEEDS][:3])


def test_the_models_of_the_twelve_thousand_are_those_of_the_paper(tmp_path: pathlib.Path) -> None:
    writer = StudyWriter(tmp_path, "twelve_thousand-mine")
    capacities: list[dict[str, object]] = [{"capacity": 0.0, "beta": 1.0}, {"capacity": 5.0, "beta": 1.0}]
    kinds: list[dict[str, object]] = [{"kind": kind, "lambda_od": 5.0} for kind in ("i", "ii")]
    made = [("beta_vae", each) for each in capacities] + [("dip_vae", each) for each in kinds]
    for level, (model, knobs) in enumerate(made):
        for other in (0.0, 0.001):
            key = writer.configuration(model, 2, **knobs, learning_rate=0.001 + other)
            for seed in range(2):
                writer.complete(key, seed, {"factor_vae_score": level + other, "reconstruction_error": 9 - level})
    best, shares = experiments.documents(writer.study)
    assert [row[0] for row in best.rows] == ["DIP-VAE", "DIP-VAE", "β-VAE", "β-VAE"]
    assert shares.rows[0][:4] == ("FactorVAE score", "100%", "0%", "0%")
    assert (shares.columns[1], shares.notes) == ("model*", (published.METHODS_NOTE,))


def test_other_studies_and_unfinished_ones_write_nothing(tmp_path: pathlib.Path) -> None:
    assert experiments.draw(random_study(tmp_path, "mine", 2, 1), tmp_path / "out") == []
    assert experiments.draw(StudyWriter(tmp_path, "few_labels-smoke").study, tmp_path / "out") == []
    assert experiments.documents(StudyWriter(tmp_path, "lecture_table1-smoke").study) == []


def test_siblings_share_experiment_and_scale(tmp_path: pathlib.Path) -> None:
    for name in ("modular_table1-smoke", "modular_table1-smoke-v3", "modular_table1-paper-v3", "modular_table2-smoke"):
        steps = 300_000 if "paper" in name else 100
        StudyWriter(tmp_path, name, budget={"steps": steps, "evaluate_every": 50})
    found = experiments.siblings(Results("modular_table1-smoke-v3", tmp_path))
    assert [study.name for study in found] == ["modular_table1-smoke", "modular_table1-smoke-v3"]


def test_the_key_of_the_study_file_decides_and_not_its_name(tmp_path: pathlib.Path) -> None:
    writer = StudyWriter(tmp_path, "few_labels-mine", paper=None)
    writer.complete(
        writer.configuration("beta_vae", 1, beta=2.0), 0, {"factor_vae_score": 0.5, "reconstruction_error": 9}
    )
    assert experiments.draw(writer.study, tmp_path / "out") == []
    named = StudyWriter(tmp_path, "mine", paper="lecture_table1")
    named.complete(
        named.configuration("beta_vae", 1, beta=2.0), 0, {"factor_vae_score": 0.5, "reconstruction_error": 9}
    )
    assert experiments.draw(named.study, tmp_path / "out")[0].name == "lecture_table1.md"


def test_every_experiment_that_a_study_file_may_name_is_drawn() -> None:
    assert set(experiments.EXPERIMENTS) == set(papers.EXPERIMENTS)
