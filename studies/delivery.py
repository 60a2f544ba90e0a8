"""Deliver the journal to the stores of MLflow and Optuna, from a process beside the driver.

The journal is the spool. One thread per store reads it from where it last stopped and delivers it; while a store is
away its thread waits and tries again, and neither the study nor a point is lost. The process ends with the driver: when
its standard input closes, it stops at once, and the next driver's goes on from there.
"""

import contextlib
import itertools
import json
import os
import pathlib
import queue
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from typing import Any, Protocol, Self

import sqlalchemy

from core.record import journal
from core.record.journal import Event
from core.storage import redact
from studies.folder import StudyFolder

CHUNK = 500  # events between two notes of the place in the journal
PAUSE = 0.5  # seconds between two looks at the journal
LONGEST_WAIT = 30.0
HEAD_START = 15.0  # seconds that the first trials have to start undisturbed
ERRORS = "delivery-error.txt"


class Sink(Protocol):
    """A store that is fed from the journal."""

    name: str

    def begin(self) -> int:
        """Connect, unless it is connected; the place in the journal from which events are wanted."""

    def deliver(self, chunk: Sequence[tuple[int, Event]]) -> None:
        """Take in events, each with the offset behind it; after an error the same chunk is delivered again."""

    def forget(self) -> None:
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
                self.sink.forget()
                self._tell(self.sink.name, redact(f"{type(error).__name__}: {error}".strip().splitlines()[0])[:200])
                (self.folder / ERRORS).write_text(redact(traceback.format_exc()))
                pause, wait = wait, min(2 * wait, LONGEST_WAIT)
            else:
                pause, wait = PAUSE, 1.0
            self._urgent.wait(pause)
            self._urgent.clear()

    def _deliver(self) -> None:
        """Everything that is in the journal now, a chunk at a time."""
        offset = self.sink.begin()
        while chunk := list(itertools.islice(journal.read(self.folder, offset), CHUNK)):
            self.sink.deliver(chunk)
            offset = chunk[-1][0]
            self._tell(self.sink.name, None)
        with self._moved:
            self._offset = offset
            self._moved.notify_all()


class Delivery:
    """The driver's side: starts the process, starts it again should it die, and asks it to finish.

    The process is there from the first `begin`, `flush` or `finish` on, at the latest after `HEAD_START` seconds: what
    it imports would delay the start of the first trials.
    """

    def __init__(self, folder: StudyFolder) -> None:
        self._folder = folder
        self._troubles: dict[str, str | None] = {}
        self._answers: queue.Queue[dict[str, Any]] = queue.Queue()
        self._closing = threading.Event()
        self._heard = 0.0  # when a store last took something
        self._process: subprocess.Popen[str] | None = None
        self._beginning = threading.Lock()
        self._reader = threading.Thread(target=self._listen, name="delivery", daemon=True)
        self._timer = threading.Timer(HEAD_START, self.begin)
        self._timer.daemon = True
        self._timer.start()

    def begin(self) -> None:
        """Start the process, unless it was."""
        with self._beginning:
            if self._process is None and not self._closing.is_set():
                self._timer.cancel()
                self._process = self._start()
                self._reader.start()

    @property
    def trouble(self) -> str | None:
        """Why a store does not get what it should, as a sentence."""
        return "; ".join(f"{name}: {text}" for name, text in self._troubles.items() if text) or None

    def flush(self, timeout: float) -> bool:
        """Deliver what is in the journal, until nothing was taken for `timeout` seconds; whether all is there now."""
        size = (self._folder.path / journal.FILE).stat().st_size
        self._heard = time.monotonic()
        while (left := self._heard + timeout - time.monotonic()) > 0:
            if self._ask({"do": "flush", "offset": size}, min(left, LONGEST_WAIT)) is not None:
                return True
        return False

    def finish(self, timeout: float) -> str | None:
        """Write the report, attach it to the study's own run in MLflow, and end that; what went wrong, if anything."""
        answer = self._ask({"do": "finish"}, timeout)
        if answer is None:
            return f"the process that draws it ended, or took more than {timeout:.0f} s; `studies report` tries again"
        trouble: str | None = answer["trouble"]
        return trouble

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        """End the process."""
        with self._beginning:
            self._closing.set()
        self._timer.cancel()
        if self._process is None:
            return
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()

    def _start(self) -> subprocess.Popen[str]:
        here = str(pathlib.Path(__file__).resolve().parent.parent)
        path = os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH")]))
        return subprocess.Popen(
            [sys.executable, "-m", "studies.delivery", str(self._folder.root), self._folder.name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "PYTHONPATH": path},
        )

    def _ask(self, command: dict[str, Any], timeout: float) -> dict[str, Any] | None:
        """The answer to a command; None when there is none in time."""
        self.begin()
        assert self._process is not None
        assert self._process.stdin is not None
        number = time.monotonic_ns()
        while not self._answers.empty():  # of earlier commands
            self._answers.get()
        try:
            self._process.stdin.write(json.dumps({**command, "number": number}) + "\n")
            self._process.stdin.flush()
        except OSError:  # it died, and is being started again
            self._closing.wait(PAUSE)
            return None
        deadline = time.monotonic() + timeout
        while (left := deadline - time.monotonic()) > 0:
            try:
                answer = self._answers.get(timeout=left)
            except queue.Empty:
                return None
            if answer["number"] is None:  # the process died
                return None
            if answer["number"] == number:
                return answer
        return None

    def _listen(self) -> None:
        while True:
            assert self._process is not None
            assert self._process.stdout is not None
            with self._process.stdout as stream:
                for line in stream:
                    said = json.loads(line)
                    if "store" in said:
                        self._troubles[said["store"]] = said["trouble"]
                        if not said["trouble"]:
                            self._heard = time.monotonic()
                    else:
                        self._answers.put(said)
            code = self._process.wait()
            if self._closing.is_set():
                return
            assert self._process.stdin is not None
            with contextlib.suppress(OSError):
                self._process.stdin.close()
            self._troubles["delivery"] = f"its process ended with code {code} and is started again"
            self._answers.put({"number": None})
            if self._closing.wait(PAUSE):
                return
            self._process = self._start()
            self._troubles.pop("delivery")


