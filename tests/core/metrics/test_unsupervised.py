"""Metrics that need no factors, and those of discrete latents and relations."""

import numpy as np
import pytest
from scipy.stats import spearmanr

import core.metrics
from core.metrics import MetricError
from core.metrics.densities import draw_sample, sample_densities
from core.metrics.measures.reconstruction_error import cross_entropy
from core.metrics.measures.udr import pair_score
from studies.testing.representations import GridDataset, oracle_relations, pool

LOGITS = np.array([-3.0, -0.5, 0.0, 2.0])


def posterior(count=1500, dims=4, seed=0):
    """Posteriors whose aggregate is the standard normal: factorial, total correlation zero."""
    mean = np.random.default_rng(seed).normal(size=(count, dims)) * np.sqrt(0.8)
    return {"posterior_mean": mean, "posterior_log_variance": np.full((count, dims), np.log(0.2))}


def test_cross_entropy_is_the_sum_over_pixels():
    pixels = np.array([[0.0, 1.0, 0.5, 1.0]])
    p = 1 / (1 + np.exp(-LOGITS))
    expected = -(pixels * np.log(p) + (1 - pixels) * np.log(1 - p)).sum()
    assert cross_entropy(LOGITS[None], pixels)[0] == pytest.approx(expected, abs=1e-12)
    assert cross_entropy(np.array([[500.0, -500.0]]), np.array([[1.0, 0.0]]))[0] < 1e-12


def test_reconstruction_errors_have_their_own_reductions():
    images = np.full((300, 1, 8, 8), 255, dtype=np.uint8)

    def logits(batch, rng):
        return np.zeros(batch.shape, np.float32) + (0 if rng is None else rng.normal(size=(len(batch), 1, 1, 1)))

    values = core.metrics.compute("reconstruction_error", images=images, logits=logits, standard_error=True)
    assert values["reconstruction_error_mean_z"] == pytest.approx(64 * np.log(2), rel=1e-6)
    assert values["reconstruction_mse"] == pytest.approx(0.25)
    assert values["reconstruction_error"] > values["reconstruction_error_mean_z"]
    assert values["reconstruction_error_mean_z_se"] == pytest.approx(0.0, abs=1e-6)
    assert values["reconstruction_error_se"] > 0


@pytest.mark.parametrize(
    ("images", "match"),
    [
        (np.zeros((0, 1, 8, 8), np.uint8), "uint8"),
        (np.zeros((2, 1, 8, 8)), "uint8"),
        (np.zeros((2, 1, 8, 4), np.uint8), "gives"),
    ],
)
def test_reconstruction_refuses_images_that_do_not_fit(images, match):
    with pytest.raises(MetricError, match=match):
        core.metrics.compute(
            "reconstruction_error", images=images, logits=lambda batch, _: np.zeros((len(batch), 1, 8, 8))
        )


def test_kl_is_the_closed_form():
    values = core.metrics.compute(
        "kl", posterior_mean=np.array([[1.0, 0.0]] * 3), posterior_log_variance=np.array([[0.0, 0.0]] * 3)
    )
    assert values == {"kl": 0.5, "kl_dim_0": 0.5, "kl_dim_1": 0.0, "kl_active_dims": 1.0}


def test_the_three_terms_add_up_to_the_kl_of_the_same_samples():
    inputs = posterior(400)
    mean, log_variance = inputs["posterior_mean"], inputs["posterior_log_variance"]
    z = draw_sample(mean, log_variance, np.random.default_rng(1))
    found = sample_densities(mean, log_variance, z)
    joint, marginal = found.joint - np.log(400), (found.marginals - np.log(400)).sum(axis=1)
    information, correlation = found.conditional - joint, joint - marginal
    total = (information + correlation + marginal - found.prior).mean()
    assert total == pytest.approx((found.conditional - found.prior).mean(), abs=1e-10)
    values = core.metrics.compute("mutual_information", sampled_codes=z, **inputs)
    assert values["mutual_information"] == pytest.approx(information.mean(), abs=1e-12)


