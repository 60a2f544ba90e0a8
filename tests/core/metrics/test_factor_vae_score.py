import numpy as np
import pytest

import core.metrics
from core.metrics import MetricError
from core.metrics.encoding import EncodedImages
from core.metrics.measures.factor_vae_score import assignment, gini, vote_matrix
from studies.testing.representations import GridDataset, encode_perfectly, pool, rotated

PUBLISHED = ("chyvae", "cascade", "lecture", "dlib")


def score(protocol, **inputs):
    return core.metrics.compute("factor_vae_score", protocol=protocol, **inputs)["factor_vae_score"]


@pytest.mark.parametrize("protocol", PUBLISHED)
def test_a_perfect_encoder_scores_one(protocol):
    assert score(protocol, encode=encode_perfectly, dataset=GridDataset()) > 0.99 - 0.3 * (protocol == "lecture")


@pytest.mark.parametrize("protocol", ["chyvae", "cascade", "fast"])
def test_a_perfect_pool_scores_one_on_any_scale(protocol):
    factors = pool()
    assert score(protocol, codes=factors * np.array([1.0, 0.3, 50.0, 0.5]), factors=factors) == 1.0


def test_the_lecture_forgets_to_normalise():
    factors = pool((4, 4, 4))
    blur = np.random.default_rng(1).normal(size=factors.shape) * 0.2
    codes = (factors + blur) * np.array([0.01, 1.0, 1.0])
    assert score("chyvae", codes=codes, factors=factors) > 0.99
    assert score("lecture", codes=codes, factors=factors) < 0.5


def test_random_codes_are_near_chance_and_rotated_ones_between():
    factors = pool((4, 4, 4, 4))
    noise = np.random.default_rng(0).normal(size=(3000, 8))
    assert score("fast", codes=noise, factors=factors) < 0.45
    assert 0.4 < score("fast", codes=rotated(factors.astype(float)), factors=factors) < 0.75


def test_pruned_dimensions_keep_their_own_rows():
    factors = pool((4, 4, 4))
    dead = np.zeros((len(factors), 1))
    codes = np.hstack([dead, factors[:, [1]], dead, factors[:, [0, 2]]]).astype(float)
    votes = vote_matrix(protocol="dlib", codes=codes, factors=factors)
    assert votes.shape == (5, 3)
    assert votes.sum() == 10_000
    assert assignment(votes).tolist() == [-1, 1, -1, 0, 2]


def test_exactly_constant_dimensions_never_win_a_vote():
    factors = pool((4, 4))
    codes = np.hstack([np.full((len(factors), 1), 0.7), factors]).astype(np.float32)
    assert score("chyvae", codes=codes, factors=factors) == 1.0
    assert vote_matrix(codes=codes, factors=factors)[0].sum() == 0


@pytest.mark.parametrize(("protocol", "expected"), [("cascade", 1 / 3), ("dlib", 0.0), ("chyvae", 1 / 3)])
def test_an_encoder_without_active_dimensions(protocol, expected):
    factors = np.hstack([pool((4, 4, 4)), np.zeros((3000, 1), dtype=int)])
    results = core.metrics.compute("factor_vae_score", protocol=protocol, codes=np.zeros((3000, 3)), factors=factors)
    assert results == {"factor_vae_score": expected, "factor_vae_score_active_dims": 0.0}


def test_cascade_prunes_by_kl_where_the_posterior_or_a_mask_is_given():
    factors = pool((4, 4))
    codes = factors - 1.5
    log_variance = np.full(codes.shape, -3.0)
    given = {"codes": codes, "factors": factors}
    posterior = {"posterior_mean": codes * [1.0, 0.0], "posterior_log_variance": log_variance * [1.0, 0.0]}
    whole = core.metrics.compute("factor_vae_score", protocol="cascade", **given)
    pruned = core.metrics.compute("factor_vae_score", protocol="cascade", **given, **posterior)
    masked = core.metrics.compute("factor_vae_score", protocol="cascade", active=[True, False], **given)
    assert whole["factor_vae_score_active_dims"] == 2.0
    assert pruned == masked
    assert masked["factor_vae_score_active_dims"] == 1.0
    assert masked["factor_vae_score"] == 0.5


