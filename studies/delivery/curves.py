"""Means over the seeds of a configuration while they trained, from the journal."""

import pathlib
from collections import defaultdict
from collections.abc import Iterator

import numpy as np

from core.record import journal
from core.record.events import Event, TrialReported
from core.record.history import ConfigurationHistory


class Curves:
    """What trials reported, by configuration, until their configuration ends."""

    def __init__(self, folder: pathlib.Path) -> None:
        self._folder = folder
        self._reports: dict[str, dict[int, dict[int, dict[str, float]]]] = defaultdict(lambda: defaultdict(dict))

    def note(self, event: Event) -> None:
        """Keep what an event reports."""
        if isinstance(event, TrialReported):
            values = {key: value for key, value in event.metrics.items() if not key.startswith("train/")}
            self._reports[event.configuration][event.seed][event.step] = values

    def means(self, configuration: ConfigurationHistory) -> Iterator[tuple[int, dict[str, float]]]:
        """Steps before the last, and the means over completed seeds of what all of them reported there."""
        seeds = [trial.seed for trial in configuration.completed]
        reports = self._reports.pop(configuration.hash, {})
        if any(seed not in reports for seed in seeds):  # of another process, or before the plan was enlarged
            for _, event in journal.read(self._folder):
                if isinstance(event, TrialReported) and event.configuration == configuration.hash:
                    self.note(event)
            reports = self._reports.pop(configuration.hash, {})
        each = [reports.get(seed, {}) for seed in seeds]
        steps = sorted(set.intersection(*map(set, each))) if each else []
        for step in steps[:-1]:
            values = [of_seed[step] for of_seed in each]
            keys = set.intersection(*map(set, values))
            yield step, {f"mean/{key}": float(np.mean([value[key] for value in values])) for key in sorted(keys)}
