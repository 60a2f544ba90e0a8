"""Encoders, decoders and discriminators of the papers."""

from core.networks.builders import (
    LEAK,
    WIDTHS,
    Discriminator,
    InitName,
    NetworkName,
    build_decoder,
    build_discriminator,
    build_encoder,
    images_to_input,
    initialise,
)
from core.networks.precision import lower

__all__ = [
    "LEAK",
    "WIDTHS",
    "Discriminator",
    "InitName",
    "NetworkName",
    "build_decoder",
    "build_discriminator",
    "build_encoder",
    "images_to_input",
    "initialise",
    "lower",
]
