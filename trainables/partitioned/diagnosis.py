"""How the modular autoencoder and its predecessor fail, and what tells: a sentence for every way.

Pure functions of metrics (keys of `relation_accuracy` and the parts of the loss) and of a few facts.
"""

import math
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from trainables.partitioned.recipes import Recipe

Metrics = Mapping[str, float]

WARM_UP_VARIANCE = 1.0 / 3.0  # per dimension, of the prior U(−1, 1)
FAR, NEAR = 3.0, 0.1  # of annotated codes from the means of their components, in standard deviations


class Facts(NamedTuple):
    """What is known of a model beside its metrics.

    Attributes:
        names, sizes: of the K factors.
        recipe: what its preset consists of.
        num_latents: dimensions d of a partition.
        ridge: variance that was added to estimated components.
        annotated: number of annotated images of every component, an array for each of the P partitions.
        warming: the components are not estimated yet.
        mean_image_error: nats per image of the mean image.
        judge_accuracy: share of the factors of real images that the judge names.
        judge_joint: share of real images of which it names all.
        variance: per dimension of the annotated codes when the components were estimated; NaN where they were not.
    """

    names: tuple[str, ...]
    sizes: tuple[int, ...]
    recipe: Recipe
    num_latents: int
    ridge: float
    annotated: tuple[np.ndarray, ...]
    warming: bool
    mean_image_error: float
    judge_accuracy: float
    judge_joint: float = 1.0
    variance: float = math.nan


def remarks(facts: Facts, metrics: Metrics) -> list[str]:
    """All that can be said to have gone wrong; metrics that were not computed say nothing."""
    ways = (_reconstruction, _edits, _reading, _components, _spread, _judge)
    return [remark for way in ways for remark in way(facts, metrics)]


def _reconstruction(facts: Facts, metrics: Metrics) -> Iterator[str]:
    error = metrics.get("train/reconstruction", 0.0)
    if not facts.warming and error >= facts.mean_image_error:
        yield (
            f"reconstruction ({error:.0f} nats) is no better than the mean image ({facts.mean_image_error:.0f}): "
            "λ (lambda_) is too large, or the trial too short"
        )


def _edits(facts: Facts, metrics: Metrics) -> Iterator[str]:
    """Values that are read right and edits that fail; decoded prior samples show that first."""
    factors, judged = metrics.get("factor_accuracy", 0.0), metrics.get("relation_accuracy_judged", 1.0)
    generated = metrics.get("generation_accuracy", 1.0)
    unedited = metrics.get("reconstruction_judged", 1.0)
    possible = min(factors, unedited)
    remedy = "train longer or annotate more" if facts.recipe.cycle else "take the preset modular, with its cycle"
    if unedited < facts.judge_joint - 0.2:
        yield (
            f"decoded images do not show what was encoded: all factors are seen right in {unedited:.2f} of them, and "
            f"in {facts.judge_joint:.2f} of real images: train longer"
        )
    if judged < possible - 0.2:
        leak = worst_leak(facts, metrics)
        failed = f"factors are read right ({factors:.2f}) but edits of images are not ({judged:.2f})"
        if len(facts.annotated) == 1:
            yield f"{failed}: the decoder does not follow edited codes: {remedy}"
        elif leak is None:
            yield f"partitions leak: {failed}, since the decoder takes a factor from other partitions: {remedy}"
        elif leak.excess > 0.5:
            yield (
                f"partitions leak: {failed}, since the decoder takes a factor from other partitions; that of "
                f"{leak.partition} tells {leak.factor} in {leak.accuracy:.2f} of images: {remedy}"
            )
        else:
            yield (
                f"{failed}, although partitions tell little of other factors (at most {leak.accuracy:.2f} of "
                f"{leak.factor}): the decoder does not follow edited codes: {remedy}"
            )
    elif generated < 0.7 <= possible:
        yield (
            f"decoded prior samples show the values they were drawn for in {generated:.2f} of cases only, although "
            f"factors are read right ({factors:.2f}), an early sign of partitions that leak: {remedy}"
        )


