"""β-VAE with few labels (Locatello et al. 2020): loss = reconstruction + β KL + γ_sup(t) R_s(μ(x_l), y_l)."""

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
import torch
from pydantic import field_validator
from torch import Tensor, nn

from core.data import DatasetInfo, FactorDataset
from core.data.batches import Batch
from core.mistakes import nearest
from core.objectives import (
    bernoulli_reconstruction,
    cross_covariance_loss,
    cross_entropy_loss,
    embedding_loss,
    scaled_square_loss,
)
from trainables.base import Parts
from trainables.gaussian import GaussianVAE, Posterior
from trainables.hyperparameters import Hyperparameters, hyperparameter
from trainables.labels import labellers
from trainables.labels.annotated import annotated, refuse_annotated
from trainables.labels.labellers import Faults, label

STUDY = "Locatello et al. 2020; disentanglement_lib"


class FewLabelsHyperparameters(Hyperparameters):
    """β, the labels and what is asked of them."""

    beta: float = hyperparameter(
        4.0, "Weight of the KL.", symbol="β", source=STUDY, grid=(1, 2, 4, 6, 8, 16), ge=0.0, le=10_000.0
    )
    num_annotated: int = hyperparameter(
        1_000, "Labelled images; the same ones serve all factors.", symbol="|S|", source=STUDY, grid=(100, 1_000), ge=1
    )
    supervision: Literal["xent", "l2", "cov", "embed"] = hyperparameter(
        "xent",
        "Binary cross-entropy with scaled labels, squares with a learned scale, covariances with other factors, or "
        "learned values of each label.",
        symbol="R_s",
        source=STUDY,
    )
    labeller: str = hyperparameter(
        "perfect",
        "Faults of the labels: none, classes binned into label_bins, a share label_noise of them random, only "
        "labelled_factors of the factors labelled, classes renamed so that their order is lost, or those of your own.",
        symbol="labeller",
        source=STUDY,
        grid=("perfect", "binned", "noisy", "partial", "permuted"),
    )
    label_bins: int = hyperparameter(5, "Classes of a factor of `binned` at most.", symbol="bins", source=STUDY, ge=2)
    label_noise: float = hyperparameter(
        0.1, "Probability that a label of `noisy` is random.", symbol="p", source=STUDY, ge=0.0, le=1.0
    )
    labelled_factors: int = hyperparameter(
        2, "Factors that `partial` labels, drawn at random.", symbol="J", source=STUDY, ge=1
    )
    gamma_sup: float = hyperparameter(
        10.0,
        "Weight of the supervised loss, which is summed over the labelled batch.",
        symbol="γ_sup",
        source=STUDY,
        grid=(1, 10, 50, 100, 500),
        ge=0.0,
        le=10_000.0,
    )
    annealing: Literal["fixed", "linear", "fine_tune"] = hyperparameter(
        "fixed", "γ_sup from the start, growing over anneal_steps, or from there on.", symbol="γ_sup(t)", source=STUDY
    )
    anneal_steps: int = hyperparameter(100_000, "Steps of the annealing.", symbol="T", source=STUDY, ge=1)
    sigma: float = hyperparameter(
        1.0, "Sharpness of the softmax of `embed`.", symbol="σ", source=STUDY, ge=1e-3, le=1_000.0
    )

    @field_validator("labeller")
    @classmethod
    def _is_a_labeller(cls, value: str) -> str:
        if value not in labellers.names():
            raise ValueError(f"must be a labeller; {nearest(value, labellers.names())}")
        return value

    @property
    def faults(self) -> Faults:
        """Of the labels."""
        return Faults(self.label_bins, self.label_noise, self.labelled_factors)

    def refuse(self, dataset: DatasetInfo) -> str | None:
        """Factors are needed, and a dimension for each that is labelled."""
        if not dataset.has_factors:
            return f"it learns from labelled images, and '{dataset.name}' has no factors"
        count = len(dataset.factor_sizes)
        if self.labeller == "partial" and self.labelled_factors > count:
            return f"labelled_factors is {self.labelled_factors}, but '{dataset.name}' has {count} factors"
        if self.num_latents < count:
            return f"num_latents is {self.num_latents}, but '{dataset.name}' has {count} factors"
        return refuse_annotated(self.num_annotated, dataset)


