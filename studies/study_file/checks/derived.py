"""Rules on `derived`: results that are computed from those of metrics."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

import core.metrics
import trainables
from analysis.reading.columns import LEADING, OF_TRIAL
from core.formulas.bounds import FormulaError
from core.formulas.derived import expression
from studies.study_file.document import Problem
from studies.study_file.spec import EarlyStop

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def derived_fault(name: Any, text: Any, costs: Collection[str] = ()) -> str | None:
    """Why a name cannot have an expression of results and costs, as a sentence; None when it can."""
    if not isinstance(name, str) or not NAME.fullmatch(name):
        return f"{name!r} is no name of a result: letters, digits and '_'"
    if name in (*LEADING, *OF_TRIAL, "n") or name.endswith(("_mean", "_std", "_se")):
        return f"'{name}' is the name of another column of the tables; take another"
    try:
        core.metrics.find_key(name)
    except core.metrics.MetricError:
        pass
    else:
        return f"'{name}' is the result of a metric; take another name"
    try:
        keys = expression(text).keys if isinstance(text, str) else None
        if keys is None:
            raise FormulaError(f"an expression is text such as '0.5 * mig + 0.5 * sap_svc', not {text!r}")
        for key in keys:
            if key not in costs:
                core.metrics.find_key(key)
    except FormulaError as error:
        return str(error)
    except core.metrics.MetricError as error:
        hint = "; a division needs spaces" if "/" in str(text) else ""
        return f"'{text}': {error}{hint}"
    return None


def check_derived(
    derived: Mapping[str, str], models: Iterable[str], objectives: Any, early_stop: EarlyStop | None
) -> Iterator[Problem]:
    """No derived result hides a hyperparameter's column, and one that early stopping looks at has a direction."""
    for name in derived:
        for model in models:
            if name in trainables.get(model).Hyperparameters.model_fields:
                message = f"'{name}' is a hyperparameter of '{model}'; take another name"
                yield Problem(("derived", name), message)
    metric = early_stop.metric if early_stop else None
    if metric in derived and metric not in (objectives or ()):
        yield Problem(("early_stop", "metric"), f"'{metric}' has no direction: name it in 'objectives' too")


def needed(keys: Iterable[str], derived: Mapping[str, str]) -> list[str]:
    """Result keys of metrics, those that are derived replaced by what they are computed from."""
    return list(
        dict.fromkeys(each for key in keys for each in (expression(derived[key]).keys if key in derived else [key]))
    )
