import json
import pathlib
import stat

import pytest

from core.mistakes import StudyError
from studies import service
from studies.record.folder import StudyFolder, default_stores
from studies.study_file import estimate

STUDY = {
    "name": "one",
    "dataset": "dsprites.quick",
    "models": {"simulated": {"beta": [1.0, 2.0]}},
    "objectives": {"mig": "maximize"},
    "budget": {"steps": 10, "evaluate_every": 5},
}


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> StudyFolder:
    spec, _ = service.load(STUDY)
    made = StudyFolder(tmp_path, "one")
    made.create(spec, default_stores(tmp_path, "one", tracking=None, storage=None, data=None), "name: one")
    return made


def test_the_specification_comes_back_as_it_was(folder: StudyFolder) -> None:
    assert folder.open().spec == service.load(STUDY)[0]


@pytest.mark.parametrize(
    ("storage", "private"),
    [
        (None, False),
        ("postgresql+psycopg://ann:word@host/optuna", True),
        ("s3://key:secret@bucket/studies", True),
        ("s3://bucket/studies?access_key=key&secret_key=secret", True),
        ("s3://bucket/studies", False),
    ],
)
def test_a_record_is_its_owners_alone_where_it_may_hold_a_password(
    tmp_path: pathlib.Path, storage: str | None, private: bool
) -> None:
    spec, _ = service.load(STUDY)
    folder = StudyFolder(tmp_path, "one")
    folder.create(spec, default_stores(tmp_path, "one", tracking=None, storage=storage, data=None), "name: one")
    mode = stat.S_IMODE((folder.path / "study.json").stat().st_mode)
    assert mode == (0o600 if private else stat.S_IMODE((folder.path / "study.yaml").stat().st_mode))


@pytest.mark.parametrize("name", ["../evil", "a/b", "", ".hidden", "x" * 101, "a b"])
def test_a_name_cannot_leave_the_root(tmp_path: pathlib.Path, name: str) -> None:
    with pytest.raises(StudyError, match="is not a study name"):
        StudyFolder(tmp_path, name)


def test_a_newer_version_and_a_damaged_record_are_one_sentence(folder: StudyFolder) -> None:
    path = folder.path / "study.json"
    record = json.loads(path.read_text())
    path.write_text(json.dumps({**record, "format": 99}))
    with pytest.raises(StudyError, match="made by a newer version"):
        folder.open()
    path.write_text("{")
    with pytest.raises(StudyError, match="is damaged"):
        folder.open()


def test_a_second_driver_is_refused_and_the_first_one_seen(folder: StudyFolder) -> None:
    import os

    assert folder.driver() is None
    with folder.driving():
        assert folder.driver() == os.getpid()
        with pytest.raises(StudyError, match="driven by another process"), StudyFolder(folder.root, "one").driving():
            pass
    assert folder.driver() is None


def test_extensions_are_recorded_as_revisions(folder: StudyFolder) -> None:
    service.extend("one", root=folder.root, configurations=30, steps=20)
    record = folder.open()
    assert record.written.revisions[0]["note"] == "configurations: 20 → 30, steps: 10 → 20"
    assert record.written.revisions[0]["spec"]["budget"]["steps"] == 10
    assert record.spec.budget.steps == 20


@pytest.mark.parametrize(
    ("change", "message"),
    [({"steps": 5}, "is 10 already"), ({}, "nothing to extend"), ({"seeds": 1}, "is 1 already")],
)
def test_a_plan_is_never_made_smaller(folder: StudyFolder, change: dict[str, int], message: str) -> None:
    with pytest.raises(StudyError, match=message):
        service.extend("one", root=folder.root, **change)  # type: ignore[arg-type]


def test_a_plan_that_cannot_fit_on_the_disk_is_refused(folder: StudyFolder, monkeypatch: pytest.MonkeyPatch) -> None:

    spec, _ = service.load({**STUDY, "models": {"beta_vae": {"beta": {"log": [1, 16]}}}, "seeds": 2})
    needed = estimate.disk_needed(spec, str(folder.root))
    weights = 20 * 2 * 3 * 4  # configurations, seeds, weights and Adam's two moments, bytes of a float
    assert 300_000 * weights < needed < 2_000_000 * weights
    monkeypatch.setattr(estimate.shutil, "disk_usage", lambda _: type("usage", (), {"free": needed - 1}))
    with pytest.raises(StudyError, match="lower configurations or seeds"):
        estimate.require_disk(spec, str(folder.root), str(folder.root))
