"""`studies catalogue …`: list, show and copy the study files that come with this package."""

import pathlib
from typing import Annotated, Any

import typer

from core.mistakes import StudyError, nearest
from studies import catalogue
from studies.cli import complete
from studies.cli.options import Json
from studies.cli.output import emit, line, say
from studies.cli.rows import first_sentence

Name = Annotated[
    str,
    typer.Argument(
        help="Name of a shipped study, as `studies catalogue list` has it.", autocompletion=complete.of_catalogue
    ),
]

app = typer.Typer(no_args_is_help=True, help="Study files that come with this package: list, show, copy.")


@app.command("list", epilog="Example: studies catalogue list --scale laptop")
def catalogue_list(
    scale: Annotated[
        str | None, typer.Option(help="Only smoke (minutes), recorded (replays, a minute), laptop (hours) or paper.")
    ] = None,
    as_json: Json = False,
) -> None:
    """All shipped studies: name, trials, the paper's figure or table, and what they answer."""
    if scale is not None and scale not in catalogue.SCALES:
        raise StudyError(f"there is no scale '{scale}'; there are {', '.join(catalogue.SCALES)}")
    rows = [_facts(name, path) for name, path in catalogue.files().items()]
    rows = [row for row in rows if scale in (None, row["scale"])]
    if not as_json:
        rows = _glance(rows)
    emit(rows, as_json, "studies that are shipped; `studies launch NAME` runs one", downwards=False)


@app.command("show", epilog="Example: studies catalogue show chyvae_figure2-laptop")
def catalogue_show(name: Name, as_json: Json = False) -> None:
    """A shipped study: what it is, and its file."""
    path = _path(name)
    facts, text = _facts(name, path), path.read_text(encoding="utf-8")
    if as_json:
        emit([{**facts, "text": text}], True)
        return
    emit([{key: value for key, value in facts.items() if key not in ("answers", "file") and value}], False)
    line(text.rstrip())
    say(str(path))


@app.command("copy", epilog="Example: studies catalogue copy chyvae_figure2-laptop my-study.yaml")
def catalogue_copy(
    name: Name,
    to: Annotated[pathlib.Path | None, typer.Argument(help="File or folder; default NAME.yaml, here.")] = None,
) -> None:
    """Write a copy of a shipped study file, to be changed."""
    path = _path(name)
    target = path.name if to is None else to / path.name if to.is_dir() else to
    target = pathlib.Path(target)
    try:
        with target.open("x", encoding="utf-8") as stream:
            stream.write(path.read_text(encoding="utf-8"))
    except FileExistsError:
        raise StudyError(f"{target} exists already; give another file") from None
    except OSError as error:
        raise StudyError(f"{target} cannot be written: {error.strerror}") from None
    line(str(target))
    say(f"its name is still '{name}'; `studies launch {target}` runs it")


def _path(name: str) -> pathlib.Path:
    files = catalogue.files()
    if name not in files:
        raise StudyError(f"there is no shipped study '{name}'; {nearest(name, files)}")
    return files[name]


def _facts(name: str, path: pathlib.Path) -> dict[str, Any]:
    """What there is to know of a shipped study before it runs."""
    from analysis.reading.purpose import head_comment
    from core.papers import EXPERIMENTS
    from studies.study_file import document, validation

    read = document.read(path)
    spec = validation.validate(read)
    return {
        "name": name,
        "scale": catalogue.scale_of(name),
        "paper": None if spec.paper is None else EXPERIMENTS[spec.paper],
        "dataset": spec.dataset_name,
        "models": ", ".join(spec.models),
        "trials": spec.num_configurations * spec.seeds.min,
        "steps": spec.budget.steps,
        "objectives": ", ".join(spec.objectives),
        "answers": head_comment(read.text or ""),
        "file": str(path),
    }


def _glance(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of the list: the paper's figure or table, or else the question; what several answer is said once."""
    shown: list[dict[str, Any]] = []
    said = ""
    for row in rows:
        answers = row["paper"] or first_sentence(row["answers"])
        shown.append({**{key: row[key] for key in ("name", "scale", "trials")}, "answers": answers})
        if answers == said:
            shown[-1]["answers"] = ""
        said = answers
    return shown
