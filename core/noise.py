"""Where the noise of a training step comes from: a generator, or numbers that were drawn beforehand.

Trials that are trained together share every operation of a step, but each must draw from a generator of its own. So
their noise is drawn outside of what they share, and handed in through a `Source` in the generator's place.
"""

import abc
from collections.abc import Sequence
from typing import Literal, TypeAlias

import torch
from torch import Tensor

Kind = Literal["normal", "uniform"]


class Source(abc.ABC):
    """Takes the place of a generator."""

    @abc.abstractmethod
    def draw(self, kind: Kind, shape: Sequence[int], like: Tensor) -> Tensor:
        """Noise of that shape, with the type and on the device of `like`."""


Generator: TypeAlias = torch.Generator | Source | None


def normal(shape: Sequence[int], generator: Generator, like: Tensor) -> Tensor:
    """Draws of N(0, 1), with the type and on the device of `like`."""
    return _draw("normal", shape, generator, like)


def uniform(shape: Sequence[int], generator: Generator, like: Tensor) -> Tensor:
    """Draws of U[0, 1), with the type and on the device of `like`."""
    return _draw("uniform", shape, generator, like)


def _draw(kind: Kind, shape: Sequence[int], generator: Generator, like: Tensor) -> Tensor:
    if isinstance(generator, Source):
        return generator.draw(kind, shape, like)
    draw = torch.randn if kind == "normal" else torch.rand
    return draw(tuple(shape), generator=generator, device=like.device, dtype=like.dtype)
