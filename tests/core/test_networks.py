"""The shared networks are those of the papers, layer by layer, and are drawn as their names say."""

import hashlib
import math

import pytest
import torch
from torch import nn

from core.networks import NetworkName, build_decoder, build_discriminator, build_encoder, images_to_input, initialise

GRAY, RGB = (1, 64, 64), (3, 64, 64)


def shapes(network: nn.Sequential, inputs: torch.Tensor) -> list[tuple[int, ...]]:
    """Shapes (without the batch) of what every layer with weights gives."""
    found = []
    for layer in network:
        inputs = layer(inputs)
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            found.append(tuple(inputs.shape[1:]))
    return found


@pytest.mark.parametrize(
    ("name", "channels", "hidden"),
    [
        ("full", (32, 32, 64, 64), 256),
        ("wide", (64, 64, 128, 128), 512),
        ("small", (16, 16, 32, 32), 128),
        ("tiny", (8, 8, 16, 16), 64),
    ],
)
@pytest.mark.parametrize("image", [GRAY, RGB])
def test_the_convolutional_pair_layer_by_layer(
    name: str, channels: tuple[int, ...], hidden: int, image: tuple[int, int, int]
) -> None:
    encoder = build_encoder(name, image, 20)  # type: ignore[arg-type]
    convolutions = [(width, 32 >> i, 32 >> i) for i, width in enumerate(channels)]
    assert shapes(encoder, torch.rand(2, *image)) == [*convolutions, (hidden,), (20,)]
    decoder = build_decoder(name, image, 10)  # type: ignore[arg-type]
    widths = (channels[2], channels[1], channels[0], image[0])
    upsampled = [(width, 8 << i, 8 << i) for i, width in enumerate(widths)]
    assert shapes(decoder, torch.rand(2, 10)) == [(hidden,), (channels[3] * 16,), *upsampled]
    for layer in [*encoder, *decoder]:
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            assert (layer.kernel_size, layer.stride, layer.padding) == ((4, 4), (2, 2), (1, 1))
            assert layer.bias is not None
        assert not isinstance(layer, nn.Sigmoid | nn.Tanh)
    assert isinstance(decoder[-1], nn.ConvTranspose2d)  # logits


def test_the_size_of_the_papers_pair() -> None:
    """Counted by hand from the table of layers, for ten dimensions on gray images."""
    convolutions = (16 * 1 + 1) * 32 + (16 * 32 + 1) * 32 + (16 * 32 + 1) * 64 + (16 * 64 + 1) * 64
    encoder = convolutions + (1024 + 1) * 256 + (256 + 1) * 20
    decoder = (10 + 1) * 256 + (256 + 1) * 1024
    decoder += (16 * 64 * 64 + 64) + (16 * 64 * 32 + 32) + (16 * 32 * 32 + 32) + (16 * 32 * 1 + 1)
    assert sum(p.numel() for p in build_encoder("full", GRAY, 20).parameters()) == encoder
    assert sum(p.numel() for p in build_decoder("full", GRAY, 10).parameters()) == decoder


def test_the_fully_connected_pair() -> None:
    encoder, decoder = build_encoder("mlp", GRAY, 20), build_decoder("mlp", GRAY, 10)
    assert shapes(encoder, torch.rand(2, *GRAY)) == [(1200,), (1200,), (20,)]
    assert shapes(decoder, torch.rand(2, 10)) == [(1200,), (1200,), (1200,), (4096,)]
    assert decoder(torch.rand(2, 10)).shape == (2, *GRAY)
    assert sum(isinstance(layer, nn.ReLU) for layer in encoder) == 2
    assert sum(isinstance(layer, nn.Tanh) for layer in decoder) == 3


def test_batch_normalisation_follows_every_convolution_but_the_last() -> None:
    for network, count in (
        (build_encoder("tiny", GRAY, 4, batch_norm=True), 4),
        (build_decoder("tiny", GRAY, 4, batch_norm=True), 3),
    ):
        places = [i for i, layer in enumerate(network) if isinstance(layer, nn.BatchNorm2d)]
        assert len(places) == count
        assert all(isinstance(network[i - 1], nn.Conv2d | nn.ConvTranspose2d) for i in places)


def test_the_discriminator_of_factor_vae() -> None:
    """Six hidden layers of 1,000 and two logits; some public code has five."""
    network = build_discriminator(10)
    assert shapes(network, torch.rand(2, 10)) == [(1000,)] * 6 + [(2,)]
    slopes = [layer.negative_slope for layer in network if isinstance(layer, nn.LeakyReLU)]
    assert slopes == [0.2] * 6


def drawn(name: str) -> dict[str, tuple[nn.Module, torch.Tensor]]:
    network = nn.Sequential(build_encoder("full", RGB, 20), build_decoder("full", RGB, 10))
    initialise(network, name, torch.Generator().manual_seed(0))  # type: ignore[arg-type]
    found = {}
    for key, layer in network.named_modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            assert layer.bias is not None
            assert not layer.bias.any() or name == "torch"
            found[key] = layer, layer.weight.detach()
    assert len(found) == 12
    return found


