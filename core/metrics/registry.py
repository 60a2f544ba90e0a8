"""The registry: every module of `core.metrics.measures` defines METRIC, a metric under its own name."""

from __future__ import annotations

import fnmatch
import functools
import importlib
import pkgutil
from collections.abc import Iterable
from typing import Any

from core.metrics import measures
from core.metrics.encoding import EncodedImages
from core.metrics.metric import Metric
from core.mistakes import MetricError, nearest


@functools.cache
def _metrics() -> dict[str, Metric]:
    found = {}
    for module in pkgutil.iter_modules(measures.__path__):
        metric: Metric = importlib.import_module(f"{measures.__name__}.{module.name}").METRIC
        found[metric.name] = metric
    return dict(sorted(found.items()))


def names() -> list[str]:
    """Names of all metrics, sorted."""
    return list(_metrics())


def get(name: str) -> Metric:
    """The metric of that name. MetricError: there is none, with the nearest name."""
    if name not in _metrics():
        raise MetricError(f"there is no metric {name!r}; {nearest(name, _metrics())}")
    return _metrics()[name]


def parse(request: str) -> tuple[Metric, str, str]:
    """Metric, protocol name and key suffix of "mig" (suffix "") or "factor_vae_score/fast" (suffix "/fast").

    MetricError: no such metric or protocol, with the nearest valid request.
    """
    name, slash, protocol = request.partition("/")
    if name in _metrics() and (not slash or protocol in _metrics()[name].protocols):
        metric = _metrics()[name]
        return metric, protocol or metric.default_protocol, slash + protocol
    requests = [*_metrics(), *(f"{m.name}/{p}" for m in _metrics().values() for p in m.protocols)]
    what = f"metric {name!r} has no protocol {protocol!r}" if name in _metrics() else "there is no metric"
    what = what if name in _metrics() else f"{what} {request!r}"
    raise MetricError(f"{what}; {nearest(request, requests, among=_metrics())}")


def find_key(key: str) -> tuple[Metric, str]:
    """Metric and protocol that give the result key, such as "sap_svc" or "factor_vae_score/chyvae".

    MetricError: no metric gives it, with the nearest valid key.
    """
    plain, slash, protocol = key.partition("/")
    for metric in _metrics().values():
        if any(fnmatch.fnmatchcase(plain, pattern) for pattern in metric.keys):
            if slash and protocol not in metric.protocols:
                raise MetricError(
                    f"{key!r}: metric {metric.name!r} has no protocol {protocol!r}; "
                    f"it has {', '.join(metric.protocols)}"
                )
            protocol = protocol or metric.default_protocol
            if plain in metric.protocol(protocol).leaves_out:
                raise MetricError(f"{key!r}: protocol {protocol!r} of metric {metric.name!r} does not give {plain!r}")
            return metric, protocol
    every = [known for metric in _metrics().values() for known in metric.keys]
    raise MetricError(f"no metric gives the result {key!r}; {nearest(plain, every, among=_metrics())}")


def compute(
    name: str, *, protocol: str | None = None, seed: int = 0, standard_error: bool = False, **inputs: Any
) -> dict[str, float]:
    """Result keys of one metric under one protocol (None: its default); see Metric.compute."""
    return get(name).compute(protocol=protocol, seed=seed, standard_error=standard_error, **inputs)


def evaluate(
    requests: Iterable[str], seed: int = 0, *, standard_error: bool = False, **inputs: Any
) -> dict[str, float]:
    """Results of many requests from one bag of inputs; each metric takes what it knows from the bag.

    A bare request gives plain keys, "name/protocol" suffixes every key with "/protocol". An image that
    several metrics ask `encode` for is encoded once. MetricError: as parse and compute.
    """
    parsed = [parse(request) for request in requests]
    for encoder in ("encode", "encode_discrete"):
        if inputs.get(encoder) is not None and inputs.get("dataset") is not None:
            inputs[encoder] = EncodedImages.of(inputs[encoder], inputs["dataset"])
    results: dict[str, float] = {}
    for metric, protocol, suffix in parsed:
        taken = {name: value for name, value in inputs.items() if name in metric.accepts}
        values = metric.compute(protocol=protocol, seed=seed, standard_error=standard_error, **taken)
        results |= {key + suffix: value for key, value in values.items()}
    return results
