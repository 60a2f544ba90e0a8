"""Images that a user holds, as a model reads them: what is meant beyond doubt is converted, anything else refused."""

from typing import Any

import numpy as np

from core.mistakes import DataError


def as_images(images: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Images (N, C, H, W): uint8 (0..255), or float32 in [0, 1].

    A single image gets its batch axis, a missing channel axis of images without colour is added, and a last axis of
    channels moves to its place. Booleans are black and white; whole numbers from 0 to 255 with one above 1 are
    bytes; floats in [0, 1] stay fractions.

    Args:
        images: an array, a tensor or nested lists.
        shape: (C, H, W) of the model's data set.

    Raises:
        DataError: they are not of this size or number of channels, or not in either range.
    """
    given = np.asarray(images.detach().cpu() if hasattr(images, "detach") else images)
    return _in_range(_arranged(given, shape))


def _arranged(images: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    channels, *size = shape
    last = (*size, channels)
    if images.shape[1:] == shape:
        return images
    if images.shape == shape:
        return images[None]
    if channels == 1 and images.ndim in (2, 3) and images.shape[-2:] == tuple(size):
        return images.reshape(-1, *shape)
    if images.shape[-3:] == last and images.ndim in (3, 4):
        return np.moveaxis(images.reshape(-1, *last), -1, 1)
    wanted = " × ".join(map(str, shape))
    found = " × ".join(map(str, images.shape)) or "a single number"
    raise DataError(
        f"the model reads images of {wanted} (channels, height, width), one or an array of them, not {found}"
    )


def _in_range(images: np.ndarray) -> np.ndarray:
    kind = images.dtype.kind
    if images.dtype == np.uint8 or not images.size:
        return images.astype(np.uint8, copy=False)
    if kind == "b":
        return images.astype(np.uint8) * np.uint8(255)
    if kind not in "iuf":
        raise DataError(f"the model reads images of numbers, not of {images.dtype}")
    low, high = float(images.min()), float(images.max())
    if kind == "f" and low >= 0.0 and high <= 1.0:  # and nothing is NaN
        return images.astype(np.float32, copy=False)
    if kind in "iu" and low >= 0 and 1 < high <= 255:
        return images.astype(np.uint8)
    what = "floats" if kind == "f" else str(images.dtype)
    raise DataError(
        f"the model reads uint8 from 0 to 255, or fractions from 0 to 1, not {what} from {low:.4g} to {high:.4g}; "
        "`images.astype('uint8')` or `images / 255` say which is meant"
    )
