"""Commands that look at studies and trials as they stand: list, status, show, logs."""

import datetime
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

import studies
from core.mistakes import QueryError
from studies.cli.options import ROOT, Json, Name, Root
from studies.cli.output import OUT, broken, emit, line, say, text
from studies.cli.rows import first_sentence

if TYPE_CHECKING:
    from core.record.events import Event

WATCH = 2.0  # seconds between two looks
WIDE = 110  # characters; a narrower table says less


def list_studies(
    root: Root = ROOT,
    sort: Annotated[str, typer.Option(help="changed, name, state, trials, best, front, hours or disk.")] = "changed",
    tag: Annotated[list[str] | None, typer.Option(help="Only studies with this tag; may be repeated.")] = None,
    as_json: Json = False,
) -> None:
    """All studies of a root: state, trials, best, front, hours, disk, last change, purpose."""
    from studies.upkeep.listing import listing

    rows = listing(root, sort, tag or ())
    faults = [f"{row['name']}: {row['fault']}" for row in rows if row["fault"]]
    if as_json:
        rows = [{key: value for key, value in row.items() if key != "better"} for row in rows]
    else:
        rows = [_glance(row) for row in rows]
    emit(rows, as_json, f"studies in {root}", downwards=False)
    for fault in faults:
        say(fault)


def _glance(row: dict[str, Any]) -> dict[str, str]:
    """A row of the list, short enough for a terminal of 80 columns, longer on a wide one."""
    wide = OUT.width >= WIDE
    objective = row["objective"]
    shown = {
        "name": row["name"],
        "state": row["state"] + (f", {row['failed']} failed" if row["failed"] else ""),
        "trials": "" if row["trials"] is None else f"{row['ended']}/{row['trials']}",
        "best": f"{objective if wide else broken(objective)} {text(row['best'])}" if objective else "",
    }
    if wide:
        shown["front"] = text(row["front"])
    shown["spent"] = "" if row["hours"] is None else duration(row["hours"] * 3600)
    if wide:
        shown["MB"] = f"{row['disk'] / 1e6:.0f}"
    shown["changed"] = ago(time.time() - row["changed"])
    if wide:
        shown["purpose"] = " ".join(
            [*(f"[{tag}]" for tag in row["tags"]), row["note"] or first_sentence(row["purpose"])]
        )
    return shown


def ago(seconds: float) -> str:
    """Seconds as `5 min ago`."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit} ago"
    return "now"


def status(
    name: Name,
    root: Root = ROOT,
    watch: Annotated[bool, typer.Option("--watch", help="Again every 2 seconds, while somebody drives it.")] = False,
    as_json: Json = False,
) -> None:
    """How far a study is: trials, best, front and its likely gain, hours spent and left, and what is running."""
    from studies import service

    while True:
        facts = service.status(name, root=root)
        if watch and OUT.is_terminal and not as_json:
            OUT.clear()
        emit([facts if as_json else _standing(facts)], as_json, f"study '{name}'")
        if not watch or facts["driver"] is None:
            return
        time.sleep(WATCH)


def _standing(facts: dict[str, Any]) -> dict[str, str]:
    """What a person wants to know of a study's status."""
    from analysis.report.wording import count
    from analysis.statistics.gain import Gain
    from studies.record.standing import outlook

    ended = facts["completed"] + facts["pruned"] + facts["failed"]
    shown = {"state": facts["state"], "trials": f"{ended} of {facts['planned']} ended, {facts['running']} running"}
    shown |= {key: str(facts[key]) for key in ("pruned", "failed") if facts[key]}
    for objective, best in facts["best"].items():
        shown[f"best {objective}"] = f"{text(best['value'])}  {best['model']} {best['configuration']}, n {best['n']}"
    shown["front"] = count(facts["front"], "configuration")
    if facts["gain"] is not None:
        shown["hypervolume"] = outlook(Gain(**facts["gain"]))
    shown["spent"] = duration(facts["hours"] * 3600)
    if facts["hours_left"]:
        shown["left"] = f"about {duration(facts['hours_left'] * 3600)}"
    for each in facts["running_trials"][:8]:
        shown[f"  {each['model']} {each['trial']}"] = f"step {each['step']} of {facts['steps']}"
    if facts["driver"] is not None:
        shown["driven by"] = f"process {facts['driver']} of this machine"
    return shown


