"""What every model is: networks, a training step, an encoder and a decoder.

A model is one file in `trainables/models/` named like the model. `trainables/README.md` has the recipe.
"""

import abc
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from core.configuration import TrialConfig
from core.data import DatasetInfo
from core.data.batches import Batch
from core.networks import images_to_input
from trainables.hyperparameters import Hyperparameters

H = TypeVar("H", bound=Hyperparameters)
Parts = dict[str, Tensor]

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
        serves: what metrics and pictures may ask of it: "posterior" (mean and variance per dimension), "discrete" (a
            categorical code), "relations" (relation_accuracy), "discriminator".
        extra_inputs: names of what `metric_inputs` gives.
        generator: source of all noise in training; its state is part of a checkpoint.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    Hyperparameters: ClassVar[type[Hyperparameters]]
    streams: ClassVar[tuple[str, ...]] = ("all",)
    serves: ClassVar[frozenset[str]] = frozenset()
    extra_inputs: ClassVar[frozenset[str]] = frozenset()

    steps_done: Tensor
    config: TrialConfig | None = None  # the trial that a loaded model comes from

    def __init__(self, hyperparameters: H, dataset: DatasetInfo) -> None:
        super().__init__()
        self.hyperparameters = hyperparameters
        self.dataset = dataset
        self.generator = torch.Generator()
        self.optimizers: dict[str, torch.optim.Optimizer] = {}
        self.register_buffer("steps_done", torch.zeros((), dtype=torch.int64))

    @abc.abstractmethod
    def training_step(self, batches: Sequence[Batch]) -> Parts:
        """One update of all parameters.

        Args:
            batches: one per stream.

        Returns:
            The unweighted parts of the loss (reconstruction, kl, …), detached scalars on the device, so that sweeps
            over weights stay comparable.
        """

    @abc.abstractmethod
    def configure_optimizers(self) -> None:
        """Create all optimisers; called once the model is on its device."""

    @abc.abstractmethod
    def codes(self, images: Tensor) -> Tensor:
        """Representation of images, (B, C, H, W) in [0, 1] to (B, D): posterior means."""

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

    def adam(
        self, name: str, parameters: Iterable[nn.Parameter], *, lr: float, betas: tuple[float, float] = (0.9, 0.999)
    ) -> torch.optim.Optimizer:
        """A fused Adam, registered under `name` for the checkpoints."""
        optimizer = torch.optim.Adam(parameters, lr=lr, betas=betas, fused=True)
        self.optimizers[name] = optimizer
        return optimizer

    def minimise(self, loss: Tensor, optimizer: torch.optim.Optimizer) -> None:
        """One update of the optimiser's parameters along the gradient of `loss`."""
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()

    def posterior(self, images: Tensor) -> tuple[Tensor, Tensor]:  # noqa: ARG002 - for models that serve it
        """Mean and log variance of q(z|x) per dimension, each (B, D); for models that serve "posterior"."""
        raise TypeError(f"{self.title} has no Gaussian posterior")

    def discrete_codes(self, images: Tensor) -> Tensor:  # noqa: ARG002 - for models that serve it
        """Probabilities of the categories, (B, S); for models that serve "discrete"."""
        raise TypeError(f"{self.title} has no discrete code")

    def discriminator_logits(self, images: Tensor) -> Tensor:  # noqa: ARG002 - for models that serve it
        """Logits (B, 2) of the discriminator at a sample of the posterior; for models that serve "discriminator"."""
        raise TypeError(f"{self.title} has no discriminator")

    def metric_inputs(self, dataset: Any) -> dict[str, Any]:  # noqa: ARG002
        """Further inputs of metrics, by name (`core.metrics`), that only this model can give."""
        return {}

    def before_restore(self, step: int) -> None:
        """Bring what is built on the host (optimisers of a stage) to where it stood after `step` steps."""

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


def _in_batches(values: Tensor, function: Callable[[Tensor], Tensor], model: nn.Module) -> np.ndarray:
    training = model.training
    model.eval()
    try:
        parts = [function(part).float().cpu().numpy() for part in values.split(ENCODE_BATCH)]
    finally:
        model.train(training)
    return np.concatenate(parts)
