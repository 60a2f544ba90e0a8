"""The modular autoencoder (M-AE) with a relational learner: a partition of the code for every factor.

The prior of a partition has one Gaussian per value of its factor, so that the number of components is the sum of the
numbers of values, and one set of annotated images serves all factors.
"""

import math
from typing import ClassVar

import numpy as np
from torch import Tensor

from core.data import DatasetInfo, FactorDataset
from trainables.hyperparameters import hyperparameter
from trainables.labels.annotated import annotated, leave_out
from trainables.partitioned.autoencoder import PartitionedAutoencoder
from trainables.partitioned.recipes import PartitionedHyperparameters


class ModularHyperparameters(PartitionedHyperparameters):
    """As of its predecessor, and combinations that are never annotated."""

    left_out: int = hyperparameter(
        0,
        "Combinations of factors that no annotated image shows, though each of their values is shown elsewhere.",
        symbol="left out",
        source="measured on dsprites.v2 with 9 of 27",
        ge=0,
    )

    def refuse(self, dataset: DatasetInfo) -> str | None:
        """At most half of the combinations can be left out."""
        if dataset.has_factors and 2 * self.left_out > math.prod(dataset.factor_sizes):
            return f"left_out is {self.left_out:,}, more than half of the combinations of '{dataset.name}'"
        return super().refuse(dataset)


class Modular(PartitionedAutoencoder[ModularHyperparameters]):
    """Component v of partition k is value v of factor k."""

    name: ClassVar[str] = "modular"
    title: ClassVar[str] = "M-AE + ReL"
    Hyperparameters: ClassVar = ModularHyperparameters

    def component_counts(self) -> tuple[int, ...]:
        """The number of values of every factor."""
        return self.dataset.factor_sizes

    def to_components(self, values: Tensor) -> Tensor:
        """The values themselves."""
        return values

    def to_values(self, components: Tensor) -> Tensor:
        """The components themselves."""
        return components

    def choose_annotated(self, dataset: FactorDataset, seed: int) -> np.ndarray:
        """The data set's annotated images, without those that are held out or show a combination left out."""
        h = self.hyperparameters
        missing = leave_out(dataset.factor_sizes, h.left_out, seed) if h.left_out else ()
        return annotated(dataset, h.num_annotated, seed, missing)
