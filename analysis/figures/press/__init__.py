"""PDF files of figures: each where it is drawn, or all of a report by a process beside the one that draws.

A PDF file takes longer than its PNG, and half of that time is for the subset of each font that it embeds.
"""

import contextlib
import contextvars
import pathlib
import pickle
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from core.machine import granted_cores
from core.runtime import of_the_house

DPI = 150  # of files
EDITABLE = 42  # fonts are embedded as TrueType: what journals take, and drawing programs can edit

_press: contextvars.ContextVar["Press | None"] = contextvars.ContextVar("press", default=None)


def pdf(figure: Figure, path: pathlib.Path) -> None:
    """Write a figure, which is not drawn on afterwards, as a PDF file: now, or within `beside` by its end."""
    press = _press.get()
    if press is None:
        write(figure, path)
    else:
        press.take(figure, path)


def write(figure: Figure, path: pathlib.Path) -> None:
    """Write a figure as a PDF file."""
    with mpl.rc_context({"pdf.fonttype": EDITABLE}):
        figure.savefig(path, dpi=DPI)


@contextlib.contextmanager
def beside() -> Iterator[None]:
    """Within it, PDF files are written by another process; at its end all of them are there.

    With one core there is nothing to be gained, and they are written here.
    """
    if granted_cores().amount < 2:
        yield
        return
    press = Press()
    token = _press.set(press)
    try:
        yield
        press.finish()
    except BaseException:
        press.stop()
        raise
    finally:
        _press.reset(token)


class Press:
    """The process that writes PDF files, and the thread that hands them to it."""

    def __init__(self) -> None:
        command, environment = of_the_house("analysis.figures.press")
        self._process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self._taken: list[tuple[Figure, pathlib.Path]] = []
        self._hand = ThreadPoolExecutor(1, "press")  # a pipe holds less than a figure, and the process is slow
        self._hand.submit(self._give, _own_settings())

    def take(self, figure: Figure, path: pathlib.Path) -> None:
        """Have a figure written, as it is now."""
        self._taken.append((figure, path))
        self._hand.submit(self._give, pickle.dumps((figure, path)))

    def finish(self) -> None:
        """Wait until everything is written; here, should the process have failed."""
        self._hand.shutdown()
        if self._end() != 0:
            for figure, path in self._taken:
                write(figure, path)

    def stop(self) -> None:
        """End the process, whatever is left to write."""
        self._process.kill()
        self._hand.shutdown(cancel_futures=True)
        self._end()

    def _give(self, pickled: bytes) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):  # it ended, which its exit code tells
            self._process.stdin.write(pickled)
            self._process.stdin.flush()

    def _end(self) -> int:
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        return self._process.wait()


def _own_settings() -> bytes:
    """What this process has set otherwise than matplotlib does, such as fonts."""
    names = [name for name in mpl.rcParams if name != "backend"]  # which would be chosen by being asked for
    settings: dict[str, Any] = {name: mpl.rcParams[name] for name in names}
    return pickle.dumps({name: value for name, value in settings.items() if value != mpl.rcParamsDefault[name]})
