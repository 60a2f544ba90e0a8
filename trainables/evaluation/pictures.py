"""Pictures of a trained model: what it reconstructs, and what each latent dimension does."""

from typing import Any

import numpy as np

from core.data import FactorDataset
from core.data.split import holdout
from core.images import grid, png, to_uint8
from trainables.base import Model

COLUMNS = 10


def pictures(model: Model[Any], dataset: FactorDataset) -> dict[str, bytes]:
    """PNG files of a trained model, by file name."""
    images = dataset.images(holdout(dataset))
    return {
        "reconstruction.png": png(reconstruction_grid(model, images[:: max(1, len(images) // COLUMNS)][:COLUMNS])),
        "traversal.png": png(traversal_grid(model, images)),
    }


def reconstruction_grid(model: Model[Any], images: np.ndarray) -> np.ndarray:
    """Two rows: images (N, C, H, W) uint8 above their reconstructions; (height, width, 3) uint8."""
    return grid(np.stack([images, to_uint8(model.decode(model.encode(images)))]))


def traversal_grid(model: Model[Any], images: np.ndarray) -> np.ndarray:
    """One row per latent dimension, most active first (variance of its code over `images`), over `model.reach`.

    The other dimensions keep the code of the image nearest to the mean code. A model with a categorical code has one
    such block of rows per category.
    """
    codes = model.encode(images)
    base = codes[np.argmin(np.square(codes - codes.mean(0)).sum(1))]
    continuous = codes[:, : codes.shape[1] - sum(model.categories)]
    return grid(traverse(model, base, np.argsort(-continuous.var(0), kind="stable")))


def traverse(model: Model[Any], base: np.ndarray, dimensions: np.ndarray) -> np.ndarray:
    """Decoded images (rows, values, C, H, W) uint8: one dimension of `base` (D,) replaced at a time.

    A row per dimension; of a model with a categorical code, a block of rows per category.
    """
    decoded = to_uint8(model.traverse(base, dimensions.tolist()))
    return decoded.reshape(-1, *decoded.shape[2:])
