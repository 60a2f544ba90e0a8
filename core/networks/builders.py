"""Encoders, decoders and discriminators for images of 28, 32, 64 or 128 pixels, by name.

The convolutional pair is the one every paper here uses (CHyVAE A.1, CascadeVAE, JointVAE, FactorVAE) for 64×64: four
4×4 convolutions of stride 2, two fully connected layers, and the mirror image. Only the widths differ between the
names. Images of other sizes are halved to 4×4 as well, and 28 to 7×7, by two, three or five convolutions: those next to
the fully connected layers have the same widths, and a fifth is as wide as the first.
"""

import itertools
import math
from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor, nn

from core.data import IMAGE_SIZES
from core.networks.upsample import Upsample

NetworkName = Literal["full", "wide", "small", "tiny", "mlp"]
InitName = Literal["kaiming", "glorot", "torch"]
SMALLEST = 4  # pixels after the last convolution
LEAK = 0.2  # slope of LeakyReLUs below 0


class Widths(NamedTuple):
    """Channels of the four convolutions of 64×64 images, and units of the fully connected layer."""

    channels: tuple[int, int, int, int]
    hidden: int


WIDTHS = {
    "full": Widths((32, 32, 64, 64), 256),
    "wide": Widths((64, 64, 128, 128), 512),  # for large RGB sets
    "small": Widths((16, 16, 32, 32), 128),  # short CPU studies
    "tiny": Widths((8, 8, 16, 16), 64),  # tests
}
MLP_HIDDEN = 1200  # two layers in the encoder, three in the decoder: β-TCVAE's dSprites network


def build_encoder(
    name: NetworkName, image_shape: tuple[int, ...], num_outputs: int, *, batch_norm: bool = False
) -> nn.Sequential:
    """Images (B, C, S, S) to features (B, num_outputs).

    Raises:
        ValueError: an unknown name, or images of a size that there is no network for.
    """
    channels_in = _channels(name, image_shape)
    if name == "mlp":
        return nn.Sequential(
            nn.Flatten(),
            nn.Linear(math.prod(image_shape), MLP_HIDDEN),
            nn.ReLU(inplace=True),
            nn.Linear(MLP_HIDDEN, MLP_HIDDEN),
            nn.ReLU(inplace=True),
            nn.Linear(MLP_HIDDEN, num_outputs),
        )
    channels, side = _halvings(WIDTHS[name].channels, image_shape[1])
    hidden = WIDTHS[name].hidden
    layers: list[nn.Module] = []
    for width in channels:
        layers.append(nn.Conv2d(channels_in, width, 4, stride=2, padding=1))
        layers += [nn.BatchNorm2d(width)] if batch_norm else []
        layers.append(nn.ReLU(inplace=True))
        channels_in = width
    return nn.Sequential(
        *layers,
        nn.Flatten(),
        nn.Linear(channels_in * side * side, hidden),
        nn.ReLU(inplace=True),
        nn.Linear(hidden, num_outputs),
    )


def build_decoder(
    name: NetworkName, image_shape: tuple[int, ...], num_inputs: int, *, batch_norm: bool = False
) -> nn.Sequential:
    """Codes (B, num_inputs) to Bernoulli logits (B, C, S, S).

    Raises:
        ValueError: an unknown name, or images of a size that there is no network for.
    """
    channels_out = _channels(name, image_shape)
    if name == "mlp":
        layers: list[nn.Module] = []
        for width_in in (num_inputs, MLP_HIDDEN, MLP_HIDDEN):
            layers += [nn.Linear(width_in, MLP_HIDDEN), nn.Tanh()]
        return nn.Sequential(
            *layers, nn.Linear(MLP_HIDDEN, math.prod(image_shape)), nn.Unflatten(1, tuple(image_shape))
        )
    channels, side = _halvings(WIDTHS[name].channels, image_shape[1])
    widths, hidden = channels[::-1], WIDTHS[name].hidden
    layers = [
        nn.Linear(num_inputs, hidden),
        nn.ReLU(inplace=True),
        nn.Linear(hidden, widths[0] * side * side),
        nn.ReLU(inplace=True),
        nn.Unflatten(1, (widths[0], side, side)),
    ]
    for width_in, width_out in itertools.pairwise(widths):
        layers.append(Upsample(width_in, width_out))
        layers += [nn.BatchNorm2d(width_out)] if batch_norm else []
        layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers, Upsample(widths[-1], channels_out))


