"""The inverse-Wishart hyperprior of CHyVAE (Ansari & Soh 2019), for a scale matrix Ψ = c I.

Generative model: Σ ~ IW(Ψ, ν), z | Σ ~ N(0, Σ). With q(Σ|z) = IW(Ψ + z zᵀ, ν + 1) the exact posterior given one
sample, all that involves Φ = Ψ + z zᵀ follows from the determinant lemma and the Sherman–Morrison formula in O(p²).
"""

import math
from typing import Literal

import torch
from torch import Tensor


def prior_scale(nu: float, num_latents: int) -> float:
    """c of Ψ = c I = max(ν − p − 1, 1) I, so that E[Σ] = I wherever the mean exists."""
    return max(nu - num_latents - 1.0, 1.0)


def inverse_wishart_divergence(
    mean: Tensor,
    factor: Tensor,
    jitter: float,
    codes: Tensor,
    nu: float,
    bound: Literal["paper", "student_t"] = "paper",
) -> Tensor:
    """The hyperprior's part of the loss with its constant, per image: (B,), in nats.

    `paper`: KL(q(z|x) ‖ N(0, Σ)) averaged over q(Σ|z), plus KL(q(Σ|z) ‖ IW(Ψ, ν)), the loss of the paper. `student_t`:
    the bound of the same model with one sample, where Φ enters through a multivariate Student-t density. What grows
    with ν alone is summed in double precision beforehand, so that float32 keeps the nats at any ν.

    Args:
        mean: μ of the posterior, (B, p).
        factor: lower-triangular L, (B, p, p); the posterior covariance is S = L Lᵀ + jitter I.
        jitter: variance added to the diagonal of S.
        codes: the sample z inside Φ, (B, p); independent of the one that is decoded.
        nu: degrees of freedom ν > p − 1.
        bound: which bound.
    """
    p = mean.shape[1]
    scale = prior_scale(nu, p)
    covariance = factor @ factor.mT + jitter * torch.eye(p, dtype=mean.dtype, device=mean.device)
    cholesky = torch.linalg.cholesky_ex(covariance).L  # without a check, which would wait for the device
    log_det_posterior = 2.0 * cholesky.diagonal(dim1=1, dim2=2).log().sum(1)
    squared_norm = codes.square().sum(1)
    constant = inverse_wishart_constant(nu, p) + _growing(nu, p)
    # log det Φ − p log c = log(1 + zᵀz / c)
    divergence = 0.5 * (nu + 1.0) * torch.log1p(squared_norm / scale) - 0.5 * log_det_posterior + constant
    if bound == "student_t":
        return divergence
    # tr(Φ⁻¹ A) − p = (tr(S + μμᵀ) − (zᵀ(S + μμᵀ)z + c zᵀz) / (c + zᵀz)) / c, with A = S + μμᵀ + cI
    trace = factor.square().sum((1, 2)) + p * jitter + mean.square().sum(1)
    quadratic = (
        (factor.mT @ codes[:, :, None]).square().sum((1, 2))
        + (mean * codes).sum(1).square()
        + (jitter + scale) * squared_norm
    )
    return divergence + 0.5 * (nu + 1.0) * (trace - quadratic / (scale + squared_norm)) / scale


def inverse_wishart_regulariser(
    mean: Tensor,
    factor: Tensor,
    jitter: float,
    codes: Tensor,
    nu: float,
    bound: Literal["paper", "student_t"] = "paper",
) -> Tensor:
    """The divergence as the paper writes it, without its constant: (B,); arguments as of `inverse_wishart_divergence`.

    ½(ν+1) log det Φ − ½ log det S + ½(ν+1) tr(Φ⁻¹(S + μμᵀ + Ψ)); for `student_t` the trace is the constant p.
    """
    divergence = inverse_wishart_divergence(mean, factor, jitter, codes, nu, bound)
    return divergence - inverse_wishart_constant(nu, mean.shape[1])


def _growing(nu: float, p: int) -> float:
    """½(ν+1) (p log c + p): the part of log det Φ and of the trace that does not depend on the image."""
    return 0.5 * (nu + 1.0) * p * (math.log(prior_scale(nu, p)) + 1.0)


def inverse_wishart_constant(nu: float, num_latents: int) -> float:
    """What must be added to the regulariser to make it the sum of the two KL divergences, in nats.

    Its log Γ_p(ν/2) − log Γ_p((ν+1)/2) is log Γ((ν+1−p)/2) − log Γ((ν+1)/2), all other factors being the same.
    """
    p = num_latents
    return (
        -0.5 * p
        - 0.5 * p * math.log(2.0)
        - 0.5 * nu * p * math.log(prior_scale(nu, p))
        - 0.5 * (nu + 1.0) * p
        + math.lgamma(0.5 * (nu + 1.0 - p))
        - math.lgamma(0.5 * (nu + 1.0))
    )


def sample_inverse_wishart(count: int, nu: float, num_latents: int, generator: torch.Generator | None = None) -> Tensor:
    """Draws of Σ ~ IW(Ψ, ν), Ψ = c I, by Bartlett's decomposition (CHyVAE A.4): (count, p, p), float64."""
    factor = _bartlett_factor(count, nu, num_latents, generator)
    return torch.cholesky_inverse(factor) * prior_scale(nu, num_latents)


def sample_hyperprior_codes(
    count: int, nu: float, num_latents: int, generator: torch.Generator | None = None
) -> Tensor:
    """Codes of the prior, each with a Σ of its own: Σ ~ IW(Ψ, ν), z ~ N(0, Σ); (count, p), float64."""
    factor = _bartlett_factor(count, nu, num_latents, generator)
    noise = torch.randn(count, num_latents, 1, generator=generator, dtype=torch.float64, device=factor.device)
    scale = math.sqrt(prior_scale(nu, num_latents))
    return torch.linalg.solve_triangular(factor.mT, noise, upper=True)[:, :, 0] * scale


def _bartlett_factor(count: int, nu: float, p: int, generator: torch.Generator | None) -> Tensor:
    """Lower-triangular A with A Aᵀ ~ Wishart(I, ν): A_ii² ~ χ²(ν − i + 1), A_ij ~ N(0, 1) below the diagonal."""
    if nu <= p - 1:
        raise ValueError(f"ν = {nu} is not above p − 1 = {p - 1}")
    device = generator.device if generator is not None else None
    freedom = nu - torch.arange(p, dtype=torch.float64, device=device)
    squares = 2.0 * torch._standard_gamma(freedom.div(2.0).expand(count, p).contiguous(), generator=generator)
    lower = torch.randn(count, p, p, generator=generator, dtype=torch.float64, device=device).tril(-1)
    return lower + torch.diag_embed(squares.sqrt())
