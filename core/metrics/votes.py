"""Groups of images that share the value of one factor: the raw material of the FactorVAE and β-VAE scores."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.metrics.checks import varying_factors
from core.metrics.encoding import EncodedImages, FactorImages
from core.mistakes import MetricError

Ints = NDArray[np.int64]
# Fixes which images of a large set are the fixed sample that all runs and metrics draw from.
FIXED_SAMPLE_SEED = 20180601
# Numbers of a block of groups or pairs: what is computed of it does not leave a core's cache.
IN_CACHE = 65_536


class Pool:
    """Images encoded beforehand: codes (N, D), factors (N, K), discrete codes (N, S) or None."""

    def __init__(self, codes: NDArray[Any], factors: Ints, discrete: Ints | None = None) -> None:
        self._codes, self._factors, self._discrete = codes, factors, discrete
        self.varying = varying_factors(factors)
        self.num_factors = factors.shape[1]

    def draw(self, labels: Ints, size: int, rng: np.random.Generator) -> Ints:
        """Rows (V, size); the rows of group v share the value that factor labels[v] has in a random row.

        Drawn without replacement where the value has enough rows. A value that one row alone has makes no
        group. MetricError: a factor has only such values.
        """
        rows = np.empty((len(labels), size), dtype=np.int64)
        for k in np.unique(labels):
            _, classes, counts = np.unique(self._factors[:, k], return_inverse=True, return_counts=True)
            order = np.argsort(classes, kind="stable")
            starts = np.concatenate([[0], np.cumsum(counts)])
            usable = np.flatnonzero(counts[classes] > 1)
            if usable.size == 0:
                raise MetricError(f"no two images share a value of factor {k}: the sample is too small")
            votes = np.flatnonzero(labels == k)
            if size == 2:
                # Pairs come by the hundred thousand: two distinct members of each value, all at once.
                value = classes[usable[rng.integers(usable.size, size=votes.size)]]
                first = rng.integers(counts[value])
                second = (first + 1 + rng.integers(counts[value] - 1)) % counts[value]
                rows[votes] = order[starts[value][:, None] + np.stack([first, second], axis=1)]
                continue
            for vote in votes:
                value = classes[usable[rng.integers(usable.size)]]
                start, count = starts[value], counts[value]
                picked = rng.choice(count, size, replace=count < size, shuffle=False)
                rows[vote] = order[start + picked]
        return rows

    def sample(self, size: int, rng: np.random.Generator) -> Ints:
        """All rows: a pool is its own population."""
        del size, rng
        return np.arange(len(self._codes))

    def codes(self, rows: Ints) -> NDArray[Any]:
        """Codes (..., D) of rows of any shape."""
        return self._codes[rows]

    def discrete(self, rows: Ints) -> Ints | None:
        """Categories (..., S) of the discrete latents, None without any."""
        return None if self._discrete is None else self._discrete[rows]


class Images:
    """Images of a data set, encoded when they are first asked for, each once.

    Of a set of independent factors with more than `most` images, groups are drawn from one fixed sample of
    that many, the same for every run: the published number of draws would ask for nearly every image, and a
    sample of 100,000 moves a score by less than its votes do.
    """

    def __init__(self, encode: Any, dataset: FactorImages, encode_discrete: Any, most: int) -> None:
        self._dataset = dataset
        self._encoded = EncodedImages.of(encode, dataset)
        self._categories = None if encode_discrete is None else EncodedImages.of(encode_discrete, dataset)
        sizes = np.asarray(dataset.factor_sizes)
        self.varying = np.flatnonzero(sizes > 1)
        self.num_factors = len(sizes)
        if self.varying.size == 0:
            raise MetricError("the data set has no factor with two values or more")
        self._sample = np.arange(len(dataset))
        self._members: Pool | None = None
        if len(dataset) > most and getattr(dataset, "covariance", None) is None:
            fixed = np.random.default_rng(FIXED_SAMPLE_SEED)
            self._sample = fixed.choice(len(dataset), most, replace=False)
            factors = np.asarray(dataset.factors(self._sample), dtype=np.int64)
            self._members = Pool(np.empty((most, 0)), factors)

    def draw(self, labels: Ints, size: int, rng: np.random.Generator) -> Ints:
        """Images (V, size); in group v factor labels[v] is overwritten with its value in the first image.

        An intervention, as in the published protocols: factors correlated with it keep their own draw.
        """
        if self._members is not None:
            return self._sample[self._members.draw(labels, size, rng)]
        factors = self._dataset.sample_factors(len(labels) * size, rng)
        factors = factors.reshape(len(labels), size, -1)
        votes = np.arange(len(labels))
        factors[votes, :, labels] = factors[votes, 0, labels][:, None]
        indices = self._dataset.sample_indices(factors.reshape(len(labels) * size, -1), rng)
        return np.asarray(indices, dtype=np.int64).reshape(len(labels), size)

    def sample(self, size: int, rng: np.random.Generator) -> Ints:
        """Random images for the global scale, all of a set that has no more than `size`."""
        return self._sample if len(self._sample) <= size else rng.choice(self._sample, size, replace=False)

    def codes(self, rows: Ints) -> NDArray[Any]:
        """Codes (..., D) of images of any shape of indices."""
        return self._encoded.codes(rows.ravel()).reshape(*rows.shape, -1)

    def discrete(self, rows: Ints) -> Ints | None:
        """Categories (..., S) of the discrete latents, None without any."""
        if self._categories is None:
            return None
        return self._categories.codes(rows.ravel()).astype(np.int64).reshape(*rows.shape, -1)


def source_of(
    settings: Any,
    *,
    codes: NDArray[Any] | None,
    factors: Ints | None,
    discrete_codes: Ints | None,
    encode: Any,
    dataset: FactorImages | None,
    encode_discrete: Any,
) -> Pool | Images:
    """The source that the inputs describe; settings["pool"] images of a data set are encoded into a pool."""
    if codes is not None and factors is not None:
        return Pool(codes, factors, discrete_codes)
    if encode is None or dataset is None:
        raise MetricError("codes with factors, or encode with dataset, must be given")
    images = Images(encode, dataset, encode_discrete, settings["most_images"])
    if "pool" not in settings:
        return images
    chosen = images.sample(settings["pool"], np.random.default_rng(FIXED_SAMPLE_SEED))
    return Pool(images.codes(chosen), np.asarray(dataset.factors(chosen)), images.discrete(chosen))


def draw_labels(varying: Ints, count: int, balanced: bool, rng: np.random.Generator) -> Ints:
    """Fixed factor (count,) of each group: in turn, or uniformly at random."""
    if balanced:
        return varying[np.arange(count) % len(varying)]
    return varying[rng.integers(len(varying), size=count)]
