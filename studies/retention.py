"""Which checkpoints of ended trials are kept."""

from collections.abc import Callable

import numpy as np

from core import checkpoints
from core.pareto import non_dominated
from core.storage import Folder
from studies.spec import StudySpec
from studies.state import StudyState


class FrontOnly:
    """`retention: front`: weights on the front and of the best by each objective; pictures of all."""

    def __init__(self, spec: StudySpec, state: StudyState, folder_of: Callable[[str], str]) -> None:
        self._spec = spec
        self._state = state
        self._folder_of = folder_of
        self._dropped: set[str] = set()

    def __call__(self) -> None:
        """Drop what fell behind; called whenever a configuration was settled."""
        told = [record for record in self._state.configurations.values() if record.told]
        complete = [record for record in told if record.values is not None]
        keep: set[str] = set()
        if complete:
            values = np.array([record.values for record in complete], dtype=float)
            directions = list(self._spec.objectives.values())
            best = {
                int(values[:, index].argmax() if direction == "maximize" else values[:, index].argmin())
                for index, direction in enumerate(directions)
            }
            chosen = best | set(np.flatnonzero(non_dominated(values, directions)).tolist())
            keep = {complete[index].configuration.hash for index in chosen}
        for record in told:
            if record.configuration.hash in keep:
                continue
            for trial in record.trials.values():
                if trial.identity not in self._dropped:
                    self._dropped.add(trial.identity)
                    folder = Folder(self._folder_of(trial.identity))
                    for name in checkpoints.names(folder):
                        folder.delete(name)
