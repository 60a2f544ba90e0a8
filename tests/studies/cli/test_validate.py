"""What `validate` says beside the plan."""

import pathlib
from typing import Any

import pytest

STUDY = """
name: made
dataset: dsprites.quick
models: {{simulated: {{beta: {{log: [1, 16], num: 5}}}}}}
objectives: {objectives}
search: {search}
budget: {{steps: 100, evaluate_every: 50}}
{more}
"""
TWO = "{factor_vae_score: maximize, reconstruction_error: minimize}"
BLIND = "early_stop: median looks at factor_vae_score alone"


@pytest.mark.parametrize(
    ("objectives", "rule", "said"),
    [
        (TWO, "{rule: median, metric: factor_vae_score, grace: 50}", True),
        (TWO, "{rule: dominated, grace: 50}", False),
        ("{factor_vae_score: maximize}", "{rule: median, metric: factor_vae_score, grace: 50}", False),
    ],
)
def test_a_rule_that_is_blind_to_an_objective_is_marked(
    tmp_path: pathlib.Path, ask: Any, objectives: str, rule: str, said: bool
) -> None:
    file = tmp_path / "made.yaml"
    search = "{sampler: random, configurations: 4}"
    file.write_text(STUDY.format(objectives=objectives, search=search, more=f"early_stop: {rule}"))
    code, _, told = ask("validate", str(file))
    assert (code, BLIND in told) == (0, said)


def test_what_was_chosen_for_the_search_is_told(tmp_path: pathlib.Path, ask: Any) -> None:
    file = tmp_path / "made.yaml"
    study = STUDY.format(objectives=TWO, search="{configurations: 30}", more="")
    several = study.replace("models: {", "models: {vae: null, ").replace("steps: 100", "steps: 2000")
    for text, learns in ((study, False), (several, True)):
        file.write_text(text)
        plan = ask("validate", str(file))[1]
        assert "tpe" in plan
        assert ("which learns from expected values" in plan) == learns


def test_a_grid_that_is_larger_than_its_configurations_is_told(tmp_path: pathlib.Path, ask: Any) -> None:
    file = tmp_path / "made.yaml"
    file.write_text(STUDY.format(objectives=TWO, search="{sampler: grid, configurations: 3}", more=""))
    assert "the grid has 5 points, 3 of them will run" in ask("validate", str(file))[2]
