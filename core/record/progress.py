"""Where running trials are between two results: `progress.json` beside the journal, for whoever looks at a study.

The driver writes it every few seconds. It is a glance, and nothing is read from it that matters: results, and where a
trial goes on, are in the journal and in its checkpoints.
"""

import dataclasses
import json
import pathlib
from collections.abc import Mapping

from core.files import write_whole

FILE = "progress.json"


@dataclasses.dataclass(frozen=True)
class Progress:
    """Optimiser steps of a trial, and the seconds that it took for them so far."""

    step: int
    seconds: float


def write(folder: pathlib.Path, trials: Mapping[str, Progress]) -> None:
    """Keep where trials are, by identity; a disk that is full is no reason to end a study."""
    content = {identity: [each.step, round(each.seconds, 1)] for identity, each in trials.items()}
    try:
        write_whole(folder / FILE, json.dumps(content))
    except OSError:
        return


def read(folder: pathlib.Path) -> dict[str, Progress]:
    """Where trials were last; empty where nobody wrote it, or cannot be read."""
    try:
        content = json.loads((folder / FILE).read_text(encoding="utf-8"))
        return {identity: Progress(int(step), float(seconds)) for identity, (step, seconds) in content.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
