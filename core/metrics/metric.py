"""What a metric is: named inputs, named and versioned protocols, result keys with directions, an uncertainty."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

import numpy as np

from core.metrics.checks import ROW_GROUPS, check_inputs, split_rows
from core.mistakes import MetricError

Direction = Literal["maximize", "minimize"]
Settings = Mapping[str, Any]
Function = Callable[..., dict[str, float]]


@dataclass(frozen=True)
class Protocol:
    """Frozen settings of a metric, and the sets of inputs that serve it, the preferred set first.

    `leaves_out` are keys of the metric that this protocol does not give.
    """

    settings: Settings
    inputs: tuple[frozenset[str], ...]
    version: int = 1
    leaves_out: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        object.__setattr__(self, "settings", MappingProxyType(dict(self.settings)))


@dataclass(frozen=True)
class Scale:
    """What values of a result key mean, for a reader who meets it for the first time.

    Attributes:
        low: smallest value that there is; None where there is none.
        high: largest value that there is.
        meaning: what its ends say, as the rest of a sentence: `at 1 every factor has a dimension of its own`.
    """

    low: float | None
    high: float | None
    meaning: str

    @property
    def text(self) -> str:
        """`from 0 to 1: …`, `from 0 on: …`, or the meaning alone."""
        if self.low is None:
            return self.meaning
        end = "on" if self.high is None else f"to {self.high:g}"
        return f"from {self.low:g} {end}: {self.meaning}"


@dataclass(frozen=True)
class Metric:
    """One metric of the registry.

    `function(settings, rng, **inputs)` is the pure computation. It returns a float per result key; where it
    knows the standard error of a key it returns that too, as `<key>_se`. `keys` may hold one `*`, for
    results per dimension or per relation. The first protocol is the default one. `about` names the one factor that
    the metric asks for, of a data set with several. `scales` say what values of its keys mean.
    """

    name: str
    function: Function
    directions: Mapping[str, Direction | None]
    protocols: Mapping[str, Protocol]
    source: str
    optional: frozenset[str] = frozenset()
    needs_factors: bool = False
    needs: frozenset[str] = frozenset()
    about: str | None = None
    cost: Literal["fast", "slow"] = "fast"
    split: bool = False
    replicates: int = field(default=20)
    scales: Mapping[str, Scale] = field(default_factory=dict)

    @property
    def keys(self) -> tuple[str, ...]:
        """Result keys; a `*` stands for a dimension or a relation."""
        return tuple(self.directions)

    @property
    def default_protocol(self) -> str:
        """Name of the protocol of a bare request."""
        return next(iter(self.protocols))

    @property
    def requires(self) -> frozenset[str]:
        """Inputs that the default protocol prefers to be given."""
        return self.requires_for(self.default_protocol)

    @property
    def accepts(self) -> frozenset[str]:
        """Every input name that some protocol takes."""
        return self.optional.union(*(names for p in self.protocols.values() for names in p.inputs))

    def requires_for(self, protocol: str | None) -> frozenset[str]:
        """Inputs that a protocol prefers to be given. MetricError: no such protocol."""
        return self.protocol(protocol).inputs[0]

    def protocol(self, name: str | None) -> Protocol:
        """The protocol of that name, the default one for None. MetricError: no such protocol."""
        if name is None:
            name = self.default_protocol
        if name not in self.protocols:
            raise MetricError(f"metric {self.name!r} has no protocol {name!r}; it has {', '.join(self.protocols)}")
        return self.protocols[name]

    def settings(self, protocol: str | None = None) -> dict[str, Any]:
        """Everything that fixes the protocol, for the log: its name, version and settings."""
        chosen = self.protocol(protocol)
        return {
            "protocol": protocol or self.default_protocol,
            "version": chosen.version,
            **chosen.settings,
        }

    def compute(
        self,
        *,
        protocol: str | None = None,
        seed: int = 0,
        standard_error: bool = False,
        **inputs: Any,
    ) -> dict[str, float]:
        """Result keys with their values, a pure function of inputs, protocol and seed.

        standard_error adds `<key>_se`: the metric's own where it has one, else the standard deviation over
        bootstrap replicates of the rows. MetricError: an unknown, missing or unusable input.
        """
        unknown = sorted(set(inputs) - self.accepts)
        if unknown:
            raise MetricError(
                f"metric {self.name!r} takes no input {unknown[0]!r}; it takes {', '.join(sorted(self.accepts))}"
            )
        chosen = self.protocol(protocol)
        given = self._select(chosen, {name: value for name, value in inputs.items() if value is not None})
        given = check_inputs(given)
        if self.split and "test_codes" not in given:
            given |= split_rows(given["codes"], given["factors"], chosen.settings, self._generator(seed, 0))
        results = self.function(chosen.settings, self._generator(seed, 1), **given)
        values = {key: float(value) for key, value in results.items() if not key.endswith("_se")}
        errors = {key: float(value) for key, value in results.items() if key.endswith("_se")}
        if standard_error:
            if any(f"{key}_se" not in errors for key in values):
                errors = self._bootstrap(chosen.settings, seed, given, values) | errors
            values |= errors
        for key, value in values.items():
            if not math.isfinite(value):
                raise MetricError(f"{key} is {value}: the representation does not give it a finite value")
        return values

    def _select(self, protocol: Protocol, inputs: dict[str, Any]) -> dict[str, Any]:
        """The first set of inputs of the protocol that is complete, and the optional ones."""
        for names in protocol.inputs:
            if names <= set(inputs):
                return {name: value for name, value in inputs.items() if name in names | self.optional}
        wanted = " or ".join(" and ".join(sorted(names)) for names in protocol.inputs)
        raise MetricError(f"metric {self.name!r} needs {wanted}; given: {', '.join(sorted(inputs)) or 'nothing'}")

    def _generator(self, seed: int, *stream: int) -> np.random.Generator:
        """Independent stream of this metric: the same for a seed whatever else is computed beside it."""
        if seed < 0:
            raise MetricError(f"the seed must not be negative, it is {seed}")
        return np.random.default_rng([seed, zlib.crc32(self.name.encode()), *stream])

    def _bootstrap(
        self, settings: Settings, seed: int, inputs: dict[str, Any], values: dict[str, float]
    ) -> dict[str, float]:
        """Standard deviation of every key over replicates that draw the rows with replacement."""
        groups = [[name for name in group if name in inputs] for group in ROW_GROUPS]
        if not any(groups):
            return {}
        samples: list[dict[str, float]] = []
        for replicate in range(self.replicates):
            rng = self._generator(seed, 2, replicate)
            drawn = dict(inputs)
            for group in filter(None, groups):
                count = len(inputs[group[0]])
                rows = rng.integers(count, size=count)
                drawn |= {name: inputs[name][rows] for name in group}
            samples.append(self.function(settings, rng, **drawn))
        return {
            f"{key}_se": float(np.std([sample[key] for sample in samples if key in sample], ddof=1)) for key in values
        }
