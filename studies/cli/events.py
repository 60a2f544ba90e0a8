"""What happens in a study as JSON lines, for programs: its journal from now on, and the answer as the last line."""

import dataclasses
from typing import TYPE_CHECKING, Any

from core.record import journal
from core.record.events import to_line
from studies.cli.output import emit, plain, say
from studies.cli.rows import best_rows, front_rows

if TYPE_CHECKING:
    from analysis.study import Study
    from core.record.history import History
    from studies.drive.driver import Outcome
    from studies.record.folder import StudyFolder


class EventLines:
    """A display of one drive of a study: every event of the journal that it writes, one JSON object a line on stdout.

    Messages go to stderr, as they do without it.
    """

    def __init__(self, folder: "StudyFolder") -> None:
        self._folder = folder
        self._offset = journal.size(folder.path)
        self._trouble: str | None = None

    def message(self, text: str) -> None:
        """One line for the user."""
        say(text)

    def data_progress(self, done: int, total: int) -> None:
        """Say once that the images are there."""
        if done == total:
            emit([{"type": "data", "images": total}], True)

    def refresh(self, history: "History", trouble: str | None) -> None:  # noqa: ARG002 - of every display
        """Tell what was written since, and whether a store is away."""
        self._tell()
        if trouble != self._trouble:
            self._trouble = trouble
            emit([{"type": "delivery", "trouble": trouble}], True)

    def close(self) -> None:
        """Tell the rest."""
        self._tell()

    def _tell(self) -> None:
        for offset, event in journal.read(self._folder.path, self._offset):
            self._offset = offset
            emit([to_line(event)], True)


def answer(study: "Study", outcome: "Outcome") -> dict[str, Any]:
    """What a study found, as the last line says it."""
    from analysis import search

    best = {}
    for objective in study.objectives:
        if objective in study.metrics():
            best[objective] = [_plain(row) for row in best_rows(study, objective, 1, None, full=True)]
    hypervolume = plain(study.hypervolume()) if best else None
    gain = study.gain()
    report = study.pictures_folder() / "report.html"
    return {
        "type": "answer",
        "study": study.name,
        "finished": outcome.finished,
        "failed_trials": outcome.failed_trials,
        "delivered": outcome.delivered,
        "best": {objective: rows[0] for objective, rows in best.items() if rows},
        "front": [_plain(row) for row in front_rows(study, full=True)],
        "hypervolume": hypervolume,
        "luck": search.luck(study),
        "gain": None if gain is None else dataclasses.asdict(gain),
        "report": str(report) if report.exists() else None,
    }


def _plain(value: Any) -> Any:
    """Rows as JSON knows them, all the way down."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return plain(value)
