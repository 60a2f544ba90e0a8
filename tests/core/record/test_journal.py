import json
import pathlib

import pytest

from core.record import events, journal
from core.record.events import Event, TrialEvent, TrialStarted
from core.record.journal import Journal


def append(folder: pathlib.Path, *seeds: int) -> None:
    writer = Journal(folder)
    for seed in seeds:
        writer.write(TrialStarted.of("c", seed))
    writer.close()


def trials(folder: pathlib.Path, offset: int = 0) -> list[str]:
    return [event.trial for _, event in journal.read(folder, offset) if isinstance(event, TrialEvent)]


def test_events_come_back_with_offsets_that_can_be_continued_from(tmp_path: pathlib.Path) -> None:
    append(tmp_path, 0, 1, 2)
    assert trials(tmp_path) == ["c-s0", "c-s1", "c-s2"]
    offsets = [offset for offset, _ in journal.read(tmp_path)]
    assert trials(tmp_path, offsets[1]) == ["c-s2"]
    assert offsets[-1] == journal.size(tmp_path)


def test_a_line_cut_by_a_kill_is_left_out_and_then_dropped(tmp_path: pathlib.Path) -> None:
    append(tmp_path, 0)
    path = tmp_path / journal.FILE
    path.write_bytes(path.read_bytes() + b'{"type": "sta')
    assert trials(tmp_path) == ["c-s0"]
    append(tmp_path, 1)
    assert trials(tmp_path) == ["c-s0", "c-s1"]


# A line of every kind, as studies of the first release have them.
LINES = (
    '{"type":"session","time":1.5,"pid":7,"versions":{"python":"3.11"},"source":{"commit":"00"}}',
    '{"type":"share","time":1.5,"share":0.25,"footprints":[{"bytes_used":1}]}',
    '{"type":"lesson","time":1.5,"origin":"a/c","model":"vae","hyperparameters":{},"values":[0.5]}',
    '{"type":"configuration","time":1.5,"configuration":"c","number":0,"model":"vae","hyperparameters":{}}',
    '{"type":"configuration","time":1.5,"configuration":"c","number":0,"model":"vae","hyperparameters":{},"notes":{"g":1}}',
    '{"type":"seeds","time":1.5,"configuration":"c","seeds":2}',
    '{"type":"spared","time":1.5,"configuration":"c"}',
    '{"type":"start","time":1.5,"trial":"c-s0","configuration":"c","seed":0}',
    '{"type":"report","time":1.5,"trial":"c-s0","configuration":"c","seed":0,"step":5,"metrics":{"m":1.0},"ledger":{}}',
    '{"type":"end","time":1.5,"trial":"c-s0","configuration":"c","seed":0,"state":"FAILED","step":5,"reason":"why",'
    '"metrics":{},"ledger":{}}',
    '{"type":"reopen","time":1.5,"trial":"c-s0","configuration":"c","seed":0}',
    '{"type":"enlarge","time":1.5,"trial":"c-s0","configuration":"c","seed":0,"share":0.5}',
    '{"type":"configuration_end","time":1.5,"configuration":"c","state":"FAIL","values":null,"reason":"why"}',
    '{"type":"code","time":1.5,"extensions":{"sparse_vae":"00"}}',
    '{"type":"of tomorrow","time":1.5,"anything":[1]}',
)


def read_back(line: str) -> Event:
    return events.from_line(json.loads(line))


@pytest.mark.parametrize("line", LINES)
def test_every_event_is_written_as_it_was_read(line: str) -> None:
    event = read_back(line)
    assert json.dumps(events.to_line(event), separators=(",", ":")) == line
    assert event.time == 1.5


def test_every_kind_has_a_line_above() -> None:
    assert {json.loads(line)["type"] for line in LINES} >= set(events.KINDS)


def test_what_a_newer_version_adds_to_an_event_is_left_alone() -> None:
    known = read_back('{"type":"seeds","time":1.5,"configuration":"c","seeds":2,"why":"doubt"}')
    assert known == events.SeedsPlanned("c", 2, time=1.5)
