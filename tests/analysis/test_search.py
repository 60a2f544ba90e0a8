"""How a search went and whether more of it pays: only what the numbers say, in sentences that say how far."""

import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from analysis import search
from analysis.statistics.gain import Gain, contributions, gain_of
from analysis.study import Study
from tests.analysis.kit import OBJECTIVES, StudyWriter, random_study

RANGE = {"beta_vae": {"beta": {"log": [1, 16]}}}


def made(root: pathlib.Path, scores: Sequence[float], *, spread: float = 0.0, **spec: Any) -> Study:
    """A study whose configurations reach these scores, at no cost; of two seeds, which differ by the spread."""
    spec = {"models": RANGE, "search": {"sampler": "random", "configurations": len(scores)}, **spec}
    writer = StudyWriter(root, **spec)
    for index, score in enumerate(scores):
        key = writer.configuration("beta_vae", beta=1.0 + index)
        for seed, sign in enumerate((-1, 1)):
            off = sign * spread / 2
            writer.complete(key, seed, {"factor_vae_score": score + off, "reconstruction_error": 40.0 + off})
    return writer.study


def test_the_gain_is_that_of_the_feasible_configurations(tmp_path: pathlib.Path) -> None:
    study = random_study(tmp_path)
    points = study.feasible()[[f"{key}_mean" for key in OBJECTIVES]].to_numpy()
    expected = gain_of(points, list(OBJECTIVES.values()), list(study.reference()), learns=False)
    assert study.gain() == expected
    assert study.gain(3).more == 3  # type: ignore[union-attr]
    assert expected is not None
    ahead = search.outlook(study)
    assert (ahead.gain, ahead.pays, ahead.configurations) == (expected, True, 22)
    said = f"More configurations: 10 more would likely add {expected.in_percent} to the hypervolume, worth it"
    assert ahead.sentence.startswith(said)


def test_the_past_is_told_where_its_order_means_something(tmp_path: pathlib.Path) -> None:
    rising = made(tmp_path / "rising", np.linspace(0.1, 0.9, 12))
    assert search.past(rising, search.history(rising)) == (
        "The search still paid at its end: the last 6 of 12 configurations added 50 % of the hypervolume."
    )
    flat = made(tmp_path / "flat", [0.1, 0.9, 0.905, *[0.2] * 21])
    assert search.past(flat, search.history(flat)) == (
        "After configuration 2 of 24 the search had stopped paying: the last 22 added 0.6 % of the hypervolume."
    )
    assert [search.stopped_after(each, search.history(each)) for each in (rising, flat)] == [None, 2]
    few = made(tmp_path / "few", [0.1, 0.2, 0.3, 0.4])
    assert "cannot be told from 4 configurations" in search.past(few, search.history(few))
    grid = made(tmp_path / "grid", np.linspace(0.1, 0.9, 12), search={"sampler": "grid", "configurations": 12})
    assert search.past(grid, search.history(grid)) == ""


def test_with_one_objective_only_the_past_is_told(tmp_path: pathlib.Path) -> None:
    study = made(tmp_path, [0.1, 0.5, 0.4, 0.3, 0.2, 0.3], objectives={"factor_vae_score": "maximize"})
    assert study.gain() is None
    assert "cannot be told with one objective" in search.outlook(study).sentence
    assert search.past(study, search.history(study)) == (
        "After configuration 2 of 6 the search had stopped paying: the last 4 bettered the best FactorVAE score by 0."
    )


@pytest.mark.parametrize(
    ("scores", "spread", "pays", "said"),
    [
        (np.linspace(0.1, 0.9, 8), 0.0, True, ", worth it."),
        (np.linspace(0.1, 0.9, 8), 0.3, True, ", worth it, though about half of that may be luck, since "),
        (np.linspace(0.4, 0.6, 8), 0.3, False, ", but most of that would be luck, since "),
        ([0.9] * 8, 0.0, False, ", not worth it."),
    ],
)
def test_what_follows_from_a_gain(
    tmp_path: pathlib.Path, scores: Sequence[float], spread: float, pays: bool, said: str
) -> None:
    ahead = search.outlook(made(tmp_path, scores, spread=spread))
    assert said in ahead.sentence
    assert (ahead.pays, ahead.configurations) == (pays, 18 if pays else None)


@pytest.mark.parametrize(
    ("expected", "high", "of_seeds", "pays"),
    [
        (0.02, 0.05, 0.0, True),
        (0.02, 0.05, float("nan"), True),  # of one seed nothing is known
        (0.02, 0.05, 0.2, True),
        (0.02, 0.05, 0.6, False),
        (0.004, 0.05, 0.0, None),
        (0.004, 0.008, 0.6, False),
    ],
)
def test_a_gain_is_worth_it_or_not_or_that_is_open(
    expected: float, high: float, of_seeds: float, pays: bool | None
) -> None:
    assert search._verdict(Gain(2.0, 10, 2 * expected, 0.0, 2 * high), of_seeds)[1] is pays


def test_the_share_of_seeds_in_what_configurations_differ_by(tmp_path: pathlib.Path) -> None:
    scores = np.array([0.1, 0.2, 0.4, 0.8])
    study = made(tmp_path, scores, spread=0.2, objectives={"factor_vae_score": "maximize"})
    assert search.share_of_seeds(study) == pytest.approx((0.2**2 / 2) / 2 / scores.var(ddof=1))


def test_of_one_seed_each_neighbours_tell_the_share(tmp_path: pathlib.Path) -> None:
    rng = np.random.default_rng(0)
    trend, luck = np.linspace(0.2, 0.8, 40), 0.1 * rng.normal(size=40)
    writer = StudyWriter(tmp_path, models=RANGE, objectives={"factor_vae_score": "maximize"})
    for index, score in enumerate(trend + luck):
        key = writer.configuration("beta_vae", 1, beta=float(np.exp(index / 15)))
        writer.complete(key, 0, {"factor_vae_score": score})
    study = writer.study
    assert search.share_of_seeds(study) == pytest.approx(luck.var() / (trend + luck).var(), rel=0.3)


def test_a_space_of_choices_comes_to_its_end(tmp_path: pathlib.Path) -> None:
    models = {"beta_vae": {"beta": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]}}
    study = made(tmp_path / "left", np.linspace(0.1, 0.6, 6), models=models)
    assert search.untried(study) == 1
    found = study.gain()
    assert found is not None
    assert found.more == 1
    through = made(tmp_path / "through", np.linspace(0.1, 0.7, 7), models=models)
    assert through.gain() is None
    assert search.outlook(through).sentence.startswith("Every point of the search space is planned")


def test_what_a_person_chose_tells_nothing_of_the_sampler(tmp_path: pathlib.Path) -> None:
    points = [{"model": "beta_vae", "beta": 1.0 + index} for index in range(3)]
    given = {"sampler": "tpe", "configurations": 7, "points": points}
    few = made(tmp_path / "few", [0.9, 0.8, 0.7, 0.1, 0.1, 0.1, 0.1], search=given)
    assert few.gain() is None
    assert "of those that the sampler chose, 4 ended, and it takes 5." in search.outlook(few).sentence
    enough = made(tmp_path / "enough", [0.9, 0.8, 0.7, 0.1, 0.1, 0.1, 0.1, 0.1], search=given)
    found = enough.gain()
    assert found is not None
    assert (found.expected, found.high) == (0.0, 0.0)
    _, alone, _ = contributions(search._points(enough), list(OBJECTIVES.values()), list(enough.reference()))
    assert alone[0] > 0
