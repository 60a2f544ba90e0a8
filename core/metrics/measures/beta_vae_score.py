"""β-VAE score: a linear classifier of the shared factor from mean |difference| (Higgins et al. 2017, section 3)."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.metrics.metric import Metric, Protocol, Scale, Settings
from core.metrics.threads import one_thread
from core.metrics.votes import IN_CACHE, draw_labels, source_of

POOL = frozenset({"codes", "factors"})
IMAGES = frozenset({"encode", "dataset"})


def compute(
    settings: Settings,
    rng: np.random.Generator,
    *,
    codes: NDArray[Any] | None = None,
    factors: NDArray[np.int64] | None = None,
    encode: Any = None,
    dataset: Any = None,
) -> dict[str, float]:
    """`beta_vae_score`, test accuracy in [0, 1], and `beta_vae_score_train`.

    One point is the mean over `pairs` of |code difference| (D,) of two images that share the value of one
    factor, its label that factor. Points come from a pool of codes (N, D) and factors (N, K), or from dataset
    through encode. With one varying factor there is one label, and the score is 1.
    """
    source = source_of(
        settings,
        codes=codes,
        factors=factors,
        discrete_codes=None,
        encode=encode,
        dataset=dataset,
        encode_discrete=None,
    )
    pairs = settings["pairs"]
    counts = settings["train_points"], settings["test_points"]
    labels = draw_labels(source.varying, sum(counts), False, rng)
    # Each pair shares a value of its own: one group of two images per pair.
    rows = source.draw(np.repeat(labels, pairs), 2, rng).reshape(len(labels), pairs, 2)
    features = np.concatenate(
        [
            np.abs(np.diff(source.codes(block), axis=2)[:, :, 0]).mean(axis=1, dtype=np.float64)
            for block in np.array_split(rows, max(1, rows.size // IN_CACHE))
        ]
    )
    scores = _fit_and_score(settings, features, labels, counts[0])
    results = dict(zip(("beta_vae_score_train", "beta_vae_score"), scores, strict=True))
    if codes is None and "pool" not in settings:
        for key, count in zip(results.copy(), counts, strict=True):
            results[f"{key}_se"] = float(np.sqrt(results[key] * (1 - results[key]) / count))
    return results


def _fit_and_score(
    settings: Settings, features: NDArray[np.float64], labels: NDArray[np.int64], train: int
) -> tuple[float, float]:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    if (labels == labels[0]).all():
        return 1.0, 1.0
    if settings["standardise"]:
        spread = features[:train].std(axis=0)
        features = (features - features[:train].mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    classifier = LogisticRegression(max_iter=settings["max_iter"])
    with one_thread(), warnings.catch_warnings():
        # The published protocol stops after 100 iterations, converged or not.
        warnings.simplefilter("ignore", ConvergenceWarning)
        classifier.fit(features[:train], labels[:train])
    return (
        float(classifier.score(features[:train], labels[:train])),
        float(classifier.score(features[train:], labels[train:])),
    )


def _protocol(inputs: tuple[frozenset[str], ...], **changes: Any) -> Protocol:
    common = {
        "pairs": 64,
        "most_images": 100_000,
        "train_points": 10_000,
        "test_points": 5_000,
        "standardise": True,
        "max_iter": 1_000,
    }
    return Protocol(common | changes, inputs)


METRIC = Metric(
    name="beta_vae_score",
    function=compute,
    directions={"beta_vae_score": "maximize", "beta_vae_score_train": None},
    protocols={
        "standardised": _protocol((IMAGES, POOL)),
        "dlib": _protocol((IMAGES, POOL), standardise=False, max_iter=100),
        "fast": _protocol((POOL, IMAGES), train_points=2_000, test_points=1_000, pool=10_000),
    },
    needs_factors=True,
    source="Higgins et al. 2017, section 3; counts of Locatello et al. 2019",
    scales={
        "beta_vae_score": Scale(
            0, 1, "the share of pairs whose common factor a linear classifier names; chance is 1 / factors"
        )
    },
)
