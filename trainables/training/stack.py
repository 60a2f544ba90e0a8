"""Several trials of one model, trained by the same operations.

The weights of all members are slices of common tensors, and a step is computed for all at once (`torch.vmap`, which
makes convolutions grouped and products batched). Every member keeps its own optimiser, generator, order of images and
`Model.stackable` hyperparameters, and may stand at a step of its own: it takes the steps that it would take alone,
within rounding, and a member that diverges leaves the others as they are.
"""

import contextlib
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from core import noise
from core.data.batches import Batch, Batches
from core.networks.upsample import Upsample
from trainables.base import Model, Parts, Update, parameters_of

ALIGNMENT = 16  # bytes that a kernel reads at once
Request = tuple[noise.Kind, tuple[int, ...], torch.dtype]


def can_be_stacked(model: type[Any]) -> bool:
    """Whether a model's whole step is its `update`s, with nothing that changes on the host."""
    if not issubclass(model, Model):
        return False
    whole = model.training_step is Model.training_step and model.before_step is Model.before_step
    return whole and not model.host_bound


def stack_key(model: type[Model[Any]], hyperparameters: Mapping[str, Any]) -> str:
    """A text that is equal for trials of one study that can be members of the same stack."""
    common = sorted((name, value) for name, value in hyperparameters.items() if name not in model.stackable)
    return f"{model.name} {common}"


class StackedBatches:
    """The batches of all members, which draw from the same images: everything has a leading axis of members.

    Attributes:
        starts: the step at which each member stands; steps are counted from there.
    """

    def __init__(self, members: Sequence[Batches], starts: Sequence[int]) -> None:
        self.members = list(members)
        self.starts = list(starts)

    @property
    def resident(self) -> bool:
        """Whether the images are on the device."""
        return self.members[0].resident

    @property
    def shape(self) -> tuple[int, ...]:
        """Members, and images of a batch."""
        return len(self.members), *self.members[0].shape

    def at(self, step: int) -> Batch:
        """The batch of every member, `step` steps from its start."""
        if self.resident:
            return self.gather(self.positions(step, 1)[0])
        found = [member.at(start + step) for member, start in zip(self.members, self.starts, strict=True)]
        factors = [batch.factors for batch in found if batch.factors is not None]
        return Batch(
            torch.stack([batch.images for batch in found]),
            torch.stack([batch.index for batch in found]),
            torch.stack(factors) if factors else None,
        )

    def positions(self, first: int, count: int) -> Tensor:
        """Positions (count, members, B) of the batches of `count` steps, for `gather`."""
        each = zip(self.members, self.starts, strict=True)
        return torch.stack([member.positions(start + first, count) for member, start in each], 1)

    def gather(self, positions: Tensor) -> Batch:
        """The batches at positions (members, B), made on the device by one gather."""
        batch = self.members[0].gather(positions.flatten())
        factors = None if batch.factors is None else batch.factors.unflatten(0, self.shape)
        return Batch(batch.images.unflatten(0, self.shape), batch.index.unflatten(0, self.shape), factors)


class Stack:
    """Models of one `stack_key` whose weights lie in common tensors; it trains as one model does."""

    def __init__(self, models: Sequence[Model[Any]]) -> None:
        first = models[0]
        self.title = f"{len(models)} × {first.title}"
        self.models = list(models)
        self.device = first.device
        self.optimizers = {name: _joint([model.optimizers[name] for model in models]) for name in first.optimizers}
        self._weights = _common([dict(model.named_parameters()) for model in models])
        self._buffers = _common([dict(model.named_buffers()) for model in models])
        for weight in self._weights.values():
            weight.requires_grad_()
        self._varying = {
            name: torch.tensor([getattr(model.hyperparameters, name) for model in models], device=self.device)
            for name in sorted(first.stackable)
            if len({getattr(model.hyperparameters, name) for model in models}) > 1
        }
        self._requests: dict[str, list[Request]] = {}

    host_bound = False

    @property
    def generators(self) -> list[torch.Generator]:
        """Of all members."""
        return [generator for model in self.models for generator in model.generators]

    def renew_generators(self) -> None:
        """Of all members."""
        for model in self.models:
            model.renew_generators()

    @property
    def steps_done(self) -> Tensor:
        """Steps of every member."""
        return self._buffers["steps_done"]

    def before_step(self, step: int) -> bool:  # noqa: ARG002
        """Never anything."""
        return False

    def next_change(self, step: int) -> float:  # noqa: ARG002
        """Never."""
        return math.inf

    def state_dict(self) -> dict[str, Tensor]:
        """The common tensors."""
        return {**self._weights, **self._buffers}

    def training_step(self, batches: Sequence[Batch]) -> Parts:
        """One update of every member, as `Model.training_step`.

        Args:
            batches: one per stream, with a leading axis of members.

        Returns:
            Parts of the losses, (members,) each.
        """
        if not self._requests:
            self._requests = self._listen(batches)
        parts: Parts = {}
        kept: Any = ()
        for name in self.models[0].updates:
            update = self._update(name, batches, kept)
            gradients = self._gradients(name, update)
            for number, model in enumerate(self.models):
                for parameter, gradient in zip(parameters_of(model.optimizers[name]), gradients, strict=True):
                    parameter.grad = None if gradient is None else gradient[number]
            self.optimizers[name].step()
            parts |= update.parts
            kept = update.kept
        return {name: part.detach() for name, part in parts.items()}

    def _gradients(self, name: str, update: Update) -> Sequence[Tensor | None]:
        """Gradients of all members at the parameters of one optimiser; None where the loss does not depend on one."""
        if update.gradients:
            return update.gradients
        names = {parameter: key for key, parameter in self.models[0].named_parameters()}
        for weight in self._weights.values():
            weight.grad = None
        update.loss.sum().backward()
        return [self._weights[names[parameter]].grad for parameter in parameters_of(self.models[0].optimizers[name])]

    def _update(self, name: str, batches: Sequence[Batch], kept: Any) -> Update:
        """`Model.update` of all members at once: everything in it has a leading axis of members."""
        model = self.models[0]  # lends its structure; weights, noise and varying hyperparameters are handed in
        asked = _Asked(model)
        empty = torch.empty(0, device=self.device)
        drawn = [
            torch.stack([_draw(request, generator, empty) for generator in self.generators])
            for request in self._requests[name]
        ]

        def of_one(
            tensors: Mapping[str, Tensor],
            given: Sequence[Mapping[str, Tensor]],
            kept: Any,
            drawn: Sequence[Tensor],
            varying: Mapping[str, Tensor],
        ) -> Update:
            with _lent(model, _Drawn(drawn), varying):
                named = [Batch(batch["images"], batch["index"], batch.get("factors")) for batch in given]
                update: Update = functional_call(asked, dict(tensors), (name, named, kept or None))
            return update._replace(kept=update.kept or (), gradients=update.gradients or ())  # None is not mapped

        tensors = {f"model.{key}": value for key, value in self.state_dict().items()}
        given = [{key: value for key, value in batch._asdict().items() if value is not None} for batch in batches]
        found: Update = torch.vmap(of_one)(tensors, given, kept, drawn, self._varying)
        return found

    @torch.no_grad()
    def _listen(self, batches: Sequence[Batch]) -> dict[str, list[Request]]:
        """What noise a step asks for, update by update."""
        model, kept = self.models[0], None
        first = [
            Batch(batch.images[0], batch.index[0], None if batch.factors is None else batch.factors[0])
            for batch in batches
        ]
        requests: dict[str, list[Request]] = {}
        for name in model.updates:
            listener = _Listener()
            with _lent(model, listener, {}):
                kept = model.update(name, first, kept).kept
            requests[name] = listener.requests
        return requests


