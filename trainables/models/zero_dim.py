"""ZeroDIM (Gabbay et al. 2021): factors from few labels, and all else in a residual code found by optimisation.

Three stages. First every training image has a residual code of its own, found by gradient descent together with the
generator, a classifier per factor and a number for each of its values. Then an encoder learns the residual codes. Last,
encoder and generator are tuned together, without noise and without labels. Weights are on the source's scale: all is
averaged over pixels, over dimensions of the residual code and over factors (but for the cross-entropy, their sum).
"""

import math
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from core.data import DatasetInfo, FactorDataset
from core.data.batches import Batch
from core.networks import build_decoder, build_encoder, initialise
from core.objectives import bernoulli_reconstruction
from trainables.base import Model, Parts
from trainables.hyperparameters import Hyperparameters, hyperparameter
from trainables.labels.annotated import annotated, refuse_annotated

CODE = "Gabbay et al. 2021, authors' code"
BETAS = (0.5, 0.999)
INITIAL = 0.05  # codes and numbers start uniformly within ± this
LATENT_RATE, CLASSIFIER_RATE, FINAL_RATE = 1e-2, 1e-4, 1e-4  # of the first stage, whose rates fall along a cosine
ENCODER_RATES = 1e-3, 1e-5  # of the second, likewise
TUNING_RATE = 1e-4


class ZeroDIMHyperparameters(Hyperparameters):
    """The labels, the stages and the weights."""

    num_latents: int = hyperparameter(
        7, "Dimensions of the residual code, beside one per factor.", symbol="d_r", source=CODE, ge=1, le=256
    )
    learning_rate: float = hyperparameter(
        1e-3, "Learning rate of the generator in the first stage.", symbol="η", source=CODE, gt=0.0, le=0.1
    )
    batch_size: int = hyperparameter(128, "Images per batch.", symbol="B", source=CODE, ge=2, le=65536)
    num_annotated: int = hyperparameter(
        1_000, "Labelled images; the same ones serve all factors.", symbol="|S|", source=CODE, grid=(100, 1_000), ge=1
    )
    latent_steps: int = hyperparameter(
        78_000, "Steps of the first stage; 200 epochs of 50,000 images.", symbol="T_1", source=CODE, ge=1
    )
    regression_steps: int = hyperparameter(
        78_000, "Steps of the second stage; the third takes the rest.", symbol="T_2", source=CODE, ge=0
    )
    entropy_start: int = hyperparameter(
        7_800, "Step from which the classifier is asked to be sure; 20 epochs.", symbol="T_H", source=CODE, ge=0
    )
    residual_decay: float = hyperparameter(
        1e-5, "Weight of the squared residual codes.", symbol="λ_r", source=CODE, ge=0.0, le=10.0
    )
    residual_std: float = hyperparameter(
        1.0, "Standard deviation of the noise on residual codes.", symbol="σ_r", source=CODE, ge=0.0, le=100.0
    )
    entropy_weight: float = hyperparameter(
        1e-3, "Weight of the entropy of the classifier.", symbol="λ_H", source=CODE, ge=0.0, le=10.0
    )
    label_weight: float = hyperparameter(
        1e-3, "Weight of the cross-entropy on labelled images.", symbol="λ_cls", source=CODE, ge=0.0, le=10.0
    )
    annotated_weight: float = hyperparameter(
        10.0, "Weight of the labelled batch.", symbol="λ_sup", source=CODE, ge=0.0, le=1_000.0
    )
    regression_weight: float = hyperparameter(
        10.0, "Weight of the distance to the residual codes in the third stage.", symbol="λ_z", source=CODE, ge=0.0
    )

    def refuse(self, dataset: DatasetInfo) -> str | None:
        """Factors are needed, and images to annotate."""
        if not dataset.has_factors:
            return f"it learns from labelled images, and '{dataset.name}' has no factors"
        return refuse_annotated(self.num_annotated, dataset)


