"""Which costs a study may name beside results of metrics, and those that it does."""

from collections.abc import Iterable, Mapping

import trainables
from core.formulas.costs import COSTS
from studies.study_file.checks.derived import needed


def legal_costs(models: Iterable[str]) -> list[str]:
    """Costs of every trial, and the hyperparameters of these models that are numbers; those that exist alone count."""
    kinds = [trainables.get(name).Hyperparameters for name in models if name in trainables.names()]
    numbers = [name for kind in kinds for name, field in kind.model_fields.items() if field.annotation in (int, float)]
    return list(dict.fromkeys([*COSTS, *numbers]))


def named_costs(keys: Iterable[str], derived: Mapping[str, str], legal: Iterable[str]) -> list[str]:
    """The costs among result keys, and those that derived ones among them need."""
    known = set(legal)
    return [key for key in needed(keys, derived) if key in known]
