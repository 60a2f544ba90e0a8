"""ZeroDIM (Gabbay et al. 2021): factors from few labels, and all else in a residual code found by optimisation.

Three stages. First every training image has a residual code of its own, found by gradient descent together with the
generator, a classifier of the factors and a number for each of their values. Then an encoder learns the residual
codes. Last, encoder, classifier and generator are tuned together. Weights are on the source's scale, against a
reconstruction averaged over pixels.
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
INITIAL = 0.05  # residual codes start uniformly within ± this
LATENT_RATE, CLASSIFIER_RATE, TUNING_RATE, FINAL_RATE = 1e-2, 1e-4, 1e-4, 1e-4
PLATEAUS = 100  # in which the cosine schedule of the first stage falls


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
        self.classifier = build_encoder(h.network, dataset.image_shape, sum(sizes))
        self.encoder = build_encoder(h.network, dataset.image_shape, h.num_latents)
        self.decoder = build_decoder(h.network, dataset.image_shape, len(sizes) + h.num_latents)
        initialise(self, h.initialisation)
        self.values = nn.ParameterList([nn.Parameter(torch.randn(size)) for size in sizes])
        self.residuals = nn.Parameter(torch.empty(dataset.num_images, h.num_latents).uniform_(-INITIAL, INITIAL))
        self.num_pixels = math.prod(dataset.image_shape)
        self.stage = 1

    @staticmethod
    def warm_up_steps(hyperparameters: ZeroDIMHyperparameters) -> int:
        """Until the encoder has learnt the residual codes; before, codes of images mean little."""
        return hyperparameters.latent_steps + hyperparameters.regression_steps

    def attach(self, dataset: FactorDataset, seed: int) -> dict[str, np.ndarray]:
        """The data set's annotated images, without those that are held out."""
        return {"annotated": annotated(dataset, self.hyperparameters.num_annotated, seed)}

    def configure_optimizers(self) -> None:
        """One Adam per learning rate of the first stage, one for the encoder, one for the last stage."""
        rate = self.hyperparameters.learning_rate
        self.adam("latents", [self.residuals, *self.values], lr=LATENT_RATE, betas=BETAS)
        self.adam("classifier", self.classifier.parameters(), lr=CLASSIFIER_RATE, betas=BETAS)
        self.adam("generator", self.decoder.parameters(), lr=rate, betas=BETAS)
        self.adam("encoder", self.encoder.parameters(), lr=CLASSIFIER_RATE, betas=BETAS)
        networks = (self.encoder, self.classifier, self.decoder, self.values)
        self.adam("all", [each for part in networks for each in part.parameters()], lr=TUNING_RATE, betas=BETAS)

    def before_step(self, step: int) -> bool:
        """Enter the stage of the step; in the first, let the learning rates fall along a cosine."""
        h, before = self.hyperparameters, self.stage
        self.stage = 1 if step < h.latent_steps else 2 if step < h.latent_steps + h.regression_steps else 3
        changed = self.stage != before
        plateau = min(PLATEAUS * step // h.latent_steps, PLATEAUS)
        fall = 0.5 * (1.0 + math.cos(math.pi * plateau / PLATEAUS))
        for name, rate in (("latents", LATENT_RATE), ("generator", h.learning_rate)):
            last = min(rate, FINAL_RATE)
            for group in self.optimizers[name].param_groups:
                now = last + (rate - last) * fall
                changed |= group["lr"] != now
                group["lr"] = now
        return changed

    def training_step(self, batches: Sequence[Batch]) -> Parts:
        """One update of what the stage trains."""
        if self.stage == 2:
            regression = self.distance(self.encoder(batches[0].images), batches[0])
            self.minimise(regression, self.optimizers["encoder"])
            zero = torch.zeros_like(regression)
            return self._parts(self._error(batches[0]), zero, zero, regression)
        tuning = self.stage == 3
        images, labelled, factors = batches[0].images, batches[1].images, batches[1].factors
        assert factors is not None
        log_q = self.log_probabilities(images)
        codes = self.mixed([part.exp() for part in log_q], train_values=tuning)
        residual = self.encoder(images) if tuning else self.residuals[batches[0].index]
        reconstruction, loss = self._reconstruct(codes, residual, images)
        entropy = torch.stack([-(part.exp() * part).sum(1).mean() for part in log_q]).sum()
        loss = loss + self.hyperparameters.entropy_weight * self._asked_to_be_sure() * entropy

        known = torch.stack([values[factors[:, k]] for k, values in enumerate(self.values)], 1)
        residual_labelled = self.encoder(labelled) if tuning else self.residuals[batches[1].index]
        _, labelled_loss = self._reconstruct(known, residual_labelled, labelled)
        heads = self.log_probabilities(labelled)
        label_loss = torch.stack([functional.nll_loss(head, factors[:, k]) for k, head in enumerate(heads)]).sum()
        h = self.hyperparameters
        loss = loss + h.annotated_weight * (labelled_loss + h.label_weight * label_loss)
        regression = torch.zeros_like(loss)
        if tuning:
            regression = self.distance(residual, batches[0])
            self.minimise(loss + h.regression_weight * regression, self.optimizers["all"])
        else:
            self._minimise_first(loss)
        return self._parts(reconstruction, entropy, label_loss, regression)

    def log_probabilities(self, images: Tensor) -> list[Tensor]:
        """log q_k(v|x) (B, v_k) of every factor."""
        return [head.log_softmax(1) for head in self.classifier(images).split(self.dataset.factor_sizes, 1)]

    def mixed(self, probabilities: Sequence[Tensor], *, train_values: bool = False) -> Tensor:
        """Numbers (B, K) of the factors: the values' numbers, weighed by probabilities (B, v_k)."""
        numbers = [values if train_values else values.detach() for values in self.values]
        return torch.stack([part @ number for part, number in zip(probabilities, numbers, strict=True)], 1)

    def distance(self, residual: Tensor, batch: Batch) -> Tensor:
        """Mean squared distance of residual codes (B, d_r) from those that were found for the images."""
        return (residual - self.residuals[batch.index].detach()).square().sum(1).mean()

    def codes(self, images: Tensor) -> Tensor:
        """Numbers of the factors and the encoded residual code (B, K + d_r)."""
        probabilities = [part.exp() for part in self.log_probabilities(images)]
        return torch.cat([self.mixed(probabilities), self.encoder(images)], 1)

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

    def _reconstruct(self, codes: Tensor, residual: Tensor, images: Tensor) -> tuple[Tensor, Tensor]:
        """Nats per image, and the loss: their mean over pixels and the decay of the residual codes."""
        h = self.hyperparameters
        noise = torch.randn(residual.shape, generator=self.generator, device=self.device)
        logits = self.decoder(torch.cat([codes, residual + h.residual_std * noise], 1))
        nats = bernoulli_reconstruction(logits, images)
        return nats, nats / self.num_pixels + h.residual_decay * residual.square().sum(1).mean()

    def _asked_to_be_sure(self) -> Tensor:
        return (self.steps_done >= self.hyperparameters.entropy_start).float()

    @torch.no_grad()
    def _error(self, batch: Batch) -> Tensor:
        return bernoulli_reconstruction(self.decoder(self.codes(batch.images)), batch.images)

    def _minimise_first(self, loss: Tensor) -> None:
        optimizers = [self.optimizers[name] for name in ("latents", "classifier", "generator")]
        for optimizer in optimizers:
            optimizer.zero_grad(set_to_none=True)
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()

    @staticmethod
    def _parts(reconstruction: Tensor, entropy: Tensor, labels: Tensor, regression: Tensor) -> Parts:
        parts = {"reconstruction": reconstruction, "entropy": entropy, "labels": labels, "regression": regression}
        return {name: part.detach() for name, part in parts.items()}
