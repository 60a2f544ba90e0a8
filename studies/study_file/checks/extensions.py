"""Rules on what extensions define, beside what each of them alone must keep to."""

from collections.abc import Collection, Iterator, Sequence

import core.metrics
import trainables
from analysis.reading.columns import LEADING, OF_TRIAL
from studies.study_file.document import Problem
from studies.study_file.spec import OwnCode


def check_columns(extensions: Sequence[OwnCode], models: Collection[str]) -> Iterator[Problem]:
    """No result and no hyperparameter is named like another column of the tables."""
    for index, code in enumerate(extensions):
        for name in code.models:
            for field in trainables.get(name).Hyperparameters.model_fields:
                fault = column_fault(field)
                if fault:
                    yield Problem(("extensions", index), f"hyperparameter '{field}' of model '{name}' {fault}")
        for key in code.directions:
            owners = [name for name in models if key in trainables.get(name).Hyperparameters.model_fields]
            if owners:
                message = f"result '{key}' is named like a hyperparameter of model '{owners[0]}'; rename one of the two"
                yield Problem(("extensions", index), message)


def column_fault(field: str) -> str | None:
    """Why a hyperparameter cannot have a column of its own, as the end of a sentence; None when it can."""
    if field in (*LEADING, *OF_TRIAL, "n"):
        return "is named like another column of the tables; rename it"
    try:
        metric, _ = core.metrics.find_key(field)
    except core.metrics.MetricError:
        return None
    return f"is named like a result of metric '{metric.name}'; rename one of the two"
