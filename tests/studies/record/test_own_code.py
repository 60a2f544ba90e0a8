"""The copies that a study keeps of its own code, and what happens when the files change."""

import pathlib
from collections.abc import Iterator

import pytest

import core.metrics
import studies
from core import extensions
from core.mistakes import ExtensionError, StudyError
from core.record.history import History
from studies import service
from studies.record import own_code
from studies.record.folder import Record, StudyFolder, default_stores
from tests.extensions import SPARSE_VAE, write

STUDY = {
    "name": "own",
    "dataset": "dsprites.quick",
    "models": {"vae": None},
    "objectives": {"small_codes": "maximize"},
    "budget": {"steps": 10, "evaluate_every": 5},
}
NEWER = SPARSE_VAE.replace('{"below": 0.1}', '{"below": 0.7}')


@pytest.fixture
def record(tmp_path: pathlib.Path) -> Iterator[Record]:
    path = write(tmp_path / "mine", "sparse_vae.py")
    spec, _ = service.load({**STUDY, "extensions": [str(path)]})
    stores = default_stores(tmp_path / "runs", "own", tracking=None, storage=None, data=str(tmp_path / "data"))
    yield StudyFolder(tmp_path / "runs", "own").create(spec, stores, "name: own")
    extensions.activate(())


def below() -> float:
    return float(core.metrics.get("small_codes").settings()["below"])


def test_a_study_keeps_a_copy_and_is_itself_when_it_is_opened(record: Record) -> None:
    (code,) = record.spec.extensions
    copy = extensions.copy_of(code.identity, record.folder.code)
    assert copy.read_text() == SPARSE_VAE
    assert record.folder.open().spec == record.spec
    assert own_code.settle(record, "ask") is record


def test_code_that_has_changed_is_refused_kept_or_accepted(record: Record, tmp_path: pathlib.Path) -> None:
    write(tmp_path / "mine", "sparse_vae.py", NEWER)
    with pytest.raises(StudyError, match="--accept-changed-code"):
        own_code.settle(record, "ask")
    own_code.use(own_code.settle(record, "keep"))
    assert below() == 0.1

    accepted = own_code.settle(record, "accept")
    own_code.use(accepted)
    assert below() == 0.7
    assert accepted.folder.open().spec == accepted.spec
    before, after = (each.spec.extensions[0].identity for each in (record, accepted))
    assert [change.extensions for change in History.read(record.folder.path).code_changes] == [
        {"sparse_vae": after.sha256}
    ]
    (revision,) = accepted.written.revisions
    assert before.sha256[:12] in revision["note"]
    assert extensions.copy_of(before, record.folder.code).read_text() == SPARSE_VAE  # for replays of earlier trials
    assert own_code.settle(accepted, "ask") is accepted


def test_changed_code_that_is_broken_is_not_accepted(record: Record, tmp_path: pathlib.Path) -> None:
    path = write(tmp_path / "mine", "sparse_vae.py", "x = 1 / 0\n")
    with pytest.raises(ExtensionError, match=f"{path}:1: .*division by zero"):
        own_code.settle(record, "accept")
    assert record.folder.open().spec == record.spec
    assert History.read(record.folder.path).code_changes == []


def test_where_the_files_are_not_a_study_goes_on_with_its_copies(record: Record, tmp_path: pathlib.Path) -> None:
    (tmp_path / "mine" / "sparse_vae.py").unlink()
    assert own_code.settle(record, "ask") is record
    moved = tmp_path / "elsewhere"
    record.folder.root.rename(moved)
    own_code.use(StudyFolder(moved, "own").open())
    assert below() == 0.1


def test_the_same_file_with_other_code_is_not_the_same_study(record: Record, tmp_path: pathlib.Path) -> None:
    path = write(tmp_path / "mine", "sparse_vae.py", NEWER)
    with pytest.raises(StudyError, match="--accept-changed-code"):
        studies.launch({**STUDY, "extensions": [str(path)]}, root=record.folder.root, data_root=str(tmp_path / "data"))
    with pytest.raises(StudyError, match="--accept-changed-code"):
        service.extend("own", root=record.folder.root, seeds=3)
