"""The sections of a study file as typed values."""

from typing import Any

import pytest

from studies.study_file.document import Problem
from studies.study_file.sections import (
    model_fault,
    read_count,
    read_dataset,
    read_mapping,
    read_name,
    read_paper,
    read_retention,
    read_section,
    read_seeds,
)
from studies.study_file.spec import Budget, Search, Seeds


def test_a_mapping_may_be_left_out_or_empty_unless_it_is_required() -> None:
    assert read_mapping({}, "defaults") == read_mapping({"defaults": {}}, "defaults") == ({}, [])
    for data in ({}, {"models": {}}, {"models": None}):
        value, (problem,) = read_mapping(data, "models", required=True)
        assert value == {}
        assert problem.path == ("models",)


def test_a_section_that_is_left_out_has_its_defaults() -> None:
    assert read_section({}, "search", Search) == (Search(), [])


def test_a_section_that_is_no_mapping_leaves_the_defaults_to_go_on_with() -> None:
    search, (problem,) = read_section({"search": 3}, "search", Search)
    assert search == Search()
    assert problem.message == "must be a mapping with at least one entry, not 3"
    assert read_section({}, "budget", Budget, required=True)[0] is None


def test_all_mistakes_of_a_section_are_found() -> None:
    budget, problems = read_section({"budget": {"steps": 0, "step": 1}}, "budget", Budget)
    assert budget is None
    assert problems == [
        Problem(("budget", "steps"), "0 is not possible: it must be greater than or equal to 1"),
        Problem(("budget", "step"), "unknown key; did you mean 'steps'?"),
    ]


def test_an_unknown_sampler() -> None:
    _, (problem,) = read_section({"search": {"sampler": "nsga"}}, "search", Search)
    assert problem.message == "unknown sampler 'nsga'; did you mean 'nsga2'?"


@pytest.mark.parametrize("value", [-1, True, 1.5, "1", None])
def test_a_count_is_a_whole_number(value: Any) -> None:
    count, (problem,) = read_count({"seed": value}, "seed", 7, at_least=0, at_most=9)
    assert count == 7
    assert problem.message == f"must be a whole number, at least 0, not {value!r}"


def test_seeds_are_a_number_or_two() -> None:
    assert read_seeds({}) == (Seeds(min=1, max=1), [])
    assert read_seeds({"seeds": 3}) == (Seeds(min=3, max=3), [])
    until = "std_error(mig) < 0.02"
    assert read_seeds({"seeds": {"min": 2, "max": 5, "until": until}}) == (Seeds(min=2, max=5, until=until), [])
    assert [problem.path for problem in read_seeds({"seeds": {"min": 2, "max": 5}})[1]] == [("seeds",)]


@pytest.mark.parametrize("name", [None, 3, "", "../evil", "-first", "a b", "x" * 101])
def test_what_is_no_name(name: Any) -> None:
    value, problems = read_name({"name": name})
    assert value is None
    assert [problem.path for problem in problems] == [("name",)]


def test_the_longest_name() -> None:
    assert read_name({"name": "x" * 100}) == ("x" * 100, [])


def test_retention_and_paper() -> None:
    assert read_retention({}) == ("last", [])
    assert read_retention({"retention": "front"}) == ("front", [])
    assert [problem.path for problem in read_retention({"retention": "all"})[1]] == [("retention",)]
    assert read_paper({}) == (None, [])
    assert read_paper({"paper": "few_labels"}) == ("few_labels", [])
    assert "did you mean 'few_labels'" in read_paper({"paper": "few_label"})[1][0].message


def test_a_data_set_is_described_or_what_is_wrong_with_it() -> None:
    info, problems = read_dataset({"dataset": "dsprites.quick"}, None)
    assert info is not None
    assert (info.name, problems) == ("dsprites.quick", [])
    for data in ({}, {"dataset": "dsprite"}, {"dataset": {"name": "dsprites", "factors": ["colour"]}}):
        info, (problem,) = read_dataset(data, None)
        assert info is None
        assert problem.path == ("dataset",)


def test_what_names_no_model() -> None:
    assert model_fault("vae", None) is model_fault("vae", {}) is None
    assert "did you mean 'vae'" in str(model_fault("vea", {}))
    assert "a mapping of hyperparameters, not [1]" in str(model_fault("vae", [1]))