class Leak(NamedTuple):
    """A factor told by another factor's partition: in which share of images, and how far that is from chance to 1."""

    factor: str
    partition: str
    accuracy: float
    excess: float


def worst_leak(facts: Facts, metrics: Metrics) -> Leak | None:
    """The leak farthest above chance; None where none was measured."""
    found = []
    for k, (name, size) in enumerate(zip(facts.names, facts.sizes, strict=True)):
        for p, other in enumerate(facts.names):
            accuracy = metrics.get(f"leak_of_{k}_in_{p}")
            if accuracy is not None and size > 1:
                found.append(Leak(name, other, accuracy, (accuracy - 1 / size) / (1 - 1 / size)))
    return max(found, key=lambda leak: leak.excess, default=None)


def _reading(facts: Facts, metrics: Metrics) -> Iterator[str]:
    """A factor whose values are read wrong: is it in the code at all?"""
    where = "its partition" if len(facts.annotated) > 1 else "the code"
    for k, (name, size) in enumerate(zip(facts.names, facts.sizes, strict=True)):
        read = metrics.get(f"factor_accuracy_of_{k}", 1.0)
        refit = metrics.get(f"refit_accuracy_of_{k}", 0.0)
        if size > 1 and refit > read + 0.2:
            remedy = "train longer or annotate more" if facts.recipe.anchor else "take a preset with an anchor"
            yield (
                f"values of {name} are swapped or not anchored: read right in {read:.2f} of images, although {where} "
                f"tells them in {refit:.2f} when Gaussians are fitted anew: {remedy}"
            )
        elif size > 1 and read < 1.5 / size:
            yield f"{name} is read near chance: nothing ties its partition to it, or too little is annotated"
    if metrics.get("relation_accuracy", 1.0) < 0.9:
        yield "components overlap: lower covariance_shrink"


def _components(facts: Facts, metrics: Metrics) -> Iterator[str]:  # noqa: ARG001 - known before any metric
    """Components without annotated images, or with too few to estimate a covariance from."""
    for k, counts in enumerate(facts.annotated):
        of = f"of {facts.names[k]}" if len(facts.annotated) > 1 else "of the combinations"
        empty, thin = int((counts == 0).sum()), int((counts <= facts.num_latents).sum())
        if empty:
            yield f"{empty} of {len(counts)} components {of} have no annotated image, so that nothing ties them"
        elif thin and facts.recipe.estimated and facts.ridge < 1e-3:
            yield (
                f"{thin} of {len(counts)} components {of} are estimated from {facts.num_latents} annotated images or "
                f"fewer, with a singular covariance but for the ridge ({facts.ridge:g}): raise ridge to 0.003"
            )


def _spread(facts: Facts, metrics: Metrics) -> Iterator[str]:
    """Codes that have collapsed to points or left their prior."""
    if facts.variance < WARM_UP_VARIANCE / 100:
        yield (
            f"codes had collapsed when the components were estimated (variance {facts.variance:.2g} per dimension): "
            "λ (lambda_) is too large, or the warm-up too short"
        )
    elif facts.variance > WARM_UP_VARIANCE * 100:
        yield (
            f"codes had left their prior when the components were estimated (variance {facts.variance:.2g} per "
            "dimension): λ (lambda_) is too small, or the learning rate too large"
        )
    if "train/anchor" in metrics and not facts.warming:
        distance = math.sqrt(max(0.0, 2.0 * metrics["train/anchor"] / max(1, len(facts.annotated))))
        if distance > FAR:
            yield f"annotated codes lie {distance:.1f} σ from their components: train longer, or raise anchor_weight"
        elif distance < NEAR:
            yield (
                f"annotated codes have collapsed to the means of their components ({distance:.2f} σ), and with them "
                "what no factor says: lower anchor_weight"
            )


def _judge(facts: Facts, metrics: Metrics) -> Iterator[str]:  # noqa: ARG001 - known before any metric
    if facts.judge_accuracy < 0.95:
        yield (
            f"the judge itself names {facts.judge_accuracy:.2f} of the factors of real images: judged values cannot be "
            "higher"
        )
