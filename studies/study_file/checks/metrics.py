"""Rules on objectives, and on the metrics that a study computes."""

from collections.abc import Collection, Iterator
from typing import Any

import core.metrics
import trainables
from core.data import DatasetInfo
from core.formulas.costs import COSTS
from core.mistakes import close_to, nearest
from studies.study_file.document import Path, Problem
from studies.study_file.spec import Metrics


def check_objectives(objectives: Any, derived: Collection[str] = (), costs: Collection[str] = ()) -> Iterator[Problem]:
    """There is at least one objective; each is derived, a cost, or a result of a metric with its better direction."""
    if not isinstance(objectives, dict) or not objectives:
        example = "{factor_vae_score: maximize, reconstruction_error: minimize}"
        yield Problem(("objectives",), f"a study needs at least one objective, such as {example}")
        return
    for key, direction in objectives.items():
        message = objective_fault(str(key), direction, derived, costs)
        if message:
            yield Problem(("objectives", str(key)), message)


def objective_fault(key: str, direction: Any, derived: Collection[str] = (), costs: Collection[str] = ()) -> str | None:
    """Why a result cannot be searched for in that direction, as a sentence; None when it can."""
    if direction not in ("maximize", "minimize"):
        return f"the direction is 'maximize' or 'minimize', not {direction!r}"
    if key in derived:
        return None
    if key in COSTS and direction != "minimize":
        return "better values of this cost are found by 'minimize'"
    if key in costs:
        return None
    try:
        metric, _ = core.metrics.find_key(key)
    except core.metrics.MetricError as error:
        near = close_to(key, COSTS)
        if near is not None:
            return f"no metric gives the result {key!r}; did you mean the cost '{near}'?"
        if not str(error).startswith("no metric") or "did you mean" in str(error):
            return str(error)
        meant = nearest(key, costs)
        if meant.startswith("did you mean"):
            return f"no metric gives the result '{key}', and it is no cost; {meant}"
        return f"{error}, and no cost ({', '.join(COSTS)}) or hyperparameter of a model here has the name"
    natural = metric.directions.get(key.partition("/")[0])
    if natural not in (None, direction):
        return f"better values of this metric are found by '{natural}'"
    return None


def check_requests(metrics: Metrics, models: Collection[str], info: DatasetInfo | None) -> Iterator[Problem]:
    """Every request is a metric that the data set and all models can serve."""
    for stage, requests in (("during", metrics.during), ("final", metrics.final)):
        for index, request in enumerate(requests):
            yield from check_request(request, ("metrics", stage, index), models, info)


def check_request(request: str, path: Path, models: Collection[str], info: DatasetInfo | None) -> Iterator[Problem]:
    """A request is a metric; the data set has factors where it needs them, and every model has its inputs.

    What does not learn makes its metrics itself, and none is refused to it.
    """
    try:
        metric, _, _ = core.metrics.parse(request)
    except core.metrics.MetricError as error:
        yield Problem(path, str(error))
        return
    learning = [model for model in models if trainables.get(model).learns]
    if info is None or not learning:
        return
    if metric.needs_factors and not info.has_factors:
        yield Problem(path, f"'{request}' needs ground-truth factors, which '{info.name}' does not have")
        return
    if metric.about and len(info.factor_names) > 1 and metric.about not in info.factor_names:
        yield Problem(path, f"'{request}' is about the factor '{metric.about}', which '{info.name}' does not have")
        return
    for model in learning:
        message = input_fault(request, model, info)
        if message:
            yield Problem(path, f"model '{model}': {message}")


def input_fault(request: str, model: str, info: DatasetInfo) -> str | None:
    """Why a model on a data set lacks the inputs of a request, as a sentence; None when it has them."""
    from trainables.evaluation.inputs import available_inputs, inputs_for  # imports PyTorch

    try:
        inputs_for(request, available_inputs(trainables.get(model), info))
    except core.metrics.MetricError as error:
        return str(error)
    return None
