"""Which checkpoints of ended trials are kept."""

from collections.abc import Callable, Iterator

import numpy as np

from core import checkpoints
from core.pareto import non_dominated
from core.record.history import ConfigurationHistory, History
from core.storage import Folder
from studies.record.expected import expected_values
from studies.study_file.spec import StudySpec

OFTEN = 0.05  # more configurations, from which on the front by expected values is told anew: it takes a moment


class FrontOnly:
    """`retention: front`: weights on the front, by means and by expected values, and of the best; pictures of all.

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
        self._judged: set[str] = set()  # configurations, when the front by expected values was last told
        self._promising: set[str] = set()  # those on it

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
        return {complete[index].hash for index in chosen} | self._expected_to_be_good(complete)

    def _expected_to_be_good(self, complete: list[ConfigurationHistory]) -> set[str]:
        """Hashes of the front by expected values, and of what came since it was told; it is told anew now and then."""
        keys = {each.hash for each in complete}
        if len(keys - self._judged) > OFTEN * len(self._judged):
            results = {each.hash: self._results(each) for each in complete}
            known = [each for each in complete if np.isfinite(results[each.hash]).all()]
            values = expected_values(self._spec, [(each.configuration, results[each.hash]) for each in known])
            front = non_dominated(values, list(self._spec.objectives.values()))
            self._promising = {each.hash for each, on_it in zip(known, front, strict=True) if on_it}
            self._judged = keys
        return self._promising | (keys - self._judged)

    def _results(self, configuration: ConfigurationHistory) -> np.ndarray:
        """Objectives (S, M) of the completed seeds."""
        return np.array(
            [[trial.metrics.get(key, np.nan) for key in self._spec.objectives] for trial in configuration.completed]
        )
