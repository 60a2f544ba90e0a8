"""The registry: every module of `core.metrics.measures`, or of an extension, may define METRIC, a metric."""

from __future__ import annotations

import fnmatch
import functools
import importlib
import pkgutil
import re
from collections.abc import Iterable, Mapping
from typing import Any

from core import extensions
from core.configuration import Extension
from core.metrics import measures
from core.metrics.encoding import EncodedImages
from core.metrics.metric import Metric, Protocol, Scale
from core.mistakes import ExtensionError, MetricError, nearest

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


@functools.cache
def _shipped() -> dict[str, Metric]:
    found = {}
    for module in pkgutil.iter_modules(measures.__path__):
        metric: Metric = importlib.import_module(f"{measures.__name__}.{module.name}").METRIC
        found[metric.name] = metric
    return found


def _metrics() -> dict[str, Metric]:
    return _with_own(extensions.generation())


@functools.lru_cache(maxsize=1)
def _with_own(generation: int) -> dict[str, Metric]:  # noqa: ARG001 - what a cached answer is good for
    found = dict(_shipped())
    for definition in extensions.constants("METRIC"):
        if not isinstance(definition.value, Metric):
            raise ExtensionError(
                f"{definition.where}: METRIC is no core.metrics.Metric, but of type {type(definition.value).__name__}"
            )
    for definition in extensions.definitions(Metric):
        metric: Metric = definition.value
        if metric is found.get(metric.name):
            continue  # imported from here
        fault = _fault(metric, found)
        if fault:
            raise ExtensionError(f"{definition.where}: {fault}")
        found[metric.name] = metric
    return dict(sorted(found.items()))


def _fault(metric: Any, known: Mapping[str, Metric]) -> str | None:
    """Why an extension's metric cannot stand beside the known ones, as a sentence; None when it can."""
    name = metric.name
    if not isinstance(name, str) or not NAME.fullmatch(name):
        return f"{name!r} is no name of a metric: letters, digits and '_'"
    if name in known:
        return f"there is a metric '{name}' already; give yours another name"
    if not callable(metric.function):
        return f"the function of metric '{name}' cannot be called"
    if not metric.protocols:
        return f"metric '{name}' has no protocol"
    if not metric.directions:
        return f"metric '{name}' says no result key and direction"
    for protocol in metric.protocols.values():
        if not isinstance(protocol, Protocol) or not protocol.inputs:
            return f"a protocol of metric '{name}' is a core.metrics.Protocol that says its inputs, not {protocol!r}"
    for key, direction in metric.directions.items():
        if direction not in ("maximize", "minimize", None):
            return f"the direction of '{key}' is 'maximize', 'minimize' or None, not {direction!r}"
        for other in known.values():
            if any(fnmatch.fnmatchcase(key, pattern) for pattern in other.keys):
                return f"metric '{name}' gives a result '{key}', as metric '{other.name}' does already"
    return None


def names() -> list[str]:
    """Names of all metrics, sorted."""
    extensions.load_installed()
    return list(_metrics())


def of_extension(extension: Extension) -> list[Metric]:
    """The metrics that an active extension defines."""
    own = {id(each.value) for each in extensions.definitions(Metric, extension)}
    return [metric for name, metric in _metrics().items() if id(metric) in own and name not in _shipped()]


def get(name: str) -> Metric:
    """The metric of that name. MetricError: there is none, with the nearest name."""
    if name not in _metrics():
        extensions.load_installed()
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
    if plain in _metrics():
        raise MetricError(f"metric {plain!r} gives the results {', '.join(_metrics()[plain].keys)}; say which")
    every = [known for metric in _metrics().values() for known in metric.keys]
    raise MetricError(f"no metric gives the result {key!r}; {nearest(plain, every, among=_metrics())}")


def scale(key: str) -> Scale | None:
    """What values of a result key mean; None where nothing is known of it."""
    try:
        metric, _ = find_key(key)
    except MetricError:
        return None
    return metric.scales.get(key.partition("/")[0])


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
