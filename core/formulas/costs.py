"""What a trial costs, as results beside those of metrics: seconds, memory, parameters, and hyperparameters.

A hyperparameter is a cost where more of it is paid for, such as `num_annotated`: what labels buy is a front of it and a
score.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any

MEASURED = {
    "seconds_training": "seconds that the trial trained",
    "device_seconds": "seconds of training and evaluating, times the share of a GPU, or the cores, that it had",
    "peak_memory": "most memory of the trial's process, in bytes",
}
"""Costs that differ from one run of a trial to the next."""
COSTS = {**MEASURED, "parameters": "numbers that are learnt, those of a discriminator or classifier too"}
"""Costs that every trial has, and what they mean."""


def cost(name: str, hyperparameters: Mapping[str, Any], ledger: Mapping[str, Any]) -> float:
    """One cost of a trial: of its ledger, or its hyperparameter; 0 where its model has none of that name.

    NaN where nobody measured it.
    """
    if name in COSTS:
        return float(ledger.get(name, math.nan))
    return float(hyperparameters.get(name, 0.0))


def with_costs(
    results: Mapping[str, float], names: Iterable[str], hyperparameters: Mapping[str, Any], ledger: Mapping[str, Any]
) -> dict[str, float]:
    """Results with the named costs that are known."""
    found = {name: cost(name, hyperparameters, ledger) for name in names}
    return {**results, **{name: value for name, value in found.items() if math.isfinite(value)}}
