"""The weakly disentangled predecessor (Valenti & Bacciu 2022): one code with one Gaussian per combination of factors.

The number of components is the product of the numbers of values, and each needs annotated images of its own.
"""

import math
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from core.data import DatasetInfo, FactorDataset
from trainables.hyperparameters import hyperparameter
from trainables.labels.annotated import annotated_by_combination
from trainables.partitioned.autoencoder import PartitionedAutoencoder
from trainables.partitioned.recipes import PartitionedHyperparameters, Recipe


class WeakHyperparameters(PartitionedHyperparameters):
    """As of the modular autoencoder; components are always estimated, since so many cannot be placed and held."""

    num_latents: int = hyperparameter(
        8,
        "Dimensions of the code.",
        symbol="d",
        source="Valenti & Bacciu 2022: 8 on dSprites, 16 on Shapes3D",
        grid=(8, 16),
        ge=1,
        le=64,
    )
    ridge: float = hyperparameter(
        3e-3,
        "Variance added to the estimated components, which have few annotated images each.",
        symbol="ridge",
        source="measured on dsprites.v2",
        ge=1e-8,
        le=1.0,
    )

    @property
    def recipe(self) -> Recipe:
        """The preset with estimated components, and without batch normalisation, under which it did not converge."""
        return super().recipe._replace(estimated=True, batch_norm=False)

    def refuse(self, dataset: DatasetInfo) -> str | None:
        """Every combination of factors needs an annotated image."""
        combinations = math.prod(dataset.factor_sizes)
        if not dataset.complete:
            return (
                f"each of the {combinations:,} combinations of factors needs an annotated image, and '{dataset.name}' "
                "does not have them all"
            )
        if dataset.has_factors and self.num_annotated < combinations:
            return (
                f"num_annotated is {self.num_annotated:,}, but each of the {combinations:,} combinations of factors "
                f"of '{dataset.name}' needs an annotated image"
            )
        return super().refuse(dataset)


class Weak(PartitionedAutoencoder[WeakHyperparameters]):
    """Component number = position of the combination, the last factor fastest."""

    name: ClassVar[str] = "weak"
    title: ClassVar[str] = "weakly disentangled AE"
    Hyperparameters: ClassVar = WeakHyperparameters

    def component_counts(self) -> tuple[int, ...]:
        """The number of combinations."""
        return (math.prod(self.dataset.factor_sizes),)

    def to_components(self, values: Tensor) -> Tensor:
        """Number (N, 1) of the combination."""
        number = values[:, :1]
        for k, size in enumerate(self.dataset.factor_sizes[1:], start=1):
            number = number * size + values[:, k : k + 1]
        return number

    def to_values(self, components: Tensor) -> Tensor:
        """Factor values (N, K) of the combination."""
        values, rest = [], components[:, 0]
        for size in reversed(self.dataset.factor_sizes):
            values.append(rest % size)
            rest = torch.div(rest, size, rounding_mode="floor")
        return torch.stack(values[::-1], 1)

    def choose_annotated(self, dataset: FactorDataset, seed: int) -> np.ndarray:
        """The same number of every combination, as far as there are images."""
        return annotated_by_combination(dataset, self.hyperparameters.num_annotated, seed)
