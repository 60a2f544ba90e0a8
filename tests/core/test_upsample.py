"""The faster transposed convolution is the same function."""

import pytest
import torch
from torch import nn

from core.networks.upsample import Upsample


@pytest.mark.parametrize(("channels_in", "channels_out", "size"), [(32, 1, 32), (5, 1, 4), (8, 3, 8), (16, 8, 4)])
def test_values_and_gradients_are_those_of_pytorch(channels_in: int, channels_out: int, size: int) -> None:
    torch.manual_seed(0)
    plain = nn.ConvTranspose2d(channels_in, channels_out, 4, stride=2, padding=1).double()
    fast = Upsample(channels_in, channels_out).double()
    fast.load_state_dict(plain.state_dict())
    images = torch.randn(3, channels_in, size, size, dtype=torch.float64)
    weights = torch.randn(3, channels_out, 2 * size, 2 * size, dtype=torch.float64)
    found = []
    for layer in (plain, fast):
        inputs = images.clone().contiguous(memory_format=torch.channels_last).requires_grad_()
        result = layer(inputs)
        (result * weights).sum().backward()
        assert layer.bias is not None
        found.append([result, inputs.grad, layer.weight.grad, layer.bias.grad])
    for expected, value in zip(*found, strict=True):
        torch.testing.assert_close(value, expected, rtol=1e-12, atol=1e-12)
