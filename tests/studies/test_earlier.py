"""Studies of the release before folders had rooms: they open, say the same, go on, and are checked and reported.

`earlier/before` had ended and been extended; the driver of `earlier/cut` was killed in the middle.
"""

import json
import pathlib
import shutil

import pytest

import studies
from core.record import events
from tests.service import Service

EARLIER = pathlib.Path(__file__).with_name("earlier")


@pytest.fixture
def service(tmp_path: pathlib.Path) -> Service:
    """The service on a root with both studies; what `study.json` says of places is true there."""
    made = Service(tmp_path)
    shutil.copytree(EARLIER, made.root)
    for record in made.root.glob("*/study.json"):
        record.write_text(record.read_text().replace("ROOT", str(made.root)).replace("DATA", str(tmp_path / "data")))
    return made


@pytest.mark.parametrize("name", ["before", "cut"])
def test_every_line_of_their_journals_is_an_event_that_is_written_as_it_was_read(name: str) -> None:
    for line in (EARLIER / name / "journal.jsonl").read_text().splitlines():
        event = events.from_line(json.loads(line))
        assert not isinstance(event, events.Unknown)
        assert json.dumps(events.to_line(event), separators=(",", ":")) == line


def test_their_tables_say_what_they_said(service: Service) -> None:
    study = studies.open("before", service.root)
    assert dict(study.trials()["state"].value_counts()) == {"COMPLETED": 6, "FAILED": 6, "PRUNED": 2}
    front = study.front()
    assert list(front["configuration"]) == ["93a89f86d987", "6eb02355ed77"]
    assert list(front["factor_vae_score_mean"]) == pytest.approx([0.660529, 0.644730], abs=1e-6)
    history = study.history()
    assert (len(history.drivers), history.most_running) == (2, 2)
    assert history.controls == {"6eb02355ed77", "30153725fcbb"}
    assert history.seconds_driven == pytest.approx(18.343, abs=1e-3)


@pytest.mark.timeout(120)
def test_a_study_that_was_cut_off_is_resumed_checked_and_reported(service: Service) -> None:
    journal = service.root / "cut" / "journal.jsonl"
    earlier = journal.read_text()
    resumed = service.run("resume", "cut")
    assert resumed.returncode == 0, resumed.stderr
    assert journal.read_text().startswith(earlier)
    service.assert_exactly_once("cut", configurations=5, seeds=2)
    went_on = [json.loads(line) for line in journal.read_text().removeprefix(earlier).splitlines()]
    first = next(event for event in went_on if event["type"] == "report")
    assert (first["step"], first["ledger"]["resumed_from"]) == (40, 20)  # from the checkpoint of that release
    assert service.run("report", "cut").returncode == 0
    assert (service.root / "cut" / "report" / "report.html").exists()


@pytest.mark.timeout(120)
def test_a_study_that_had_ended_is_extended(service: Service) -> None:
    extended = service.run("extend", "before", "--configurations", "7")
    assert extended.returncode == 1, extended.stderr  # six trials of earlier configurations failed
    trials = service.study("before").trials()
    assert trials["configuration"].nunique() == 7
    assert not set(trials["state"]) & {"PENDING", "RUNNING"}
    service.assert_agreement("before")
