"""The KL of a minibatch taken apart, total correlation included (β-TCVAE)."""

import math
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from core.objectives.gaussian import gaussian_log_density


class LatentDecomposition(NamedTuple):
    """KL(q(z|x) ‖ p(z)) averaged over the data = mutual information + total correlation + dimension-wise KL (nats)."""

    mutual_information: Tensor
    total_correlation: Tensor
    dimension_wise_kl: Tensor


def decompose_kl(
    codes: Tensor,
    mean: Tensor,
    log_variance: Tensor,
    num_images: int,
    estimator: Literal["mws", "mss"] = "mws",
) -> LatentDecomposition:
    """Decompose the KL on a minibatch (Chen et al. 2018, eq. 2 and appendix C).

    The three parts add up to mean_B[log q(z|x) − log p(z)] on the same samples, exactly. The constants that the
    gradient does not need are included, so the values are comparable between batch sizes.

    Args:
        codes: samples z of the posteriors, (B, D).
        mean, log_variance: the posteriors, (B, D).
        num_images: size N of the data set.
        estimator: `mws` weighs every pair by 1/(N B); `mss` gives the pair of a sample with its own posterior 1/N, one
            other (N − M)/(N M) and the rest 1/M, M = B − 1 (stratified; needs B ≥ 2).
    """
    batch = len(codes)
    pairwise = gaussian_log_density(codes[:, None], mean[None], log_variance[None])  # (j, i, D)
    own = pairwise.diagonal(dim1=0, dim2=1).sum(0)  # log q(z_j | x_j), (B,)
    if estimator == "mws":
        shift = math.log(num_images * batch)
        joint = torch.logsumexp(pairwise.sum(2), 1) - shift
        marginals = (torch.logsumexp(pairwise, 1) - shift).sum(1)
    else:
        weights = _stratified_log_weights(batch, num_images, codes.device).to(codes.dtype)
        joint = torch.logsumexp(pairwise.sum(2) + weights, 1)
        marginals = torch.logsumexp(pairwise + weights[:, :, None], 1).sum(1)
    prior = gaussian_log_density(codes, torch.zeros_like(codes), torch.zeros_like(codes)).sum(1)
    return LatentDecomposition((own - joint).mean(), (joint - marginals).mean(), (marginals - prior).mean())


def _stratified_log_weights(batch: int, num_images: int, device: torch.device | None = None) -> Tensor:
    """Importance weights of minibatch stratified sampling; every row sums to one."""
    others = batch - 1
    weights = torch.full((batch, batch), 1.0 / others, device=device)
    rows = torch.arange(batch, device=device)
    weights[rows, rows] = 1.0 / num_images
    weights[rows, (rows + 1) % batch] = (num_images - others) / (num_images * others)
    return weights.log()