def test_a_discrete_latent_is_one_more_dimension():
    factors = pool((3, 4))
    codes = factors[:, 1:].astype(float)
    assert score("cascade", codes=codes, factors=factors) == 0.5
    assert score("cascade", codes=codes, factors=factors, discrete_codes=factors[:, 0]) == 1.0
    dataset = GridDataset((3, 4))
    found = score(
        "cascade",
        encode=lambda images: images[:, 0, 0, 1:2].astype(float),
        encode_discrete=lambda images: images[:, 0, 0, 0].astype(int),
        dataset=dataset,
    )
    assert found == 1.0


def test_gini_variance_is_that_of_the_definition():
    categories = np.array([0, 0, 1, 2, 2, 2])[None, :, None]
    assert gini(categories)[0, 0] == pytest.approx((36 - 4 - 1 - 9) / (2 * 6 * 5))


def test_every_image_is_encoded_once_across_metrics():
    dataset = GridDataset(nuisance=3)
    requests = ["factor_vae_score/chyvae", "factor_vae_score/dlib", "beta_vae_score"]
    values = core.metrics.evaluate(requests, encode=encode_perfectly, dataset=dataset)
    assert len(dataset.served) == len(set(dataset.served))
    assert values["factor_vae_score/chyvae"] == 1.0


def test_a_large_set_is_represented_by_a_fixed_sample():
    dataset = GridDataset((3, 6, 4, 5), nuisance=300)
    values = core.metrics.evaluate(
        ["factor_vae_score/dlib", "beta_vae_score/dlib"], encode=encode_perfectly, dataset=dataset
    )
    assert values["factor_vae_score/dlib"] == 1.0
    assert 90_000 < len(dataset.served) <= 100_000


def test_correlated_factors_are_intervened_on_and_not_sampled():
    class Correlated(GridDataset):
        covariance = np.eye(4)

    dataset = Correlated(nuisance=300)
    score("dlib", encode=encode_perfectly, dataset=dataset)
    assert len(dataset.served) > 100_000


def test_images_beyond_the_length_of_a_set_are_encoded_too():
    dataset = GridDataset((3, 4, 2))
    encoded = EncodedImages(lambda images: images.reshape(len(images), -1)[:, :3].astype(float), dataset)
    assert encoded.codes(np.arange(4)).shape == (4, 3)
    dataset.factor_sizes = (6, 4, 2)
    assert encoded.codes(np.array([40, 1]))[0].tolist() == dataset.factors([40])[0].tolist()


def test_a_factor_of_one_value_takes_no_part():
    dataset = GridDataset((1, 3, 4, 5))
    votes = vote_matrix(protocol="cascade", encode=encode_perfectly, dataset=dataset)
    assert votes[:, 0].sum() == 0
    assert votes.sum() == 800
    assert score("cascade", encode=encode_perfectly, dataset=dataset) == 1.0


def test_a_sample_in_which_no_value_is_shared_is_refused():
    factors = np.stack([np.arange(50), np.arange(50) % 2], axis=1)
    with pytest.raises(MetricError, match="too small"):
        score("fast", codes=np.random.default_rng(0).normal(size=(50, 2)), factors=factors)


def test_standard_error_of_the_votes_is_that_of_repeats():
    dataset = GridDataset((6, 6, 6, 6))

    def encode(images):
        codes = encode_perfectly(images) / [1.0, 0.1, 3.0, 0.5]
        return codes @ np.random.default_rng(0).normal(size=(4, 4))

    inputs = {"encode": EncodedImages(encode, dataset), "dataset": dataset}
    found = core.metrics.compute("factor_vae_score", standard_error=True, **inputs)
    repeats = [score("chyvae", seed=seed, **inputs) for seed in range(10)]
    assert 0.3 < found["factor_vae_score_se"] / max(np.std(repeats, ddof=1), 1e-3) < 3.0
