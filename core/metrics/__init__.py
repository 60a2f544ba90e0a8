"""Disentanglement metrics: pure functions of arrays, one file each in `measures/`, under named, versioned protocols."""

from core.metrics.metric import Metric, Protocol, Scale
from core.metrics.registry import compute, evaluate, find_key, get, names, parse, scale
from core.mistakes import MetricError

__all__ = [
    "Metric",
    "MetricError",
    "Protocol",
    "Scale",
    "compute",
    "evaluate",
    "find_key",
    "get",
    "names",
    "parse",
    "scale",
]
