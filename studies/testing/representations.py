"""Hand-made data sets, codes and encoders with known answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass
class GridDataset:
    """Every combination of the factors once, times `nuisance` copies; a pixel holds each factor's class."""

    factor_sizes: tuple[int, ...] = (3, 6, 4, 5)
    nuisance: int = 1
    served: list[int] = field(default_factory=list)

    @property
    def factor_names(self) -> tuple[str, ...]:
        """Names of the K factors."""
        return ("shape", *(f"factor{k}" for k in range(1, len(self.factor_sizes))))

    def __len__(self) -> int:
        return int(np.prod(self.factor_sizes)) * self.nuisance

    def factors(self, indices: Any) -> NDArray[np.int64]:
        """Factors (N, K) of images."""
        grid = np.asarray(indices) // self.nuisance
        return np.stack(np.unravel_index(grid, self.factor_sizes), axis=1).astype(np.int64)

    def index(self, factors: Any) -> NDArray[np.int64]:
        """The first image of factors (N, K)."""
        columns = tuple(np.asarray(factors).T)
        return np.ravel_multi_index(columns, self.factor_sizes) * self.nuisance

    def images(self, indices: Any) -> NDArray[np.uint8]:
        """Images (N, 1, 4, 4) of indices."""
        indices = np.asarray(indices)
        self.served.extend(indices.tolist())
        pixels = np.zeros((len(indices), 1, 4, 4), dtype=np.uint8)
        pixels.reshape(len(indices), -1)[:, : len(self.factor_sizes)] = self.factors(indices)
        pixels[:, 0, 3, 3] = indices % self.nuisance
        return pixels

    def sample_factors(self, n: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """Independent uniform factors (n, K)."""
        return np.stack([rng.integers(size, size=n) for size in self.factor_sizes], axis=1)

    def sample_indices(self, factors: Any, rng: np.random.Generator) -> NDArray[np.int64]:
        """An image of each row of factors."""
        return self.index(factors) + rng.integers(self.nuisance, size=len(factors))


def encode_perfectly(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """One dimension per factor (four of them), on scales that differ."""
    return images.reshape(len(images), -1)[:, :4].astype(float) * np.array([1.0, 0.1, 3.0, 0.5]) - 0.3


def pool(sizes: tuple[int, ...] = (3, 6, 4, 5), count: int = 3000, seed: int = 0) -> NDArray[np.int64]:
    """Independent uniform factors (count, K)."""
    rng = np.random.default_rng(seed)
    return np.stack([rng.integers(size, size=count) for size in sizes], axis=1)


def rotated(codes: NDArray[Any], degrees: float = 45.0) -> NDArray[Any]:
    """Each neighbouring pair of standardised dimensions turned in its plane."""
    turned = (codes - codes.mean(axis=0)) / codes.std(axis=0)
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    for first in range(0, turned.shape[1] - 1, 2):
        turned[:, first : first + 2] = turned[:, first : first + 2] @ turn
    return turned


def oracle_relations() -> dict[str, Any]:
    """A perfect modular model with two factors of 3 and 4 values: a code is its values, blurred."""

    def values_of(codes: NDArray[Any]) -> NDArray[np.int64]:
        return np.rint(codes).astype(np.int64)

    relations = [("next", 0, [1, 2, 0]), ("up", 1, [1, 2, 3, 3])]

    def apply_relation(codes: NDArray[Any], numbers: NDArray[np.int64]) -> NDArray[Any]:
        edited = values_of(codes)
        for row, number in enumerate(numbers):
            _, factor, mapping = relations[number]
            edited[row, factor] = mapping[edited[row, factor]]
        return edited.astype(float)

    return {
        "relations": relations,
        "value_counts": [3, 4],
        "sample_prior": lambda values, rng: values + rng.normal(size=values.shape) * 0.05,
        "apply_relation": apply_relation,
        "classify": values_of,
        "reencode": lambda codes: codes + 0.1,
        "judge": values_of,
        "image_codes": pool((3, 4), 60).astype(float),
        "image_values": pool((3, 4), 60),
        "partitions": 2,
    }


def everything() -> dict[str, Any]:
    """One bag of inputs that serves every metric under every protocol, and quickly."""
    dataset = GridDataset((3, 4, 2), nuisance=3)
    factors = dataset.factors(np.random.default_rng(0).integers(len(dataset), size=240))
    rng = np.random.default_rng(1)
    codes = np.hstack([factors, rng.normal(size=(240, 1))]) + rng.normal(size=(240, 4)) * 0.1
    turn = rng.normal(size=(4, 4))

    def encode(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        return (images.reshape(len(images), -1)[:, [0, 1, 2, 15]] @ turn).astype(np.float32)

    def logits(images: NDArray[np.uint8], noise: np.random.Generator | None) -> NDArray[np.float32]:
        decoded = images / 64.0 - 1.0
        if noise is not None:
            decoded = decoded + noise.normal(size=images.shape)
        return decoded.astype(np.float32)

    return oracle_relations() | {
        "codes": codes,
        "factors": factors,
        "encode": encode,
        "dataset": dataset,
        "images": dataset.images(np.arange(30)),
        "logits": logits,
        "posterior_mean": codes,
        "posterior_log_variance": np.full(codes.shape, -3.0),
        "sampled_codes": codes + rng.normal(size=codes.shape) * 0.2,
        "num_images": len(dataset),
        "discriminator_logits": rng.normal(size=(240, 2)),
        "discrete_codes": factors[:, 0],
        "codes_by_seed": [codes, codes[:, ::-1], codes @ turn],
    }
