"""The modular autoencoder with its relational learner, and its predecessor, which has a single partition.

A deterministic autoencoder whose code consists of partitions. A partition's prior is a mixture of Gaussians, one
component per value (of a factor, or of the combination of all factors). The relational learner is a network that
edits codes; it is trained on samples of the priors. `Recipe` says what ties partitions to values.
"""

import abc
import contextlib
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from core.data import DatasetInfo, FactorDataset
from core.data.batches import Batch
from core.data.split import holdout
from core.networks import build_decoder, build_discriminator, build_encoder, initialise
from core.objectives import bernoulli_reconstruction
from trainables.base import Model, Parts
from trainables.partitioned.diagnosis import Facts, remarks
from trainables.partitioned.judge import judge_of
from trainables.partitioned.priors import MixturePrior
from trainables.partitioned.recipes import PartitionedHyperparameters
from trainables.partitioned.relations import Edits, relations

DISCRIMINATOR_BETAS = (0.5, 0.999)
RELATION_BATCH = 128
TESTED = 2_000  # held-out images whose edits are judged
RADIUS, SIGMA = 1.5, 0.3  # of priors that are placed and not estimated


H = TypeVar("H", bound=PartitionedHyperparameters)


class PartitionedAutoencoder(Model[H]):
    """Encoder, decoder, mixture priors, discriminator and relational learner."""

    streams: ClassVar[tuple[str, ...]] = ("all", "annotated")
    serves: ClassVar[frozenset[str]] = frozenset({"relations", "components"})
    value_counts: Tensor
    extra_inputs: ClassVar[frozenset[str]] = frozenset(
        {
            "relations",
            "value_counts",
            "sample_prior",
            "apply_relation",
            "classify",
            "reencode",
            "judge",
            "image_codes",
            "image_values",
            "partitions",
        }
    )

    def __init__(self, hyperparameters: H, dataset: DatasetInfo) -> None:
        super().__init__(hyperparameters, dataset)
        h = hyperparameters
        self.recipe = h.recipe
        radius = 0.0 if self.recipe.estimated else RADIUS
        self.prior = MixturePrior(self.component_counts(), h.num_latents, radius=radius, sigma=SIGMA)
        self.relations = relations(dataset, h.edge)
        self.edits = Edits(self.relations, dataset.factor_sizes)
        self.num_partitions = len(self.component_counts())
        self.num_labels = max(self.component_counts()) + 1  # the last says "not annotated"
        width, norm = self.num_partitions * h.num_latents, self.recipe.batch_norm
        self.encoder = build_encoder(h.network, dataset.image_shape, width, batch_norm=norm)
        self.decoder = build_decoder(h.network, dataset.image_shape, width, batch_norm=norm)
        judged = h.num_latents + self.num_labels + self.num_partitions
        self.discriminator = build_discriminator(judged, units=h.units, layers=3, outputs=1)
        self.learner = build_discriminator(width + len(self.relations), units=h.units, layers=3, outputs=width)
        initialise(self, h.initialisation)
        self.register_buffer("value_counts", torch.tensor(dataset.factor_sizes), persistent=False)
        self.adversary = self.recipe.adversary and h.lambda_ > 0
        self.warming = self.warm_up_steps(h) > 0
        self.mean_image_error = np.inf
        self.judge_accuracy = self.judge_joint = 1.0
        self.annotated_counts: tuple[np.ndarray, ...] = ()

    @abc.abstractmethod
    def component_counts(self) -> tuple[int, ...]:
        """Number of components of every partition."""

    @abc.abstractmethod
    def to_components(self, values: Tensor) -> Tensor:
        """Components (N, P) of factor values (N, K)."""

    @abc.abstractmethod
    def to_values(self, components: Tensor) -> Tensor:
        """Factor values (N, K) of components (N, P)."""

    @abc.abstractmethod
    def choose_annotated(self, dataset: FactorDataset, seed: int) -> np.ndarray:
        """Indices of the annotated images, none of them held out."""

    @staticmethod
    def warm_up_steps(hyperparameters: PartitionedHyperparameters) -> int:
        """Until the components are estimated; priors that are placed need no warm-up."""
        return hyperparameters.warm_up if hyperparameters.recipe.estimated else 0

    def configure_optimizers(self) -> None:
        """One Adam on the autoencoder, since λ means nothing between separate ones; one each on the other two."""
        h = self.hyperparameters
        self.adam("model", [*self.encoder.parameters(), *self.decoder.parameters()], lr=h.learning_rate)
        self.adam("learner", self.learner.parameters(), lr=h.learning_rate)
        rate = h.discriminator_learning_rate
        self.adam("discriminator", self.discriminator.parameters(), lr=rate, betas=DISCRIMINATOR_BETAS)

    def attach(self, dataset: FactorDataset, seed: int) -> dict[str, np.ndarray]:
        """Choose the annotated images, and note the error of the mean image, below which a model has learnt nothing.

        Raises:
            ValueError: the annotated images cannot be chosen, or a component has none.
        """
        self._source, self._annotated = dataset, self.choose_annotated(dataset, seed)
        components = self.to_components(torch.from_numpy(dataset.factors(self._annotated))).numpy()
        counts = [np.bincount(components[:, k], minlength=size) for k, size in enumerate(self.component_counts())]
        self.annotated_counts = tuple(counts)
        for k, each in enumerate(counts):
            missing = int((each == 0).sum())
            if missing and self.recipe.estimated:
                raise ValueError(f"{missing} components of partition {k} have no annotated image: annotate more images")
        mean = dataset.images(_tested(dataset)).mean(0) / 255.0
        log, log_rest = (np.log(np.maximum(part, 1e-12)) for part in (mean, 1.0 - mean))
        self.mean_image_error = float(-(mean * log + (1.0 - mean) * log_rest).sum())
        return {"annotated": self._annotated}

    def before_step(self, step: int) -> bool:
        """At the end of the warm-up, estimate the components from the annotated images."""
        end = self.warm_up_steps(self.hyperparameters)
        self.warming = step < end
        if step != end or not self.recipe.estimated:
            return False
        h = self.hyperparameters
        codes = torch.from_numpy(self.encode(self._source.images(self._annotated))).to(self.device)
        values = torch.from_numpy(self._source.factors(self._annotated)).to(self.device)
        self.prior.fit(self.split(codes), self.to_components(values), h.covariance_shrink, h.ridge)
        return True

    def next_change(self, step: int) -> float:
        """The end of the warm-up."""
        end = self.warm_up_steps(self.hyperparameters)
        return end if step < end else math.inf

    def before_restore(self, step: int) -> None:
        """Know whether the last of `step` steps was in the warm-up."""
        self.warming = 0 < self.warm_up_steps(self.hyperparameters) >= step

    def training_step(self, batches: Sequence[Batch]) -> Parts:
        """One update of the autoencoder, then of the discriminator, then of the relational learner."""
        h, recipe = self.hyperparameters, self.recipe
        images = batches[0].images
        labelled = not self.warming and (recipe.anchor or recipe.conditioned)
        both = torch.cat([images, batches[1].images]) if labelled else images
        codes = self.encoder(both)
        assert batches[1].factors is not None
        components = self.to_components(batches[1].factors) if labelled else None
        parts = {"reconstruction": bernoulli_reconstruction(self.decoder(codes[: len(images)]), images)}
        loss = parts["reconstruction"]
        fake = self.shown(self.split(codes), components if recipe.conditioned else None)
        if self.adversary:
            with _frozen(self.discriminator):
                parts["adversary"] = self.num_partitions * functional.softplus(-self.discriminator(fake)).mean()
            loss = loss + h.lambda_ * parts["adversary"]
        if recipe.anchor and components is not None:
            distance = self.prior.distance(self.split(codes[len(images) :]), components)
            parts["anchor"] = 0.5 * distance.sum(1).mean() / h.num_latents
            loss = loss + h.anchor_weight * parts["anchor"]
        if recipe.cycle and not self.warming:
            parts["cycle"] = self.cycle(max(2, len(images) // 2))
            loss = loss + h.cycle_weight * parts["cycle"]
        self.minimise(loss, self.optimizers["model"])
        if self.adversary:
            parts["discriminator"] = self.train_discriminator(fake.detach(), len(codes), components)
        parts["relations"] = self.train_learner() if not self.warming else torch.zeros_like(loss)
        return {name: part.detach() for name, part in parts.items()}

    def cycle(self, count: int) -> Tensor:
        """Distance of decoded and re-encoded prior samples from their component; the encoder gets no gradient."""
        components = self.to_components(self.draw_values(count))
        images = torch.sigmoid(self.decoder(self.prior.sample(components, self.generator).flatten(1)))
        with _frozen(self.encoder):
            codes = self.split(self.encoder(images))
        return 0.5 * self.prior.distance(codes, components).sum(1).mean() / self.hyperparameters.num_latents

    def train_discriminator(self, fake: Tensor, count: int, components: Tensor | None) -> Tensor:
        """½ [CE(prior, 1) + CE(encoded, 0)] (M-AE, eq. 2), one update."""
        shape = count, self.num_partitions, self.hyperparameters.num_latents
        if self.warming:
            real = torch.rand(shape, generator=self.generator, device=self.device) * 2.0 - 1.0
            told = None
        else:
            drawn = self.to_components(self.draw_values(count))
            told = components if self.recipe.conditioned else None
            if told is not None:
                drawn = torch.cat([drawn[: count - len(told)], told])
            real = self.prior.sample(drawn, self.generator)
        right = functional.softplus(-self.discriminator(self.shown(real, told))).mean()
        loss = 0.5 * (right + functional.softplus(self.discriminator(fake)).mean())
        self.minimise(loss, self.optimizers["discriminator"])
        return loss

    def train_learner(self) -> Tensor:
        """Mean squared error of edited prior samples (M-AE, eq. 3), one update; it never reaches the autoencoder."""
        before, after, number = self.edits.draw(self.draw_values(RELATION_BATCH), self.generator)
        source, target = self.to_components(before), self.to_components(after)
        codes = self.prior.sample(source, self.generator)
        moved = torch.where((source != target)[..., None], self.prior.sample(target, self.generator), codes)
        loss = functional.mse_loss(self.edit(codes.flatten(1), number), moved.flatten(1))
        self.minimise(loss, self.optimizers["learner"])
        return loss

    def shown(self, codes: Tensor, components: Tensor | None) -> Tensor:
        """What the discriminator sees (N · P, …): codes (N, P, d), their values, and the number of the partition.

        `components` are those of the last rows; all others are marked as not annotated.
        """
        count, partitions = codes.shape[:2]
        labels = torch.full((count, partitions), self.num_labels - 1, device=codes.device)
        if components is not None:
            labels = torch.cat([labels[: count - len(components)], components])
        told = functional.one_hot(labels, self.num_labels).to(codes.dtype)
        which = torch.eye(partitions, dtype=codes.dtype, device=codes.device).expand(count, -1, -1)
        return torch.cat([codes, told, which], 2).flatten(0, 1)

    def draw_values(self, count: int) -> Tensor:
        """Factor values (count, K), uniform."""
        uniform = torch.rand(count, len(self.value_counts), generator=self.generator, device=self.device)
        return (uniform * self.value_counts).long()

    def split(self, codes: Tensor) -> Tensor:
        """Codes (N, P · d) as partitions (N, P, d)."""
        return codes.unflatten(1, (self.num_partitions, self.hyperparameters.num_latents))

    def edit(self, codes: Tensor, numbers: Tensor) -> Tensor:
        """Codes (N, P · d) after relation `numbers` (N,)."""
        asked = functional.one_hot(numbers, len(self.relations)).to(codes.dtype)
        edited: Tensor = self.learner(torch.cat([codes, asked], 1))
        return edited

    def codes(self, images: Tensor) -> Tensor:
        """Codes (B, P · d)."""
        codes: Tensor = self.encoder(images)
        return codes

    def logits(self, codes: Tensor) -> Tensor:
        """Bernoulli logits (B, C, H, W)."""
        logits: Tensor = self.decoder(codes)
        return logits

    def prior_codes(self, count: int, generator: torch.Generator | None) -> Tensor:
        """Codes (count, P · d) of random components."""
        return self.prior.sample(self.prior.draw(count, generator), generator).flatten(1)

    @torch.inference_mode()
    def read_values(self, codes: np.ndarray) -> np.ndarray:
        """Factor values int64 (N, K) that codes (N, P · d) stand for: the likeliest components."""
        parts = torch.as_tensor(codes, device=self.device).float().split(RELATION_BATCH)
        return np.concatenate([self.to_values(self.prior.classify(self.split(part))).cpu().numpy() for part in parts])

    def scored(self, codes: np.ndarray) -> np.ndarray:
        """Factor values as numbers, or the codes themselves."""
        values = self.hyperparameters.representation == "values"
        return self.read_values(codes).astype(np.float32) if values else codes

    def metric_inputs(self, dataset: FactorDataset) -> dict[str, Any]:
        """Relations, the priors, the edits, and an independent judge with held-out images (relation_accuracy)."""
        tested, judge = _tested(dataset), judge_of(dataset)
        self.judge_accuracy = float(judge.accuracy.mean())
        self.judge_joint = float(judge.accuracy.prod())

        @torch.inference_mode()
        def sample(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
            generator = torch.Generator(self.device).manual_seed(int(rng.integers(2**31)))
            components = self.to_components(torch.as_tensor(values, device=self.device))
            return self.prior.sample(components, generator).flatten(1).cpu().numpy()

        @torch.inference_mode()
        def edit(codes: np.ndarray, numbers: np.ndarray) -> np.ndarray:
            places = (torch.as_tensor(part, device=self.device) for part in (codes, numbers))
            return self.edit(*places).cpu().numpy()

        return {
            "relations": self.relations,
            "value_counts": self.dataset.factor_sizes,
            "sample_prior": sample,
            "apply_relation": edit,
            "classify": self.read_values,
            "reencode": lambda codes: self.map_images(self.decode(codes), self.codes),  # diverged ones, too
            "judge": lambda codes: judge(self.decode(codes)),
            "image_codes": self.encode(dataset.images(tested)),
            "image_values": dataset.factors(tested),
            "partitions": self.num_partitions,
        }

    def warnings(self, metrics: Mapping[str, float]) -> list[str]:
        """The known ways to fail, from what was measured (`trainables.partitioned.diagnosis`)."""
        h, estimated = self.hyperparameters, self.recipe.estimated and not self.warming
        facts = Facts(
            names=self.dataset.factor_names,
            sizes=self.dataset.factor_sizes,
            recipe=self.recipe,
            num_latents=h.num_latents,
            ridge=h.ridge,
            annotated=self.annotated_counts,
            warming=self.warming,
            mean_image_error=self.mean_image_error,
            judge_accuracy=self.judge_accuracy,
            judge_joint=self.judge_joint,
            variance=self.prior.variance(h.covariance_shrink, h.ridge) if estimated else math.nan,
        )
        return remarks(facts, metrics)


def _tested(dataset: FactorDataset) -> np.ndarray:
    """About `TESTED` of the held-out images, evenly over the data set."""
    held_out = holdout(dataset)
    return held_out[:: max(1, len(held_out) // TESTED)]


@contextlib.contextmanager
def _frozen(module: nn.Module) -> Iterator[None]:
    """Parameters of a module get no gradient from what is computed inside."""
    module.requires_grad_(False)
    try:
        yield
    finally:
        module.requires_grad_(True)
