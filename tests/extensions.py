"""Code of somebody's own, as tests write it into a folder."""

import pathlib

SPARSE_VAE = '''"""A model, a metric, a data set and a labeller in one file."""

from typing import ClassVar

import numpy as np
from torch import Tensor

from core.data.sets.dsprites import FAMILY as DSPRITES
from core.data.family import Family
from core.metrics import Metric, Protocol
from trainables.base import Parts
from trainables.gaussian import GaussianVAE, Posterior
from trainables.hyperparameters import Hyperparameters, hyperparameter
from trainables.labels.labellers import Labeller, Labels


class SparseHyperparameters(Hyperparameters):
    """Weights."""

    sparsity: float = hyperparameter(0.1, "Weight of |z|.", symbol="s", source="here", ge=0.0, le=10.0)


class SparseVAE(GaussianVAE[SparseHyperparameters]):
    """A VAE whose codes are drawn to zero."""

    name: ClassVar[str] = "sparse_vae"
    title: ClassVar[str] = "Sparse VAE"
    Hyperparameters: ClassVar = SparseHyperparameters

    def penalty(self, posterior: Posterior) -> tuple[Tensor, Parts]:
        l1 = posterior.mean.abs().sum(1).mean()
        return posterior.kl.sum(1).mean() + self.hyperparameters.sparsity * l1, {"l1": l1}


def small_codes(settings, rng, *, codes):
    """Share of codes below a threshold."""
    return {"small_codes": float((np.abs(codes) < settings["below"]).mean())}


METRIC = Metric(
    name="small_codes",
    function=small_codes,
    directions={"small_codes": "maximize"},
    protocols={"plain": Protocol({"below": 0.1}, (frozenset({"codes"}),))},
    source="here",
)


class Mine(Family):
    """dSprites under another name."""

    name = "mine"
    image_shape = (1, 64, 64)

    def describe(self, name, options, root):
        return DSPRITES.describe("dsprites.quick", options, root)

    def load(self, name, options, root, progress):
        return DSPRITES.load("dsprites.quick", options, root, progress)

    def cache_path(self, name, options, root):
        return DSPRITES.cache_path("dsprites.quick", options, root)

    def check(self, name, options, root):
        return []


FAMILY = Mine()


def lazy(classes, sizes, rng, faults):
    """All zero."""
    return Labels(classes * 0, tuple(range(len(sizes))), sizes)


LABELLER = Labeller("lazy", lazy)
'''


def write(folder: pathlib.Path, name: str = "sparse_vae.py", text: str = SPARSE_VAE) -> pathlib.Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path
