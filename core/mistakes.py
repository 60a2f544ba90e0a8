"""A user's mistake: one sentence that says what is wrong and what to write instead, and never a traceback."""

import difflib
from collections.abc import Iterable

from core.files import redact

SHORT = 4  # characters, of which one mistake changes a third
LONGEST_REASON = 1000  # characters; a server may answer with a whole page


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


class ExtensionError(UserError):
    """Code of a user's own that cannot be found, run, or taken for what it should be."""


class NoCheckpointError(UserError, FileNotFoundError):
    """A trial whose weights are asked for and are not kept."""


def reason_of(error: BaseException) -> str:
    """Why something failed in a library's own words, in one line, without passwords; its kind where it says nothing."""
    lines = [line.strip() for line in redact(str(error)).splitlines() if line.strip()]
    if not lines:
        return type(error).__name__
    reason = lines[0]
    for line in lines[1:]:  # "could not connect:" and what it was follows on a line of its own
        if not reason.endswith(":"):
            break
        reason = f"{reason} {line}"
    return reason if len(reason) <= LONGEST_REASON else f"{reason[:LONGEST_REASON]} …"


def kind_and_reason(error: BaseException) -> str:
    """What kind of error it is, and why, in one line."""
    kind, reason = type(error).__name__, reason_of(error)
    return kind if reason == kind else f"{kind}: {reason}"


def nearest(name: object, known: Iterable[object], among: Iterable[object] | None = None) -> str:
    """`did you mean '…'?`, or all names that there are.

    Args:
        name: as the user wrote it; upper and lower case are not told apart.
        known: the names that exist.
        among: what to list where none is near; default all of `known`.
    """
    names = [str(each) for each in known]
    near = close_to(name, names)
    if near is not None:
        return f"did you mean '{near}'?"
    listed = names if among is None else map(str, among)
    return f"there are {', '.join(listed) or 'none yet'}"


def close_to(name: object, known: Iterable[object]) -> str | None:
    """The name that a user may have meant; None where none is near. Upper and lower case are not told apart."""
    names = {str(each).lower(): str(each) for each in known}
    cutoff = 0.6 if len(str(name)) <= SHORT else 0.7  # of a long name, what shares a half is another word
    near = difflib.get_close_matches(str(name).lower(), names, n=1, cutoff=cutoff)
    return names[near[0]] if near else None
