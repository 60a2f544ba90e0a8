"""FactorVAE score: majority vote of the least varying dimension (Kim & Mnih 2018, section 4)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.metrics.checks import alive_dimensions, check_inputs
from core.metrics.metric import Metric, Protocol, Scale, Settings
from core.metrics.votes import IN_CACHE, Images, Pool, draw_labels, source_of
from core.mistakes import MetricError

Ints = NDArray[np.int64]

POOL = frozenset({"codes", "factors"})
IMAGES = frozenset({"encode", "dataset"})


def compute(settings: Settings, rng: np.random.Generator, **inputs: Any) -> dict[str, float]:
    """`factor_vae_score` in [0, 1] and `factor_vae_score_active_dims`, the number of dimensions that may vote.

    The votes are drawn from a pool of codes (N, D) and factors (N, K), or from dataset through encode. With
    images the votes are independent, and the standard error is a bootstrap over them. One-valued factors
    take no part; without an active dimension the score is 1/K, K factors taking part (`dlib`: 0).
    """
    train, test, active, factors = _vote(settings, rng, **inputs)
    score = _score(train, test)
    if not active:
        score = 1.0 / factors if settings["empty"] == "chance" else 0.0
    results = {"factor_vae_score": score, "factor_vae_score_active_dims": float(active)}
    if "codes" not in inputs and "pool" not in settings:
        redrawn = [_score(_redraw(train, rng), None if test is None else _redraw(test, rng)) for _ in range(200)]
        results["factor_vae_score_se"] = float(np.std(redrawn)) if active else 0.0
        results["factor_vae_score_active_dims_se"] = 0.0
    return results


def vote_matrix(*, protocol: str = "chyvae", seed: int = 0, **inputs: Any) -> Ints:
    """Training votes (D, K): how often dimension d varied least while factor k was fixed.

    Rows are the dimensions of the full code, then one per discrete latent; columns are all factors: a pruned
    dimension has an empty row and a one-valued factor an empty column. Inputs and errors as of `compute`,
    protocol one of METRIC.protocols.
    """
    settings = METRIC.protocol(protocol).settings
    return _vote(settings, np.random.default_rng(seed), **check_inputs(inputs))[0]


def assignment(votes: Ints) -> Ints:
    """Factor (D,) that each dimension of a vote matrix (D, K) stands for, -1 for one without votes."""
    return np.where(votes.sum(axis=1) > 0, votes.argmax(axis=1), -1)


def _score(train: Ints, test: Ints | None) -> float:
    """Share of votes (D, K) that the majority of the training votes of their dimension predicts."""
    counted = train if test is None else test
    predicted = counted[np.arange(len(train)), train.argmax(axis=1)].sum()
    return float(predicted / max(int(counted.sum()), 1))


def _redraw(votes: Ints, rng: np.random.Generator) -> Ints:
    total = int(votes.sum())
    return votes if total == 0 else rng.multinomial(total, votes.ravel() / total).reshape(votes.shape)


def _vote(
    settings: Settings,
    rng: np.random.Generator,
    *,
    codes: NDArray[Any] | None = None,
    factors: Ints | None = None,
    discrete_codes: Ints | None = None,
    encode: Any = None,
    dataset: Any = None,
    encode_discrete: Any = None,
    active: Any = None,
    posterior_mean: NDArray[Any] | None = None,
    posterior_log_variance: NDArray[Any] | None = None,
) -> tuple[Ints, Ints | None, int, int]:
    """Training votes, test votes or None, number of active dimensions, number of varying factors."""
    source = source_of(
        settings,
        codes=codes,
        factors=factors,
        discrete_codes=discrete_codes,
        encode=encode,
        dataset=dataset,
        encode_discrete=encode_discrete,
    )
    rounds = [settings["train_votes"], *filter(None, [settings["test_votes"]])]
    labels = [draw_labels(source.varying, count, settings["balanced"], rng) for count in rounds]
    groups = [source.draw(fixed, settings["group"], rng) for fixed in labels]
    scale = source.sample(settings["scale_images"], rng)

    population = source.codes(scale).astype(np.float64)
    variance = population.var(axis=0, ddof=1)
    alive = alive_dimensions(population)
    kept = alive & _kept(settings, variance, active, posterior_mean, posterior_log_variance)
    weight = np.where(kept, 1.0 / np.where(alive, variance, 1.0), np.inf)
    if not settings["normalise"]:
        weight = np.where(kept, 1.0, np.inf)
    categories = source.discrete(scale)
    spread = None if categories is None else gini(categories[:, None, :].swapaxes(0, 1))[0]
    width = len(kept) + (0 if spread is None else len(spread))
    dims = int(kept.sum()) + (0 if spread is None else int((spread > 0).sum()))

    votes = []
    for fixed, rows in zip(labels, groups, strict=True):
        matrix = np.zeros((width, source.num_factors), dtype=np.int64)
        if dims:
            np.add.at(matrix, (_least_varying(source, rows, weight, spread), fixed), 1)
        votes.append(matrix)
    return votes[0], votes[1] if len(votes) > 1 else None, dims, len(source.varying)


def _least_varying(
    source: Pool | Images, groups: Ints, weight: NDArray[np.float64], spread: NDArray[np.float64] | None
) -> Ints:
    """Dimension (V,) of the least normalised variance within each group (V, L); the first of equals."""
    least = np.empty(len(groups), dtype=np.int64)
    step = max(1, IN_CACHE // (groups.shape[1] * len(weight)))
    for start in range(0, len(groups), step):
        rows = groups[start : start + step]
        codes = source.codes(rows).astype(np.float64)
        # Measured from the group's first image a shared value has a variance of exactly zero.
        codes -= codes[:, :1].copy()
        codes -= codes.mean(axis=1, keepdims=True)
        variance = np.einsum("vld,vld->vd", codes, codes) / (groups.shape[1] - 1)
        scaled = np.where(np.isinf(weight), np.inf, variance * np.where(np.isinf(weight), 0.0, weight))
        if spread is not None:
            categories = source.discrete(rows)
            assert categories is not None
            share = gini(categories) / np.where(spread > 0, spread, 1.0)
            scaled = np.hstack([scaled, np.where(spread > 0, share, np.inf)])
        least[start : start + step] = scaled.argmin(axis=1)
    return least


def gini(categories: Ints) -> NDArray[np.float64]:
    """Gini variance (V, S) of categories (V, n, S): (n² - Σ n_c²) / (2n(n-1)), as CascadeVAE counts it."""
    count = categories.shape[1]
    squares = np.zeros(categories.shape[::2])
    for value in np.unique(categories):
        squares += (categories == value).sum(axis=1) ** 2.0
    return (count**2 - squares) / (2 * count * (count - 1))


def _kept(
    settings: Settings,
    variance: NDArray[np.float64],
    active: Any,
    mean: NDArray[Any] | None,
    log_variance: NDArray[Any] | None,
) -> NDArray[np.bool_]:
    """Mask (D,) of the dimensions that the protocol's rule keeps.

    The rule `kl` keeps a mean KL above 0.1 nats: the given mask, or the given posterior, decides; an encoder
    without either is judged by the rule `std`, standard deviation of the codes at least 0.05.
    """
    if settings["prune"] == "none":
        return np.ones(len(variance), dtype=bool)
    if settings["prune"] == "kl" and active is not None:
        mask = np.asarray(active, dtype=bool)
        if mask.shape != variance.shape:
            raise MetricError(f"active has the shape {mask.shape}, the code has {len(variance)} dimensions")
        return mask
    if settings["prune"] == "kl" and mean is not None and log_variance is not None:
        kl = 0.5 * (mean**2 + np.exp(log_variance) - log_variance - 1).mean(axis=0)
        if kl.shape != variance.shape:
            raise MetricError(f"the posterior has {len(kl)} dimensions, the code {len(variance)}")
        return np.asarray(kl > settings["kl_threshold"])
    return np.asarray(np.sqrt(variance) >= settings["std_threshold"])


def _protocol(inputs: tuple[frozenset[str], ...], **changes: Any) -> Protocol:
    common = {
        "group": 200,
        "most_images": 100_000,
        "train_votes": 800,
        "test_votes": 800,
        "balanced": False,
        "scale_images": 10_000,
        "normalise": True,
        "prune": "none",
        "kl_threshold": 0.1,
        "std_threshold": 0.05,
        "empty": "chance",
    }
    return Protocol(common | changes, inputs)


METRIC = Metric(
    name="factor_vae_score",
    function=compute,
    directions={"factor_vae_score": "maximize", "factor_vae_score_active_dims": None},
    protocols={
        "chyvae": _protocol((IMAGES, POOL), scale_images=5_000),
        "cascade": _protocol((IMAGES, POOL), group=100, test_votes=0, balanced=True, prune="kl"),
        "lecture": _protocol((IMAGES, POOL), group=1_000, test_votes=0, normalise=False),
        "dlib": _protocol((IMAGES, POOL), group=64, train_votes=10_000, test_votes=5_000, prune="std", empty="zero"),
        "fast": _protocol((POOL, IMAGES), group=64, train_votes=2_000, test_votes=2_000, prune="kl", pool=10_000),
    },
    optional=frozenset({"active", "posterior_mean", "posterior_log_variance", "discrete_codes", "encode_discrete"}),
    needs_factors=True,
    source="Kim & Mnih 2018, section 4; Ansari & Soh 2019 (chyvae); Jeong & Song 2019 (cascade)",
    scales={
        "factor_vae_score": Scale(
            0, 1, "at 1 the dimension that keeps still always names the factor that does; chance is 1 / factors"
        )
    },
)
