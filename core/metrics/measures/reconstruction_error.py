"""Reconstruction errors on given images: Bernoulli cross-entropy in nats per image, and squared error."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.metrics.encoding import BATCH
from core.metrics.metric import Metric, Protocol, Scale, Settings
from core.mistakes import MetricError


def cross_entropy(logits: NDArray[np.floating[Any]], pixels: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Σ over pixels (N,) of -x log p - (1-x) log(1-p) in nats, p the sigmoid of logits (N, ...), x in [0, 1]."""
    losses = np.maximum(logits, 0) - logits * pixels + np.log1p(np.exp(-np.abs(logits)))
    return losses.reshape(len(losses), -1).sum(axis=1, dtype=np.float64)


def compute(
    settings: Settings, rng: np.random.Generator, *, images: NDArray[np.uint8], logits: Any
) -> dict[str, float]:
    """Three errors of images (N, C, H, W), uint8 0..255, each with the standard error of its mean.

    logits(images, rng) gives Bernoulli logits (N, C, H, W) of a sampled z, of the mean z for None.
    `reconstruction_error`: cross-entropy summed over pixels, mean over images, one sampled z per image.
    `reconstruction_error_mean_z`: the same at the posterior mean. `reconstruction_mse`: squared error per
    pixel at the posterior mean. MetricError: no image, other shapes, or logits that are not finite.
    """
    del settings
    images = np.asarray(images)
    if images.ndim != 4 or len(images) == 0 or images.dtype != np.uint8:
        raise MetricError(f"images must be uint8 (N, C, H, W), they are {images.dtype} {images.shape}")
    errors: dict[str, list[NDArray[np.float64]]] = {key: [] for key in METRIC.keys}
    for start in range(0, len(images), BATCH):
        batch = images[start : start + BATCH]
        pixels = batch.astype(np.float32) / 255
        sampled, mean = np.asarray(logits(batch, rng)), np.asarray(logits(batch, None))
        for decoded in (sampled, mean):
            if decoded.shape != batch.shape:
                raise MetricError(f"logits gives {decoded.shape} for images of {batch.shape}")
            if not np.isfinite(decoded).all():
                raise MetricError("the decoder gives NaN or infinite logits")
        errors["reconstruction_error"].append(cross_entropy(sampled, pixels))
        errors["reconstruction_error_mean_z"].append(cross_entropy(mean, pixels))
        squares = (1 / (1 + np.exp(-np.clip(mean, -80, 80))) - pixels) ** 2
        errors["reconstruction_mse"].append(squares.reshape(len(batch), -1).mean(axis=1, dtype=np.float64))
    results: dict[str, float] = {}
    for key, parts in errors.items():
        values = np.concatenate(parts)
        results[key] = float(values.mean())
        results[f"{key}_se"] = float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else 0.0
    return results


_NATS = Scale(0, None, "less is a truer image; values compare within one data set only")

METRIC = Metric(
    name="reconstruction_error",
    function=compute,
    directions=dict.fromkeys(("reconstruction_error", "reconstruction_error_mean_z", "reconstruction_mse"), "minimize"),
    protocols={
        "bernoulli": Protocol(
            {"reduction": "sum over pixels, mean over images", "samples_of_z": 1},
            (frozenset({"images", "logits"}),),
        )
    },
    source="Ansari & Soh 2019, section 5 (sampled z); Kingma & Welling 2014, eq. 10",
    scales={
        "reconstruction_error": _NATS,
        "reconstruction_error_mean_z": _NATS,
        "reconstruction_mse": Scale(0, None, "at 0 every pixel is reproduced"),
    },
)
