"""The total correlation by a discriminator (Kim & Mnih 2018), with one backward pass for its two uses.

The autoencoder needs the gradient of TC with respect to z, the discriminator that of its own loss on the same z. Both
begin with a multiple of (1, −1) at every image's logits. A discriminator of linear layers and LeakyReLUs is piecewise
linear and looks at every code by itself, so behind its layers the two still differ by one number per image: the slopes
of the logit difference serve both, and only the outer products with the layers' inputs are taken once more.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from core.networks import LEAK, Discriminator
from core.noise import Generator, uniform

_leaky_relu_backward = torch.ops.aten.leaky_relu_backward.default


class LogRatios(NamedTuple):
    """What a discriminator says of codes (B, D), and how that depends on its layers; no gradient flows through it.

    Attributes:
        log_ratio: (B,), see there; its mean is the estimate of the total correlation.
        inputs: of every linear layer, (B, its inputs).
        slopes: derivative of every image's log ratio at the outputs of every linear layer but the last.
        code_slopes: the same derivative at the codes, (B, D).
    """

    log_ratio: Tensor
    inputs: tuple[Tensor, ...]
    slopes: tuple[Tensor, ...]
    code_slopes: Tensor


def log_ratio(logits: Tensor) -> Tensor:
    """log D(z)/(1 − D(z)) (B,) of logits (B, 2)."""
    return logits[:, 0] - logits[:, 1]


@torch.no_grad()
def log_ratios(discriminator: Discriminator, codes: Tensor) -> LogRatios:
    """Ask a discriminator with two logits."""
    *layers, (weights, biases) = [(layer.weight, layer.bias) for layer in discriminator.linear]
    direction = torch.sub(*weights.unbind())  # from the last layer's inputs to the log ratio
    inputs = [codes.detach()]
    for weight, bias in layers:
        inputs.append(functional.leaky_relu_(functional.linear(inputs[-1], weight, bias), LEAK))
    ratio = torch.mv(inputs[-1], direction).add_(torch.sub(*biases.unbind()))

    slopes: list[Tensor] = []
    at_input = direction.expand_as(inputs[-1])
    for (weight, _), activation in zip(layers[::-1], inputs[:0:-1], strict=True):
        slopes.append(_leaky_relu_backward(at_input, activation, LEAK, True))
        at_input = torch.mm(slopes[-1], weight)
    return LogRatios(ratio, tuple(inputs), tuple(slopes[::-1]), at_input)


def density_ratio_gradient(ratios: LogRatios) -> Tensor:
    """Derivative of the mean log ratio at the codes, (B, D)."""
    return ratios.code_slopes / len(ratios.code_slopes)


def discriminator_loss(joint: Tensor, product: Tensor) -> Tensor:
    """½ [CE(joint, 0) + CE(product, 1)] of log ratios (B,): class 0 is "from q(z)", class 1 "from Π q(z_j)".

    (Kim & Mnih 2018, Algorithm 2.)
    """
    return 0.5 * (functional.softplus(-joint).mean() + functional.softplus(product).mean())


def discriminator_gradients(joint: LogRatios, product: LogRatios) -> list[Tensor]:
    """Gradients of `discriminator_loss` at weight and bias of every linear layer, in the order of `parameters()`."""
    sides = (joint, -1.0), (product, 1.0)
    by_ratio = torch.cat(  # derivative of the loss at every image's log ratio
        [torch.sigmoid(sign * ratios.log_ratio).mul_(0.5 * sign / len(ratios.log_ratio)) for ratios, sign in sides]
    )
    column = by_ratio.unsqueeze(1)
    slopes = [torch.cat(pair).mul_(column) for pair in zip(joint.slopes, product.slopes, strict=True)]
    slopes.append(torch.cat((column, -column), 1))  # the log ratio is the first logit less the second
    gradients = []
    for slope, *inputs in zip(slopes, joint.inputs, product.inputs, strict=True):
        gradients += [torch.mm(slope.t(), torch.cat(inputs)), slope.sum(0)]
    return gradients


def permute_dimensions(codes: Tensor, generator: Generator = None) -> Tensor:
    """Shuffle every dimension over the batch independently (Kim & Mnih 2018, Algorithm 1): samples of Π q(z_j)."""
    return codes.gather(0, uniform(codes.shape, generator, codes).argsort(0))
