"""Codes of data set images, each distinct image encoded once and in batches of the fastest size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from core.mistakes import MetricError

# On one core batches of 128 images encode fastest: larger activations no longer fit the caches.
BATCH = 128

Encode = Callable[[NDArray[np.uint8]], NDArray[Any]]


class FactorImages(Protocol):
    """What metrics ask of a data set with known factors."""

    @property
    def factor_sizes(self) -> Any:
        """Number of values of each factor, (K,)."""

    def __len__(self) -> int: ...

    def images(self, indices: Any) -> NDArray[np.uint8]:
        """Images (N, C, H, W)."""

    def factors(self, indices: Any) -> NDArray[np.int64]:
        """Factor classes (N, K)."""

    def sample_factors(self, n: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """Factor classes (n, K) drawn as the data set draws them."""

    def sample_indices(self, factors: Any, rng: np.random.Generator) -> NDArray[np.int64]:
        """An image (N,) for each row of factor classes, whatever is no factor being drawn."""


class EncodedImages:
    """Memory of the codes of one encoder on one data set."""

    def __init__(self, encode: Encode, dataset: FactorImages) -> None:
        self._encode = encode
        self._dataset = dataset
        self._known = np.zeros(len(dataset), dtype=bool)
        self._codes: NDArray[Any] | None = None

    @classmethod
    def of(cls, encode: Encode | EncodedImages, dataset: FactorImages) -> EncodedImages:
        """The memory itself where the encoder already is one."""
        return encode if isinstance(encode, EncodedImages) else cls(encode, dataset)

    def codes(self, indices: NDArray[np.int64]) -> NDArray[Any]:
        """Codes (N, D) of the images of these indices (N,).

        MetricError: the encoder gives NaN, an infinity, or not one row per image.
        """
        self._reserve(int(indices.max(initial=-1)) + 1)
        missing = np.unique(indices[~self._known.take(indices)])
        for start in range(0, len(missing), BATCH):
            batch = missing[start : start + BATCH]
            codes = np.asarray(self._encode(self._dataset.images(batch)))
            if codes.ndim == 1:
                codes = codes[:, None]
            if codes.ndim != 2 or codes.shape[0] != len(batch) or codes.shape[1] == 0:
                raise MetricError(f"the encoder gives {codes.shape} for {len(batch)} images, not (images, dims)")
            if not np.isfinite(codes).all():
                raise MetricError("the encoder gives NaN or infinite codes")
            if self._codes is None:
                self._codes = np.zeros((len(self._known), codes.shape[1]), codes.dtype)
            self._codes[batch] = codes
        self._known[missing] = True
        if self._codes is None:
            raise MetricError("no image was asked for")
        return self._codes.take(indices, axis=0)

    def _reserve(self, count: int) -> None:
        """Room for `count` images: an intervention may reach images beyond the length of the set."""
        extra = count - len(self._known)
        if extra > 0:
            self._known = np.append(self._known, np.zeros(extra, dtype=bool))
            if self._codes is not None:
                self._codes = np.append(self._codes, np.zeros((extra, self._codes.shape[1]), self._codes.dtype), 0)
