"""Evaluate a model: what the metrics are given."""

from typing import Any

import numpy as np
import torch

import core.metrics
from core.data import DatasetInfo, FactorDataset
from core.data.split import SPLIT_SEED, holdout, pool
from trainables.base import Model
from trainables.trainable import Trainable

OF_POOL = frozenset(
    {
        "codes",
        "sampled_codes",
        "posterior_mean",
        "posterior_log_variance",
        "discrete_codes",
        "discriminator_logits",
    }
)


def available_inputs(model: type[Trainable], data: DatasetInfo | FactorDataset) -> frozenset[str]:
    """Names of all inputs of metrics that a model on a data set can serve.

    Where combinations of factors are missing, no image is asked for by its factors (`encode`): metrics look at groups
    of the images that there are.
    """
    has_factors, changes = data.has_factors, data.has_factors and data.complete
    names = {"codes", "sampled_codes", "images", "logits", "num_images", *model.extra_inputs}
    if has_factors:
        names |= {"factors", "dataset"} | ({"encode"} if changes else set())
    if "posterior" in model.serves:
        names |= {"posterior_mean", "posterior_log_variance"}
    if "discrete" in model.serves:
        names |= {"discrete_codes"} | ({"encode_discrete"} if changes else set())
    if "discriminator" in model.serves:
        names.add("discriminator_logits")
    return frozenset(names)


def inputs_for(request: str, available: frozenset[str]) -> frozenset[str]:
    """The inputs that a request takes, of those available.

    Raises:
        core.metrics.MetricError: unknown, or the available inputs do not serve it.
    """
    metric, protocol, _ = core.metrics.parse(request)
    for names in metric.protocol(protocol).inputs:
        if names <= available:
            return names | (metric.optional & available)
    missing = sorted(metric.protocol(protocol).inputs[0] - available)
    raise core.metrics.MetricError(f"'{request}' needs {', '.join(missing)}, which this model on this data has not")


class Inputs:
    """The inputs of metrics, each computed when a metric first asks for it."""

    def __init__(self, model: Model[Any], dataset: FactorDataset) -> None:
        self._model = model
        self._dataset = dataset
        self._cache: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._cache:
            self._compute(name)
        return self._cache[name]

    def _compute(self, name: str) -> None:
        model, dataset, cache = self._model, self._dataset, self._cache
        if name in OF_POOL:
            images = dataset.images(pool(dataset))
            generator = torch.Generator(model.device).manual_seed(SPLIT_SEED)  # measuring never changes training
            if name == "sampled_codes":
                codes = model.map_images(images, lambda part: model.sampled_codes(part, generator))
                cache[name] = model.scored(codes)
            elif name == "discriminator_logits":
                cache[name] = model.map_images(images, lambda part: model.discriminator_logits(part, generator))
            else:
                codes = model.encode(images)
                cache["codes"] = model.scored(codes)
                if "discrete" in model.serves:
                    cache["discrete_codes"] = model.categorical(codes)
                if "posterior" in model.serves:
                    both = model.map_images(images, lambda part: torch.stack(model.posterior(part), 1))
                    cache["posterior_mean"], cache["posterior_log_variance"] = both[:, 0], both[:, 1]
        elif name == "factors":
            cache[name] = dataset.factors(pool(dataset))
        elif name == "images":
            cache[name] = dataset.images(holdout(dataset))
        elif name == "logits":
            cache[name] = self._logits
        elif name == "encode":
            cache[name] = lambda images: model.scored(model.encode(images))
        elif name == "encode_discrete":
            cache[name] = lambda images: model.categorical(model.encode(images))
        elif name == "dataset":
            cache[name] = dataset
        elif name == "num_images":
            cache[name] = len(dataset)
        else:
            cache.update(model.metric_inputs(dataset))

    def _logits(self, images: np.ndarray, rng: np.random.Generator | None) -> np.ndarray:
        model = self._model
        if rng is None:
            return model.map_images(images, lambda part: model.logits(model.codes(part)))
        generator = torch.Generator(model.device).manual_seed(int(rng.integers(2**31)))
        return model.map_images(images, lambda part: model.logits(model.sampled_codes(part, generator)))


def evaluate(model: Model[Any], dataset: FactorDataset, requests: tuple[str, ...], seed: int) -> dict[str, float]:
    """All values of the requested metrics, by result key.

    Raises:
        core.metrics.MetricError: the codes are not finite, or a metric cannot be served.
    """
    inputs = Inputs(model, dataset)
    available = available_inputs(type(model), dataset)
    wanted = frozenset[str]().union(*(inputs_for(request, available) for request in requests))
    return core.metrics.evaluate(requests, seed, **{name: inputs[name] for name in sorted(wanted)})
