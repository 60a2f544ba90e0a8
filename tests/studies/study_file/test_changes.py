"""What a command changes in a study file counts as if it were written there."""

import pathlib
from typing import Any

import pytest

from core.mistakes import StudyError
from studies.study_file.changes import SMOKE_STEPS, changed
from studies.study_file.document import Document, StudyFileError, from_mapping, read
from studies.study_file.validation import validate

FILE = """\
# Why?
name: full
dataset: dsprites.quick
seeds: {min: 3, max: 5, until: "std_error(mig) < 0.02"}
models:
  vae:
  beta_vae: {beta: {log: [1, 16]}}  # the knob
search: {configurations: 12}
budget: {steps: 1000, evaluate_every: 500, hours: 2}
"""


@pytest.fixture
def document(tmp_path: pathlib.Path) -> Document:
    path = tmp_path / "full.yaml"
    path.write_text(FILE)
    return read(path)


def test_nothing_changed_is_the_file_itself(document: Document) -> None:
    assert changed(document) is document
    assert document.text == FILE


def test_values_are_yaml_and_their_keys_are_dotted(document: Document) -> None:
    settings = [
        "budget.steps=2e3", "models.beta_vae.beta=[1, 4]", "models.vae.num_latents=6", "retention=front",
        "early_stop.rule=median", "early_stop.grace=500", "budget.hours=", "name=a=b",
    ]  # fmt: skip
    data = changed(document, settings).data
    assert data["budget"] == {"steps": 2000.0, "evaluate_every": 500, "hours": None}
    assert data["models"] == {"vae": {"num_latents": 6}, "beta_vae": {"beta": [1, 4]}}
    assert (data["retention"], data["name"]) == ("front", "a=b")
    assert data["early_stop"] == {"rule": "median", "grace": 500}
    assert document.data["budget"]["steps"] == 1000


def test_the_text_that_a_study_keeps_says_what_ran(document: Document, tmp_path: pathlib.Path) -> None:
    other = changed(document, ["budget.steps=200"], seeds=2)
    assert other.text is not None
    assert other.text.startswith("# Why?")
    assert "# the knob" in other.text
    again = tmp_path / "again.yaml"
    again.write_text(other.text)
    assert read(again).data == other.data


def test_what_is_set_is_checked_as_if_it_were_written(document: Document) -> None:
    with pytest.raises(StudyFileError) as caught:
        validate(changed(document, ["budget.step=3", "objectives.mgi=maximize"]))
    assert [(problem.line, problem.path) for problem in caught.value.problems] == [
        (None, ("objectives", "mgi")),
        (9, ("budget", "step")),
    ]


def test_smoke_runs_the_whole_line_shortly_and_under_another_name(document: Document) -> None:
    spec = validate(changed(document, smoke=True))
    assert (spec.name, spec.seeds.max, spec.num_configurations) == ("full-smoke", 1, 2)
    assert (spec.budget.steps, spec.budget.evaluate_every, spec.budget.hours) == (SMOKE_STEPS, SMOKE_STEPS, 2)
    spec = validate(changed(document, ["budget.steps=30", "name=mine"], seeds=2, smoke=True))
    assert (spec.name, spec.seeds.max, spec.budget.steps) == ("mine", 2, 30)


def test_smoke_makes_nothing_longer() -> None:
    short = {"name": "a-smoke", "budget": {"steps": 5}, "search": {"configurations": 1}}
    assert changed(from_mapping(short), smoke=True).data == {
        "name": "a-smoke",
        "seeds": 1,
        "budget": {"steps": 5, "evaluate_every": 5},
        "search": {"configurations": 1},
    }


@pytest.mark.parametrize("data", [{}, {"budget": 3, "search": [1]}, {"budget": {"steps": "x"}, "name": 3}])
def test_smoke_leaves_to_the_checks_what_cannot_be_read(data: dict[str, Any]) -> None:
    with pytest.raises(StudyFileError):
        validate(changed(from_mapping(data), smoke=True))


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("budget.steps", "'budget.steps' is not KEY=VALUE, such as budget.steps=200"),
        ("=3", "is not KEY=VALUE"),
        ("budget..steps=3", "is not KEY=VALUE"),
        ("models=[1", "'[1', of --set models, is not valid YAML"),
        ("name.first=x", "--set name.first: 'name' is 'full', no mapping; give it as a whole: name=…"),
    ],
)
def test_what_cannot_be_set_is_a_sentence(document: Document, setting: str, message: str) -> None:
    with pytest.raises(StudyError) as caught:
        changed(document, [setting])
    assert message in str(caught.value)
