"""Derived results: measured, searched for, and refused in one sentence."""

from typing import Any

import pytest

from studies.study_file.document import StudyFileError, from_mapping
from studies.study_file.validation import validate

STUDY: dict[str, Any] = {
    "name": "derived",
    "dataset": "dsprites.quick",
    "models": {"beta_vae": {"beta": [1, 4]}},
    "derived": {"score": "0.5 * mig + 0.5 * dci_disentanglement / factor_vae_score/fast"},
    "objectives": {"score": "maximize"},
    "budget": {"steps": 100, "evaluate_every": 50},
}


def refusal(**changes: Any) -> str:
    with pytest.raises(StudyFileError) as caught:
        validate(from_mapping({**STUDY, **changes}))
    return str(caught.value)


def test_what_an_expression_needs_is_measured() -> None:
    spec = validate(from_mapping(STUDY))
    assert spec.metrics.final == ["mig", "dci", "factor_vae_score/fast"]
    assert spec.metrics.during == []
    assert spec.objectives == {"score": "maximize"}
    both = {**STUDY, "early_stop": {"rule": "asha", "grace": 50}, "metrics": {"final": ["mig"]}}
    assert validate(from_mapping(both)).metrics.during == ["mig", "dci", "factor_vae_score/fast"]
    bound = {**STUDY, "objectives": {"mig": "maximize"}, "search": {"where": "score > 0.1"}}
    assert "dci" in validate(from_mapping(bound)).metrics.final
    seeds = {**STUDY, "objectives": {"mig": "maximize"}, "seeds": {"min": 1, "max": 2, "until": "std_error(score) < 1"}}
    assert "dci" in validate(from_mapping(seeds)).metrics.final


@pytest.mark.parametrize(
    ("derived", "message"),
    [
        ({"score": "0.5 * mgi"}, "derived.score: '0.5 * mgi': no metric gives the result 'mgi'; did you mean 'mig'?"),
        ({"score": "mig/kl"}, "metric 'mig' has no protocol 'kl'; it has"),
        ({"score": "mig/kl"}, "; a division needs spaces"),
        ({"score": "__import__('os')"}, "there is no function __import__ of 1; there are abs(a)"),
        ({"score": 3}, "an expression is text such as '0.5 * mig + 0.5 * sap_svc', not 3"),
        ({"score": "mig", "mig": "sap_svc"}, "derived.mig: 'mig' is the result of a metric; take another name"),
        ({"score": "mig", "seed": "mig"}, "'seed' is the name of another column"),
        ({"score": "mig", "beta": "mig"}, "'beta' is a hyperparameter of 'beta_vae'"),
        ({"score": "mig", "a b": "mig"}, "'a b' is no name of a result"),
        ({"score": "mig", "other": "score + mig"}, "no metric gives the result 'score'"),
        ("mig", "derived: must be a mapping"),
    ],
)
def test_a_bad_expression_is_one_sentence(derived: Any, message: str) -> None:
    text = refusal(derived=derived)
    assert message in text
    assert isinstance(derived, str) or len(text.splitlines()) == 1


def test_a_direction_is_declared() -> None:
    assert "the direction is 'maximize' or 'minimize', not 'up'" in refusal(objectives={"score": "up"})
    stop = {"rule": "asha", "grace": 50, "metric": "score"}
    assert "'score' has no direction: name it in 'objectives' too" in refusal(
        objectives={"mig": "maximize"}, early_stop=stop
    )