def test_densities_equal_a_loop_and_do_not_underflow():
    inputs = posterior(30, 3)
    mean, log_variance = inputs["posterior_mean"], inputs["posterior_log_variance"]
    z = draw_sample(mean, log_variance, np.random.default_rng(1))
    found = sample_densities(mean, log_variance, z)
    single = -0.5 * ((z[4] - mean) ** 2 / 0.2 + np.log(0.2) + np.log(2 * np.pi))
    assert found.joint[4] == pytest.approx(np.log(np.exp(single.sum(axis=1)).sum()), abs=1e-12)
    assert found.marginals[4] == pytest.approx(np.log(np.exp(single).sum(axis=0)), abs=1e-12)
    assert np.isfinite(sample_densities(mean, log_variance, z + 1e3).joint).all()


def test_total_correlation_of_factorial_codes_is_zero():
    values = core.metrics.compute("total_correlation", num_images=1500, **posterior())
    assert values["total_correlation_gaussian"] < 0.02
    batch = posterior(1000, 2)
    mean, log_variance = batch["posterior_mean"], batch["posterior_log_variance"]
    found = sample_densities(mean, log_variance, draw_sample(mean, log_variance, np.random.default_rng(0)))
    exact = (found.joint - np.log(1000) - (found.marginals - np.log(1000)).sum(axis=1)).mean()
    assert exact == pytest.approx(0.0, abs=0.1)


def test_the_logged_mws_estimate_carries_its_constants():
    inputs = posterior(500, 3)
    small = core.metrics.compute("total_correlation", num_images=500, **inputs)["total_correlation_mws"]
    large = core.metrics.compute("total_correlation", num_images=5000, **inputs)["total_correlation_mws"]
    assert large - small == pytest.approx(2 * np.log(10), abs=1e-9)


def test_gaussian_total_correlation_is_the_closed_form_on_any_scale():
    codes = np.random.default_rng(0).multivariate_normal([0, 0], [[1, 0.8], [0.8, 1]], 100_000)
    codes = np.hstack([codes * [1.0, 1e-4], np.full((100_000, 1), 3.0)])
    values = core.metrics.compute("total_correlation", protocol="dlib", codes=codes)
    assert values["total_correlation_gaussian"] == pytest.approx(-0.5 * np.log(1 - 0.64), abs=0.01)
    with pytest.raises(MetricError, match="infinite"):
        core.metrics.compute("total_correlation", protocol="dlib", codes=codes[:, [0, 0]])


def test_information_is_bounded_by_the_number_of_images():
    inputs = posterior(200)
    inputs["posterior_log_variance"] = np.full((200, 4), -20.0)
    values = core.metrics.compute("mutual_information", **inputs)
    assert values["mutual_information"] == pytest.approx(np.log(200), abs=1e-6)


def test_udr_ranks_copies_over_rotations():
    rng = np.random.default_rng(0)
    codes = rng.normal(size=(2000, 4))
    turn = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    dead = np.hstack([codes[:, [2, 0, 3, 1]] * -3.0, np.zeros((2000, 1))])
    same = core.metrics.compute("udr", codes_by_seed=[codes, dead, np.exp(codes)])
    assert same["udr"] > 0.9
    assert core.metrics.compute("udr", codes_by_seed=[codes, codes @ turn])["udr"] < 0.6
    assert pair_score(np.eye(3)) == 1.0
    assert pair_score(np.ones((3, 3))) == pytest.approx(1 / 3)


def test_udr_shares_the_ranks_of_equal_codes():
    codes = np.random.default_rng(0).integers(0, 5, (200, 2)).astype(float)
    other = np.random.default_rng(1).integers(0, 5, (200, 2)).astype(float)
    expected = pair_score(np.abs(spearmanr(codes, other).statistic[:2, 2:]))
    assert core.metrics.compute("udr", codes_by_seed=[codes, other])["udr"] == pytest.approx(expected, rel=1e-12)