class Discriminator(nn.Sequential):
    """Fully connected layers with LeakyReLUs between them: codes (B, D) to logits (B, outputs).

    Attributes:
        linear: the fully connected layers, in order.
    """

    def __init__(self, num_inputs: int, units: int, layers: int, outputs: int) -> None:
        widths = [num_inputs, *[units] * layers, outputs]
        linear = [nn.Linear(*pair) for pair in itertools.pairwise(widths)]
        between = [nn.LeakyReLU(LEAK, inplace=True) for _ in linear[1:]]
        pairs = itertools.zip_longest(linear, between)
        super().__init__(*(layer for pair in pairs for layer in pair if layer is not None))
        self.linear = tuple(linear)  # of these very layers, not registered once more


def build_discriminator(num_inputs: int, *, units: int = 1000, layers: int = 6, outputs: int = 2) -> Discriminator:
    """Discriminator with `layers` hidden layers: codes (B, num_inputs) to logits (B, outputs).

    The default, six hidden layers of 1000 units and two logits, is FactorVAE's (CHyVAE A.1).
    """
    return Discriminator(num_inputs, units, layers, outputs)


def initialise(module: nn.Module, name: InitName, generator: torch.Generator | None = None) -> None:
    """Draw all weights anew; biases become zero, except under `torch`, which keeps PyTorch's own draw.

    `kaiming`: He-normal convolutions and Glorot-uniform fully connected layers (CascadeVAE). `glorot`: Glorot-uniform
    everywhere (CHyVAE, disentanglement_lib). The fan-in of a transposed convolution of stride 2 is its input channels
    times a quarter of its kernel, the number of terms that meet in one output pixel.
    """
    if name == "torch":
        return
    for layer in module.modules():
        if not isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            continue
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
        if name == "glorot" or isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight, generator=generator)
        else:
            with torch.no_grad():
                layer.weight.normal_(0.0, math.sqrt(2.0 / _fan_in(layer)), generator=generator)


def _fan_in(layer: nn.Conv2d | nn.ConvTranspose2d) -> float:
    kernel = math.prod(layer.kernel_size)
    overlap = math.prod(layer.stride) if isinstance(layer, nn.ConvTranspose2d) else 1
    return layer.in_channels * kernel / overlap


def _channels(name: str, image_shape: tuple[int, ...]) -> int:
    if name not in get_args(NetworkName):
        raise ValueError(f"unknown network '{name}'; there are {', '.join(get_args(NetworkName))}")
    channels, height, width = image_shape
    if height != width or height not in IMAGE_SIZES:
        sizes = ", ".join(f"{size}×{size}" for size in IMAGE_SIZES)
        raise ValueError(f"the networks take images of {sizes}, not {height}×{width}")
    return channels


def _halvings(channels: tuple[int, ...], size: int) -> tuple[tuple[int, ...], int]:
    """Channels of the convolutions that halve images of a size, the first one first, and the size after the last."""
    count = 0
    while size % 2 == 0 and size > SMALLEST:
        size, count = size // 2, count + 1
    more = max(0, count - len(channels))
    return (channels[0],) * more + channels[len(channels) - (count - more) :], size


def images_to_input(images: Tensor) -> Tensor:
    """Images of type uint8 (0..255) as float32 in [0, 1]; float images pass unchanged."""
    return images.to(torch.float32) / 255.0 if images.dtype == torch.uint8 else images
