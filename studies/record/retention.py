"""Which checkpoints of ended trials are kept."""

from collections.abc import Callable, Iterator

import numpy as np

from core import checkpoints
from core.formulas.bounds import parse_bounds
from core.pareto import as_losses, non_dominated
from core.record.history import ConfigurationHistory, History
from core.storage import Folder
from studies.record.expected import expected_values
from studies.record.standing import feasible_means
from studies.study_file.spec import StudySpec

OFTEN = 0.05  # more configurations, from which on it is told anew what may be on the front: it takes a moment
HOPE = 2.0  # standard deviations over seeds by which a configuration may yet turn out to be better


class FrontOnly:
    """`retention: front`: weights on the front, by means and by expected values, and of the best; pictures of all.

    While a study runs, weights of what may yet come onto the front are kept too.

    Args:
        spec: of the study.
        history: where the study stands.
        trial_uri: of a trial's folder, by its identity.
    """

    def __init__(self, spec: StudySpec, history: History, trial_uri: Callable[[str], str]) -> None:
        self._spec = spec
        self._history = history
        self._trial_uri = trial_uri
        self._bounds = parse_bounds(spec.search.where)
        self._dropped: set[str] = set()
        self._judged: set[str] = set()  # configurations, when those that may be on the front were last told
        self._promising: set[str] = set()

    def __call__(self, *, over: bool = False) -> None:
        """Drop what fell behind; called whenever a configuration was settled, and when the study is over."""
        for folder in self.behind(over=over):
            for name in checkpoints.names(folder):
                folder.delete(name)

    def behind(self, *, over: bool) -> Iterator[Folder]:
        """Folders of trials whose weights are not to be kept, each once; when the study is over, or while it runs."""
        closed = [each for each in self._history.configurations.values() if each.closed]
        kept = self._to_keep([each for each in closed if each.values is not None], over)
        for configuration in closed:
            if configuration.hash in kept:
                continue
            for trial in configuration.trials.values():
                if trial.identity not in self._dropped:
                    self._dropped.add(trial.identity)
                    yield Folder(self._trial_uri(trial.identity))

    def _to_keep(self, complete: list[ConfigurationHistory], over: bool) -> set[str]:
        """Hashes of the configurations whose weights are kept."""
        if not complete:
            return set()
        values = np.array([each.values for each in complete], dtype=float)
        directions = list(self._spec.objectives.values())
        best = {
            int(values[:, index].argmax() if direction == "maximize" else values[:, index].argmin())
            for index, direction in enumerate(directions)
        }
        feasible = np.array([feasible_means(each, self._spec, self._bounds) is not None for each in complete])
        front = np.flatnonzero(feasible)[non_dominated(values[feasible], directions)].tolist()
        may_be = {each.hash for each, may in zip(complete, feasible, strict=True) if may}
        return {complete[index].hash for index in best.union(front)} | self._expected_to_be_good(complete, may_be, over)

    def _expected_to_be_good(self, complete: list[ConfigurationHistory], feasible: set[str], over: bool) -> set[str]:
        """Hashes of the front by expected values when the study is over, and before that of what may come onto it.

        That is told anew now and then; what came since then is kept.
        """
        keys = {each.hash for each in complete}
        if over or len(keys - self._judged) > OFTEN * len(self._judged):
            results = {each.hash: self._results(each) for each in complete}
            known = [each for each in complete if np.isfinite(results[each.hash]).all()]
            values, noise = expected_values(self._spec, [(each.configuration, results[each.hash]) for each in known])
            losses = as_losses(values, list(self._spec.objectives.values()))
            hoped = losses - (0.0 if over else HOPE * np.nan_to_num(noise, nan=np.inf))
            rivals = losses[[each.hash in feasible for each in known]]
            self._promising = {
                each.hash
                for each, hope in zip(known, hoped, strict=True)
                if each.hash in feasible and not _beaten(hope, rivals)
            }
            self._judged = keys
        return self._promising | (keys - self._judged)

    def _results(self, configuration: ConfigurationHistory) -> np.ndarray:
        """Objectives (S, M) of the completed seeds."""
        return np.array(
            [[trial.metrics.get(key, np.nan) for key in self._spec.objectives] for trial in configuration.completed]
        )


def _beaten(losses: np.ndarray, others: np.ndarray) -> bool:
    """Whether any of others (N, M) dominates losses (M,)."""
    return bool(((others <= losses).all(1) & (others < losses).any(1)).any())
