"""What may go belongs to nobody; what somebody may need stays, and is named."""

import pathlib
import shutil
import sys
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.entities import ViewType

import core.data
from core.mistakes import StudyError
from core.storage import Folder
from studies.cli import app
from studies.cluster import temporary
from studies.upkeep.garbage.find import garbage
from studies.upkeep.garbage.item import Doubt, Item
from tests.analysis.kit import StudyWriter
from tests.service import Service

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(autouse=True)
def sessions(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """Ray's temporary folder of this test."""
    monkeypatch.setattr(temporary, "_candidates", lambda: iter([tmp_path / "ray"]))
    return tmp_path / "ray"


def clear(root: pathlib.Path, **options: Any) -> tuple[list[str], list[str]]:
    """Carry out what may go; the sentences on it, and on what is in doubt."""
    found = list(garbage(root, **options))
    for item in found:
        if isinstance(item, Item):
            item.act()
    return [each.what for each in found if isinstance(each, Item)], [
        str(each) for each in found if isinstance(each, Doubt)
    ]


def test_a_root_in_order_has_nothing_to_clear_away(finished: Service, tmp_path: pathlib.Path) -> None:
    shutil.copytree(finished.root, tmp_path / "runs")
    before = {path: path.stat().st_size for path in (tmp_path / "runs" / "done").rglob("*")}
    assert clear(tmp_path / "runs")[0] == []
    assert {path: path.stat().st_size for path in (tmp_path / "runs" / "done").rglob("*")} == before
    with pytest.raises(StudyError, match="there is no directory"):
        list(garbage(tmp_path / "absent"))


def test_an_experiment_without_a_study_goes_in_two_steps(finished: Service, tmp_path: pathlib.Path) -> None:
    root = tmp_path / "runs"
    shutil.copytree(finished.root, root)
    client = MlflowClient(f"sqlite:///{root / 'mlflow.db'}")
    place = root / "mlartifacts" / "lost"
    place.mkdir(parents=True)
    (place / "weights").write_bytes(bytes(1000))
    lost = client.create_experiment("lost", place.as_uri(), {"studies.launch": "somebody"})
    mine = client.create_experiment("mine", (root / "mlartifacts" / "mine").as_uri())  # without the tag of a launch
    client.create_run(lost)

    def stages() -> dict[str, str]:
        return {each.name: each.lifecycle_stage for each in client.search_experiments(view_type=ViewType.ALL)}

    (root / "lost.tar.gz").touch()
    said, doubts = clear(root)
    assert said == []
    assert f"experiment 'lost' in MLflow, of which {root} has an archive" in doubts
    (root / "lost.tar.gz").unlink()
    said, _ = clear(root)
    assert said == [
        "mark experiment 'lost' in MLflow as deleted, of which no study is left; the next gc frees its 0 MB"
    ]
    assert stages()["lost"] == "deleted"
    client.delete_experiment(mine)
    assert (place / "weights").exists()
    (item,) = (each for each in garbage(root) if isinstance(each, Item))
    assert item.bytes == 1000
    item.act()
    assert "lost" not in stages()
    assert {"Default": "active", "done": "active", "mine": "deleted"}.items() <= stages().items()
    assert not place.exists()


def test_where_a_study_cannot_be_read_no_experiment_is_anybodys(finished: Service, tmp_path: pathlib.Path) -> None:
    root = tmp_path / "runs"
    shutil.copytree(finished.root, root)
    (root / "done" / "study.json").write_text("{")
    said, doubts = clear(root)
    assert said == []
    assert any("as long as a study of this root cannot be read" in doubt for doubt in doubts)


def test_weights_that_a_study_does_not_keep_are_dropped(tmp_path: pathlib.Path) -> None:
    writer = StudyWriter(tmp_path, "made", retention="front", search={"sampler": "random", "configurations": 2})
    keys = [writer.configuration("beta_vae", beta=beta) for beta in (2.0, 4.0)]
    trials = Folder(writer.path / "trials")
    for key, score, error in zip(keys, (0.9, 0.1), (10.0, 20.0), strict=True):
        writer.complete(key, 0, {"factor_vae_score": score, "reconstruction_error": error})
        writer.write("configuration_end", configuration=key, state="COMPLETE", values=[score, error], reason=None)
        trials.child(f"{key}-s0").write("step-000000100", {"model.safetensors": bytes(100)})
    half = tmp_path / "made" / "trials" / f"{keys[0]}-s0" / f".step-000000200.{'0' * 32}"
    half.mkdir()
    said, _ = clear(tmp_path)
    assert said == [
        "remove what killed trials of study 'made' left half-written: 1 folders",
        "drop the weights of 1 trials of study 'made', which keeps those of its front alone",
    ]
    assert [trials.child(f"{key}-s0").entries() for key in keys] == [["step-000000100"], []]
    assert not half.exists()
    assert clear(tmp_path) == ([], [])


def test_sessions_of_ray_that_ended_and_were_ours(tmp_path: pathlib.Path, sessions: pathlib.Path) -> None:
    ended, used, others = (sessions / f"session_{name}" for name in ("ended", "used", "others"))
    for each in (ended, used, others):
        each.mkdir(parents=True)
    with temporary.marked(ended):
        pass
    with temporary.marked(used):
        assert clear(tmp_path)[0] == [f"remove {ended}, sockets and logs of a Ray that has ended"]
    assert sorted(sessions.iterdir()) == [others, used]


def test_caches_go_where_they_are_asked_for_and_no_study_uses_them(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STUDIES_CACHE", raising=False)
    writer = StudyWriter(tmp_path)
    data = str(tmp_path / "data")
    core.data.prepare("dsprites.quick", data)
    cache = core.data.cache_path("dsprites.quick", data)
    assert cache is not None
    assert clear(tmp_path, data_root=data, caches=True)[0] == []
    shutil.rmtree(writer.path)
    assert clear(tmp_path, data_root=data)[0] == []
    assert len(clear(tmp_path, data_root=data, caches=True)[0]) == 1
    assert not cache.exists()


def test_what_nobody_knows_stays_and_the_command_asks(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], sessions: pathlib.Path
) -> None:
    root = tmp_path / "runs"
    (root / "notes").mkdir(parents=True)
    session = sessions / "session_ended"
    session.mkdir(parents=True)
    (session / "log").write_bytes(bytes(2000))
    with temporary.marked(session):
        pass

    def gc(*options: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["studies", "gc", "--root", str(root), *options])
        with pytest.raises(SystemExit) as ended:
            app.main()
        return (int(ended.value.code or 0), *capsys.readouterr())

    assert gc() == (
        2,
        f"- remove {session}, sockets and logs of a Ray that has ended (2 KB)\n2 KB in all\n",
        f"left alone: {root}/notes is a folder without the record of a study\nnothing is done yet: add --yes\n",
    )
    assert gc("--dry-run")[0] == 0
    assert session.exists()
    assert gc("--yes")[0] == 0
    assert not session.exists()
    assert (root / "notes").exists()
    assert gc("--yes")[1] == "there is nothing to clear away\n"
