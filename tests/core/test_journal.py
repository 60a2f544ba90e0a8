import pathlib

from core.record import journal
from core.record.journal import Journal


def append(folder: pathlib.Path, trial: str) -> None:
    writer = Journal(folder)
    writer.write("start", trial=trial)
    writer.close()


def test_events_come_back_with_offsets_that_can_be_continued_from(tmp_path: pathlib.Path) -> None:
    writer = Journal(tmp_path)
    for number in range(3):
        writer.write("start", trial=str(number))
    writer.close()
    events = list(journal.read(tmp_path))
    assert [event["trial"] for _, event in events] == ["0", "1", "2"]
    assert [event["trial"] for _, event in journal.read(tmp_path, events[1][0])] == ["2"]


def test_a_line_cut_by_a_kill_is_left_out_and_then_dropped(tmp_path: pathlib.Path) -> None:
    append(tmp_path, "0")
    path = tmp_path / journal.FILE
    path.write_bytes(path.read_bytes() + b'{"type": "sta')
    assert len(list(journal.read(tmp_path))) == 1
    append(tmp_path, "1")
    assert [event["trial"] for _, event in journal.read(tmp_path)] == ["0", "1"]
