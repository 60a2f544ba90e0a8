import pathlib

import numpy as np
import pandas as pd
import pytest

from analysis.models import ranking
from analysis.statistics import comparison, dependence, selection, uncertainty
from analysis.statistics.expected import by_logarithm, expected, places
from analysis.study import Study
from core import pareto
from tests.analysis.kit import OBJECTIVES, random_study

DIRECTIONS = ["maximize", "minimize"]


def trials(rows: list[tuple[str, str, int, float]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["model", "configuration", "seed", "score"]).assign(state="COMPLETED")


def test_resampled_means_draw_the_same_seeds_for_all_configurations() -> None:
    shared = np.array([0.0, 1.0, 5.0])
    values = np.stack([shared, shared + 10.0])[:, :, None]
    for means in uncertainty.resampled_means(values, replicates=50):
        assert means[1, 0] - means[0, 0] == pytest.approx(10.0)


def test_resampled_means_against_their_known_spread() -> None:
    values = np.random.default_rng(0).normal(size=(1, 8, 1))
    means = np.array(list(uncertainty.resampled_means(values, replicates=4000)))
    assert means.mean() == pytest.approx(values.mean(), abs=0.02)
    assert means.std() == pytest.approx(values.std() / np.sqrt(8), rel=0.05)


def test_configurations_with_fewer_seeds_keep_to_their_own() -> None:
    values = np.array([[[1.0], [2.0], [3.0]], [[7.0], [np.nan], [np.nan]]])
    for means in uncertainty.resampled_means(values, replicates=20):
        assert means[1, 0] == 7.0
        assert 1.0 <= means[0, 0] <= 3.0


def test_hypervolume_interval_holds_the_value_and_needs_two_seeds() -> None:
    values = np.random.default_rng(1).uniform(size=(10, 4, 2))
    estimate = uncertainty.hypervolume(values, DIRECTIONS, [0.0, 1.0], replicates=300)
    assert estimate.value == pytest.approx(pareto.hypervolume(values.mean(1), DIRECTIONS, [0.0, 1.0]))
    assert estimate.low < estimate.value < estimate.high
    alone = uncertainty.hypervolume(values[:, :1], DIRECTIONS, [0.0, 1.0])
    assert np.isnan(alone.low)
    assert "interval" not in str(alone)


@pytest.mark.slow
def test_how_often_intervals_hold_the_truth() -> None:
    """With ten seeds somewhat less often than 95 % for the bootstrap, as often for Student's t."""
    rng = np.random.default_rng(7)
    true = np.array([[0.9, 3.0], [0.7, 2.0], [0.5, 1.0], [0.4, 2.5]])
    volume = pareto.hypervolume(true, DIRECTIONS, [0.0, 4.0])
    bootstrap, student = [], []
    for seed in range(200):
        values = true[:, None] + rng.normal(size=(4, 10, 2)) * [0.02, 0.1]
        estimate = uncertainty.hypervolume(values, DIRECTIONS, [0.0, 4.0], replicates=200, seed=seed)
        bootstrap.append(estimate.low <= volume <= estimate.high)
        found = comparison.paired(pd.Series(rng.normal(1.0, 1.0, 10)), pd.Series(rng.normal(0.0, 1.0, 10)))
        student.append(found.low <= 1.0 <= found.high)
    assert 0.82 < np.mean(bootstrap) < 0.97
    assert 0.91 < np.mean(student) < 0.99


def noisy(seeds: int, spread: float, configurations: int = 40, draw: int = 3) -> pd.DataFrame:
    """Configurations of a model: a curve of β, and noise of the seeds."""
    rng = np.random.default_rng(draw)
    beta = np.exp(rng.uniform(0.0, 3.0, configurations))
    truth = 0.3 + 0.2 * np.sin(1.5 * np.log(beta))
    values = truth[:, None] + spread * rng.normal(size=(configurations, seeds))
    deviation = values.std(1, ddof=1) if seeds > 1 else np.full(configurations, np.nan)
    return pd.DataFrame(
        {
            "model": "beta_vae",
            "beta": beta,
            "truth": truth,
            "n": seeds,
            "mig_mean": values.mean(1),
            "mig_std": deviation,
        }
    )


@pytest.mark.parametrize("seeds", [1, 3])
def test_neighbours_take_the_luck_of_seeds_out(seeds: int) -> None:
    table = noisy(seeds, 0.1)
    found = expected(table, {"beta_vae": ["beta"]}, {"beta"}, "mig")
    off, seen = (np.sqrt(np.mean((each - table["truth"]) ** 2)) for each in (found["expected"], table["mig_mean"]))
    assert off < 0.6 * seen
    assert 0.8 < np.mean(abs(found["expected"] - table["truth"]) < 2 * found["error"]) <= 1.0
    assert found["error"].median() == pytest.approx(off, rel=0.5)


def test_errors_are_no_smaller_for_few_configurations_that_could_be_explained_in_many_ways() -> None:
    """By the most likely kernel alone a quarter of the values are off by more than three of their errors."""
    off = []
    for draw in range(12):
        table = noisy(1, 0.1, configurations=8, draw=draw)
        found = expected(table, {"beta_vae": ["beta"]}, {"beta"}, "mig")
        off += list(abs(found["expected"] - table["truth"]) / found["error"])
    assert np.mean(np.array(off) < 2) > 0.75
    assert np.mean(np.array(off) > 3) < 0.12


def test_seeds_that_agree_leave_nothing_to_expect_but_the_means() -> None:
    table = noisy(3, 1e-5)
    found = expected(table, {"beta_vae": ["beta"]}, {"beta"}, "mig")
    assert found["expected"].to_numpy() == pytest.approx(table["mig_mean"].to_numpy(), abs=1e-4)


def test_few_configurations_or_none_that_differ_keep_their_means() -> None:
    table = noisy(3, 0.1)
    noise = np.sqrt((table["mig_std"] ** 2).mean() / 3)
    alone = expected(table, {"beta_vae": []}, set(), "mig")
    assert alone["expected"].tolist() == table["mig_mean"].tolist()
    assert alone["error"].to_numpy() == pytest.approx(noise)
    few = expected(table.head(4).assign(n=1), {"beta_vae": ["beta"]}, {"beta"}, "mig")
    assert few["expected"].tolist() == table["mig_mean"].head(4).tolist()
    assert few["error"].isna().all()


def test_places_are_shares_of_the_range_and_one_column_for_each_name() -> None:
    table = pd.DataFrame({"beta": [1.0, 4.0, 16.0], "network": ["small", "full", "small"], "batch_size": 32})
    assert places(table, {"beta"}).tolist() == [[0.0, 1.0, 0.0], [0.5, 0.0, 1.0], [1.0, 1.0, 0.0]]
    odd = pd.DataFrame(
        {"capacity": [None, 25.0, 25.0], "tied": [True, False, True], "beta": pd.Series([1, 2, 4], dtype=object)}
    )
    assert places(odd, set()).tolist() == [[0.0, 1.0, 0.0, 0.0], [1.0, 0.0, 1.0, 1 / 3], [1.0, 1.0, 0.0, 1.0]]


def test_logarithms_of_ranges_that_say_so_and_of_lists_over_a_decade() -> None:
    space = {
        "beta": {"log": [1, 16]},
        "nu": {"uniform": [1, 1000]},
        "num_annotated": [32, 2048],
        "batch_size": [16, 64],
    }
    assert by_logarithm([space, {"network": ["small", "full"], "gamma": [0, 10], "alpha": 3.0}]) == {
        "beta",
        "num_annotated",
    }


def test_front_probability_is_certain_where_seeds_agree() -> None:
    certain = np.array([[[0.9, 1.0]] * 3, [[0.5, 2.0]] * 3])
    np.testing.assert_array_equal(uncertainty.front_probability(certain, DIRECTIONS, 50), [1.0, 0.0])
    # two seeds, each prefers another configuration: 1/4 both first, 1/4 both second, 1/2 equal means
    torn = np.array([[[1.0], [0.0]], [[0.0], [1.0]]])
    np.testing.assert_allclose(uncertainty.front_probability(torn, ["maximize"], 4000), [0.75, 0.75], atol=0.03)


def test_history_against_the_hypervolume_of_every_prefix() -> None:
    points = np.random.default_rng(2).uniform(size=(40, 2))
    points[5] = np.nan
    history = uncertainty.hypervolume_history(points, DIRECTIONS, [0.0, 1.0])
    whole = [pareto.hypervolume(points[: index + 1], DIRECTIONS, [0.0, 1.0]) for index in range(len(points))]
    np.testing.assert_allclose(history, whole)


def test_seed_values_of_a_study(tmp_path: pathlib.Path) -> None:
    study = random_study(tmp_path, configurations=4, seeds=3)
    table = study.configurations()
    values = uncertainty.seed_values(study.trials(), list(table["configuration"]), list(OBJECTIVES))
    assert values.shape == (4, 3, 2)
    np.testing.assert_allclose(values.mean(1)[:, 0], table["factor_vae_score_mean"])


def test_rank_correlation_against_scipy() -> None:
    from scipy.stats import spearmanr

    rng = np.random.default_rng(5)
    table = pd.DataFrame(rng.integers(0, 9, (50, 3)).astype(float), columns=list("abc")).assign(state="COMPLETED")
    found = dependence.rank_correlation(table, dict.fromkeys("abc", "maximize"))
    np.testing.assert_allclose(found, spearmanr(table[list("abc")]).statistic)


def test_rank_correlation_is_one_for_a_monotone_metric() -> None:
    table = pd.DataFrame({"state": "COMPLETED", "a": [1.0, 2.0, 3.0], "b": [1.0, 8.0, 27.0], "c": [3.0, 2.0, 1.0]})
    found = dependence.rank_correlation(table, dict.fromkeys("abc", "maximize"))
    assert found.loc["a", "b"] == pytest.approx(1.0)
    assert found.loc["a", "c"] == pytest.approx(-1.0)
    turned = dependence.rank_correlation(table, {"a": "maximize", "c": "minimize"})
    assert turned.loc["a", "c"] == pytest.approx(1.0)  # they agree on what is better


def test_variance_shares_of_effects_that_are_known() -> None:
    rows = [
        ("ab"[model], f"{model}{setting}", seed, 4.0 * model + 2.0 * setting + seed)
        for model in (0, 1)
        for setting in (0, 1)
        for seed in (0, 1)
    ]
    shares = dependence.variance_shares(trials(rows), "score")
    assert shares == pytest.approx({"model": 16 / 21, "hyperparameter": 4 / 21, "seed": 1 / 21})
    single = dependence.variance_shares(trials([row for row in rows if row[2] == 0]), "score")
    assert single["model"] == pytest.approx(16 / 20)
    assert np.isnan(single["hyperparameter"])  # cannot be told from the seed
    assert np.isnan(single["seed"])


def many_trials(models: float, settings: float, seed: int = 0) -> pd.DataFrame:
    """Six models of ten configurations, five seeds each, whose noise has a variance of 1."""
    rng = np.random.default_rng(seed)
    of_models, of_settings = models * rng.normal(size=6), settings * rng.normal(size=60)
    noise = rng.normal(size=(60, 5))
    return trials(
        [
            (f"m{index % 6}", f"c{index}", each, of_models[index % 6] + of_settings[index] + noise[index, each])
            for index in range(60)
            for each in range(5)
        ]
    )


def test_shares_are_corrected_for_what_chance_gives_to_hyperparameters() -> None:
    nothing = many_trials(0.0, 0.0)
    assert dependence.variance_shares(nothing, "score")["hyperparameter"] > 0.12  # of 54 degrees of freedom in 299
    found = dependence.corrected_shares(nothing, "score")
    assert found["share"].to_numpy() == pytest.approx([0.0, 0.0, 1.0], abs=0.06)
    assert (found["low"] <= [0.0, 0.0, 1.0]).all()
    assert (found["high"] >= [0.0, 0.0, 1.0]).all()


def test_intervals_of_shares_hold_what_is_true() -> None:
    held = []
    for seed in range(12):
        rng = np.random.default_rng(seed)  # as in `many_trials`
        mean = 0.5 * np.tile(rng.normal(size=6), 10) + 0.7 * rng.normal(size=60)
        by_model = np.tile(mean.reshape(10, 6).mean(0), 10)
        true = np.array([5 * by_model.var() * 60, 5 * np.square(mean - by_model).sum(), 299])
        found = dependence.corrected_shares(many_trials(0.5, 0.7, seed), "score")
        held.append(((found["low"] <= true / true.sum()) & (true / true.sum() <= found["high"])).to_numpy())
        assert found["share"].sum() == pytest.approx(1.0)
    assert np.mean(held) > 0.85


def test_shares_of_single_seeds_are_unknown_and_of_few_have_no_interval() -> None:
    table = many_trials(0.5, 0.7)
    assert dependence.corrected_shares(table[table["seed"] == 0], "score").isna().all(axis=None)
    few = dependence.corrected_shares(table[table["seed"] < 4], "score")
    assert few["share"].notna().all()
    assert few[["low", "high"]].isna().all(axis=None)
    assert "to" not in dependence.in_words(few)[0]
    race = table[(table["seed"] == 0) | (table["configuration"] < "c2")]  # more seeds for some, as `until: front` gives
    assert dependence.corrected_shares(race, "score")[["low", "high"]].isna().all(axis=None)
    assert "to" in dependence.in_words(dependence.corrected_shares(table, "score"))[0]


def test_importance_finds_the_hyperparameter_that_matters() -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"beta": rng.uniform(size=40), "rate": rng.uniform(size=40), "kind": ["a", "b"] * 20})
    table["score_mean"] = 3.0 * table["beta"] + 0.01 * rng.normal(size=40)
    found = dependence.importance(table, ["beta", "rate", "kind"], "score")
    assert found["hyperparameter"][0] == "beta"
    assert found["importance"][0] > 0.8
    assert found["explained"][0] > 0.8
    assert found["importance"].sum() == pytest.approx(1.0)


