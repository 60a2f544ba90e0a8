"""Editors accept what `studies validate` accepts, and mark what it refuses."""

import functools
import pathlib
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML

import studies
from studies.reference.schema import schema

HOUSE = pathlib.Path(studies.__file__).parent
FILES = sorted([*HOUSE.glob("*.yaml"), *HOUSE.glob("catalogue/*.yaml")])
STUDY: dict[str, Any] = {
    "name": "edited",
    "dataset": "dsprites.quick",
    "models": {"beta_vae": {"beta": {"log": [1, 16]}}},
    "budget": {"steps": 100},
}


@functools.cache
def validator() -> jsonschema.Draft202012Validator:
    jsonschema.Draft202012Validator.check_schema(schema())
    return jsonschema.Draft202012Validator(schema())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_files_that_are_shipped_are_accepted(path: pathlib.Path) -> None:
    validator().validate(YAML(typ="safe").load(path))


@pytest.mark.parametrize(
    "changes",
    [
        {"x-anchor": {"anything": 1}},
        {"models": {"beta_vae": None}},
        {"seeds": {"min": 2, "max": 5, "until": "std_error(mig) < 0.02"}},
        {"dataset": {"npz": "mine.npz"}},
        {"objectives": {"mig": "maximize", "num_annotated": "minimize"}, "costs": ["parameters"]},
        {"resources": {"cpu": 0.5, "gpu": "auto", "precision": "bf16"}},
        {"models": {"few_labels": {"num_annotated": [100, 1000], "supervision": "xent"}}},
        {"models": {"my_own_model": {"anything": [1, 2]}}},
    ],
)
def test_what_is_legal_is_accepted(changes: dict[str, Any]) -> None:
    validator().validate({**STUDY, **changes})


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"bugdet": {"steps": 1}}, []),
        ({"budget": {"evaluate_every": 3}}, ["budget"]),
        ({"budget": {"steps": 0}}, ["budget", "steps"]),
        ({"search": {"sampler": "tpee"}}, ["search", "sampler"]),
        ({"models": {"beta_vae": {"bata": 3}}}, ["models", "beta_vae"]),
        ({"models": {"beta_vae": {"beta": -1}}}, ["models", "beta_vae"]),
        ({"objectives": {"mig": "up"}}, ["objectives", "mig"]),
        ({"retention": "all"}, ["retention"]),
    ],
)
def test_what_is_refused_is_marked_at_its_place(changes: dict[str, Any], where: list[str]) -> None:
    errors = list(validator().iter_errors({**STUDY, **changes}))
    assert [list(error.path) for error in errors] == [where]
