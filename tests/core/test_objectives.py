"""Exact identities of the losses."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from core import objectives

JITTER = 1e-4


def gaussian(batch: int, p: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    mean = torch.randn(batch, p, generator=generator, dtype=torch.float64)
    factor = torch.randn(batch, p, p, generator=generator, dtype=torch.float64).tril(-1) * 0.2
    factor += torch.diag_embed(0.1 + torch.rand(batch, p, generator=generator, dtype=torch.float64))
    codes = torch.randn(batch, p, generator=generator, dtype=torch.float64)
    return mean, factor, codes


def covariance(factor: torch.Tensor) -> torch.Tensor:
    return factor @ factor.mT + JITTER * torch.eye(factor.shape[-1], dtype=torch.float64)


@pytest.mark.parametrize(("p", "nu"), [(2, 7.0), (10, 11.0), (10, 33.0), (5, 200.5)])
def test_the_rank_one_form_equals_the_written_loss(p: int, nu: float) -> None:
    mean, factor, codes = gaussian(6, p)
    s, identity = covariance(factor), torch.eye(p, dtype=torch.float64)
    psi = max(nu - p - 1, 1) * identity
    phi = psi + codes[:, :, None] * codes[:, None]
    inner = s + mean[:, :, None] * mean[:, None] + psi
    trace = torch.linalg.solve(phi, inner).diagonal(dim1=1, dim2=2).sum(1)
    written = 0.5 * (nu + 1) * torch.logdet(phi) - 0.5 * torch.logdet(s) + 0.5 * (nu + 1) * trace
    short = objectives.inverse_wishart_regulariser(mean, factor, JITTER, codes, nu)
    torch.testing.assert_close(short, written, rtol=1e-12, atol=1e-12)


def test_the_regulariser_is_the_sum_of_two_divergences() -> None:
    """Monte-Carlo KL(q(z|x) ‖ N(0, Σ)) over q(Σ|z) plus KL of the inverse Wisharts, at p = 2, ν = 7."""
    p, nu = 2, 7.0
    mean, factor, codes = gaussian(1, p, seed=3)
    s, identity = covariance(factor)[0], torch.eye(p, dtype=torch.float64)
    c = objectives.prior_scale(nu, p)
    phi = c * identity + codes[0][:, None] * codes[0][None]
    generator = torch.Generator().manual_seed(0)
    # Σ ~ IW(Φ, ν + 1) = F Σ₀ Fᵀ with Σ₀ ~ IW(c I, ν + 1)
    unit = objectives.sample_inverse_wishart(200_000, nu + 1, p, generator) / objectives.prior_scale(nu + 1, p)
    chol = torch.linalg.cholesky(phi)
    sigma = chol @ unit @ chol.mT
    inverse = torch.linalg.inv(sigma)
    second_moment = s + mean[0][:, None] * mean[0][None]
    first = 0.5 * (
        (inverse @ second_moment).diagonal(dim1=1, dim2=2).sum(1) - p + torch.logdet(sigma) - torch.logdet(s)
    )

    def log_density(scale: torch.Tensor, freedom: float) -> torch.Tensor:
        return (
            0.5 * freedom * torch.logdet(scale)
            - 0.5 * freedom * p * math.log(2)
            - torch.special.multigammaln(torch.tensor(freedom / 2, dtype=torch.float64), p)
            - 0.5 * (freedom + p + 1) * torch.logdet(sigma)
            - 0.5 * (scale @ inverse).diagonal(dim1=1, dim2=2).sum(1)
        )

    second = log_density(phi, nu + 1) - log_density(c * identity, nu)
    closed = objectives.inverse_wishart_regulariser(mean, factor, JITTER, codes, nu)
    closed = closed + objectives.inverse_wishart_constant(nu, p)
    assert float(closed) == pytest.approx(float((first + second).mean()), abs=0.01)


def test_the_tighter_bound_is_a_student_t_prior() -> None:
    p, nu = 4, 9.5
    mean, factor, codes = gaussian(5, p, seed=1)
    s, c = covariance(factor), objectives.prior_scale(nu, p)
    freedom = nu - p + 1
    log_prior = (
        math.lgamma((freedom + p) / 2)
        - math.lgamma(freedom / 2)
        - 0.5 * p * math.log(math.pi * c)
        - 0.5 * (nu + 1) * torch.log1p(codes.square().sum(1) / c)
    )
    entropy = 0.5 * (p * (1 + math.log(2 * math.pi)) + torch.logdet(s))
    bound = objectives.inverse_wishart_regulariser(mean, factor, JITTER, codes, nu, "student_t")
    torch.testing.assert_close(
        bound + objectives.inverse_wishart_constant(nu, p), -log_prior - entropy, rtol=1e-10, atol=1e-10
    )


def test_the_regulariser_does_not_see_a_rotation_of_the_latent_space() -> None:
    p = 10
    mean, factor, codes = (part.float() for part in gaussian(8, p))
    rotation = torch.linalg.qr(torch.randn(p, p, generator=torch.Generator().manual_seed(5)))[0]
    turned = torch.linalg.cholesky(rotation @ (factor @ factor.mT) @ rotation.T)
    before = objectives.inverse_wishart_regulariser(mean, factor, JITTER, codes, 33.0)
    after = objectives.inverse_wishart_regulariser(mean @ rotation.T, turned, JITTER, codes @ rotation.T, 33.0)
    assert (before - after).abs().max() < 1e-3
    assert ((before - after) / before).abs().max() < 1e-4


def test_a_very_large_nu_is_the_plain_kl() -> None:
    p = 10
    mean, factor, codes = gaussian(16, p)
    s = covariance(factor)
    plain = 0.5 * (s.diagonal(dim1=1, dim2=2).sum(1) + mean.square().sum(1) - p - torch.logdet(s))
    bound = objectives.inverse_wishart_regulariser(mean, factor, JITTER, codes, 1e5)
    bound = bound + objectives.inverse_wishart_constant(1e5, p)
    assert ((bound - plain).abs() / plain).max() < 1e-3


def test_single_precision_keeps_the_nats_at_any_nu() -> None:
    parts = [part.double() for part in gaussian(16, 10)]
    for nu in (11.0, 33.0, 1e5, 1e7):
        mean, factor, codes = parts
        exact = objectives.inverse_wishart_divergence(mean, factor, JITTER, codes, nu)
        single = objectives.inverse_wishart_divergence(mean.float(), factor.float(), JITTER, codes.float(), nu)
        torch.testing.assert_close(single.double(), exact, rtol=1e-4, atol=1e-3)


def test_inverse_wishart_draws_have_the_identity_as_mean() -> None:
    draws = objectives.sample_inverse_wishart(40_000, 12.0, 3, torch.Generator().manual_seed(0))
    torch.testing.assert_close(draws.mean(0), torch.eye(3, dtype=torch.float64), atol=0.03, rtol=0)
    with pytest.raises(ValueError, match="ν = 2"):
        objectives.sample_inverse_wishart(1, 2.0, 3)


def test_codes_of_the_hyperprior_are_student_t() -> None:
    """Each dimension of z is t with ν − p + 1 degrees of freedom and scale √(c / (ν − p + 1)), far from normal here."""
    nu, p = 6.0, 4
    codes = objectives.sample_hyperprior_codes(20_000, nu, p, torch.Generator().manual_seed(0))
    freedom = nu - p + 1
    scaled = (codes / math.sqrt(objectives.prior_scale(nu, p) / freedom)).numpy()
    for column in scaled.T:
        assert stats.kstest(column, "t", args=(freedom,)).pvalue > 1e-3
        assert stats.kstest(column, "norm").pvalue < 1e-6


@pytest.mark.parametrize("estimator", ["mws", "mss"])
def test_the_parts_of_the_kl_add_up(estimator: str) -> None:
    generator = torch.Generator().manual_seed(0)
    mean = torch.randn(64, 6, generator=generator, dtype=torch.float64)
    log_variance = torch.randn(64, 6, generator=generator, dtype=torch.float64) - 2
    codes = objectives.reparameterise(mean, log_variance, generator)
    parts = objectives.decompose_kl(codes, mean, log_variance, 1000, estimator)  # type: ignore[arg-type]
    zero = torch.zeros_like(codes)
    whole = objectives.gaussian_log_density(codes, mean, log_variance) - objectives.gaussian_log_density(
        codes, zero, zero
    )
    assert float(sum(parts)) == pytest.approx(float(whole.sum(1).mean()), abs=1e-9)


def test_total_correlation_of_independent_codes_is_zero() -> None:
    """N = B, so that the minibatch is the data set and the estimate exact but for sampling."""
    generator = torch.Generator().manual_seed(1)
    mean = torch.zeros(2000, 3, dtype=torch.float64)
    codes = torch.randn(2000, 3, generator=generator, dtype=torch.float64)
    parts = objectives.decompose_kl(codes, mean, torch.zeros_like(mean), 1)
    # identical posteriors: log q(z) = log q(z|x), so TC is the constant alone
    assert float(parts.total_correlation) == pytest.approx(0.0, abs=0.1)


@pytest.mark.parametrize(("estimator", "count"), [("mws", 1), ("mss", 2000)])
@pytest.mark.parametrize("correlation", [0.0, 0.7])
def test_total_correlation_of_a_whole_data_set_is_that_of_its_aggregate(
    estimator: str, count: int, correlation: float
) -> None:
    """Means of N(0, C − I / 4) and variances of 1 / 4: the aggregate is N(0, C), whose TC is ½ log 1 / (1 − ρ²).

    `mws` averages over the batch with N = 1, `mss` with N = B.
    """
    generator = torch.Generator().manual_seed(2)
    c = torch.tensor([[1.0, correlation], [correlation, 1.0]], dtype=torch.float64)
    factor = torch.linalg.cholesky(c - 0.25 * torch.eye(2, dtype=torch.float64))
    mean = torch.randn(2000, 2, generator=generator, dtype=torch.float64) @ factor.T
    log_variance = torch.full_like(mean, math.log(0.25))
    codes = objectives.reparameterise(mean, log_variance, generator)
    parts = objectives.decompose_kl(codes, mean, log_variance, count, estimator)  # type: ignore[arg-type]
    expected = -0.5 * math.log(1 - correlation**2)
    assert float(parts.total_correlation) == pytest.approx(expected, abs=0.1)
    assert float(parts.dimension_wise_kl) == pytest.approx(0.0, abs=0.1)


def test_stratified_weights_put_one_over_n_on_the_diagonal() -> None:
    from core.objectives.total_correlation import _stratified_log_weights

    weights = _stratified_log_weights(5, 100).exp()
    np.testing.assert_allclose(weights.sum(1), 1.0, rtol=1e-6)
    np.testing.assert_allclose(weights.diagonal(), 0.01, rtol=1e-6)
    np.testing.assert_allclose(weights[4, 0], 96 / 400, rtol=1e-6)


def test_permuting_keeps_every_marginal_and_breaks_the_rows() -> None:
    codes = torch.arange(64.0)[:, None].repeat(1, 4)
    permuted = objectives.permute_dimensions(codes, torch.Generator().manual_seed(0))
    torch.testing.assert_close(permuted.sort(0).values, codes)
    assert (permuted != permuted[:, :1]).any()


def test_gaussian_kl_against_torch_distributions() -> None:
    mean, log_variance = torch.randn(2, 8, 3, generator=torch.Generator().manual_seed(0)).unbind(0)
    normal = torch.distributions.Normal
    expected = torch.distributions.kl_divergence(normal(mean, (0.5 * log_variance).exp()), normal(0.0, 1.0))
    torch.testing.assert_close(objectives.gaussian_kl(mean, log_variance), expected)


def test_gaussian_total_correlation_of_correlated_codes() -> None:
    """½ log 1/(1 − ρ²) for two dimensions."""
    rng = np.random.default_rng(0)
    codes = torch.tensor(rng.multivariate_normal([0, 0], [[1, 0.8], [0.8, 1]], 100_000))
    assert float(objectives.gaussian_total_correlation(codes)) == pytest.approx(-0.5 * math.log(1 - 0.64), abs=0.01)


def test_a_density_is_finite_where_a_variance_is_nearly_nothing() -> None:
    """In float32, where exp(100) is infinite and the distance of one standard deviation squared is 0."""
    log_variance = torch.tensor(-100.0)
    found = objectives.gaussian_log_density((0.5 * log_variance).exp(), torch.tensor(0.0), log_variance)
    assert float(found) == pytest.approx(50.0 - 0.5 * math.log(2.0 * math.pi) - 0.5, rel=1e-6)
