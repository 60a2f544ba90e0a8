"""How many seeds a configuration deserves: more only where the front is in doubt."""

import numpy as np

from core.formulas.bounds import parse_until
from core.pareto import as_losses
from core.record.history import ConfigurationHistory, History
from studies.study_file.spec import StudySpec


def more_seeds(spec: StudySpec, history: History, configuration: ConfigurationHistory) -> int:
    """Trials that a configuration should have, its completed ones known: one more than it has, or as many as it has."""
    count = len(configuration.trials)
    if spec.seeds.until is None or count >= spec.seeds.max:
        return count
    metric, below = parse_until(spec.seeds.until)
    values = [trial.metrics.get(metric, np.nan) for trial in configuration.trials.values()]
    if len(values) >= 2 and np.std(values, ddof=1) / np.sqrt(len(values)) < below:
        return count
    return count + 1 if _may_be_on_the_front(spec, history, configuration) else count


def _may_be_on_the_front(spec: StudySpec, history: History, configuration: ConfigurationHistory) -> bool:
    """Whether no other configuration is better in every objective by more than both standard errors."""
    mean, error = _summary(spec, configuration)
    for other in history.configurations.values():
        if other is configuration or not other.closed or other.values is None:
            continue
        other_mean, other_error = _summary(spec, other)
        if (other_mean + other_error < mean - error).all():
            return False
    return True


def _summary(spec: StudySpec, configuration: ConfigurationHistory) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard error of every objective, to be minimised; no error is known from one seed."""
    rows = [[trial.metrics.get(key, np.nan) for key in spec.objectives] for trial in configuration.trials.values()]
    losses = as_losses(np.array(rows, dtype=float), list(spec.objectives.values()))
    error = losses.std(0, ddof=1) / np.sqrt(len(losses)) if len(losses) > 1 else np.full(losses.shape[1], np.inf)
    return losses.mean(0), error
