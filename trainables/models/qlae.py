"""QLAE (Hsu et al. 2023): an autoencoder whose latent dimensions take few values each, with strong weight decay.

loss = reconstruction / pixels + λ_q mean_j (sg(z_j) − ẑ_j)² + λ_c mean_j (z_j − sg(ẑ_j))², where ẑ_j is the value of
dimension j's codebook that is nearest to z_j, and sg stops the gradient.
"""

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from core.data import DatasetInfo
from core.data.batches import Batch
from core.networks import build_decoder, build_encoder, initialise
from core.objectives import bernoulli_reconstruction
from trainables.base import Model, Parts
from trainables.hyperparameters import Hyperparameters, hyperparameter

AUTHORS = "Hsu et al. 2023, authors' code"
REACH = 0.5  # codebooks begin with values from −½ to ½


class QLAEHyperparameters(Hyperparameters):
    """The codebooks, and what holds encoder and decoder to them."""

    num_values: int = hyperparameter(
        10, "Values that each latent dimension can take.", symbol="n_v", source=AUTHORS, ge=2, le=1_024
    )
    quantization_weight: float = hyperparameter(
        0.01,
        "Weight of the squared distance that draws codebook values to codes, averaged over dimensions; the "
        "reconstruction is averaged over pixels.",
        symbol="λ_q",
        source=AUTHORS,
        grid=(0.001, 0.01),
        ge=0.0,
        le=10_000.0,
    )
    commitment_weight: float = hyperparameter(
        0.01,
        "Weight of the squared distance that draws codes to codebook values.",
        symbol="λ_c",
        source=AUTHORS,
        grid=(0.001, 0.01),
        ge=0.0,
        le=10_000.0,
    )
    weight_decay: float = hyperparameter(
        0.1,
        "Decoupled weight decay (AdamW) of all weights but biases and codebooks.",
        symbol="λ_w",
        source=AUTHORS,
        ge=0.0,
        le=100.0,
    )


class QLAE(Model[QLAEHyperparameters]):
    """A code has the quantised values; the decoder's gradient passes the quantisation as if it were not there."""

    name: ClassVar[str] = "qlae"
    title: ClassVar[str] = "QLAE"
    Hyperparameters: ClassVar = QLAEHyperparameters
    stackable: ClassVar[frozenset[str]] = frozenset({"quantization_weight", "commitment_weight", "learning_rate"})

    def __init__(self, hyperparameters: QLAEHyperparameters, dataset: DatasetInfo) -> None:
        super().__init__(hyperparameters, dataset)
        h = hyperparameters
        self.encoder = build_encoder(h.network, dataset.image_shape, h.num_latents)
        self.decoder = build_decoder(h.network, dataset.image_shape, h.num_latents)
        initialise(self, h.initialisation)
        self.values = nn.Parameter(torch.linspace(-REACH, REACH, h.num_values).repeat(h.num_latents, 1))
        self.num_pixels = math.prod(dataset.image_shape)

    def configure_optimizers(self) -> None:
        """AdamW on everything, which decays the weights of encoder and decoder alone."""
        both = [*self.encoder.parameters(), *self.decoder.parameters()]
        decayed = [parameter for parameter in both if parameter.dim() > 1]
        others = [parameter for parameter in both if parameter.dim() <= 1]
        groups: list[dict[str, Any]] = [
            {"params": decayed, "weight_decay": self.hyperparameters.weight_decay},
            {"params": [*others, self.values]},
        ]
        self.adam("model", groups, lr=self.hyperparameters.learning_rate, decoupled=True)

    def loss(self, batches: Sequence[Batch]) -> tuple[Tensor, Parts]:
        """Reconstruction of the quantised codes, quantisation and commitment."""
        h, images = self.hyperparameters, batches[0].images
        continuous = self.encoder(images)
        quantised = self.quantise(continuous)
        reconstruction = bernoulli_reconstruction(self.decoder(continuous + (quantised - continuous).detach()), images)
        quantisation = (continuous.detach() - quantised).square().mean()
        commitment = (continuous - quantised.detach()).square().mean()
        loss = reconstruction / self.num_pixels
        loss = loss + h.quantization_weight * quantisation + h.commitment_weight * commitment
        return loss, {"reconstruction": reconstruction, "quantization": quantisation, "commitment": commitment}

    def quantise(self, continuous: Tensor) -> Tensor:
        """The nearest value of each dimension's codebook, (B, D) to (B, D); of two that are as near, the first."""
        nearest = (continuous.unsqueeze(2) - self.values).abs().argmin(2, keepdim=True)
        chosen = nearest == torch.arange(self.values.shape[1], device=nearest.device)
        return (chosen * self.values).sum(2)  # a gather, whose gradient adds up in a fixed order

    def codes(self, images: Tensor) -> Tensor:
        """Quantised codes (B, D)."""
        return self.quantise(self.encoder(images))

    def logits(self, codes: Tensor) -> Tensor:
        """Bernoulli logits (B, C, H, W)."""
        logits: Tensor = self.decoder(codes)
        return logits

    def prior_codes(self, count: int, generator: torch.Generator | None) -> Tensor:
        """Codes (count, D) of independent, uniform values of the codebooks."""
        width, size = self.values.shape
        drawn = torch.randint(size, (width, count), generator=generator, device=self.device)
        return self.values.gather(1, drawn).T

    @property
    def reach(self) -> tuple[float, float]:
        """The least and the largest value of all codebooks."""
        values = self.values.detach()
        return float(values.min()), float(values.max())
