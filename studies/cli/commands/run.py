"""Commands that run a study: validate, launch, resume, stop, extend."""

import dataclasses
import os
import pathlib
import shlex
import shutil
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

import studies
from core.mistakes import StudyError
from core.runtime import seldom_collected
from studies.cli.options import (
    ROOT,
    Address,
    DataRoot,
    Events,
    File,
    Json,
    Name,
    Root,
    Seeds,
    Set,
    Smoke,
    Storage,
    TrackingUri,
)
from studies.cli.output import emit, line, say
from studies.cli.rows import best_rows, front_rows, plan_row

LONG = 24.0  # hours, after which one thinks of another machine

if TYPE_CHECKING:
    from studies.drive.display import Display
    from studies.drive.driver import Outcome
    from studies.study_file.document import Document
    from studies.study_file.spec import StudySpec


def validate(
    file: File,
    settings: Set = None,
    seeds: Seeds = None,
    smoke: Smoke = False,
    slots: Annotated[
        int | None, typer.Option(min=1, help="How long on a machine that trains so many trials at a time.")
    ] = None,
    speed: Annotated[
        float | None, typer.Option(min=1e-6, help="… and whose step is so many times as fast as on a core here.")
    ] = None,
    data_root: DataRoot = None,
    as_json: Json = False,
) -> None:
    """Check a study file and show its plan; nothing is started."""
    from studies.study_file import changes, document, validation
    from studies.study_file.estimate import plan

    written = changes.changed(document.read(file), settings or (), seeds, smoke)
    with seldom_collected():  # the models import PyTorch
        spec = validation.validate(written, data_root=data_root)
        validation.require_local_resources(spec, written)
        planned = plan(spec, data_root, slots, speed)
    emit([planned if as_json else plan_row(planned)], as_json, f"plan of study '{spec.name}'")
    _say_what_was_chosen(spec, written)
    _say_what_is_left_out(spec)
    if slots is None and speed is None and planned["hours_here"] > LONG:
        say("for another machine: --slots, trials at a time, and --speed, of a step; no GPU has been measured yet")


def launch(
    file: File,
    root: Root = ROOT,
    address: Address = None,
    detach: Annotated[
        bool, typer.Option("--detach", help="Drive it as a Ray job at --address http://HOST:8265.")
    ] = False,
    tracking_uri: TrackingUri = None,
    storage: Storage = None,
    data_root: DataRoot = None,
    settings: Set = None,
    seeds: Seeds = None,
    smoke: Smoke = False,
    as_json: Events = False,
) -> None:
    """Run a study; launching the same file again goes on where it stopped."""
    from studies import service
    from studies.study_file import changes
    from studies.study_file.document import read
    from studies.study_file.validation import require_local_resources

    asked: dict[str, Any] = {"root": root, "tracking_uri": tracking_uri, "storage": storage, "data_root": data_root}
    written = changes.changed(read(file), settings or (), seeds, smoke)
    again = None if detach else service.finished(written, **asked)
    if again is not None:
        record = again
        say(f"study '{record.folder.name}' is done already")
        _drive(lambda display: service.run(record, display, address), record.folder.name, root, as_json)
        return
    spec, document = service.load(written, data_root)
    if address is None:
        require_local_resources(spec, document)
    prepared = service.prepare(spec, document, **asked)
    if detach and as_json:
        raise StudyError("a detached study has no events here; `studies logs NAME --json` has them")
    if detach:
        from studies.cluster.job import require_server, submit

        server = require_server(address)
        job = submit(prepared.record().folder, server)
        say(f"study '{spec.name}' runs as job {job}; `studies status | stop {spec.name}{_root(root)}` from any shell")
        return
    _say_what_was_chosen(spec, document)
    _say_what_is_left_out(spec)
    trials = spec.num_configurations * spec.seeds.min
    say(f"study '{spec.name}' on {spec.dataset_name}: {trials} trials; Ctrl-C stops it in good order")
    _drive(lambda display: prepared.run(display, address), spec.name, root, as_json)


def schema() -> None:
    """The JSON Schema of study files, for editors: `# yaml-language-server: $schema=study.schema.json`."""
    import json

    from studies.reference.schema import schema as made

    print(json.dumps(made(), indent=1, ensure_ascii=False))


def resume(
    name: Name,
    root: Root = ROOT,
    address: Address = None,
    accept_changed_code: Annotated[
        bool, typer.Option("--accept-changed-code", help="Go on with extensions as they are now; it is noted.")
    ] = False,
    keep_code: Annotated[
        bool, typer.Option("--keep-code", help="Go on with the study's copies of its extensions.")
    ] = False,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Run failed trials once more, from before their failure.")
    ] = False,
    as_json: Events = False,
) -> None:
    """Run what is missing of a study, whatever killed it."""
    from studies import service

    record = service.to_resume(name, root, "keep" if keep_code else "accept" if accept_changed_code else "ask")
    _drive(lambda display: service.run(record, display, address, retry_failed=retry_failed), name, root, as_json)