def test_importance_says_nothing_about_few_configurations() -> None:
    table = pd.DataFrame({"beta": [1.0, 2.0], "score_mean": [0.1, 0.2]})
    assert dependence.importance(table, ["beta"], "score").empty


def test_paired_comparison_against_student() -> None:
    from scipy import stats

    rng = np.random.default_rng(3)
    first, second = pd.Series(rng.normal(1.0, 1.0, 10)), pd.Series(rng.normal(0.0, 1.0, 10))
    found = comparison.paired(first, second)
    interval = stats.ttest_rel(first, second).confidence_interval()
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
    assert found.effect == pytest.approx((1 - 3 / 35) * (first - second).mean() / (first - second).std())


def test_pairs_are_by_seed_whatever_their_order() -> None:
    found = comparison.paired(pd.Series({0: 1.0, 1: 2.0, 2: 9.0}), pd.Series({2: 8.0, 1: 1.0, 0: 0.0}))
    assert (found.difference, found.pairs, found.effect) == (1.0, 3, np.inf)
    assert np.isnan(comparison.paired(pd.Series([1.0, 3.0]), pd.Series([0.0, 1.0])).effect)  # of two pairs: no effect
    with pytest.raises(ValueError, match="no completed seed in common"):
        comparison.paired(pd.Series({0: 1.0}), pd.Series({1: 1.0}))


