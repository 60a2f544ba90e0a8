"""The total correlation by a discriminator (Kim & Mnih 2018), with one backward pass for its two uses.

The autoencoder needs the gradient of TC with respect to z, the discriminator that of its own loss on the same z. Both
begin with a multiple of (1, −1) at every image's logits. A discriminator of linear layers and LeakyReLUs is piecewise
linear and looks at every code by itself, so behind its layers the two still differ by one number per image: the slopes
of the logit difference serve both, and only the outer products with the layers' inputs are taken once more.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from core.noise import Generator, uniform

_leaky_relu_backward = torch.ops.aten.leaky_relu_backward.default


class Judgement(NamedTuple):
    """What a discriminator says of codes (B, D), and how that depends on its layers; no gradient flows through it.

    Attributes:
        logits: (B, 2).
        inputs: of every linear layer, (B, its inputs).
        slopes: derivative of every image's logits[0] − logits[1] at the outputs of every linear layer.
        code_slopes: the same derivative at the codes, (B, D).
    """

    logits: Tensor
    inputs: tuple[Tensor, ...]
    slopes: tuple[Tensor, ...]
    code_slopes: Tensor


@torch.no_grad()
def judge(discriminator: nn.Sequential, codes: Tensor) -> Judgement:
    """Ask a discriminator of linear layers and LeakyReLUs with two logits (`core.networks.build_discriminator`)."""
    layers = [(layer.weight, layer.bias) for layer in discriminator if isinstance(layer, nn.Linear)]
    (slope,) = {layer.negative_slope for layer in discriminator if isinstance(layer, nn.LeakyReLU)} or {1.0}
    inputs = [codes.detach()]
    for weight, bias in layers[:-1]:
        inputs.append(functional.leaky_relu_(functional.linear(inputs[-1], weight, bias), slope))
    logits = functional.linear(inputs[-1], *layers[-1])

    at_output = torch.ones_like(logits)
    at_output[:, 1] = -1.0
    slopes = [at_output]
    for (weight, _), activation in zip(layers[:0:-1], inputs[:0:-1], strict=True):
        slopes.append(_leaky_relu_backward(torch.mm(slopes[-1], weight), activation, slope, True))
    return Judgement(logits, tuple(inputs), tuple(slopes[::-1]), torch.mm(slopes[-1], layers[0][0]))


def density_ratio(logits: Tensor) -> Tensor:
    """mean_B log D(z)/(1 − D(z)): the discriminator's estimate of the total correlation, logits (B, 2)."""
    return (logits[:, 0] - logits[:, 1]).mean()


def density_ratio_gradient(judged: Judgement) -> Tensor:
    """∂ `density_ratio` / ∂ codes, (B, D)."""
    return judged.code_slopes / len(judged.code_slopes)


def discriminator_loss(joint_logits: Tensor, product_logits: Tensor) -> Tensor:
    """½ [CE(joint, 0) + CE(product, 1)]: class 0 is "from q(z)", class 1 "from Π q(z_j)" (Kim & Mnih, Algorithm 2)."""
    joint, product = (logits[:, 0] - logits[:, 1] for logits in (joint_logits, product_logits))
    return 0.5 * (functional.softplus(-joint).mean() + functional.softplus(product).mean())


def shared_discriminator_loss(discriminator: nn.Sequential, joint: Judgement, product: Judgement) -> Tensor:
    """`discriminator_loss` of two judgements, whose gradient with respect to the layers comes from their slopes."""
    weights = []  # derivative of the loss with respect to every image's logit difference
    for judged, sign in ((joint, -1.0), (product, 1.0)):
        difference = judged.logits[:, :1] - judged.logits[:, 1:]
        weights.append(0.5 * sign * torch.sigmoid(sign * difference) / len(difference))
    both = torch.cat(weights)
    inputs = [torch.cat(pair) for pair in zip(joint.inputs, product.inputs, strict=True)]
    slopes = [torch.cat(pair).mul_(both) for pair in zip(joint.slopes, product.slopes, strict=True)]
    value = discriminator_loss(joint.logits, product.logits)
    layers = [layer for layer in discriminator if isinstance(layer, nn.Linear)]
    parameters = [layer.weight for layer in layers] + [layer.bias for layer in layers]
    loss: Tensor = _OfLinearLayers.apply(value, *parameters, *inputs, *slopes)
    return loss


class _OfLinearLayers(torch.autograd.Function):
    """A value whose gradients at the weights and biases of linear layers follow from their inputs and slopes."""

    generate_vmap_rule = True

    @staticmethod
    def forward(value: Tensor, *tensors: Tensor) -> Tensor:  # noqa: ARG004 - they are for the gradient
        return value.clone()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:  # noqa: ARG004
        layers = (len(inputs) - 1) // 4
        ctx.save_for_backward(*inputs[1 + 2 * layers :])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        layers = len(ctx.saved_tensors) // 2
        inputs: Sequence[Tensor] = ctx.saved_tensors[:layers]
        slopes = [slope.mul(gradient) for slope in ctx.saved_tensors[layers:]]
        weights = [torch.mm(slope.t(), given) for slope, given in zip(slopes, inputs, strict=True)]
        return None, *weights, *(slope.sum(0) for slope in slopes), *(None,) * (2 * layers)


def permute_dimensions(codes: Tensor, generator: Generator = None) -> Tensor:
    """Shuffle every dimension over the batch independently (Kim & Mnih 2018, Algorithm 1): samples of Π q(z_j)."""
    return codes.gather(0, uniform(codes.shape, generator, codes).argsort(0))
