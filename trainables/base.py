"""What every model is: networks, a training step, an encoder and a decoder.

A model is one file in `trainables/models/` named like the model. `trainables/README.md` has the recipe.
"""

import abc
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from core.configuration import TrialConfig
from core.data import DatasetInfo
from core.data.batches import Batch
from core.networks import images_to_input
from trainables.hyperparameters import Hyperparameters

H = TypeVar("H", bound=Hyperparameters)
Parts = dict[str, Tensor]


class Update(NamedTuple):
    """What the parameters of one optimiser are to follow.

    Attributes:
        loss: a scalar, whose gradient is nonzero in these parameters alone.
        parts: for the log, unweighted scalars.
        kept: tensors that the next update of the same step takes up.
        gradients: of the loss at these parameters, in the optimiser's order and in their memory layout, which a fused
            Adam takes for granted; None unless the model knows them without automatic differentiation.
    """

    loss: Tensor
    parts: Parts
    kept: Any = None
    gradients: Sequence[Tensor] | None = None


TRAVERSAL = np.linspace(-3.0, 3.0, 10)
ENCODE_BATCH = 128  # the fastest size on a CPU: larger activations fall out of the cache


class Model(nn.Module, abc.ABC, Generic[H]):
    """A model with its optimisers.

    The training step has static shapes and never reads a tensor on the host, so that it can run ahead of the device
    and be captured in a CUDA graph. What changes with the step on the host (a new optimiser at the start of a stage)
    belongs in `before_step`; what changes smoothly is computed from the buffer `steps_done`.

    Attributes:
        name: the file's name, and the model's in study files.
        title: how figures write it.
        Hyperparameters: the typed class beside the model.
        streams: the batches that one step takes, in order: "all" draws from the training images (each "all" is
            independent of the others), "annotated" from the annotated subset, with factors.
        updates: names of the optimisers in the order in which a step uses them.
        stackable: hyperparameters in which trials may differ that are trained together in one stack
            (`trainables.stack`): numbers that only multiply in a loss, and learning rates.
        serves: what metrics and pictures may ask of it: "posterior" (mean and variance per dimension), "discrete" (a
            categorical code), "relations" (relation_accuracy), "discriminator".
        extra_inputs: names of what `metric_inputs` gives.
        host_bound: a step solves something on the host, so that it reads the device and cannot be captured.
        categories: sizes of the categorical codes; their one-hot blocks are the last columns of a code.
        generator: source of all noise in training; its state is part of a checkpoint.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    Hyperparameters: ClassVar[type[Hyperparameters]]
    streams: ClassVar[tuple[str, ...]] = ("all",)
    updates: ClassVar[tuple[str, ...]] = ("model",)
    stackable: ClassVar[frozenset[str]] = frozenset({"learning_rate"})
    serves: ClassVar[frozenset[str]] = frozenset()
    extra_inputs: ClassVar[frozenset[str]] = frozenset()
    host_bound: ClassVar[bool] = False

    steps_done: Tensor
    categories: tuple[int, ...] = ()
    config: TrialConfig | None = None  # the trial that a loaded model comes from

    def __init__(self, hyperparameters: H, dataset: DatasetInfo) -> None:
        super().__init__()
        self.hyperparameters = hyperparameters
        self.dataset = dataset
        self.generator = torch.Generator()
        self.optimizers: dict[str, torch.optim.Optimizer] = {}
        self.register_buffer("steps_done", torch.zeros((), dtype=torch.int64))

    def training_step(self, batches: Sequence[Batch]) -> Parts:
        """One update of all parameters: the `updates` one after the other.

        Args:
            batches: one per stream.

        Returns:
            The unweighted parts of the loss (reconstruction, kl, …), detached scalars on the device, so that sweeps
            over weights stay comparable.
        """
        parts: Parts = {}
        kept: Any = None
        for name in self.updates:
            update = self.update(name, batches, kept)
            self.minimise(update.loss, self.optimizers[name], update.gradients)
            parts |= update.parts
            kept = update.kept
        return {name: part.detach() for name, part in parts.items()}

    def update(self, optimizer: str, batches: Sequence[Batch], kept: Any) -> "Update":  # noqa: ARG002 - for several
        """What an optimiser's parameters are to follow; models with a single loss write `loss`.

        Args:
            optimizer: one of `updates`.
            batches: one per stream.
            kept: what the update before it in the same step kept, None for the first.
        """
        loss, parts = self.loss(batches)
        return Update(loss, parts)

    def loss(self, batches: Sequence[Batch]) -> tuple[Tensor, Parts]:  # noqa: ARG002 - for models with one optimiser
        """The loss of a step, and its unweighted parts: scalars on the device.

        Args:
            batches: one per stream.

        Raises:
            TypeError: the model says neither this nor how else it learns.
        """
        raise TypeError(f"{self.title} has neither loss, update nor training_step")

    @abc.abstractmethod
    def configure_optimizers(self) -> None:
        """Create all optimisers; called once the model is on its device."""

    @abc.abstractmethod
    def codes(self, images: Tensor) -> Tensor:
        """Representation of images, (B, C, H, W) in [0, 1] to (B, D): posterior means, then one-hot categories."""

    @abc.abstractmethod
    def logits(self, codes: Tensor) -> Tensor:
        """Bernoulli logits (B, C, H, W) of codes (B, D)."""

    def sampled_codes(self, images: Tensor, generator: torch.Generator | None) -> Tensor:  # noqa: ARG002
        """Codes as the decoder sees them in training; equal to `codes` for a deterministic encoder."""
        return self.codes(images)

    def before_step(self, step: int) -> bool:  # noqa: ARG002 - for models with stages
        """Host-side changes at the start of step `step` (0 is the first); True when anything changed."""
        return False

    def attach(self, dataset: Any, seed: int) -> "dict[str, np.ndarray]":  # noqa: ARG002
        """Let a model that needs annotations choose them: image indices by stream name. Called before training."""
        return {}

    @staticmethod
    def warm_up_steps(hyperparameters: Any) -> int:  # noqa: ARG004 - for models with schedules
        """Steps until all schedules of the model have ended; before, its curves say little about where they lead."""
        return 0

    def warnings(self, metrics: Mapping[str, float]) -> list[str]:  # noqa: ARG002 - for models that know their ways to fail
        """What a report's metrics say went wrong, a sentence each; for models with known ways to fail."""
        return []

    def adam(
        self,
        name: str,
        parameters: Iterable[nn.Parameter] | Iterable[dict[str, Any]],
        *,
        lr: float,
        betas: tuple[float, float] = (0.9, 0.999),
    ) -> torch.optim.Optimizer:
        """A fused Adam, registered under `name` for the checkpoints; on a GPU one that a CUDA graph can hold."""
        on_gpu = self.device.type == "cuda"
        optimizer = torch.optim.Adam(parameters, lr=lr, betas=betas, fused=True, capturable=on_gpu)
        self.optimizers[name] = optimizer
        return optimizer

    def minimise(
        self, loss: Tensor, optimizer: torch.optim.Optimizer, gradients: Sequence[Tensor] | None = None
    ) -> None:
        """One update of the optimiser's parameters along the gradient of `loss`, which may be known (`Update`)."""
        parameters = parameters_of(optimizer)
        given: Sequence[Tensor | None] = [None] * len(parameters) if gradients is None else gradients
        for parameter, gradient in zip(parameters, given, strict=True):
            parameter.grad = gradient  # None as `zero_grad` does, without its bookkeeping at every step
        if gradients is None:
            loss.backward()
        optimizer.step()

    def posterior(self, images: Tensor) -> tuple[Tensor, Tensor]:  # noqa: ARG002 - for models that serve it
        """Mean and log variance of q(z|x) per dimension, each (B, D); for models that serve "posterior"."""
        raise TypeError(f"{self.title} has no Gaussian posterior")

    def discriminator_logits(self, images: Tensor) -> Tensor:  # noqa: ARG002 - for models that serve it
        """Logits (B, 2) of the discriminator at a sample of the posterior; for models that serve "discriminator"."""
        raise TypeError(f"{self.title} has no discriminator")

    def metric_inputs(self, dataset: Any) -> dict[str, Any]:  # noqa: ARG002
        """Further inputs of metrics, by name (`core.metrics`), that only this model can give."""
        return {}

    @property
    def staged(self) -> bool:
        """Whether something may change on the host between two steps."""
        return type(self).before_step is not Model.before_step

    @property
    def generators(self) -> list[torch.Generator]:
        """All sources of noise in training."""
        return [self.generator]

    def before_restore(self, step: int) -> None:
        """Bring what is built on the host (optimisers of a stage) to where it stood after `step` steps."""

    def scored(self, codes: np.ndarray) -> np.ndarray:
        """What metrics see of codes (N, D): the continuous part; categories are given to metrics that take them."""
        return codes[:, : codes.shape[1] - sum(self.categories)]

    def categorical(self, codes: np.ndarray) -> np.ndarray:
        """The category of every categorical code, int64 (N, len(categories)), of codes (N, D)."""
        blocks = np.split(codes, codes.shape[1] - np.cumsum(self.categories[::-1])[::-1], axis=1)[1:]
        return np.stack([block.argmax(1) for block in blocks], axis=1)

    def prior_codes(self, count: int, generator: torch.Generator | None) -> Tensor:
        """Codes (count, D) of the prior, here N(0, I) and uniform categories."""
        width = self.hyperparameters.num_latents
        codes = [torch.randn(count, width, generator=generator, device=self.device)]
        for size in self.categories:
            drawn = torch.randint(size, (count,), generator=generator, device=self.device)
            codes.append(functional.one_hot(drawn, size).to(codes[0].dtype))
        return torch.cat(codes, 1)

    @torch.inference_mode()
    def sample(self, count: int, generator: torch.Generator | None = None) -> np.ndarray:
        """Images (count, C, H, W) float32 in [0, 1] of codes drawn from the prior."""
        return self.decode(self.prior_codes(count, generator).cpu().numpy())

    def traverse(
        self, code: np.ndarray, dimensions: Sequence[int] | None = None, values: np.ndarray = TRAVERSAL
    ) -> np.ndarray:
        """Images (categories, dimensions, values, C, H, W) in [0, 1]: one dimension of `code` (D,) replaced at a time.

        The first axis has a block for every category of the first categorical code, which replaces the category of
        `code`; models without one have a single block.

        Args:
            code: of one image, as `encode` gives it.
            dimensions: continuous ones, all unless given.
            values: what a dimension is set to.

        Raises:
            ValueError: a dimension is not a continuous one.
        """
        continuous = range(len(code) - sum(self.categories))
        dimensions = continuous if dimensions is None else dimensions
        if not set(dimensions) <= set(continuous):
            raise ValueError(f"dimensions {list(dimensions)} are not all among the {len(continuous)} continuous ones")
        blocks = self.categories[0] if self.categories else 1
        codes = np.tile(np.asarray(code, dtype=np.float32), (blocks, len(dimensions), len(values), 1))
        if self.categories:
            start = len(code) - sum(self.categories)
            codes[..., start : start + blocks] = np.eye(blocks, dtype=np.float32)[:, None, None]
        for row, dimension in enumerate(dimensions):
            codes[:, row, :, dimension] = values
        decoded = self.decode(codes.reshape(-1, len(code)))
        return decoded.reshape(*codes.shape[:3], *decoded.shape[1:])

    @property
    def device(self) -> torch.device:
        """Where the parameters are."""
        return self.steps_done.device

    @torch.inference_mode()
    def encode(self, images: np.ndarray) -> np.ndarray:
        """Codes (N, D) float32 of images (N, C, H, W) uint8 (0..255): posterior means."""
        return self.map_images(images, self.codes)

    @torch.inference_mode()
    def decode(self, codes: np.ndarray) -> np.ndarray:
        """Images (N, C, H, W) float32 in [0, 1] of codes (N, D)."""
        values = torch.as_tensor(np.asarray(codes, dtype=np.float32), device=self.device)
        return _in_batches(values, lambda part: torch.sigmoid(self.logits(part)), self)

    @torch.inference_mode()
    def map_images(self, images: np.ndarray, function: Callable[[Tensor], Tensor]) -> np.ndarray:
        """Apply a function of image tensors in [0, 1] batch by batch, in evaluation mode, without gradients."""
        return _in_batches(
            torch.as_tensor(images),
            lambda part: function(images_to_input(part.to(self.device)).contiguous(memory_format=torch.channels_last)),
            self,
        )


def parameters_of(optimizer: torch.optim.Optimizer) -> list[nn.Parameter]:
    """All parameters of an optimiser, in its order."""
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def _in_batches(values: Tensor, function: Callable[[Tensor], Tensor], model: nn.Module) -> np.ndarray:
    training = model.training
    model.eval()
    try:
        parts = [function(part).float().cpu().numpy() for part in values.split(ENCODE_BATCH)]
    finally:
        model.train(training)
    return np.concatenate(parts)
