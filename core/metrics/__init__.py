"""Disentanglement metrics: pure functions of arrays, one file each in `measures/`, under named, versioned protocols."""

from core.metrics.metric import Metric, Protocol
from core.metrics.registry import compute, evaluate, find_key, get, names, parse
from core.mistakes import MetricError

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