def test_every_honest_rule_is_below_the_best_trial() -> None:
    rng = np.random.default_rng(4)
    rows = [("m", f"c{index}", seed, rng.normal()) for index in range(30) for seed in range(3)]
    table = trials(rows).assign(reconstruction_error=rng.normal(size=90))
    criteria = selection.unsupervised(table, ["reconstruction_error"])
    found = selection.leakage(table, "score", "maximize", criteria).set_index("rule")
    errors = table.groupby("configuration")["reconstruction_error"].mean()
    assert found.loc["best by reconstruction_error", "configuration"] == errors.idxmin()
    best = found.loc["best trial by the score", "value"]
    mean = found.loc["best configuration by its mean", "value"]
    assert best == table["score"].max()
    assert best > mean > found.loc["best configuration on the other seeds", "value"]
    assert mean > found.loc["best by reconstruction_error", "value"]


def test_none_of_ten_is_more_than_three_deviations_above_their_mean() -> None:
    extreme = np.array([1.0, *[0.0] * 9])
    assert selection.largest_possible(extreme.mean(), extreme.std(), 10) == pytest.approx(1.0)
    for values in np.random.default_rng(0).exponential(size=(100, 10)) ** 3:
        assert values.max() <= selection.largest_possible(values.mean(), values.std(ddof=1), 10)


