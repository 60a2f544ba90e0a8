"""Whose weights are kept: those of the front that was seen, of the front that is to be expected, and of the best."""

import pathlib
from typing import Any

import numpy as np
import pytest

from core.configuration import split_identity
from core.record.history import History
from studies.record.retention import FrontOnly
from studies.study_file.document import from_mapping
from studies.study_file.spec import StudySpec
from studies.study_file.validation import validate
from tests.analysis.kit import OBJECTIVES, StudyWriter


def spec_of(**search: Any) -> StudySpec:
    study = {
        "name": "made",
        "dataset": "dsprites.quick",
        "models": {"beta_vae": {"beta": {"log": [1, 16]}}},
        "objectives": OBJECTIVES,
        "search": {"sampler": "random", **search},
        "budget": {"steps": 100},
        "retention": "front",
    }
    return validate(from_mapping(study))


def kept_of(spec: StudySpec, history: History, over: bool) -> set[str]:
    behind = FrontOnly(spec, history, lambda identity: identity).behind(over=over)
    return set(history.configurations) - {split_identity(pathlib.PurePath(folder.uri).name)[0] for folder in behind}


def ended(writer: StudyWriter, beta: float, score: float, error: float) -> str:
    """A configuration that is complete with one seed."""
    key = writer.configuration("beta_vae", 1, beta=beta)
    writer.complete(key, 0, dict(zip(OBJECTIVES, (score, error), strict=True)))
    writer.write("configuration_end", configuration=key, state="COMPLETE", values=[score, error], reason=None)
    return key


@pytest.mark.parametrize("over", [False, True])
def test_what_misses_the_constraint_beats_nothing_off_the_front(tmp_path: pathlib.Path, over: bool) -> None:
    where = "reconstruction_error > 30"
    writer = StudyWriter(tmp_path, "made", retention="front", search={"sampler": "random", "where": where})
    ideal = ended(writer, 1.0, 0.9, 20.0)  # better than all in both, and not wanted
    front = [ended(writer, beta, score, error) for beta, score, error in ((2.0, 0.8, 50.0), (4.0, 0.6, 40.0))]
    behind = [ended(writer, 8.0 + number / 10, 0.5, 60.0 + number) for number in range(8)]
    assert set(writer.study.front()["configuration"]) == set(front)
    kept = kept_of(spec_of(configurations=11, where=where), History.read(writer.path), over)
    assert {ideal, *front} <= kept  # ideal is the best by each
    assert not over or not kept & set(behind)


def test_weights_of_what_is_expected_to_be_good_stay_though_luck_is_ahead_of_it(tmp_path: pathlib.Path) -> None:
    """Scores fall and errors rise with β, so that small ones are good; one lucky seed stands before them all."""
    rng = np.random.default_rng(0)
    writer = StudyWriter(tmp_path, "made", retention="front")
    keys = []
    for index, beta in enumerate(np.geomspace(1.0, 16.0, 30).round(3)):
        lucky = 4 if index == 20 else 0
        score = 0.6 - 0.01 * index + 0.1 * lucky + 0.02 * rng.normal()
        keys.append(ended(writer, float(beta), score, 40.0 + index - 10 * lucky + 2 * rng.normal()))
    spec = spec_of(configurations=30)
    history = History.read(writer.path)

    def kept(over: bool) -> set[str]:
        return kept_of(spec, history, over)

    expected = set(writer.study.front(by="expected")["configuration"])
    assert set(writer.study.front()["configuration"]) == {keys[20]}
    assert kept(over=True) == {keys[20]} | expected
    assert kept(over=True) < kept(over=False) < set(keys)  # what may yet turn out to be good, as long as it may
    assert keys[0] in expected
    assert keys[20] not in expected