def test_kaiming_keeps_the_variance_of_what_meets_in_one_output() -> None:
    """N(0, 2 / fan-in); sixteen taps of stride 2 overlap four at a time in a transposed convolution."""
    for layer, weight in drawn("kaiming").values():
        if isinstance(layer, nn.Linear):
            continue
        taps = 4 if isinstance(layer, nn.ConvTranspose2d) else 16
        expected = math.sqrt(2 / (layer.in_channels * taps))  # type: ignore[operator]
        assert float(weight.std()) == pytest.approx(expected, rel=0.1)
        assert float(weight.abs().max()) > 2.5 * expected  # normal, not uniform


@pytest.mark.parametrize("name", ["kaiming", "glorot"])
def test_glorot_is_uniform_within_its_bound(name: str) -> None:
    for layer, weight in drawn(name).values():
        if name == "kaiming" and not isinstance(layer, nn.Linear):
            continue
        field = math.prod(weight.shape[2:])
        bound = math.sqrt(6 / ((weight.shape[0] + weight.shape[1]) * field))
        assert float(weight.abs().max()) <= bound * (1 + 1e-6)
        assert float(weight.std()) == pytest.approx(bound / math.sqrt(3), rel=0.1)


def test_a_seed_draws_the_same_and_torch_leaves_its_own_draw() -> None:
    first, second = drawn("kaiming"), drawn("kaiming")
    assert all(torch.equal(first[key][1], second[key][1]) for key in first)
    network = build_encoder("tiny", GRAY, 4)
    before = [parameter.clone() for parameter in network.parameters()]
    initialise(network, "torch")
    assert all(torch.equal(old, new) for old, new in zip(before, network.parameters(), strict=True))


@pytest.mark.parametrize(
    ("size", "encoded", "decoded"),
    [
        (28, [(32, 14, 14), (32, 7, 7)], [(32, 14, 14), (3, 28, 28)]),
        (32, [(16, 16, 16), (32, 8, 8), (32, 4, 4)], [(32, 8, 8), (16, 16, 16), (3, 32, 32)]),
        (
            128,
            [(16, 64, 64), (16, 32, 32), (16, 16, 16), (32, 8, 8), (32, 4, 4)],
            [(32, 8, 8), (16, 16, 16), (16, 32, 32), (16, 64, 64), (3, 128, 128)],
        ),
    ],
)
def test_the_number_of_layers_follows_the_size(
    size: int, encoded: list[tuple[int, ...]], decoded: list[tuple[int, ...]]
) -> None:
    image = (3, size, size)
    inner = math.prod(encoded[-1])
    assert shapes(build_encoder("small", image, 20), torch.rand(2, *image)) == [*encoded, (128,), (20,)]
    assert shapes(build_decoder("small", image, 10), torch.rand(2, 10)) == [(128,), (inner,), *decoded]
    assert build_decoder("mlp", image, 10)(torch.rand(2, 10)).shape == (2, *image)
    assert build_encoder("mlp", image, 4)(torch.rand(2, *image)).shape == (2, 4)


@pytest.mark.parametrize(
    ("name", "batch_norm", "digest"),
    [("full", False, "79644640c6b49f53"), ("tiny", True, "c45362a281ae0753"), ("mlp", False, "5ef90e5eaeaf9bc7")],
)
def test_networks_for_64_pixels_are_drawn_as_ever(name: NetworkName, batch_norm: bool, digest: str) -> None:
    """Names, order and draws of all weights: checkpoints and seeds of earlier releases depend on them."""
    torch.manual_seed(0)
    pair = nn.ModuleList(
        [
            build_encoder(name, RGB, 6, batch_norm=batch_norm),
            build_decoder(name, RGB, 3, batch_norm=batch_norm),
        ]
    )
    initialise(pair, "kaiming", torch.Generator().manual_seed(1))
    found = hashlib.sha256()
    for key, tensor in pair.state_dict().items():
        found.update(f"{key} {tuple(tensor.shape)} {tensor.double().sum().item():.3f}\n".encode())
    assert found.hexdigest()[:16] == digest


def test_what_is_no_network_and_no_size_of_images_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown network 'huge'; there are full"):
        build_encoder("huge", GRAY, 4)  # type: ignore[arg-type]
    for shape in ((1, 48, 48), (1, 32, 64)):
        with pytest.raises(ValueError, match=f"of 28×28, 32×32, 64×64, 128×128, not {shape[1]}×{shape[2]}"):
            build_decoder("full", shape, 4)


def test_bytes_become_fractions_and_fractions_stay() -> None:
    torch.testing.assert_close(
        images_to_input(torch.tensor([0, 51, 255], dtype=torch.uint8)), torch.tensor([0, 0.2, 1])
    )
    images = torch.rand(3)
    assert images_to_input(images) is images