def test_the_best_of_many_by_chance_is_the_expected_maximum_of_normals() -> None:
    assert selection.best_by_chance(5.0, 2.0, 1) == pytest.approx(5.0)
    assert selection.best_by_chance(0.0, 1.0, 2) == pytest.approx(1 / np.sqrt(np.pi))
    assert selection.best_by_chance(0.0, 1.0, 10) == pytest.approx(1.53875, abs=1e-5)  # Harter 1961, table 1
    assert selection.best_by_chance(70.0, 7.5, 1000) == pytest.approx(70 + 7.5 * 3.24144, abs=1e-3)


def test_unsupervised_criteria_need_no_factors() -> None:
    keys = ["mig", "reconstruction_error", "relation_accuracy", "leak", "udr", "unheard_of"]
    table = trials([("m", "a", 0, 0.0), ("m", "a", 1, 0.0), ("m", "b", 0, 0.0)])
    table = table.assign(**{key: [1.0, 3.0, 4.0] for key in keys})
    found = selection.unsupervised(table, keys)
    assert {key: values.to_dict() for key, values in found.items()} == {
        "reconstruction_error": {"a": -2.0, "b": -4.0},
        "udr": {"a": 2.0, "b": 4.0},
    }


@pytest.mark.slow
def test_seeds_that_agree_rank_high(tmp_path: pathlib.Path) -> None:
    """Two copies of one trained model agree; a model that was trained from another seed agrees less."""
    import json
    import shutil

    from analysis.models.ranking import udr
    from core.storage import Folder
    from studies.testing.trials import trial_config
    from tests.analysis.kit import StudyWriter
    from trainables.training.run import TrainingRun

    config = trial_config("beta_vae", tmp_path)
    writer = StudyWriter(tmp_path, models={"beta_vae": {"beta": [4, 5]}}, dataset=config.dataset)
    record = json.loads((writer.path / "study.json").read_text())
    record["stores"]["data"] = config.data_root
    (writer.path / "study.json").write_text(json.dumps(record))
    settings = dict(config.configuration.hyperparameters)
    same, different = (writer.configuration("beta_vae", 2, **{**settings, "beta": beta}) for beta in (4.0, 5.0))
    for key, seeds in ((same, (0, 0)), (different, (0, 1))):
        for place, seed in enumerate(seeds):
            run = TrainingRun(trial_config("beta_vae", tmp_path, seed=seed))
            run.advance()
            run.save(Folder(writer.study.checkpoint_folder(f"{key}-s{place}")))
            writer.complete(key, place, {"factor_vae_score": 0.5, "reconstruction_error": 40.0})
    found = udr(writer.study, images=200)
    assert list(found.index) == [same, different]
    assert found[same] > found[different] + 0.05
    shutil.rmtree(tmp_path / "made" / "trials")
    with pytest.raises(FileNotFoundError):
        udr(writer.study)
    pd.testing.assert_series_equal(udr(writer.study, known=found.to_dict()), found)


def test_agreement_is_computed_once_for_the_same_trials_and_code(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, asked = random_study(tmp_path), []
    keys = set(study.feasible()["configuration"])

    def counted(_: Study, images: int, known: dict[str, float]) -> pd.Series:
        asked.append((images, set(known)))
        return pd.Series({key: known.get(key, 0.1 + len(asked)) for key in sorted(keys)}, name="udr")

    monkeypatch.setattr(ranking, "udr", counted)
    file = tmp_path / "agreement.json"
    first, again, other = (ranking.remembered_udr(study, 9, file, code) for code in ("a", "a", "b"))
    assert asked == [(9, set()), (9, keys), (9, set())]
    pd.testing.assert_series_equal(first, again)
    assert not first.equals(other)
    file.write_text('{"of": "another program"}')
    ranking.remembered_udr(study, 9, file, "b")
    assert asked[-1] == (9, set())
