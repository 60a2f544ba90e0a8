"""The order of reading and checking, and what this machine can give."""

import math
import os
import pathlib
import subprocess
import sys
from typing import Any

import pytest

from studies.study_file.document import StudyFileError, from_mapping
from studies.study_file.validation import require_local_resources, validate

GOOD = {
    "name": "good",
    "dataset": "dsprites.quick",
    "models": {"vae": None},
    "objectives": {"mig": "maximize"},
    "budget": {"steps": 100, "evaluate_every": 50},
}


def test_mistakes_of_a_mapping_are_told_in_the_order_of_the_checks() -> None:
    wrong = {
        "objectives": {"mgi": "maximize"},
        "models": {"vae": {"batch_size": 1}},
        "search": {"points": [{"model": "vea"}], "where": "mig"},
        "resources": {"gpu": 0.3},
        "budget": {"steps": 10, "evaluate_every": 50},
        "metrics": {"final": ["mug"]},
        "seed": -1,
        "defaults": {"beta": 3.0},
    }
    with pytest.raises(StudyFileError) as caught:
        validate(from_mapping({**GOOD, **wrong}))
    assert [problem.path[0] for problem in caught.value.problems] == [
        "seed", "models", "defaults", "objectives", "budget", "search", "resources", "search", "metrics"
    ]  # fmt: skip


def test_a_study_with_nothing_but_what_it_must_have() -> None:
    spec = validate(from_mapping(GOOD))
    assert spec.models == {"vae": {}}
    assert (spec.seeds.max, spec.retention, spec.metrics.final) == (1, "last", ["mig"])


def test_what_this_machine_can_never_give(monkeypatch: pytest.MonkeyPatch) -> None:
    document = from_mapping({**GOOD, "resources": {"cpu": 4}})
    spec = validate(document)
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    require_local_resources(spec, document)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    with pytest.raises(StudyFileError, match=r"resources\.cpu: a trial asks for 4 CPUs, but this machine has 2"):
        require_local_resources(spec, document)


def test_a_study_file_can_be_checked_without_loading_pytorch() -> None:
    code = "import sys, studies.study_file.validation; sys.exit('torch' in sys.modules)"
    root = pathlib.Path(__file__).resolve().parents[3]
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root)


@pytest.mark.parametrize(
    ("keys", "path"),
    [
        ({"paper": ["x"]}, ("paper",)),
        ({"objectives": {3: "maximize"}}, ("objectives", "3")),
        ({"objectives": {None: "maximize"}}, ("objectives", "None")),
        ({"objectives": 3, "search": {"where": "mgi > 1"}}, ("search", "where")),
        ({"objectives": ["mgi"], "search": {"where": "mgi > 1"}}, ("search", "where")),
        ({"resources": {"cpu": math.inf}}, ("resources", "cpu")),
        ({"resources": {"cpu": math.nan}}, ("resources", "cpu")),
        ({"seeds": {"min": 1, "max": 2, "until": "std_error(mgi) < 1"}}, ("seeds", "until")),
    ],
)
def test_values_of_an_odd_type_are_a_sentence_too(keys: dict[str, Any], path: tuple[str, ...]) -> None:
    with pytest.raises(StudyFileError) as error:
        validate(from_mapping({**GOOD, **keys}))
    assert any(problem.path == path for problem in error.value.problems), error.value.problems
