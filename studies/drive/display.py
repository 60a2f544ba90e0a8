"""Live progress: a table on a terminal or in a notebook, plain lines elsewhere; terminals hear it on stderr."""

import io
import math
import sys
import time
from typing import Any, Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.progress_bar import ProgressBar
from rich.table import Table

from core.configuration import Configuration
from core.record.history import History
from studies.record.standing import Standing, outlook, standing
from studies.study_file.spec import StudySpec

REDRAW = 0.5  # seconds between two pictures on a terminal
LINE_EVERY = 15.0  # and between two lines elsewhere
MOST_SHOWN = 8  # running trials
NOTEBOOK_WIDTH = 100  # characters


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
    """Shows one drive of a study.

    Args:
        spec: of the study.
        console: where; standard error by default.
        meanwhile: what to look at while the study runs, as a line.
    """

    def __init__(self, spec: StudySpec, console: Console | None = None, meanwhile: str = "") -> None:
        self.spec = spec
        self.console = console or Console(file=sys.stderr, markup=False, emoji=False, highlight=False)
        self._meanwhile = meanwhile
        self._began = time.monotonic()
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
            self._live.update(self.picture(history, trouble), refresh=True)
        else:
            self.message(self._line(history, trouble))

    def close(self) -> None:
        """Leave the terminal as it was."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def picture(self, history: History, trouble: str | None) -> Group:
        """How the study stands, to be looked at: a bar, what is best so far, what is running."""
        now, facts = standing(self.spec, history), self._facts(history)
        head = Table.grid(padding=(0, 2))
        times = [
            f"{100 * now.share_done:.0f} %",
            *(f"{key} {facts.pop(key)}" for key in ("elapsed", "left") if key in facts),
        ]
        head.add_row(_bar(now.share_done, 30), *times)
        table = Table.grid(padding=(0, 2))
        for key, value in facts.items():
            table.add_row(key, value)
        if trouble:
            table.add_row("MLflow away", f"{trouble} (nothing is lost)")
        running = [trial for trial in history.trials() if trial.state == "RUNNING"]
        trials = Table.grid(padding=(0, 2))
        for trial in running[:MOST_SHOWN]:
            configuration, step = (
                history.configurations[trial.configuration].configuration,
                history.progress(trial).step,
            )
            whose = f"  {self._described(configuration)} seed {trial.seed}"
            steps = self.spec.budget.steps
            trials.add_row(whose, _bar(step / steps, 16), f"step {step:,} of {steps:,}")
        if len(running) > MOST_SHOWN:
            trials.add_row(f"  and {len(running) - MOST_SHOWN} more")
        title = f"study {self.spec.name} on {self.spec.dataset_name}"
        return Group(title, head, table, trials, *([self._meanwhile] if self._meanwhile else []))

    def _facts(self, history: History) -> dict[str, str]:
        now = standing(self.spec, history)
        facts = {"trials": f"{now.ended} of {now.planned} ended, {now.counts['RUNNING']} running"}
        for name in ("PRUNED", "FAILED"):
            if count := now.counts[name]:
                facts[name.lower()] = str(count)
        facts |= self._best(now)
        if now.best:
            facts["front"] = str(now.front)
        if now.gain is not None:
            facts["hypervolume"] = outlook(now.gain)
        facts["elapsed"] = duration(time.monotonic() - self._began)
        if now.seconds_left is not None:
            facts["left"] = f"about {duration(now.seconds_left)}"
        return facts

    def _best(self, now: Standing) -> dict[str, str]:
        return {
            f"best {objective}": f"{best.value:.4g} ({self._described(best.configuration)})"
            for objective, best in now.best.items()
        }

    def _described(self, configuration: Configuration) -> str:
        """The model, and those of its hyperparameters that are searched."""
        raw = {**self.spec.defaults, **self.spec.models.get(configuration.model, {})}
        values = {
            name: value
            for name, value in configuration.hyperparameters.items()
            if isinstance(raw.get(name), dict | list)
        }
        texts = (
            f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}" for name, value in values.items()
        )
        return " ".join([configuration.model, *texts])

    def _line(self, history: History, trouble: str | None) -> str:
        share = f"{100 * standing(self.spec, history).share_done:.0f} %"
        facts = ", ".join([share, *(f"{key} {value}" for key, value in self._facts(history).items())])
        return f"{time.strftime('%H:%M:%S')}  {facts}{f'; MLflow away: {trouble}' if trouble else ''}"


class NotebookDisplay(ProgressDisplay):
    """The same in the output of a notebook's cell, in one place."""

    def __init__(self, spec: StudySpec, meanwhile: str = "") -> None:
        super().__init__(spec, Console(file=sys.stderr, markup=False, emoji=False, highlight=False), meanwhile)
        self._place: Any = None
        self._messages: list[str] = []

    def message(self, text: str) -> None:
        """One line above the picture."""
        self._messages.append(text)
        self._show([])

    def data_progress(self, done: int, total: int) -> None:
        """Images rendered so far."""
        if time.monotonic() - self._shown > REDRAW or done == total:
            self._shown = time.monotonic()
            self._show([f"rendering {self.spec.dataset_name}: {done:,} of {total:,} images"])

    def refresh(self, history: History, trouble: str | None) -> None:
        """Draw, if it is time."""
        if time.monotonic() - self._shown >= REDRAW:
            self._shown = time.monotonic()
            self._show([self.picture(history, trouble)])

    def close(self) -> None:
        """Leave the messages alone."""
        self._show([])

    def _show(self, below: list[Any]) -> None:
        from IPython.display import HTML, display

        console = Console(
            record=True,
            force_jupyter=False,
            file=io.StringIO(),
            width=NOTEBOOK_WIDTH,
            markup=False,
            emoji=False,
            highlight=False,
        )
        for each in (*self._messages, *below):
            console.print(each)
        text = HTML(console.export_html(inline_styles=True, code_format="<pre>{code}</pre>"))
        if self._place is None:
            self._place = display(text, display_id=True)
        else:
            self._place.update(text)


def display_of(spec: StudySpec, meanwhile: str = "") -> Display:
    """The display that suits where this process is: a notebook, a terminal, or a file."""
    kernel = sys.modules.get("ipykernel.zmqshell")
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if kernel is not None and isinstance(shell, kernel.ZMQInteractiveShell):
        return NotebookDisplay(spec, meanwhile)
    return ProgressDisplay(spec, meanwhile=meanwhile)


def _bar(share: float, width: int) -> ProgressBar:
    return ProgressBar(total=1.0, completed=min(1.0, share), width=width)


def duration(seconds: float) -> str:
    """Seconds as `1:02:03` or `2:03`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
