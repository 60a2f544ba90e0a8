"""What a check is given, and what it finds."""

import dataclasses
import enum
import pathlib

from core.record.places import Stores


class State(enum.StrEnum):
    """How a thing stands: fit, doubtful, or so that no study would run."""

    OK = "ok"
    WARNING = "warning"
    FAULT = "fault"


@dataclasses.dataclass(frozen=True)
class Finding:
    """What was looked at, and how it stands.

    Attributes:
        check: what was looked at.
        state: how it stands.
        says: a sentence without its full stop.
        fix: what to do; empty where nothing is wrong.
    """

    check: str
    state: State
    says: str
    fix: str = ""


@dataclasses.dataclass(frozen=True)
class Asked:
    """What a study would be launched with.

    Attributes:
        root: directory of studies, which need not exist yet.
        stores: where it would keep things.
        address: of a Ray cluster; None for one on this machine.
    """

    root: pathlib.Path
    stores: Stores
    address: str | None = None


def ok(check: str, says: str) -> Finding:
    """Nothing is wrong."""
    return Finding(check, State.OK, says)


def warning(check: str, says: str, fix: str) -> Finding:
    """A study would run, but not as it could."""
    return Finding(check, State.WARNING, says, fix)


def fault(check: str, says: str, fix: str) -> Finding:
    """A study would not run."""
    return Finding(check, State.FAULT, says, fix)