def _drive(run: Callable[["Display | None"], "Outcome"], name: str, root: pathlib.Path, as_json: bool) -> None:
    from analysis.report.wording import count
    from studies.cli.events import EventLines, answer
    from studies.record.folder import StudyFolder

    folder = StudyFolder(root, name)
    try:
        outcome = run(EventLines(folder) if as_json else None)
    except KeyboardInterrupt:
        if folder.exists:
            say(f"stopped at once; `studies resume {name}{_root(root)}` goes on")
        raise
    if as_json:
        emit([answer(studies.open(name, root), outcome)], True)
    else:
        _summary(name, root, drawn=outcome.finished or outcome.spent)
    if outcome.spent and not outcome.finished:
        say(f"the study's own budget is spent; `studies extend {name}{_root(root)} --hours H` gives it more")
    elif not outcome.finished:
        say(f"stopped before the end; `studies resume {name}{_root(root)}` runs what is missing")
        raise typer.Exit(130)
    if outcome.failed_trials:
        say(
            f"{count(outcome.failed_trials, 'trial')} failed; the report says why; "
            f"`studies resume {name}{_root(root)} --retry-failed` tries them again"
        )
    if outcome.failed_trials or not outcome.delivered:
        raise typer.Exit(1)


def _say_what_was_chosen(spec: "StudySpec", written: "Document") -> None:
    """What a short study file leaves to us."""
    if "objectives" not in written.data:
        chosen = ", ".join(f"{key}: {direction}" for key, direction in spec.objectives.items())
        say(f"the file names no objectives; those of the data set are taken: objectives: {{{chosen}}}")
    if "evaluate_every" not in written.data["budget"]:
        say("a trial is evaluated once, at its end; budget.evaluate_every says how often instead")


def _say_what_is_left_out(spec: "StudySpec") -> None:
    """Points of a grid beyond the configurations that are asked for; objectives that early stopping does not see."""
    if spec.search.sampler == "grid" and spec.grid_size > spec.num_configurations:
        say(f"the grid has {spec.grid_size} points, {spec.num_configurations} of them will run: search.configurations")
    rule = spec.early_stop
    if rule is not None and rule.rule != "dominated" and len(spec.objectives) > 1:
        say(
            f"early_stop: {rule.rule} looks at {rule.metric} alone, and stops what would be on the front for another "
            "objective; on problems with known fronts that lost more than it saved, and 'dominated' looks at all"
        )


def _summary(name: str, root: pathlib.Path, *, drawn: bool) -> None:
    """What a user wants to see at the end of a study, or of a part of it whose report is not drawn."""
    from analysis import search
    from analysis.statistics.gain import WORTH, percent

    study = studies.open(name, root)
    for objective in study.objectives:
        if objective in study.metrics() and objective not in study.spec.get("costs", ()):
            emit(best_rows(study, objective, 3, None), False, f"best trials by {objective}, on {study.dataset_name}")
    emit(front_rows(study), False, f"Pareto front (means over seeds), hypervolume {study.hypervolume():.4g}")
    program, where = _program(), _root(root)
    of_luck = search.luck(study)
    if of_luck is not None and of_luck >= WORTH:
        share = f"{percent(of_luck)} % of this hypervolume is luck of the seeds"
        line(f"About {share}, going by how far neighbours differ; without it: {program} front {name}{where} --expected")
    ahead = search.outlook(study)
    if ahead.gain is not None:
        line(ahead.sentence)
    if drawn:
        report = study.pictures_folder() / "report.html"
        line(f"report   {report}")
        line(f"picture  {report.with_name('pareto_front.png')}")
    line(f"UI       {program} ui {name}{where}")
    line(f"resume   {program} resume {name}{where}")
    seeds_come_first = ahead.pays is False or not search.untried(study)
    more = "--seeds N" if seeds_come_first else f"--configurations {ahead.configurations or 'N'}"
    line(f"extend   {program} extend {name}{where} {more}")


def _program() -> str:
    """How a user calls this."""
    if shutil.which("studies"):
        return "studies"
    return "python -m studies" if sys.argv[0].endswith(".py") else shlex.quote(os.path.relpath(sys.argv[0]))


def stop(name: Name, root: Root = ROOT) -> None:
    """Ask the driver, on this machine or as a Ray job, to stop."""
    from studies import service

    stopped = service.stop(name, root=root)
    say(f"asked {stopped} to stop; `studies resume {name}{_root(root)}` will go on")


def extend(
    name: Name,
    configurations: Annotated[int | None, typer.Option(help="Configurations in all.")] = None,
    seeds: Annotated[int | None, typer.Option(help="Seeds of every configuration.")] = None,
    steps: Annotated[int | None, typer.Option(help="Steps of every trial; trained ones go on from their end.")] = None,
    hours: Annotated[float | None, typer.Option(help="Wall-clock hours of the study.")] = None,
    root: Root = ROOT,
    address: Address = None,
    as_json: Events = False,
) -> None:
    """Enlarge the plan of a study, and run what that adds; without an option, say whether that would pay."""
    from analysis import search
    from studies import service

    ahead = search.outlook(studies.open(name, root))
    advice = {"type": "advice", "study": name, **dataclasses.asdict(ahead)}
    if configurations is None and seeds is None and steps is None and hours is None:
        if as_json:
            emit([advice], True)
            return
        line(ahead.sentence)
        if ahead.pays:
            line(f"extend   studies extend {name}{_root(root)} --configurations {ahead.configurations}")
        say("--configurations, --seeds, --steps and --hours say what is to be enlarged")
        return
    service.extend(name, root=root, configurations=configurations, seeds=seeds, steps=steps, hours=hours)
    if as_json:
        emit([advice], True)
    elif ahead.gain is not None:
        say(ahead.sentence)
    resume(name, root, address, as_json=as_json)


def _root(root: pathlib.Path) -> str:
    return "" if root == ROOT else f" --root {shlex.quote(str(root))}"
