"""The discriminator's shared backward pass against automatic differentiation, in double precision."""

import pytest
import torch
from torch import nn

from core import objectives
from core.networks import Discriminator, build_discriminator

BATCH, DIMENSIONS = 16, 5


@pytest.fixture(params=[1, 2, 6], ids=lambda layers: f"{layers} layers")
def discriminator(request: pytest.FixtureRequest) -> Discriminator:
    torch.manual_seed(0)
    return build_discriminator(DIMENSIONS, units=12, layers=request.param).double()


def codes(seed: int, count: int = BATCH) -> torch.Tensor:
    return torch.randn(count, DIMENSIONS, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_the_slope_of_the_density_ratio(discriminator: Discriminator) -> None:
    given = codes(1).requires_grad_()
    judged = objectives.log_ratios(discriminator, given)
    expected = objectives.log_ratio(discriminator(given))
    torch.testing.assert_close(judged.log_ratio, expected, rtol=1e-12, atol=1e-12)
    (gradient,) = torch.autograd.grad(expected.mean(), given)
    torch.testing.assert_close(objectives.density_ratio_gradient(judged), gradient, rtol=1e-12, atol=1e-14)
    assert not any(part.requires_grad for part in (judged.log_ratio, *judged.inputs, *judged.slopes))


def test_the_discriminators_own_gradients(discriminator: Discriminator) -> None:
    """Also of batches of unequal size."""
    joint, product = codes(2), codes(3, count=BATCH // 2)
    ratios = [objectives.log_ratio(discriminator(part)) for part in (joint, product)]
    expected = objectives.discriminator_loss(*ratios)
    gradients = torch.autograd.grad(expected, list(discriminator.parameters()))
    found = objectives.discriminator_gradients(
        *(objectives.log_ratios(discriminator, part) for part in (joint, product))
    )
    for mine, reference in zip(found, gradients, strict=True):
        torch.testing.assert_close(mine, reference, rtol=1e-11, atol=1e-14)
        assert mine.is_contiguous()


def test_the_loss_is_half_of_both_cross_entropies() -> None:
    logits = torch.randn(2, 7, 2, dtype=torch.float64)
    expected = sum(nn.functional.cross_entropy(logits[number], torch.full((7,), number)) for number in (0, 1)) / 2
    loss = objectives.discriminator_loss(*map(objectives.log_ratio, logits))
    assert float(loss) == pytest.approx(float(expected), rel=1e-12)
