"""Live progress: a table on a terminal, plain lines elsewhere; everything goes to stderr."""

import math
import sys
import time
from typing import Protocol

from rich.console import Console
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from core.record.history import History
from studies.record.standing import standing
from studies.study_file.spec import StudySpec

REDRAW = 0.5  # seconds between two pictures on a terminal
LINE_EVERY = 15.0  # and between two lines elsewhere


class Display(Protocol):
    """Shows how a study goes on."""

    def message(self, text: str) -> None:
        """One line for the user."""

    def data_progress(self, done: int, total: int) -> None:
        """Images rendered so far."""

    def refresh(self, history: History, trouble: str | None) -> None:
        """Called often; draws at its own pace."""

    def close(self) -> None:
        """The loop is over."""


class ProgressDisplay:
    """Shows one drive of a study."""

    def __init__(self, spec: StudySpec, console: Console | None = None) -> None:
        self.spec = spec
        self.console = console or Console(file=sys.stderr, markup=False, emoji=False, highlight=False)
        self._shown = -math.inf
        self._live: Live | None = None
        self._rendering: Progress | None = None

    def message(self, text: str) -> None:
        """One line for the user."""
        self.console.print(text, soft_wrap=True)

    def data_progress(self, done: int, total: int) -> None:
        """Images rendered so far."""
        if not self.console.is_terminal:
            if done == total:
                self.message(f"{self.spec.dataset_name}: {total:,} images ready")
            return
        if self._rendering is None:
            columns = (TextColumn("rendering {task.description}"), BarColumn(), TimeRemainingColumn())
            self._rendering = Progress(*columns, console=self.console, transient=True)
            self._rendering.add_task(self.spec.dataset_name, total=total)
            self._rendering.start()
        self._rendering.update(self._rendering.task_ids[0], completed=done)
        if done == total:
            self._rendering.stop()

    def refresh(self, history: History, trouble: str | None) -> None:
        """Draw, if it is time."""
        now = time.monotonic()
        terminal = self.console.is_terminal
        if now - self._shown < (REDRAW if terminal else LINE_EVERY):
            return
        self._shown = now
        if terminal:
            if self._live is None:
                self._live = Live(console=self.console, auto_refresh=False, transient=True)
                self._live.start()
            self._live.update(self._table(history, trouble), refresh=True)
        else:
            self.message(self._line(history, trouble))

    def close(self) -> None:
        """Leave the terminal as it was."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _facts(self, history: History) -> dict[str, str]:
        now = standing(self.spec, history)
        facts = {"trials": f"{now.ended} of {now.planned} ended, {now.counts['RUNNING']} running"}
        for name in ("PRUNED", "FAILED"):
            if count := now.counts[name]:
                facts[name.lower()] = str(count)
        for objective, best in now.best.items():
            facts[f"best {objective}"] = f"{best.value:.4g} ({best.configuration.model})"
        if now.best:
            facts["front"] = str(now.front)
        if now.seconds_left is not None:
            facts["left"] = duration(now.seconds_left)
        return facts

    def _table(self, history: History, trouble: str | None) -> Table:
        table = Table(title=f"study {self.spec.name} on {self.spec.dataset_name}", show_header=False)
        for key, value in self._facts(history).items():
            table.add_row(key, value)
        for trial in [trial for trial in history.trials() if trial.state == "RUNNING"][:8]:
            model = history.configurations[trial.configuration].configuration.model
            table.add_row(f"  {model} seed {trial.seed}", f"step {trial.step} of {self.spec.budget.steps}")
        if trouble:
            table.add_row("MLflow away", f"{trouble} (nothing is lost)")
        return table

    def _line(self, history: History, trouble: str | None) -> str:
        facts = ", ".join(f"{key} {value}" for key, value in self._facts(history).items())
        return f"{time.strftime('%H:%M:%S')}  {facts}{f'; MLflow away: {trouble}' if trouble else ''}"


def duration(seconds: float) -> str:
    """Seconds as `1:02:03` or `2:03`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
