import math

from core.formulas.costs import cost, with_costs


def test_a_hyperparameter_that_a_model_does_not_have_costs_nothing() -> None:
    assert cost("num_annotated", {"num_annotated": 250}, {}) == 250.0
    assert cost("num_annotated", {"beta": 4.0}, {}) == 0.0


def test_what_nobody_measured_is_no_result() -> None:
    assert math.isnan(cost("parameters", {"parameters": 3}, {}))
    found = with_costs({"mig": 0.1}, ["parameters", "peak_memory"], {}, {"peak_memory": 7})
    assert found == {"mig": 0.1, "peak_memory": 7.0}
