import pathlib

import pandas as pd
import pytest

from analysis.reading import snapshot, table
from analysis.reading.snapshot import storable
from tests.analysis.kit import StudyWriter, random_study


@pytest.fixture(autouse=True)
def _always_worthwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot, "WORTHWHILE", 0)


def assert_same(left: table.Tables, right: table.Tables) -> None:
    assert left.settings == right.settings
    pd.testing.assert_frame_equal(left.trials, right.trials)
    assert left.curves.astype(str).values.tolist() == right.curves.astype(str).values.tolist()


def test_a_snapshot_holds_what_the_journal_says(tmp_path: pathlib.Path) -> None:
    study = random_study(tmp_path)
    from_journal = snapshot.load(study.path)
    (study.path / "journal.jsonl").rename(tmp_path / "kept")
    (study.path / "journal.jsonl").write_bytes(b" " * (tmp_path / "kept").stat().st_size)  # only its size is looked at
    assert_same(snapshot.load(study.path), from_journal)


def test_a_snapshot_of_an_older_journal_does_not_count(tmp_path: pathlib.Path) -> None:
    writer = StudyWriter(tmp_path)
    key = writer.configuration("beta_vae", 1, beta=4.0)
    assert snapshot.load(writer.path).trials["state"].tolist() == ["PENDING"]
    writer.event("start", key, 0)
    assert snapshot.load(writer.path).trials["state"].tolist() == ["RUNNING"]
    assert_same(snapshot.load(writer.path), table.read(writer.path))


@pytest.mark.parametrize("damage", [b"", b"PAR1 and then nothing"])
def test_a_damaged_snapshot_does_not_count(tmp_path: pathlib.Path, damage: bytes) -> None:
    study = random_study(tmp_path)
    snapshot.load(study.path)
    (study.path / "tables" / "trials.parquet").write_bytes(damage)
    assert_same(snapshot.load(study.path), table.read(study.path))


def test_columns_of_mixed_types_become_json() -> None:
    frame = pd.DataFrame({"mixed": ["full", 3, [1, 2], None], "text": ["a", "b", None, "d"]})
    assert storable(frame)["mixed"].tolist()[:3] == ['"full"', "3", "[1, 2]"]
    assert storable(frame)["text"].tolist()[:2] == ["a", "b"]