def sinks(folder: StudyFolder) -> tuple[Sink, ...]:
    """The stores of a study."""
    from studies.optuna_store import OptunaSink
    from studies.tracking import MlflowSink

    return MlflowSink(folder), OptunaSink(folder.spec(), folder.stores().optuna)


def relax_sqlite(connection: Any, _: Any) -> None:
    """Readers do not stop the writer, and a commit does not wait for the disk: the journal repairs a power cut."""
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")


def main() -> None:
    """`python -m studies.delivery ROOT NAME`, with commands as JSON lines on standard input."""
    os.nice(5)  # training comes first
    voice = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    sys.stdout.flush()
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # MLflow greets every run that ends
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the driver, which closes the input when it is done
    commands: queue.Queue[dict[str, Any]] = queue.Queue()
    speaking = threading.Lock()

    def say(message: dict[str, Any]) -> None:
        with speaking:
            print(json.dumps(message), file=voice, flush=True)

    def tell(store: str, trouble: str | None) -> None:
        say({"store": store, "trouble": trouble})

    def listen() -> None:
        for line in sys.stdin:
            commands.put(json.loads(line))
        os._exit(0)

    threading.Thread(target=listen, daemon=True).start()
    sqlalchemy.event.listen(sqlalchemy.Engine, "connect", relax_sqlite)
    folder = StudyFolder(sys.argv[1], sys.argv[2])
    stores = sinks(folder)
    feeders = [Feeder(folder.path, sink, tell) for sink in stores]

    def flush(command: dict[str, Any]) -> None:
        for feeder in feeders:
            feeder.flush(command["offset"])
        say({"number": command["number"]})

    while True:
        command = commands.get()
        if command["do"] == "flush":  # which lasts as long as a store is away
            threading.Thread(target=flush, args=(command,), daemon=True).start()
        else:
            say({"number": command["number"], "trouble": _finish(folder, stores[0])})


def _finish(folder: StudyFolder, mlflow: Any) -> str | None:
    """Here and not in the driver, since the pictures of a large study take memory of their own."""
    from analysis.study import Study

    try:
        report = str(Study(folder.name, folder.root).report().parent)
        trouble = None
    except Exception as error:  # a picture that cannot be drawn never costs a study its results
        report, trouble = None, f"{error}; `studies report {folder.name}` tries again"
    try:
        mlflow.finish(report)
    except Exception as error:
        return trouble or f"MLflow did not take it: {redact(str(error).strip().splitlines()[0])[:200]}"
    return trouble


if __name__ == "__main__":
    main()