class FewLabels(GaussianVAE[FewLabelsHyperparameters]):
    """Dimension k is asked to follow factor k, or the k-th of those that are labelled."""

    name: ClassVar[str] = "few_labels"
    title: ClassVar[str] = "S²-β-VAE"
    Hyperparameters: ClassVar = FewLabelsHyperparameters
    streams: ClassVar[tuple[str, ...]] = ("all", "annotated")
    stackable: ClassVar[frozenset[str]] = frozenset({"beta", "gamma_sup", "learning_rate"})

    factor_sizes: Tensor
    label_sizes: Tensor

    def __init__(self, hyperparameters: FewLabelsHyperparameters, dataset: DatasetInfo) -> None:
        super().__init__(hyperparameters, dataset)
        self.scale = nn.Parameter(torch.ones(()))
        h, sizes = hyperparameters, dataset.factor_sizes
        sizes = labellers.get(h.labeller).sizes(sizes, h.faults)
        self.values = nn.ParameterList([nn.Parameter(torch.randn(size)) for size in sizes])
        self.register_buffer("factor_sizes", torch.tensor(sizes, dtype=torch.float32))
        self.observed = tuple(range(len(sizes)))
        self.register_buffer("label_sizes", self.factor_sizes.clone(), persistent=False)  # of what is observed
        self.labels: tuple[Tensor, Tensor] | None = None  # sorted numbers (N,) of images, and their labels (N, J)

    @staticmethod
    def warm_up_steps(hyperparameters: FewLabelsHyperparameters) -> int:
        """Until γ_sup has its final value."""
        return 0 if hyperparameters.annealing == "fixed" else hyperparameters.anneal_steps

    def attach(self, dataset: FactorDataset, seed: int) -> dict[str, np.ndarray]:
        """The data set's annotated images, without those that are held out, and their labels, drawn once."""
        h = self.hyperparameters
        chosen = annotated(dataset, h.num_annotated, seed)
        found = label(h.labeller, dataset.factors(chosen), dataset.factor_sizes, seed, h.faults)
        order = np.argsort(chosen)
        numbers, classes = (torch.from_numpy(part[order]).to(self.device) for part in (chosen, found.classes))
        self.observed, self.labels = found.observed, (numbers, classes)
        self.label_sizes = self.factor_sizes[list(found.observed)]
        return {"annotated": chosen}

    def configure_optimizers(self) -> None:
        """Adam on everything."""
        self.adam("model", self.parameters(), lr=self.hyperparameters.learning_rate)

    def penalty(self, posterior: Posterior) -> tuple[Tensor, Parts]:
        """β KL."""
        return self.hyperparameters.beta * posterior.kl.sum(1).mean(), {}

    def loss(self, batches: Sequence[Batch]) -> tuple[Tensor, Parts]:
        """Reconstruction and β KL of a batch without labels, and γ_sup R_s of one with labels."""
        images = batches[0].images
        posterior = self.sample_posterior(images)
        reconstruction = bernoulli_reconstruction(self.decoder(posterior.codes), images)
        supervised = self.supervised(self.posterior(batches[1].images)[0], self.labels_of(batches[1]))
        penalty, _ = self.penalty(posterior)
        parts = {"reconstruction": reconstruction, "kl": posterior.kl.sum(1).mean(), "supervised": supervised}
        return reconstruction + penalty + self.weight() * supervised, parts

    def labels_of(self, batch: Batch) -> Tensor:
        """Labels (B, J) of annotated images: a labeller's, or their factors."""
        if self.labels is None:
            assert batch.factors is not None
            return batch.factors
        numbers, labels = self.labels
        return labels[torch.searchsorted(numbers, batch.index)]

    def supervised(self, mean: Tensor, factors: Tensor) -> Tensor:
        """R_s of means (B, D) and labels (B, J)."""
        h = self.hyperparameters
        if h.supervision == "xent":
            return cross_entropy_loss(mean, factors, self.label_sizes)
        if h.supervision == "l2":
            return scaled_square_loss(mean, factors, self.scale)
        if h.supervision == "cov":
            return cross_covariance_loss(mean, factors)
        return embedding_loss(mean, factors, [self.values[k] for k in self.observed], h.sigma)

    def weight(self) -> Tensor:
        """γ_sup(t), a scalar on the device."""
        h = self.hyperparameters
        if h.annealing == "linear":
            progress = torch.clamp(self.steps_done / h.anneal_steps, max=1.0)
        elif h.annealing == "fine_tune":
            progress = (self.steps_done >= h.anneal_steps).float()
        else:
            progress = torch.ones((), device=self.device)
        return h.gamma_sup * progress
