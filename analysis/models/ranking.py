"""A criterion of choice that needs no factors: how well the seeds of a configuration agree (UDR)."""

import contextlib
import hashlib
import json
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from analysis.models.latents import divergence, posterior
from analysis.results import Results
from core.files import write_whole

IMAGES = 1_000
ACTIVE = 0.01  # nats of KL above which a dimension counts (Duan et al. 2020)


def udr(
    study: Results, model: str | None = None, images: int = IMAGES, known: Mapping[str, float] | None = None
) -> pd.Series:
    """Unsupervised disentanglement ranking of every completed configuration with two seeds or more, best first.

    Loads all their models, so it takes a second or so for each trial. Source: Duan et al. 2020, eq. 3.

    Args:
        study: its data set must be on this machine.
        model: only configurations of this model.
        images: number of images that all models encode.
        known: by configuration, what was found before, so that its models are not loaded again.

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
    several = {str(key): own for key, own in trials.groupby("configuration", sort=False) if len(own) > 1}
    found = {key: value for key, value in (known or {}).items() if key in several}
    if len(found) == len(several):
        return _ranked(found)
    dataset = study.dataset()
    indices = pool(dataset)
    pictures = dataset.images(indices[:: max(1, len(indices) // images)][:images])
    for key, own in several.items():
        if key in found:
            continue
        coded = [_codes(study.trial(key, int(seed)).load(), pictures) for seed in own["seed"]]
        active = [mask for _, mask in coded]
        results = core.metrics.compute("udr", codes_by_seed=[codes for codes, _ in coded], active_by_seed=active)
        found[key] = results["udr"]
    return _ranked(found)


def remembered_udr(study: Results, images: int, file: pathlib.Path, code: str) -> pd.Series:
    """`udr` of all models, of which nothing is computed twice: values are kept in a file.

    Args:
        study: as of `udr`, whose errors it raises.
        images: number of images that all models encode.
        file: JSON, by configuration; a value holds as long as trials, their steps, images and code are the same.
        code: what tells one version of the code from another.
    """
    origins = {
        str(key): hashlib.sha256(
            json.dumps([code, images, study.spec["dataset"], own[["seed", "steps"]].to_numpy().tolist()]).encode()
        ).hexdigest()
        for key, own in study.trials().query("state == 'COMPLETED'").groupby("configuration")
    }
    kept = _read(file)
    known = {key: kept[key][0] for key, origin in origins.items() if key in kept and kept[key][1] == origin}
    found = udr(study, images=images, known=known)
    if set(found.index) - set(known):
        made = {str(key): {"udr": value, "of": origins[str(key)]} for key, value in found.items()}
        with contextlib.suppress(OSError):  # of a folder that cannot be written, they are computed again
            write_whole(file, json.dumps(made, indent=1))
    return found


def _read(file: pathlib.Path) -> dict[str, tuple[float, str]]:
    """By configuration, a value that was kept, and what it is of."""
    try:
        return {key: (float(each["udr"]), str(each["of"])) for key, each in json.loads(file.read_text()).items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}


def _ranked(found: Mapping[str, float]) -> pd.Series:
    return pd.Series(found, dtype=float, name="udr").sort_values(ascending=False, kind="stable")


def _codes(model: Any, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Continuous codes (N, D), and which dimensions carry information (D,)."""
    codes, log_variance = posterior(model, images)
    if log_variance is None:
        return codes, np.ones(codes.shape[1], dtype=bool)
    return codes, divergence(codes, log_variance) > ACTIVE
