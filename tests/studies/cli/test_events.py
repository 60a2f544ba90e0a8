"""`--json` of commands that run a study: events as they happen, and the answer as the last line."""

import json
import pathlib

import pytest

from core.record.history import History
from studies.cli.events import EventLines, answer
from studies.drive.driver import Outcome
from studies.record.folder import StudyFolder
from tests.analysis.kit import StudyWriter, random_study
from tests.service import Service


def test_events_are_those_of_this_drive_and_each_once(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    writer = StudyWriter(tmp_path)
    lines = EventLines(StudyFolder(tmp_path, "made"))  # after what an earlier driver wrote
    key = writer.configuration("beta_vae", beta=4.0)
    lines.refresh(History(), None)
    writer.complete(key, 0, {"mig": 0.5})
    lines.refresh(History(), "MLflow is away")
    lines.refresh(History(), "MLflow is away")
    lines.data_progress(1, 2)
    lines.data_progress(2, 2)
    lines.message("a sentence")
    lines.close()
    out, err = capsys.readouterr()
    rows = [json.loads(line) for line in out.splitlines()]
    types = ["configuration", "seeds", "start", "report", "report", "end", "delivery", "data"]
    assert [row["type"] for row in rows] == types
    assert rows[5]["metrics"] == {"mig": 0.5}
    assert err == "a sentence\n"


def test_the_answer_has_best_and_front_and_is_json(tmp_path: pathlib.Path) -> None:
    study = random_study(tmp_path, configurations=24)
    found = json.loads(json.dumps(answer(study, Outcome(True, 0, True, False)), allow_nan=False))
    assert found["best"]["factor_vae_score"]["trial"] == study.best(top=1)[0].identity
    assert [row["configuration"] for row in found["front"]] == study.front()["configuration"].tolist()
    assert found["hypervolume"] == pytest.approx(study.hypervolume())
    assert found["luck"] == pytest.approx(1 - study.hypervolume(by="expected") / study.hypervolume())
    assert found["report"] is None
    nothing = answer(StudyWriter(tmp_path, "empty").study, Outcome(False, 0, True, False))
    assert (nothing["best"], nothing["front"], nothing["hypervolume"], nothing["luck"]) == ({}, [], None, None)


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_launch_tells_what_happens_and_ends_with_the_answer(tmp_path: pathlib.Path) -> None:
    service = Service(tmp_path)
    *events, last = service.rows("launch", service.write("told"))
    assert [event["type"] for event in events if event["type"] == "end"] == ["end"] * 8
    assert {"session", "configuration", "start", "report", "configuration_end"} <= {event["type"] for event in events}
    assert (last["type"], last["finished"], last["failed_trials"]) == ("answer", True, 0)
    assert last["best"]["factor_vae_score"]["trial"]
    assert pathlib.Path(last["report"]).exists()
    again = service.rows("launch", service.folder / "told.yaml")
    assert again[-1] == last
