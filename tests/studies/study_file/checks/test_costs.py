"""Costs as objectives, in bounds and formulas, and what is refused of them in one sentence."""

from typing import Any

import pytest

from studies.study_file.document import StudyFileError, from_mapping
from studies.study_file.validation import validate

STUDY: dict[str, Any] = {
    "name": "costs",
    "dataset": "dsprites.quick",
    "models": {"beta_vae": {"beta": [1, 4]}, "few_labels": {"num_annotated": {"log": [32, 1024]}}},
    "objectives": {"mig": "maximize", "num_annotated": "minimize"},
    "budget": {"steps": 100, "evaluate_every": 50},
}


def refusal(**changes: Any) -> str:
    with pytest.raises(StudyFileError) as caught:
        validate(from_mapping({**STUDY, **changes}))
    return str(caught.value)


def test_costs_that_are_named_anywhere_are_results() -> None:
    spec = validate(from_mapping(STUDY))
    assert (spec.costs, spec.metrics.final) == (["num_annotated"], ["mig"])
    wherever = {
        **STUDY,
        "objectives": {"score": "maximize"},
        "derived": {"score": "mig - num_annotated / 1e4"},
        "search": {"where": "parameters < 1e6"},
        "seeds": {"min": 2, "max": 3, "until": "std_error(peak_memory) < 1e6"},
        "costs": ["seconds_training"],
    }
    costs = validate(from_mapping(wherever)).costs
    assert sorted(costs) == ["num_annotated", "parameters", "peak_memory", "seconds_training"]
    plain = {**STUDY, "objectives": {"mig": "maximize"}}
    assert validate(from_mapping(plain)).costs == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"objectives": {"parameters": "maximize"}}, "better values of this cost are found by 'minimize'"),
        (
            {"objectives": {"quux": "minimize"}},
            "and no cost (seconds_training, device_seconds, peak_memory, parameters)",
        ),
        ({"objectives": {"num_anotated": "minimize"}}, "and it is no cost; did you mean 'num_annotated'?"),
        ({"objectives": {"network": "minimize"}}, "objectives.network: no metric gives the result 'network'"),
        ({"costs": ["paramters"]}, "'paramters'; did you mean 'parameters'?"),
        ({"costs": "parameters"}, "costs: is a list such as [parameters, num_annotated], not 'parameters'"),
        ({"derived": {"parameters": "mig"}}, "'parameters' is the name of another column"),
    ],
)
def test_what_is_no_cost_is_one_sentence(changes: dict[str, Any], message: str) -> None:
    assert message in refusal(**changes)
