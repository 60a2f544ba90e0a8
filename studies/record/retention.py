"""Which checkpoints of ended trials are kept."""

from collections.abc import Callable, Iterator

import numpy as np

from core import checkpoints
from core.pareto import non_dominated
from core.record.history import ConfigurationHistory, History
from core.storage import Folder
from studies.study_file.spec import StudySpec


class FrontOnly:
    """`retention: front`: weights on the front and of the best by each objective; pictures of all.

    Args:
        spec: of the study.
        history: where the study stands.
        trial_uri: of a trial's folder, by its identity.
    """

    def __init__(self, spec: StudySpec, history: History, trial_uri: Callable[[str], str]) -> None:
        self._spec = spec
        self._history = history
        self._trial_uri = trial_uri
        self._dropped: set[str] = set()

    def __call__(self) -> None:
        """Drop what fell behind; called whenever a configuration was settled."""
        for folder in self.behind():
            for name in checkpoints.names(folder):
                folder.delete(name)

    def behind(self) -> Iterator[Folder]:
        """Folders of trials whose weights are not to be kept, each once."""
        closed = [each for each in self._history.configurations.values() if each.closed]
        kept = self._to_keep([each for each in closed if each.values is not None])
        for configuration in closed:
            if configuration.hash in kept:
                continue
            for trial in configuration.trials.values():
                if trial.identity not in self._dropped:
                    self._dropped.add(trial.identity)
                    yield Folder(self._trial_uri(trial.identity))

    def _to_keep(self, complete: list[ConfigurationHistory]) -> set[str]:
        """Hashes of the configurations whose weights are kept."""
        if not complete:
            return set()
        values = np.array([each.values for each in complete], dtype=float)
        directions = list(self._spec.objectives.values())
        best = {
            int(values[:, index].argmax() if direction == "maximize" else values[:, index].argmin())
            for index, direction in enumerate(directions)
        }
        chosen = best | set(np.flatnonzero(non_dominated(values, directions)).tolist())
        return {complete[index].hash for index in chosen}
