"""The driver's side of the delivery: starts its process, starts it again should it die, and asks it to finish."""

import contextlib
import json
import queue
import subprocess
import threading
import time
from typing import Any, Self

from core.record import journal
from core.runtime import of_the_house
from studies.delivery.feeder import LONGEST_WAIT, PAUSE
from studies.record.folder import StudyFolder

HEAD_START = 15.0  # seconds that the first trials have to start undisturbed


class Delivery:
    """Delivers the journal to the stores of MLflow and Optuna, from a process beside the driver.

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
        command, environment = of_the_house("studies.delivery", str(self._folder.root), self._folder.name)
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
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
