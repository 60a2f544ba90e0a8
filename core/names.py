"""What to say when a user writes a name that does not exist."""

import difflib
from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> str:
    """`did you mean '…'?`, or all names that there are."""
    names = [str(each) for each in known]
    near = difflib.get_close_matches(name, names, n=1)
    return f"did you mean '{near[0]}'?" if near else f"there are {', '.join(names) or 'none yet'}"
