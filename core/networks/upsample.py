"""The transposed 4×4 convolution of stride 2, faster on a CPU than PyTorch's own; the same function elsewhere."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

STRIDE, PADDING, KERNEL = 2, 1, 4
_backward = torch.ops.aten.convolution_backward.default


class Upsample(nn.ConvTranspose2d):
    """`nn.ConvTranspose2d(in, out, 4, stride=2, padding=1)`; same weights, same results within rounding.

    On a CPU two of its parts are slow: the forward pass to one channel (here one matrix product and four shifted
    sums), and the backward pass to many channels (here a plain convolution and a weight gradient).
    """

    batched = False  # inside of `torch.vmap`, which takes PyTorch's own only

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, KERNEL, stride=STRIDE, padding=PADDING)

    def forward(self, images: Tensor, output_size: list[int] | None = None) -> Tensor:
        """(B, in, H, W) to (B, out, 2H, 2W)."""
        device = images.device.type
        if self.batched or device != "cpu" or output_size is not None or torch.is_autocast_enabled(device):
            return super().forward(images, output_size)
        result: Tensor = _OnCpu.apply(images, self.weight, self.bias)
        return result


class _OnCpu(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, images: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(images, weight)
        if weight.shape[1] == 1:
            return _to_one_channel(images, weight, bias)
        return functional.conv_transpose2d(images, weight, bias, stride=STRIDE, padding=PADDING)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor, Tensor]:
        images, weight = ctx.saved_tensors
        shape = [STRIDE] * 2, [PADDING] * 2, [1, 1]
        if weight.shape[1] == 1:
            result: tuple[Tensor, Tensor, Tensor] = _backward(
                gradient, images, weight, [1], *shape, True, [0, 0], 1, [True] * 3
            )
            return result
        to_images = functional.conv2d(gradient, weight, stride=STRIDE, padding=PADDING)
        of_weight = [False, True, False]  # of the plain convolution from `gradient` to `images`
        to_weight = _backward(images, gradient, weight, None, *shape, False, [0, 0], 1, of_weight)[1]
        return to_images, to_weight, gradient.sum((0, 2, 3))


def _to_one_channel(images: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """All taps of all pixels by one product, a plane of the output's size over four for each, then summed.

    Tap k of pixel row i falls on output row 2i + k − 1: even rows have tap 1 of their own pixel and tap 3 of the one
    before, odd rows tap 2 of their own and tap 0 of the one behind. Columns likewise.
    """
    batch, channels, height, width = images.shape
    pixels = images.permute(0, 2, 3, 1).reshape(-1, channels)
    taps = torch.mm(weight.view(channels, KERNEL * KERNEL).T, pixels.T).view(KERNEL, KERNEL, batch, height, width)
    output = images.new_empty(batch, height, STRIDE, width, STRIDE)
    tap_rows = taps.unbind()
    for (own, other, there, here), written in zip(_SUMS, output.unbind(2), strict=True):
        rows = tap_rows[own]
        rows[:, :, there].add_(tap_rows[other][:, :, here])
        planes = rows.unbind()
        for (own_, other_, there_, here_), plane in zip(_SUMS, written.unbind(3), strict=True):
            planes[own_][..., there_].add_(planes[other_][..., here_])
            plane.copy_(planes[own_])
    whole = output.view(batch, 1, STRIDE * height, STRIDE * width)
    return whole.add_(bias.view(1, 1, 1, 1)).contiguous(memory_format=torch.channels_last)


# Of even and of odd rows: the tap of the own pixel, that of its neighbour, rows that have one, and the neighbours.
_SUMS = (1, 3, slice(1, None), slice(None, -1)), (2, 0, slice(None, -1), slice(1, None))
