"""Constraints on metrics, and when there are enough seeds."""

import dataclasses
import re
from collections.abc import Mapping

from core.mistakes import UserError

FRONT = "front"  # `until: front`, of seeds: until it is settled which configurations are on it
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_BOUND = re.compile(rf"\s*([A-Za-z_][\w/]*)\s*(<=|>=|<|>)\s*({_NUMBER})\s*")
_UNTIL = re.compile(rf"\s*std_error\(\s*([A-Za-z_][\w/]*)\s*\)\s*<\s*({_NUMBER})\s*")


class FormulaError(UserError):
    """A formula that cannot be understood."""


@dataclasses.dataclass(frozen=True)
class Bound:
    """A metric that must stay on one side of a value."""

    metric: str
    below: bool
    value: float

    @property
    def text(self) -> str:
        """As it is written in a study file."""
        return f"{self.metric} {'<' if self.below else '>'} {self.value:g}"

    def violation(self, means: Mapping[str, float]) -> float:
        """By how much the mean is on the wrong side; at most 0 where the bound holds."""
        difference = means[self.metric] - self.value
        return difference if self.below else -difference


def parse_bounds(text: str | None) -> tuple[Bound, ...]:
    """`reconstruction_error < 60 and mig >= 0.1` as bounds; none for None.

    Raises:
        FormulaError: anything but comparisons of a metric with a number, joined by `and`.
    """
    bounds = []
    for part in re.split(r"\band\b", text) if text is not None else ():
        match = _BOUND.fullmatch(part)
        if match is None:
            raise FormulaError(f"'{part.strip()}' is no bound; write 'reconstruction_error < 60', joined by 'and'")
        bounds.append(Bound(match[1], match[2].startswith("<"), float(match[3])))
    return tuple(bounds)


def parse_until(text: str) -> tuple[str, float]:
    """`std_error(factor_vae_score) < 0.02` as metric and bound.

    Raises:
        FormulaError: it is written otherwise.
    """
    match = _UNTIL.fullmatch(text)
    if match is None:
        raise FormulaError(f"'{text}' is no stopping condition; write 'std_error(factor_vae_score) < 0.02', or front")
    return match[1], float(match[2])
