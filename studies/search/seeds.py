"""How many seeds a configuration deserves: more only where the front is in doubt."""

from collections.abc import Sequence

import numpy as np

from core.formulas.bounds import FRONT, Bound, parse_bounds, parse_until
from core.pareto import as_losses, non_dominated
from core.record.history import ConfigurationHistory, History
from studies.study_file.spec import StudySpec

DOUBT = 0.05  # probability of being on the front from which a configuration deserves another seed
DRAWS = 200  # of what other seeds would have shown
FAR = 3.0  # standard errors beyond which nothing is drawn
ENOUGH = 3  # degrees of freedom from which a model's own spread over seeds is known


def more_seeds(spec: StudySpec, history: History, configuration: ConfigurationHistory) -> int:
    """Trials that a configuration should have, its completed ones known: one more than it has, or as many as it has."""
    count = len(configuration.trials)
    if spec.seeds.until in (None, FRONT) or count >= spec.seeds.max:
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
    losses = _losses(spec, configuration)
    error = losses.std(0, ddof=1) / np.sqrt(len(losses)) if len(losses) > 1 else np.full(losses.shape[1], np.inf)
    return losses.mean(0), error


def _losses(spec: StudySpec, configuration: ConfigurationHistory) -> np.ndarray:
    """Objectives (S, M) of the trials that ended, to be minimised; NaN where one was not measured."""
    rows = [
        [trial.metrics.get(key, np.nan) for key in spec.objectives]
        for trial in configuration.trials.values()
        if trial.ended
    ]
    shape = (len(rows), len(spec.objectives))
    return as_losses(np.array(rows, dtype=float).reshape(shape), list(spec.objectives.values()))


def in_doubt(spec: StudySpec, history: History) -> list[ConfigurationHistory]:
    """Configurations with fewer seeds than the most, whose next seed may change the front; none before all have `min`.

    With `seeds: {min: 1, max: 5, until: front}`. A configuration is among them while its probability of being on the
    front is at least `DOUBT`. Means are drawn from normal distributions with the standard errors that follow from the
    spread over seeds, pooled over all configurations of a model, or over all where a model has too few seeds. Before
    any configuration has a second seed, it is the front itself that gets one.
    """
    if spec.seeds.until != FRONT:
        return []
    first = (
        trial for each in history.configurations.values() for trial in list(each.trials.values())[: spec.seeds.min]
    )
    if not all(trial.ended for trial in first):
        return []
    bounds = parse_bounds(spec.search.where)
    measured, values = [], []
    for each in history.configurations.values():
        losses = _losses(spec, each)
        if _is_measured(each, losses, bounds):
            measured.append(each)
            values.append(losses)
    if not measured:
        return []
    means = np.array([each.mean(0) for each in values])
    errors = _errors([each.configuration.model for each in measured], values)
    likely = (_on_front(means) if errors is None else probability_of_front(means, errors)) >= DOUBT
    return [
        each
        for each, chance in zip(measured, likely, strict=True)
        if chance and len(each.trials) < spec.seeds.max and all(trial.ended for trial in each.trials.values())
    ]


def _is_measured(configuration: ConfigurationHistory, losses: np.ndarray, bounds: Sequence[Bound]) -> bool:
    """Whether all seeds that ended were completed, with objectives that meet the constraint of the search."""
    ended = [trial for trial in configuration.trials.values() if trial.ended]
    if not ended or any(trial.state != "COMPLETED" for trial in ended) or not np.isfinite(losses).all():
        return False
    metrics = {bound.metric for bound in bounds}
    means = {key: float(np.mean([trial.metrics.get(key, np.nan) for trial in ended])) for key in metrics}
    return all(bound.violation(means) <= 0 for bound in bounds)


def _errors(models: list[str], values: list[np.ndarray]) -> np.ndarray | None:
    """Standard errors (N, M) of the means of values (S, M); None where no configuration has two seeds."""
    freedom = np.array([len(each) - 1 for each in values])
    squares = np.array([((each - each.mean(0)) ** 2).sum(0) for each in values])
    if not freedom.sum():
        return None
    variances = np.empty_like(squares)
    for model in set(models):
        mine = np.array([each == model for each in models])
        known = mine if freedom[mine].sum() >= ENOUGH else np.ones(len(models), dtype=bool)
        variances[mine] = squares[known].sum(0) / freedom[known].sum()
    return np.sqrt(variances / (freedom + 1)[:, None])


def probability_of_front(means: np.ndarray, errors: np.ndarray, draws: int = DRAWS) -> np.ndarray:
    """How likely (N,) each of N points (N, M), to be minimised and known with these errors, is not dominated."""
    hopeful, sure = means - FAR * errors, means + FAR * errors
    sure = sure[_on_front(sure)]
    possible = np.flatnonzero(~(sure[None] < hopeful[:, None]).all(2).any(1))
    noise = np.random.default_rng(0).standard_normal((draws, len(possible), means.shape[1]))
    drawn = means[possible] + noise * errors[possible]
    chances = np.zeros(len(means))
    fronts = _fronts_2d(drawn) if means.shape[1] == 2 else np.array([_front(each) for each in drawn])
    chances[possible] = fronts.mean(0)
    return chances


def _front(losses: np.ndarray) -> np.ndarray:
    """Which of points (N, M), none of which is equal to another in anything, no other dominates."""
    better = np.ones((len(losses), len(losses)), dtype=bool)
    for objective in losses.T:
        better &= objective < objective[:, None]
    return ~np.any(better, axis=1)


def _fronts_2d(losses: np.ndarray) -> np.ndarray:
    """`_front` of each of D sets of points (D, N, 2), by one sort."""
    order = losses[..., 0].argsort(1)
    second = np.take_along_axis(losses[..., 1], order, 1)
    best = np.minimum.accumulate(second, 1)
    front = np.empty(order.shape, dtype=bool)
    np.put_along_axis(front, order, second <= best, 1)
    return front


def _on_front(losses: np.ndarray) -> np.ndarray:
    return non_dominated(losses, ["minimize"] * losses.shape[1])
