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
        return ("shape", *(f"factor{k}" for k in range(1, len(self.factor_sizes))))

    def __len__(self) -> int:
        return int(np.prod(self.factor_sizes)) * self.nuisance

    def factors(self, indices: Any) -> NDArray[np.int64]:
        grid = np.asarray(indices) // self.nuisance
        return np.stack(np.unravel_index(grid, self.factor_sizes), axis=1).astype(np.int64)

    def index(self, factors: Any) -> NDArray[np.int64]:
        columns = tuple(np.asarray(factors).T)
        return np.ravel_multi_index(columns, self.factor_sizes) * self.nuisance

    def images(self, indices: Any) -> NDArray[np.uint8]:
        indices = np.asarray(indices)
        self.served.extend(indices.tolist())
        pixels = np.zeros((len(indices), 1, 4, 4), dtype=np.uint8)
        pixels.reshape(len(indices), -1)[:, : len(self.factor_sizes)] = self.factors(indices)
        pixels[:, 0, 3, 3] = indices % self.nuisance
        return pixels

    def sample_factors(self, n: int, rng: np.random.Generator) -> NDArray[np.int64]:
        return np.stack([rng.integers(size, size=n) for size in self.factor_sizes], axis=1)

    def sample_indices(self, factors: Any, rng: np.random.Generator) -> NDArray[np.int64]:
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
