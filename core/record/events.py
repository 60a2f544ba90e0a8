"""The events of a study, one frozen class for each: what the journal holds, line by line.

`type` is the name of a class in the file; its fields are the keys of the line, in this order. A field that is added
later has a default, so that older journals can be read; what a newer version added is `Unknown`, and left alone.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

from core.configuration import Configuration, identity_of

TrialState = Literal["PENDING", "RUNNING", "COMPLETED", "PRUNED", "FAILED"]
ENDED: tuple[TrialState, ...] = ("COMPLETED", "PRUNED", "FAILED")


@dataclasses.dataclass(frozen=True)
class Event:
    """Something that happened.

    Attributes:
        type: the event's name in the file.
        optional: fields that are left out of the file while they are empty.
        time: seconds since the epoch on the driver's clock, so that clocks of other nodes never matter; the journal
            sets it.
    """

    type: ClassVar[str]
    optional: ClassVar[frozenset[str]] = frozenset()

    time: float = dataclasses.field(default=0.0, kw_only=True)


@dataclasses.dataclass(frozen=True)
class DriverStarted(Event):
    """A driver began: process id, versions of packages, and source revision."""

    type: ClassVar[str] = "session"

    pid: int
    versions: Mapping[str, str]
    source: Mapping[str, str]


@dataclasses.dataclass(frozen=True)
class ShareChosen(Event):
    """The GPU share that `gpu: auto` chose, and the footprints that were measured."""

    type: ClassVar[str] = "share"

    share: float
    footprints: list[Mapping[str, Any]]


@dataclasses.dataclass(frozen=True)
class PriorResult(Event):
    """A result of another study that the sampler starts from; `origin` is `<study>/<configuration hash>`."""

    type: ClassVar[str] = "lesson"

    origin: str
    model: str
    hyperparameters: Mapping[str, Any]
    values: list[float]

    @property
    def described(self) -> Configuration:
        """Model and hyperparameters."""
        return Configuration(self.model, self.hyperparameters)


@dataclasses.dataclass(frozen=True)
class ConfigurationSuggested(Event):
    """A configuration (its hash), its place in the order of suggestions, and what the sampler must find again."""

    type: ClassVar[str] = "configuration"
    optional: ClassVar[frozenset[str]] = frozenset({"notes"})

    configuration: str
    number: int
    model: str
    hyperparameters: Mapping[str, Any]
    notes: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def described(self) -> Configuration:
        """Model and hyperparameters."""
        return Configuration(self.model, self.hyperparameters)


@dataclasses.dataclass(frozen=True)
class SeedsPlanned(Event):
    """A configuration is to have so many trials."""

    type: ClassVar[str] = "seeds"

    configuration: str
    seeds: int


@dataclasses.dataclass(frozen=True)
class ControlChosen(Event):
    """Early stopping would have ended a configuration, which runs on to show what stopping costs."""

    type: ClassVar[str] = "spared"

    configuration: str


@dataclasses.dataclass(frozen=True)
class ConfigurationEnded(Event):
    """All seeds ended: the state of the Optuna trial, the means of the objectives, and why there are none."""

    type: ClassVar[str] = "configuration_end"

    configuration: str
    state: str
    values: list[float] | None
    reason: str | None


@dataclasses.dataclass(frozen=True)
class TrialEvent(Event):
    """An event of one trial."""

    trial: str
    configuration: str
    seed: int

    @classmethod
    def of(cls, configuration: str, seed: int, **fields: Any) -> Self:
        """The event of the trial of a configuration's hash with that seed."""
        return cls(identity_of(configuration, seed), configuration, seed, **fields)


@dataclasses.dataclass(frozen=True)
class TrialStarted(TrialEvent):
    """A process took the trial up."""

    type: ClassVar[str] = "start"


@dataclasses.dataclass(frozen=True)
class TrialReported(TrialEvent):
    """The trial reached a step."""

    type: ClassVar[str] = "report"

    step: int
    metrics: Mapping[str, float]
    ledger: Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class TrialEnded(TrialEvent):
    """The trial ended, for a reason if it was not completed."""

    type: ClassVar[str] = "end"

    state: TrialState
    step: int
    reason: str | None
    metrics: Mapping[str, float]
    ledger: Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class TrialReopened(TrialEvent):
    """A trial that ended goes on: a completed one for a budget that was extended, a failed one once more."""

    type: ClassVar[str] = "reopen"


@dataclasses.dataclass(frozen=True)
class ShareEnlarged(TrialEvent):
    """A trial that ran out of memory gets a larger GPU share, once."""

    type: ClassVar[str] = "enlarge"

    share: float


@dataclasses.dataclass(frozen=True)
class CodeChanged(Event):
    """Code of the user's own was changed, and the study goes on with it: the digest of every extension by module."""

    type: ClassVar[str] = "code"

    extensions: Mapping[str, str]


@dataclasses.dataclass(frozen=True)
class Unknown(Event):
    """A line of a newer version; `line` is what it says."""

    type: ClassVar[str] = ""

    line: Mapping[str, Any]


_FIELDS: dict[type[Event], tuple[str, ...]] = {
    kind: tuple(field.name for field in dataclasses.fields(kind) if field.name != "time")
    for kind in (
        DriverStarted,
        ShareChosen,
        PriorResult,
        ConfigurationSuggested,
        SeedsPlanned,
        ControlChosen,
        ConfigurationEnded,
        TrialStarted,
        TrialReported,
        TrialEnded,
        TrialReopened,
        ShareEnlarged,
        CodeChanged,
    )
}
KINDS: dict[str, type[Event]] = {kind.type: kind for kind in _FIELDS}


def to_line(event: Event) -> dict[str, Any]:
    """The event as the plain data of its line."""
    if isinstance(event, Unknown):
        return dict(event.line)
    values = {name: getattr(event, name) for name in _FIELDS[type(event)]}
    kept = {name: value for name, value in values.items() if value or name not in event.optional}
    return {"type": event.type, "time": event.time, **kept}


def from_line(line: Mapping[str, Any]) -> Event:
    """Inverse of `to_line`."""
    kind = KINDS.get(line["type"])
    if kind is None:
        return Unknown(line, time=line.get("time", 0.0))
    return kind(**{name: line[name] for name in _FIELDS[kind] if name in line}, time=line.get("time", 0.0))
