"""A criterion of choice that needs no factors: how well the seeds of a configuration agree (UDR)."""

from typing import Any

import numpy as np
import pandas as pd

from analysis.models.latents import divergence, posterior
from analysis.results import Results

IMAGES = 1_000
ACTIVE = 0.01  # nats of KL above which a dimension counts (Duan et al. 2020)


def udr(study: Results, model: str | None = None, images: int = IMAGES) -> pd.Series:
    """Unsupervised disentanglement ranking of every completed configuration with two seeds or more, best first.

    Loads all their models, so it takes a second or so for each trial. Source: Duan et al. 2020, eq. 3.

    Args:
        study: its data set must be on this machine.
        model: only configurations of this model.
        images: number of images that all models encode.

    Raises:
        FileNotFoundError: a trial has no whole checkpoint (retention may have removed it).
        core.data.DataError: the data set is not here.
    """
    import core.metrics
    from core.data.split import pool

    trials = study.trials()
    trials = trials[trials["state"] == "COMPLETED"]
    if model is not None:
        trials = trials[trials["model"] == model]
    dataset = study.dataset()
    indices = pool(dataset)
    pictures = dataset.images(indices[:: max(1, len(indices) // images)][:images])
    found = {}
    for key, own in trials.groupby("configuration", sort=False):
        if len(own) < 2:
            continue
        coded = [_codes(study.trial(str(key), int(seed)).load(), pictures) for seed in own["seed"]]
        active = [mask for _, mask in coded]
        results = core.metrics.compute("udr", codes_by_seed=[codes for codes, _ in coded], active_by_seed=active)
        found[str(key)] = results["udr"]
    return pd.Series(found, dtype=float, name="udr").sort_values(ascending=False)


def _codes(model: Any, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Continuous codes (N, D), and which dimensions carry information (D,)."""
    codes, log_variance = posterior(model, images)
    if log_variance is None:
        return codes, np.ones(codes.shape[1], dtype=bool)
    return codes, divergence(codes, log_variance) > ACTIVE