class ZeroDIM(Model[ZeroDIMHyperparameters]):
    """A code is one number per factor, then the residual code."""

    name: ClassVar[str] = "zero_dim"
    title: ClassVar[str] = "ZeroDIM"
    Hyperparameters: ClassVar = ZeroDIMHyperparameters
    streams: ClassVar[tuple[str, ...]] = ("all", "annotated")

    def __init__(self, hyperparameters: ZeroDIMHyperparameters, dataset: DatasetInfo) -> None:
        super().__init__(hyperparameters, dataset)
        h, sizes = hyperparameters, dataset.factor_sizes
        self.classifiers = nn.ModuleList([build_encoder(h.network, dataset.image_shape, size) for size in sizes])
        self.encoder = build_encoder(h.network, dataset.image_shape, h.num_latents)
        self.decoder = build_decoder(h.network, dataset.image_shape, len(sizes) + h.num_latents)
        initialise(self, h.initialisation)
        self.values = nn.ParameterList([nn.Parameter(torch.empty(size).uniform_(-INITIAL, INITIAL)) for size in sizes])
        self.residuals = nn.Parameter(torch.empty(dataset.num_images, h.num_latents).uniform_(-INITIAL, INITIAL))
        self.num_pixels = math.prod(dataset.image_shape)
        self.stage = 1
        self.labels: tuple[Tensor, Tensor] | None = None  # sorted numbers (N,) of images, and their values (N, K)

    @staticmethod
    def warm_up_steps(hyperparameters: ZeroDIMHyperparameters) -> int:
        """Until the encoder has learnt the residual codes; before, codes of images mean little."""
        return hyperparameters.latent_steps + hyperparameters.regression_steps

    def attach(self, dataset: FactorDataset, seed: int) -> dict[str, np.ndarray]:
        """The data set's annotated images, without those that are held out."""
        chosen = annotated(dataset, self.hyperparameters.num_annotated, seed)
        order = np.sort(chosen)
        numbers, values = (torch.from_numpy(part).to(self.device) for part in (order, dataset.factors(order)))
        self.labels = numbers, values.long()
        return {"annotated": chosen}

    def configure_optimizers(self) -> None:
        """An Adam per stage."""
        parts = ([self.residuals, *self.values], self.classifiers.parameters(), self.decoder.parameters())
        codes = self.adam("codes", [{"params": part} for part in parts], lr=CLASSIFIER_RATE, betas=BETAS)
        encoder = self.adam("encoder", self.encoder.parameters(), lr=ENCODER_RATES[0])
        self.adam("tuning", [*self.encoder.parameters(), *self.decoder.parameters()], lr=TUNING_RATE, betas=BETAS)
        for group in (codes.param_groups[0], codes.param_groups[2], encoder.param_groups[0]):
            group["lr"] = torch.zeros((), device=self.device)  # set there, so that no step is recorded anew for it

    def before_step(self, step: int) -> bool:
        """Enter the stage of the step."""
        before = self.stage
        self.stage = 1 + sum(step >= end for end in self._ends)
        return self.stage != before

    def next_change(self, step: int) -> float:
        """Where the next stage begins."""
        return min((end for end in self._ends if end > step), default=math.inf)

    @property
    def _ends(self) -> tuple[int, int]:
        """Steps after which the first and the second stage are over."""
        h = self.hyperparameters
        return h.latent_steps, h.latent_steps + h.regression_steps

    def training_step(self, batches: Sequence[Batch]) -> Parts:
        """One update of what the stage trains."""
        if self.stage == 1:
            return self._find_codes(*batches)
        images = batches[0].images
        residual = self.encoder(images)
        regression = self.distance(residual, batches[0])
        if self.stage == 2:
            first, last = self._ends
            self._fall("encoder", 0, ENCODER_RATES, (self.steps_done - first) / (last - first))
            self.minimise(regression, self.optimizers["encoder"])
            return self._parts(self._error(batches[0]), regression=regression)
        with torch.no_grad():
            numbers = self.numbers(images)
        reconstruction = bernoulli_reconstruction(self.decoder(torch.cat([numbers, residual], 1)), images)
        loss = reconstruction / self.num_pixels + self.hyperparameters.regression_weight * regression
        self.minimise(loss, self.optimizers["tuning"])
        return self._parts(reconstruction, regression=regression)

    def _find_codes(self, batch: Batch, annotated: Batch) -> Parts:
        """The first stage. Images of either batch whose values are known have the numbers of these."""
        h = self.hyperparameters
        assert annotated.factors is not None
        progress = self.steps_done / h.latent_steps
        self._fall("codes", 0, (LATENT_RATE, FINAL_RATE), progress)
        self._fall("codes", 2, (h.learning_rate, min(h.learning_rate, FINAL_RATE)), progress)
        log_q = self.log_probabilities(batch.images)
        mixed = self.mixed([part.exp() for part in log_q])
        is_known, values = self._known(batch)
        numbers = torch.where(is_known[:, None], self.numbers_of(values), mixed)
        reconstruction, loss = self._reconstruct(numbers, batch)
        entropy = torch.stack([-(part.exp() * part).sum(1).mean() for part in log_q]).mean()
        loss = loss + h.entropy_weight * self._asked_to_be_sure() * entropy

        _, labelled_loss = self._reconstruct(self.numbers_of(annotated.factors), annotated)
        heads = self.log_probabilities(annotated.images)
        label_loss = torch.stack(
            [functional.nll_loss(head, annotated.factors[:, k]) for k, head in enumerate(heads)]
        ).sum()
        loss = loss + h.annotated_weight * (labelled_loss + h.label_weight * label_loss)
        self.minimise(loss, self.optimizers["codes"])
        return self._parts(reconstruction, entropy, label_loss)

    def log_probabilities(self, images: Tensor) -> list[Tensor]:
        """log q_k(v|x) (B, v_k) of every factor."""
        return [classifier(images).log_softmax(1) for classifier in self.classifiers]

    def numbers(self, images: Tensor) -> Tensor:
        """Numbers (B, K) of the factors of images, as the classifiers see them."""
        return self.mixed([part.exp() for part in self.log_probabilities(images)])

    def mixed(self, probabilities: Sequence[Tensor]) -> Tensor:
        """The values' numbers (B, K), weighed by probabilities (B, v_k); no gradient reaches the numbers."""
        return torch.stack([part @ own.detach() for part, own in zip(probabilities, self.values, strict=True)], 1)

    def numbers_of(self, values: Tensor) -> Tensor:
        """Numbers (B, K) of values (B, K)."""
        return torch.stack([own[values[:, k]] for k, own in enumerate(self.values)], 1)

    def distance(self, residual: Tensor, batch: Batch) -> Tensor:
        """Mean squared difference of residual codes (B, d_r) from those that were found for the images."""
        return (residual - self.residuals[batch.index].detach()).square().mean()

    def codes(self, images: Tensor) -> Tensor:
        """Numbers of the factors and the encoded residual code (B, K + d_r)."""
        return torch.cat([self.numbers(images), self.encoder(images)], 1)

    def logits(self, codes: Tensor) -> Tensor:
        """Bernoulli logits (B, C, H, W)."""
        logits: Tensor = self.decoder(codes)
        return logits

    def prior_codes(self, count: int, generator: torch.Generator | None) -> Tensor:
        """Codes (count, K + d_r) of uniform values and Gaussian residual codes."""
        drawn = [
            values[torch.randint(len(values), (count,), generator=generator, device=self.device)]
            for values in self.values
        ]
        residual = torch.randn(count, self.hyperparameters.num_latents, generator=generator, device=self.device)
        return torch.cat([torch.stack(drawn, 1), self.hyperparameters.residual_std * residual], 1)

    def _known(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Which images of a batch are annotated (B,), and their values (B, K); those of others mean nothing."""
        assert self.labels is not None
        numbers, values = self.labels
        place = torch.searchsorted(numbers, batch.index).clamp(max=len(numbers) - 1)
        return numbers[place] == batch.index, values[place]

    def _reconstruct(self, numbers: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """Nats per image, and the loss: their mean over pixels and the decay of the residual codes."""
        h, residual = self.hyperparameters, self.residuals[batch.index]
        noise = torch.randn(residual.shape, generator=self.generator, device=self.device)
        logits = self.decoder(torch.cat([numbers, residual + h.residual_std * noise], 1))
        nats = bernoulli_reconstruction(logits, batch.images)
        return nats, nats / self.num_pixels + h.residual_decay * residual.square().mean()

    def _fall(self, optimizer: str, group: int, rates: tuple[float, float], progress: Tensor) -> None:
        """Set a rate to where it is on its half cosine after a share `progress` of the stage."""
        start, end = rates
        rate: Tensor = self.optimizers[optimizer].param_groups[group]["lr"]
        rate.copy_(end + (start - end) * 0.5 * (1.0 + torch.cos(math.pi * progress)))

    def _asked_to_be_sure(self) -> Tensor:
        return (self.steps_done >= self.hyperparameters.entropy_start).float()

    @torch.no_grad()
    def _error(self, batch: Batch) -> Tensor:
        return bernoulli_reconstruction(self.decoder(self.codes(batch.images)), batch.images)

    @staticmethod
    def _parts(
        reconstruction: Tensor,
        entropy: Tensor | None = None,
        labels: Tensor | None = None,
        regression: Tensor | None = None,
    ) -> Parts:
        """All parts in all stages; 0 where the stage has none."""
        parts = {"reconstruction": reconstruction, "entropy": entropy, "labels": labels, "regression": regression}
        zero = torch.zeros_like(reconstruction)
        return {name: zero if part is None else part.detach() for name, part in parts.items()}
