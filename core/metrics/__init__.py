"""Disentanglement metrics: pure functions of arrays, one file each, under named and versioned protocols."""

from core.metrics._checks import MetricError
from core.metrics._metric import Metric, Protocol
from core.metrics._registry import compute, evaluate, find_key, get, names, parse

__all__ = [
    "Metric",
    "MetricError",
    "Protocol",
    "compute",
    "evaluate",
    "find_key",
    "get",
    "names",
    "parse",
]