def test_udr_masks_and_bad_input():
    codes = np.random.default_rng(0).normal(size=(100, 2))
    masks = [[True, True], [False, False]]
    assert core.metrics.compute("udr", codes_by_seed=[codes, codes], active_by_seed=masks)["udr"] == 0.0
    for wrong, match in (([codes], "there is 1"), ([codes, codes[:50]], "same images")):
        with pytest.raises(MetricError, match=match):
            core.metrics.compute("udr", codes_by_seed=wrong)


def test_irs_of_perfect_codes_is_one_and_of_noise_low():
    factors = pool()
    assert core.metrics.compute("irs", codes=factors.astype(float), factors=factors)["irs"] == 1.0
    noise = np.random.default_rng(1).uniform(-1, 1, size=(3000, 3))
    assert core.metrics.compute("irs", codes=noise, factors=factors)["irs"] < 0.1
    dead = np.hstack([factors, np.ones((3000, 2))]).astype(float)
    assert core.metrics.compute("irs", codes=dead, factors=factors)["irs"] == 1.0


def test_unsupervised_accuracy_permutes_one_to_one():
    factors = pool((3, 4))
    shape = factors[:, 0]
    permuted = np.array([2, 0, 1])[shape]
    inputs = {"factors": factors, "dataset": GridDataset((3, 4))}
    assert set(core.metrics.compute("unsupervised_accuracy", discrete_codes=permuted, **inputs).values()) == {1.0}
    collapsed = core.metrics.compute("unsupervised_accuracy", discrete_codes=shape * 0, **inputs)
    assert collapsed["unsupervised_accuracy"] == pytest.approx(1 / 3, abs=0.03)
    split = core.metrics.compute("unsupervised_accuracy", discrete_codes=shape * 2 + (factors[:, 1] > 1), **inputs)
    assert split["unsupervised_accuracy"] == pytest.approx(0.5, abs=0.04)
    assert split["unsupervised_accuracy_majority"] == 1.0
    with pytest.raises(MetricError, match="know the factor"):
        core.metrics.compute("unsupervised_accuracy", discrete_codes=shape, factors=factors)


def test_relations_of_an_oracle_all_succeed_and_of_the_identity_fail():
    values = core.metrics.compute("relation_accuracy", **oracle_relations())
    assert values["relation_accuracy"] == 1.0
    assert values["relation_accuracy_judged"] == values["generation_accuracy"] == values["factor_accuracy"] == 1.0
    assert values["relation_accuracy_chance"] == pytest.approx(1 / 12)
    # "up" is clamped at its end, where one value in four asks for no change.
    assert values["relation_accuracy_identity"] == pytest.approx(0.125, abs=0.03)
    idle = oracle_relations() | {"apply_relation": lambda codes, _: codes}
    found = core.metrics.compute("relation_accuracy", **idle)
    assert found["relation_accuracy_of_next"] == 0.0
    assert found["relation_accuracy_kept"] == 1.0


def test_values_to_which_a_relation_does_not_apply_are_left_out():
    inputs = oracle_relations()
    name, factor, table = inputs["relations"][0]
    inputs["relations"] = [(name, factor, [-1, *table[1:]]), *inputs["relations"][1:]]
    values = core.metrics.compute("relation_accuracy", **inputs)
    assert values["relation_accuracy"] == values["relation_accuracy_judged"] == 1.0


def test_a_wrong_decoder_is_seen_by_the_judge_only():
    liar = oracle_relations() | {"judge": lambda codes: np.rint(codes).astype(int) * 0}
    values = core.metrics.compute("relation_accuracy", **liar)
    assert values["relation_accuracy"] == values["relation_accuracy_reencoded"] == values["factor_accuracy"] == 1.0
    assert values["relation_accuracy_judged"] < 0.2


@pytest.mark.parametrize("relation", [("up", 2, [1, 0]), ("up", 0, [1, 0]), ("up", 0, [1, 2, 3])])
def test_relations_that_do_not_fit_are_refused(relation):
    with pytest.raises(MetricError, match="'up'"):
        core.metrics.compute("relation_accuracy", **(oracle_relations() | {"relations": [relation]}))
