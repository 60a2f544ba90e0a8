"""In which numbers a GPU computes: float32, TF32 (its products have 10 bits of mantissa) or bfloat16 (8 bits).

Of bfloat16, activations of the convolutional networks alone: half the bytes, which are what limits a step of them.
Logits and features leave the networks in float32; losses, divergences, weights, gradients and Adam are never less.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn


def lower(model: nn.Module) -> None:
    """From now on, compute the convolutional networks of a model in bfloat16 while it trains, not when it evaluates."""
    for network in model.modules():
        if isinstance(network, nn.Sequential) and any(
            isinstance(layer, nn.Conv2d | nn.ConvTranspose2d) for layer in network
        ):
            network.forward = _lowered(network, network.forward)  # type: ignore[method-assign]


def _lowered(network: nn.Module, forward: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def in_bfloat16(given: Tensor, *arguments: Any) -> Tensor:
        if not network.training:
            return forward(given, *arguments)
        # Without the cache of weights: a recorded step would go on with those of the step in which it was recorded.
        with torch.autocast(given.device.type, torch.bfloat16, cache_enabled=False):
            return forward(given, *arguments).float()

    return in_bfloat16
