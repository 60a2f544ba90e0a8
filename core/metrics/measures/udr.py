"""Unsupervised disentanglement ranking over seeds (Duan et al. 2020, eq. 3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.metrics.checks import alive_dimensions
from core.metrics.metric import Metric, Protocol, Scale, Settings
from core.mistakes import MetricError

Floats = NDArray[np.float64]


def compute(
    settings: Settings,
    rng: np.random.Generator,
    *,
    codes_by_seed: Sequence[Any],
    active_by_seed: Sequence[Any] | None = None,
) -> dict[str, float]:
    """`udr` of a configuration and `udr_model_<i>` of each of its seeds, in [0, 1]; needs no factors.

    codes_by_seed holds codes (N, D_i) of the same N images by each trained model. A model's score is the median
    over the others of how well their dimensions match one to one; `udr` is the mean over models.
    active_by_seed holds masks (D_i,) of informative dimensions (KL above 0.01 nats in the paper); without
    them every dimension counts that varies. From three models on the error is a jackknife over models.
    MetricError: one model, codes of different images, NaN, a single image.
    """
    del settings, rng
    pairs = _pair_scores(_informative(codes_by_seed, active_by_seed))
    count = len(pairs)
    models = [float(np.median(np.delete(row, i))) for i, row in enumerate(pairs)]
    results = {"udr": float(np.mean(models))} | {f"udr_model_{i}": value for i, value in enumerate(models)}
    if count > 2:
        without = []
        for left_out in range(count):
            rest = np.delete(np.delete(pairs, left_out, axis=0), left_out, axis=1)
            without.append(np.mean([np.median(np.delete(row, i)) for i, row in enumerate(rest)]))
        results["udr_se"] = float(np.sqrt((count - 1) * np.var(without)))
    return results


def _informative(codes_by_seed: Sequence[Any], active_by_seed: Sequence[Any] | None) -> list[Floats]:
    """Ranks (N, d_i) of the informative dimensions of every model, standardised."""
    from pandas import DataFrame  # whose ranks are those of scipy.stats, which takes half a second to import

    if len(codes_by_seed) < 2:
        raise MetricError(f"udr compares models, and there is {len(codes_by_seed)}")
    if active_by_seed is not None and len(active_by_seed) != len(codes_by_seed):
        raise MetricError(f"{len(active_by_seed)} masks are given for {len(codes_by_seed)} models")
    ranked = []
    for i, given in enumerate(codes_by_seed):
        codes = np.asarray(given)
        if codes.ndim != 2 or codes.shape[0] < 2 or codes.shape[0] != len(codes_by_seed[0]):
            raise MetricError(f"codes_by_seed[{i}] is {codes.shape}, not the same images by dimensions")
        if not np.isfinite(codes).all():
            raise MetricError(f"codes_by_seed[{i}] holds NaN or infinities")
        kept = alive_dimensions(codes)
        if active_by_seed is not None:
            mask = np.asarray(active_by_seed[i], dtype=bool)
            if mask.shape != kept.shape:
                raise MetricError(f"active_by_seed[{i}] is {mask.shape} for {kept.size} dimensions")
            kept &= mask
        ranks = DataFrame(codes[:, kept]).rank().to_numpy()
        ranked.append((ranks - ranks.mean(axis=0)) / ranks.std(axis=0))
    return ranked


def _pair_scores(ranked: list[Floats]) -> Floats:
    """Symmetric scores (M, M) of every pair of models; 0 where one has no informative dimension."""
    scores = np.zeros((len(ranked), len(ranked)))
    for i, first in enumerate(ranked):
        for j, second in enumerate(ranked[:i]):
            if first.shape[1] and second.shape[1]:
                similarity = np.abs(np.einsum("nd,ne->de", first, second)) / len(first)
                scores[i, j] = scores[j, i] = pair_score(similarity)
    return scores


def pair_score(similarity: Floats) -> float:
    """(Σ_b r_b² / Σ_a R_ab + Σ_a r_a² / Σ_b R_ab) / (d_a + d_b), r the largest of a row or column of R (d_a, d_b)."""
    total = 0.0
    for axis in (0, 1):
        sums = similarity.sum(axis=axis)
        total += float((similarity.max(axis=axis) ** 2 / np.where(sums > 0, sums, 1.0)).sum())
    return total / sum(similarity.shape)


METRIC = Metric(
    name="udr",
    function=compute,
    directions={"udr": "maximize", "udr_model_*": "maximize"},
    protocols={"spearman": Protocol({"similarity": "spearman"}, (frozenset({"codes_by_seed"}),))},
    optional=frozenset({"active_by_seed"}),
    needs=frozenset({"seeds"}),
    source="Duan et al. 2020, eq. 3, with Spearman correlation",
    scales={"udr": Scale(0, 1, "at 1 models of all seeds have the same dimensions")},
)
