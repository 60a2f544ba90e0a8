"""How many seeds a configuration deserves: more only where the front is in doubt."""

import numpy as np

from core.bounds import parse_until
from core.pareto import as_losses
from studies.spec import StudySpec
from studies.state import ConfigurationRecord, StudyState


def more_seeds(spec: StudySpec, state: StudyState, record: ConfigurationRecord) -> int:
    """Trials that a configuration should have, its completed ones known: one more than it has, or as many as it has."""
    count = len(record.trials)
    if spec.seeds.until is None or count >= spec.seeds.max:
        return count
    metric, below = parse_until(spec.seeds.until)
    values = [trial.metrics.get(metric, np.nan) for trial in record.trials.values()]
    if len(values) >= 2 and np.std(values, ddof=1) / np.sqrt(len(values)) < below:
        return count
    return count + 1 if _may_be_on_the_front(spec, state, record) else count


def _may_be_on_the_front(spec: StudySpec, state: StudyState, record: ConfigurationRecord) -> bool:
    """Whether no other configuration is better in every objective by more than both standard errors."""
    mean, error = _summary(spec, record)
    for other in state.configurations.values():
        if other is record or not other.told or other.values is None:
            continue
        other_mean, other_error = _summary(spec, other)
        if (other_mean + other_error < mean - error).all():
            return False
    return True


def _summary(spec: StudySpec, record: ConfigurationRecord) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard error of every objective, to be minimised; no error is known from one seed."""
    rows = [[trial.metrics.get(key, np.nan) for key in spec.objectives] for trial in record.trials.values()]
    losses = as_losses(np.array(rows, dtype=float), list(spec.objectives.values()))
    error = losses.std(0, ddof=1) / np.sqrt(len(losses)) if len(losses) > 1 else np.full(losses.shape[1], np.inf)
    return losses.mean(0), error
