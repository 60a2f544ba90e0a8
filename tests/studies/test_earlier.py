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


def copied(folder: pathlib.Path) -> Service:
    """The service on a root with both studies; what `study.json` says of places is true there."""
    made = Service(folder)
    shutil.copytree(EARLIER, made.root)
    for record in made.root.glob("*/study.json"):
        record.write_text(record.read_text().replace("ROOT", str(made.root)).replace("DATA", str(folder / "data")))
    return made


@pytest.fixture(scope="module")
def gone_on(tmp_path_factory: pytest.TempPathFactory) -> Service:
    """The same after one was resumed and the other extended, at the same time."""
    service = copied(tmp_path_factory.mktemp("earlier"))
    commands = {("resume", "cut"): 0, ("extend", "before", "--configurations", "7"): 1}  # six trials failed before
    for process, code in [(service.start(*command), code) for command, code in commands.items()]:
        _, err = process.communicate(timeout=110)
        assert process.returncode == code, err
    return service


@pytest.mark.parametrize("name", ["before", "cut"])
def test_every_line_of_their_journals_is_an_event_that_is_written_as_it_was_read(name: str) -> None:
    for line in (EARLIER / name / "journal.jsonl").read_text().splitlines():
        event = events.from_line(json.loads(line))
        assert not isinstance(event, events.Unknown)
        assert json.dumps(events.to_line(event), separators=(",", ":")) == line


def test_their_tables_say_what_they_said(tmp_path: pathlib.Path) -> None:
    service = copied(tmp_path)
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
def test_a_study_that_was_cut_off_is_resumed_checked_and_reported(gone_on: Service) -> None:
    journal = (gone_on.root / "cut" / "journal.jsonl").read_text()
    earlier = (EARLIER / "cut" / "journal.jsonl").read_text()
    assert journal.startswith(earlier)
    gone_on.assert_exactly_once("cut", configurations=5, seeds=2)
    went_on = [json.loads(line) for line in journal.removeprefix(earlier).splitlines()]
    reports = [event for event in went_on if event["type"] == "report" and event["trial"] == "e6d6488d3a99-s0"]
    # from the checkpoint of that release, whose result its driver had not heard any more
    assert [(event["step"], event["ledger"]["resumed_from"]) for event in reports[:2]] == [(20, 20), (40, 20)]
    assert (gone_on.root / "cut" / "report" / "report.html").exists()


@pytest.mark.timeout(120)
def test_a_study_that_had_ended_is_extended(gone_on: Service) -> None:
    trials = gone_on.study("before").trials()
    assert trials["configuration"].nunique() == 7
    assert not set(trials["state"]) & {"PENDING", "RUNNING"}
    gone_on.assert_agreement("before")
