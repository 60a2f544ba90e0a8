"""Which costs a study may name beside results of metrics, and those that it does."""

from collections.abc import Iterable, Mapping

import trainables
from core.formulas.costs import COSTS
from core.formulas.derived import expression


def legal_costs(models: Iterable[str]) -> list[str]:
    """Costs of every trial, and the hyperparameters of these models that are numbers; those that exist alone count."""
    kinds = [trainables.get(name).Hyperparameters for name in models if name in trainables.names()]
    numbers = [name for kind in kinds for name, field in kind.model_fields.items() if field.annotation in (int, float)]
    return list(dict.fromkeys([*COSTS, *numbers]))


def named_costs(keys: Iterable[str], derived: Mapping[str, str], legal: Iterable[str]) -> list[str]:
    """The costs among result keys, and those that derived ones among them need."""
    needed = [each for key in keys for each in (expression(derived[key]).keys if key in derived else [key])]
    known = set(legal)
    return [key for key in dict.fromkeys(needed) if key in known]
