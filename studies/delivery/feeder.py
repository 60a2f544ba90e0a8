"""The thread that feeds one store from the journal: while the store is away it waits, and nothing is lost."""

import itertools
import pathlib
import threading
import traceback
from collections.abc import Callable, Sequence
from typing import Protocol

from core.files import redact
from core.mistakes import kind_and_reason
from core.record import journal
from core.record.events import Event

PAUSE = 0.5  # seconds between two looks at the journal
LONGEST_WAIT = 30.0
ERRORS = "delivery-error.txt"


class Sink(Protocol):
    """A store that is fed from the journal.

    Attributes:
        name: as users know it.
        at_once: events that it takes at a time; None for all that there are.
    """

    name: str
    at_once: int | None

    def begin(self) -> int:
        """Connect, unless it is connected; the place in the journal from which events are wanted."""

    def deliver(self, chunk: Sequence[tuple[int, Event]]) -> None:
        """Take in events, each with the offset behind it; after an error the same chunk is delivered again."""

    def reset(self) -> None:
        """Look at the store anew in the next `begin`: an answer may have been lost after the store had acted."""


class Feeder:
    """The thread that feeds one store; `tell` hears what the trouble is, or None after every chunk that went well."""

    def __init__(self, folder: pathlib.Path, sink: Sink, tell: Callable[[str, str | None], None]) -> None:
        self.folder = folder
        self.sink = sink
        self._tell = tell
        self._urgent = threading.Event()
        self._moved = threading.Condition()
        self._offset = -1
        threading.Thread(target=self._feed, name=sink.name, daemon=True).start()

    def flush(self, offset: int) -> None:
        """Wait until everything before `offset` is delivered, however long the store is away."""
        self._urgent.set()
        with self._moved:
            self._moved.wait_for(lambda: self._offset >= offset)

    def _feed(self) -> None:
        wait = 1.0
        while True:
            try:
                self._deliver()
                if wait > 1.0:
                    self._tell(self.sink.name, None)
            except Exception as error:
                self.sink.reset()
                self._tell(self.sink.name, kind_and_reason(error))
                (self.folder / ERRORS).write_text(redact(traceback.format_exc()))
                pause, wait = wait, min(2 * wait, LONGEST_WAIT)
            else:
                pause, wait = PAUSE, 1.0
            self._urgent.wait(pause)
            self._urgent.clear()

    def _deliver(self) -> None:
        offset = deliver(self.folder, self.sink, lambda: self._tell(self.sink.name, None))
        with self._moved:
            self._offset = offset
            self._moved.notify_all()


def deliver(folder: pathlib.Path, sink: Sink, on_chunk: Callable[[], None] = lambda: None) -> int:
    """Everything that is in the journal now, a chunk at a time; the place behind it."""
    offset = sink.begin()
    while chunk := list(itertools.islice(journal.read(folder, offset), sink.at_once)):
        sink.deliver(chunk)
        offset = chunk[-1][0]
        on_chunk()
    return offset
