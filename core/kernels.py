"""The transposed 4×4 convolution of stride 2, faster on a CPU than PyTorch's own; the same function elsewhere."""

import functools
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.grad import conv2d_weight

STRIDE, PADDING, KERNEL = 2, 1, 4


class Upsample(nn.ConvTranspose2d):
    """`nn.ConvTranspose2d(in, out, 4, stride=2, padding=1)`; same weights, same results within rounding.

    On a CPU two of its parts are slow: the forward pass to one channel (here one matrix product and four shifted
    sums), and the backward pass to many channels (here a plain convolution and a weight gradient).
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, KERNEL, stride=STRIDE, padding=PADDING)

    def forward(self, images: Tensor, output_size: list[int] | None = None) -> Tensor:
        """(B, in, H, W) to (B, out, 2H, 2W)."""
        if images.device.type != "cpu" or output_size is not None:
            return super().forward(images, output_size)
        result: Tensor = _OnCpu.apply(images, self.weight, self.bias)
        return result


class _OnCpu(torch.autograd.Function):
    @staticmethod
    def forward(images: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        if weight.shape[1] == 1:
            return _to_one_channel(images, weight, bias)
        return functional.conv_transpose2d(images, weight, bias, stride=STRIDE, padding=PADDING)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:  # noqa: ARG004
        images, weight, _ = inputs
        ctx.save_for_backward(images, weight)

    @staticmethod
    def vmap(info: Any, in_dims: Any, *inputs: Tensor) -> tuple[Tensor, int]:  # noqa: ARG004
        """Of several networks at once, where PyTorch's own is as good."""
        plain = functools.partial(functional.conv_transpose2d, stride=STRIDE, padding=PADDING)
        return torch.vmap(plain, in_dims=in_dims)(*inputs), 0

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor, Tensor]:
        images, weight = ctx.saved_tensors
        if weight.shape[1] == 1:
            result: tuple[Tensor, Tensor, Tensor] = torch.ops.aten.convolution_backward(
                gradient, images, weight, [1], [STRIDE] * 2, [PADDING] * 2, [1, 1], True, [0, 0], 1, [True] * 3
            )
            return result
        to_images = functional.conv2d(gradient, weight, stride=STRIDE, padding=PADDING)
        to_weight = conv2d_weight(
            gradient,
            weight.shape,
            images,
            stride=STRIDE,
            padding=PADDING,
        )
        return to_images, to_weight, gradient.sum((0, 2, 3))


def _to_one_channel(images: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Each input pixel adds a 4×4 patch to the output: all patches by one product, then summed where they overlap.

    A tap at row 2a + p of its patch falls on output row 2(i + a) + p − 1, so with rows split into (pair, parity) every
    a and b is one shifted sum.
    """
    batch, channels, height, width = images.shape
    pixels = images.permute(0, 2, 3, 1).reshape(-1, channels)
    patches = torch.mm(pixels, weight.reshape(channels, KERNEL * KERNEL)).view(batch, height, width, 2, 2, 2, 2)
    canvas = images.new_zeros(batch, height + 1, 2, width + 1, 2)
    for a in range(2):
        for b in range(2):
            canvas[:, a : a + height, :, b : b + width, :].add_(patches[:, :, :, a, :, b, :].permute(0, 1, 3, 2, 4))
    whole = canvas.view(batch, 1, 2 * height + 2, 2 * width + 2)
    return whole[:, :, 1:-1, 1:-1].add(bias.view(1, 1, 1, 1)).contiguous(memory_format=torch.channels_last)
