"""How a model trains: its loss, its optimisers, and what changes with the step.

A model is one file in `trainables/models/` named like the model. `trainables/README.md` has the recipe; what a user
holds of a trained model is in `trainables.representation`.
"""

import abc
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from core.data import DatasetInfo
from core.data.batches import Batch
from trainables.hyperparameters import Hyperparameters
from trainables.representation import H, Representation

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


class Model(Representation[H]):
    """A representation that learns (see `Representation` for `title`, `serves` and `categories`).

    The training step has static shapes and never reads a tensor on the host, so that it can run ahead of the device
    and be captured in a CUDA graph. What changes with the step on the host (a new optimiser at the start of a stage)
    belongs in `before_step`; what changes smoothly is computed from the buffer `steps_done`.

    Attributes:
        name: the file's name, and the model's in study files.
        Hyperparameters: the typed class beside the model.
        streams: the batches that one step takes, in order: "all" draws from the training images (each "all" is
            independent of the others), "annotated" from the annotated subset, with factors; "pairs", after an "all",
            has for every image of it another one that shares all factors but `changed` of them, a hyperparameter.
        updates: names of the optimisers in the order in which a step uses them.
        stackable: hyperparameters in which trials may differ that are trained together in one stack
            (`trainables.training.stack`): numbers that only multiply in a loss, and learning rates.
        extra_inputs: names of what `metric_inputs` gives.
        host_bound: a step solves something on the host, so that it reads the device and cannot be captured.
        generator: source of all noise in training; its state is part of a checkpoint.
    """

    name: ClassVar[str]
    learns: ClassVar[bool] = True
    Hyperparameters: ClassVar[type[Hyperparameters]]
    streams: ClassVar[tuple[str, ...]] = ("all",)
    updates: ClassVar[tuple[str, ...]] = ("model",)
    stackable: ClassVar[frozenset[str]] = frozenset({"learning_rate"})
    extra_inputs: ClassVar[frozenset[str]] = frozenset()
    host_bound: ClassVar[bool] = False

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

    def before_step(self, step: int) -> bool:  # noqa: ARG002 - for models with stages
        """Host-side changes at the start of step `step` (0 is the first); True when anything changed."""
        return False

    def next_change(self, step: int) -> float:
        """The first step after `step` at which `before_step` may change something; infinite when there is none.

        Steps between two changes are taken on a device by one launch. Unless a model with a `before_step` says more,
        that is the next step.
        """
        return math.inf if type(self).before_step is Model.before_step else step + 1

    def attach(self, dataset: Any, seed: int) -> "dict[str, np.ndarray]":  # noqa: ARG002
        """Let a model that needs annotations choose them: image indices by stream name. Called before training."""
        return {}

    @staticmethod
    def warm_up_steps(hyperparameters: Any) -> int:  # noqa: ARG004 - for models with schedules
        """Steps until all schedules of the model have ended; before, its curves say little about where they lead."""
        return 0

    def warnings(self, metrics: Mapping[str, float]) -> list[str]:  # noqa: ARG002 - for models that know their ways to fail
        """What the metrics of an evaluation say went wrong, a sentence each; for models with known ways to fail."""
        return []

    def adam(
        self,
        name: str,
        parameters: Iterable[nn.Parameter] | Iterable[dict[str, Any]],
        *,
        lr: float,
        betas: tuple[float, float] = (0.9, 0.999),
        decoupled: bool = False,
    ) -> torch.optim.Optimizer:
        """A fused Adam, registered under `name` for the checkpoints; on a GPU one that a CUDA graph can hold.

        `decoupled` makes it AdamW, where groups of `parameters` may have a `weight_decay`.
        """
        on_gpu = self.device.type == "cuda"
        optimizer = torch.optim.Adam(
            parameters, lr=lr, betas=betas, fused=True, capturable=on_gpu, decoupled_weight_decay=decoupled
        )
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

    def metric_inputs(self, dataset: Any) -> dict[str, Any]:  # noqa: ARG002
        """Further inputs of metrics, by name (`core.metrics`), that only this model can give."""
        return {}

    @property
    def generators(self) -> list[torch.Generator]:
        """All sources of noise in training."""
        return [self.generator]

    def renew_generators(self) -> None:
        """Put new sources of noise in the place of those that a failed capture may have left unusable.

        Their state is set by who asks for this.
        """
        self.generator = torch.Generator(self.device)

    def before_restore(self, step: int) -> None:
        """Bring what is built on the host (optimisers of a stage) to where it stood after `step` steps."""


def parameters_of(optimizer: torch.optim.Optimizer) -> list[nn.Parameter]:
    """All parameters of an optimiser, in its order."""
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]
