"""The one error that a mistake about data raises, and the hint that goes with a misspelt name."""

import difflib
from collections.abc import Iterable


class DataError(ValueError):
    """A data set that cannot be had as asked for; the message is one sentence for the user."""


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the nearest of `known`, or the whole list when none is near."""
    lower = {name.lower(): name for name in known}
    near = difflib.get_close_matches(str(word).lower(), lower, n=1)
    return f"; did you mean {lower[near[0]]!r}?" if near else f"; known: {', '.join(lower.values())}"
