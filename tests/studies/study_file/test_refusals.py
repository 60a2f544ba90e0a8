"""What pydantic refuses, as a sentence."""

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

import trainables
from studies.study_file.document import sentence
from studies.study_file.spec import Resources


@pytest.mark.parametrize(
    ("kind", "values", "message"),
    [
        (Resources, {"stack": 0}, "0 is not possible: it must be greater than or equal to 1"),
        (Resources, {"gpu": 2}, "2 is not possible: it must be a share of a GPU from 0 to 1, or auto"),
        (trainables.get("vae").Hyperparameters, {"batch_size": "x"}, "'x' is not possible: it must be a valid integer"),
    ],
)
def test_a_value_that_is_not_possible(kind: type[BaseModel], values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        kind(**values)
    assert sentence(caught.value.errors()[0]) == message


def test_values_that_do_not_go_together_are_told_in_the_words_of_their_class() -> None:
    with pytest.raises(ValidationError) as caught:
        trainables.get("chyvae").Hyperparameters(nu=5.0, num_latents=10)
    message = sentence(caught.value.errors()[0])
    assert "num_latents + 1 = 11" in message
    assert "not possible" not in message
