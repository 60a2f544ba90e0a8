import pathlib

import pytest

from analysis import catalogue
from tests.analysis.kit import StudyWriter, random_study


@pytest.mark.parametrize("name", sorted(catalogue.EXPERIMENTS))
def test_every_experiment_writes_what_it_is_named_after(name: str, tmp_path: pathlib.Path) -> None:
    study = random_study(tmp_path, f"{name}-smoke", configurations=6, seeds=2)
    files = catalogue.draw(study, tmp_path / "out")
    assert f"{name}.png" in {path.name for path in files} or f"{name}.md" in {path.name for path in files}
    assert all(path.stat().st_size for path in files)


def test_other_studies_and_unfinished_ones_write_nothing(tmp_path: pathlib.Path) -> None:
    assert catalogue.draw(random_study(tmp_path, "mine", 2, 1), tmp_path / "out") == []
    assert catalogue.draw(StudyWriter(tmp_path, "few_labels-smoke").study, tmp_path / "out") == []
    assert catalogue.documents(StudyWriter(tmp_path, "lecture_table1-smoke").study) == []


def test_siblings_share_experiment_and_scale(tmp_path: pathlib.Path) -> None:
    for name in ("modular_table1-smoke", "modular_table1-smoke-v3", "modular_table1-paper-v3", "modular_table2-smoke"):
        StudyWriter(tmp_path, name)
    found = catalogue.siblings(catalogue.Study("modular_table1-smoke-v3", tmp_path))
    assert [study.name for study in found] == ["modular_table1-smoke", "modular_table1-smoke-v3"]