class _Asked(nn.Module):
    """A module whose call is a model's `update`, as `functional_call` wants it."""

    def __init__(self, model: Model[Any]) -> None:
        super().__init__()
        self.model = model

    def forward(self, name: str, batches: Sequence[Batch], kept: Any) -> Update:
        return self.model.update(name, batches, kept)


class _Listener(noise.Source):
    """Notes what noise is asked for."""

    def __init__(self) -> None:
        self.requests: list[Request] = []

    def draw(self, kind: noise.Kind, shape: Sequence[int], like: Tensor) -> Tensor:
        self.requests.append((kind, tuple(shape), like.dtype))
        return torch.full(tuple(shape), 0.5, dtype=like.dtype, device=like.device)


class _Drawn(noise.Source):
    """Gives noise that was drawn before, in order."""

    def __init__(self, values: Sequence[Tensor]) -> None:
        self._values = iter(values)

    def draw(self, kind: noise.Kind, shape: Sequence[int], like: Tensor) -> Tensor:  # noqa: ARG002 - as in `_Listener`
        return next(self._values)


def _draw(request: Request, generator: torch.Generator, empty: Tensor) -> Tensor:
    kind, shape, dtype = request
    draw = noise.normal if kind == "normal" else noise.uniform
    return draw(shape, generator, empty.to(dtype))


@contextlib.contextmanager
def _lent(model: Model[Any], source: noise.Source, varying: Mapping[str, Any]) -> Iterator[None]:
    """A model with another source of noise and other hyperparameters, whose layers may be batched."""
    generator, hyperparameters = model.generator, model.hyperparameters
    layers = [layer for layer in model.modules() if isinstance(layer, Upsample)]
    model.generator = source  # type: ignore[assignment]
    model.hyperparameters = hyperparameters.model_copy(update=dict(varying))
    for layer in layers:
        layer.batched = True
    try:
        yield
    finally:
        model.generator, model.hyperparameters = generator, hyperparameters
        for layer in layers:
            layer.batched = False


def _joint(optimizers: Sequence[torch.optim.Optimizer]) -> torch.optim.Optimizer:
    """One optimiser that steps for all of these, with their state; parameters with other settings are a group apart."""
    groups: dict[str, dict[str, Any]] = {}
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            settings = {name: value for name, value in group.items() if name != "params"}
            groups.setdefault(repr(settings), {**settings, "params": []})["params"] += group["params"]
    joint = type(optimizers[0])(list(groups.values()), **optimizers[0].defaults)
    for optimizer in optimizers:
        joint.state.update({parameter: optimizer.state[parameter] for parameter in parameters_of(optimizer)})
    return joint


@torch.no_grad()
def _common(members: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Tensors of equal names, copied into one with a leading axis of members; those of the members become its slices.

    Slices keep the memory layout, which their optimisers' state and gradients share, and begin where kernels can read
    several numbers at once.
    """
    common: dict[str, Tensor] = {}
    for name, first in members[0].items():
        shape, strides = (len(members), *first.shape), (_aligned(first), *first.stride())
        common[name] = first.new_empty_strided(shape, strides)
        for number, member in enumerate(members):
            common[name][number].copy_(member[name])
            member[name].data = common[name][number]
    return common


def _aligned(tensor: Tensor) -> int:
    """Elements of a tensor, rounded up to whole blocks of 16 bytes."""
    block = max(1, ALIGNMENT // tensor.element_size())
    return -(-tensor.numel() // block) * block