def duration(seconds: float) -> str:
    """Seconds as `3 min` or `5 h 10 min`."""
    minutes = round(seconds / 60)
    if minutes < 1:
        return f"{seconds:.0f} s"
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest} min" if hours else f"{rest} min"


def show(
    trial: Annotated[str, typer.Argument(help="Identity of the trial: <configuration>-s<seed>.")],
    study: Annotated[str | None, typer.Option(help="Its study, where several have such a trial.")] = None,
    root: Root = ROOT,
    as_json: Json = False,
) -> None:
    """Everything of one trial: hyperparameters, metrics, cost, checkpoint, and where its pictures are."""
    from core.configuration import split_identity
    from core.record import journal
    from core.storage import Folder
    from studies.upkeep.listing import study_of

    name = study_of(root, trial, study)
    opened = studies.open(name, root)
    held = opened.trial(*split_identity(trial))
    lived = opened.history().trial(trial)
    pictures = Folder(held.checkpoint).child("pictures")
    files = sorted(pictures.local.glob("*.png")) if pictures.local is not None else []
    facts: dict[str, Any] = {
        "study": name,
        "trial": trial,
        "model": held.model,
        "state": held.state,
        "step": lived.step,
        "reason": lived.reason,
        "hyperparameters": dict(held.hyperparameters),
        "metrics": dict(lived.metrics),
        "cost": dict(lived.ledger),
        "checkpoint": held.checkpoint,
        "mlflow_run_id": journal.run_ids(opened.path).get(trial),
        "pictures": [str(path) for path in files] or ([pictures.uri] if pictures.local is None else []),
    }
    if as_json:
        emit([facts], True)
        return
    rows: dict[str, Any] = {}
    for key, value in facts.items():
        if isinstance(value, dict):
            rows |= value
        elif key not in ("pictures", "checkpoint") and value is not None:
            rows[key] = value
    emit([rows], False, f"trial {trial} of study '{name}'")
    for path in (facts["checkpoint"], *facts["pictures"]):  # whole, to be copied
        line(path)


def logs(
    name: Name,
    trial: Annotated[str | None, typer.Argument(help="One trial, <configuration>-s<seed>, or a configuration.")] = None,
    root: Root = ROOT,
    as_json: Json = False,
) -> None:
    """What happened in a study, or to one of its trials, with times."""
    from core.record import journal
    from core.record import study as written
    from core.record.events import to_line

    path = written.read(root, name).path
    found = False
    for _, event in journal.read(path):
        if trial is not None and trial not in (getattr(event, "trial", None), getattr(event, "configuration", None)):
            continue
        found = True
        if as_json:
            emit([to_line(event)], True)
        else:
            when = datetime.datetime.fromtimestamp(event.time).astimezone()
            line(f"{when:%Y-%m-%d %H:%M:%S}  {_sentence(event)}")
    if trial is not None and not found:
        raise QueryError(f"study '{name}' has no trial {trial}; `studies best {name}` lists some")


def _sentence(event: "Event") -> str:
    """An event in words: what it is about, and its fields."""
    from core.record import events

    match event:
        case events.DriverStarted():
            return f"driver {event.pid} started"
        case events.ConfigurationSuggested():
            values = ", ".join(f"{key}={text(value)}" for key, value in event.hyperparameters.items())
            return f"{event.configuration} suggested: {event.model} {values}"
        case events.TrialStarted():
            return f"{event.trial} started"
        case events.TrialReported():
            return f"{event.trial} at step {event.step}: {_values(event.metrics)}"
        case events.TrialEnded():
            why = f": {event.reason}" if event.reason else ""
            return f"{event.trial} {event.state.lower()} at step {event.step}{why}: {_values(event.metrics)}"
        case events.ConfigurationEnded():
            return f"{event.configuration} ended: {event.state.lower()}{f', {event.reason}' if event.reason else ''}"
    line_of = {key: value for key, value in events.to_line(event).items() if key not in ("type", "time")}
    return f"{type(event).type}: {', '.join(f'{key} {value}' for key, value in line_of.items())}"


def _values(metrics: Any) -> str:
    return ", ".join(f"{key} {text(value)}" for key, value in metrics.items() if not key.startswith("train/"))
