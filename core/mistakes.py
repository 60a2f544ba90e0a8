"""A user's mistake: one sentence that says what is wrong and what to write instead, and never a traceback."""

import difflib
from collections.abc import Iterable


class UserError(ValueError):
    """What a user can mend: in a study file, a name, a path, a store, a question. The command line exits with 2."""


class DataError(UserError):
    """A data set that cannot be had as asked for."""


class MetricError(UserError):
    """A request or an input that no metric can serve."""


class StudyError(UserError):
    """A study that cannot be found, opened, started or changed as asked for."""


class QueryError(UserError):
    """A question that a study cannot answer."""


class NoCheckpointError(UserError, FileNotFoundError):
    """A trial whose weights are asked for and are not kept."""


def nearest(name: object, known: Iterable[object], among: Iterable[object] | None = None) -> str:
    """`did you mean '…'?`, or all names that there are.

    Args:
        name: as the user wrote it; upper and lower case are not told apart.
        known: the names that exist.
        among: what to list where none is near; default all of `known`.
    """
    names = {str(each).lower(): str(each) for each in known}
    near = difflib.get_close_matches(str(name).lower(), names, n=1)
    if near:
        return f"did you mean '{names[near[0]]}'?"
    listed = names.values() if among is None else map(str, among)
    return f"there are {', '.join(listed) or 'none yet'}"
