"""The modular autoencoder (M-AE) with a relational learner: a partition of the code for every factor.

The prior of a partition has one Gaussian per value of its factor, so that the number of components is the sum of the
numbers of values, and one set of annotated images serves all factors.
"""

from typing import ClassVar

import numpy as np
from torch import Tensor

from core.data import FactorDataset
from trainables.annotations import annotated
from trainables.partitioned import PartitionedAutoencoder, PartitionedHyperparameters


class Modular(PartitionedAutoencoder[PartitionedHyperparameters]):
    """Component v of partition k is value v of factor k."""

    name: ClassVar[str] = "modular"
    title: ClassVar[str] = "M-AE + ReL"
    Hyperparameters: ClassVar = PartitionedHyperparameters

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
        """The data set's annotated images, without those that are held out."""
        return annotated(dataset, self.hyperparameters.num_annotated, seed)
