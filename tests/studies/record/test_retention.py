"""Whose weights are kept: those of the front that was seen, of the front that is to be expected, and of the best."""

import pathlib

import numpy as np

from core.record.history import History
from studies.record.retention import FrontOnly
from studies.study_file.document import from_mapping
from studies.study_file.validation import validate
from tests.analysis.kit import OBJECTIVES, StudyWriter


def test_weights_of_what_is_expected_to_be_good_stay_though_luck_is_ahead_of_it(tmp_path: pathlib.Path) -> None:
    """Scores fall and errors rise with β, so that small ones are good; one lucky seed stands before them all."""
    rng = np.random.default_rng(0)
    writer = StudyWriter(tmp_path, "made", retention="front")
    keys = []
    for index, beta in enumerate(np.geomspace(1.0, 16.0, 30).round(3)):
        lucky = 4 if index == 20 else 0
        values = {
            "factor_vae_score": 0.6 - 0.01 * index + 0.1 * lucky + 0.02 * rng.normal(),
            "reconstruction_error": 40.0 + index - 10 * lucky + 2 * rng.normal(),
        }
        keys.append(writer.configuration("beta_vae", 1, beta=float(beta)))
        writer.complete(keys[-1], 0, values)
        end = {"configuration": keys[-1], "state": "COMPLETE", "values": list(values.values()), "reason": None}
        writer.write("configuration_end", **end)
    spec = validate(
        from_mapping(
            {
                "name": "made",
                "dataset": "dsprites.quick",
                "models": {"beta_vae": {"beta": {"log": [1, 16]}}},
                "objectives": OBJECTIVES,
                "search": {"sampler": "random", "configurations": 30},
                "budget": {"steps": 100},
                "retention": "front",
            }
        )
    )
    history = History.read(writer.path)

    def kept(over: bool) -> set[str]:
        behind = FrontOnly(spec, history, lambda identity: identity).behind(over=over)
        return set(keys) - {pathlib.PurePath(folder.uri).name.removesuffix("-s0") for folder in behind}

    expected = set(writer.study.front(by="expected")["configuration"])
    assert set(writer.study.front()["configuration"]) == {keys[20]}
    assert kept(over=True) == {keys[20]} | expected
    assert kept(over=True) < kept(over=False) < set(keys)  # what may yet turn out to be good, as long as it may
    assert keys[0] in expected
    assert keys[20] not in expected
