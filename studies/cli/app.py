"""The command line, `studies COMMAND …`: its commands by what they are for.

Results go to stdout (with `--json`, one JSON object a line), messages to stderr. Exit codes: 0 done, 1 the study ended
with failed trials or without having delivered everything, 2 a user's mistake, 130 interrupted.
"""

import atexit
import gc
import importlib.metadata
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated

import typer

from core.mistakes import UserError
from core.runtime import home_directory
from studies.cli.commands import ask, audit, catalogue, data, keep, look, run, ui
from studies.cli.output import line, say, use_any_encoding

# by what they are for: name, function, an example
COMMANDS: Mapping[str, Sequence[tuple[str, Callable[..., None], str]]] = {
    "Run": (
        ("validate", run.validate, "studies validate study.yaml --set budget.steps=200"),
        ("schema", run.schema, "studies schema > study.schema.json"),
        ("launch", run.launch, "studies launch study.yaml --smoke"),
        ("resume", run.resume, "studies resume quickstart"),
        ("stop", run.stop, "studies stop quickstart"),
        ("extend", run.extend, "studies extend quickstart --configurations 80 --seeds 10"),
    ),
    "Look": (
        ("list", look.list_studies, "studies list --sort best --tag paper"),
        ("status", look.status, "studies status quickstart --watch"),
        ("logs", look.logs, "studies logs quickstart 3f8aaef1c9aa-s0"),
        ("show", look.show, "studies show 3f8aaef1c9aa-s0"),
        ("ui", ui.ui, "studies ui quickstart"),
    ),
    "Ask": (
        ("best", ask.best, "studies best quickstart --metric mig --where 'reconstruction_error < 100'"),
        ("front", ask.front, "studies front quickstart --plot"),
        ("knee", ask.knee, "studies knee quickstart"),
        ("nearest", ask.nearest, "studies nearest quickstart reconstruction_error=40"),
        ("compare", ask.compare, "studies compare quickstart chyvae beta_vae"),
        ("report", ask.report, "studies report quickstart"),
        ("export", ask.export, "studies export quickstart ~/quickstart"),
        ("log-model", ask.log_model, "studies log-model quickstart"),
    ),
    "Keep in order": (
        ("tag", keep.tag, "studies tag quickstart paper"),
        ("note", keep.note, "studies note quickstart 'gamma wants a wider range'"),
        ("rename", keep.rename, "studies rename quickstart first-try"),
        ("archive", keep.archive, "studies archive quickstart --to ~/quickstart.tar.gz"),
        ("delete", keep.delete, "studies delete quickstart"),
        ("gc", keep.gc, "studies gc --dry-run"),
    ),
    "Look whether all is well": (
        ("doctor", audit.doctor, "studies doctor --address auto"),
        ("check", audit.check, "studies check quickstart"),
        ("replay", audit.replay, "studies replay quickstart 3f8aaef1c9aa-s0 --steps 100"),
        ("test-extension", audit.check_extension, "studies test-extension my_model.py"),
    ),
}

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Hyperparameter studies of disentangled representations.",
    epilog="A first study: studies launch quickstart. Of a command: studies COMMAND -h.",
)
for panel, commands in COMMANDS.items():
    for name, function, example in commands:
        app.command(name, rich_help_panel=panel, epilog=f"Example: {example}")(function)
app.add_typer(data.app, name="data", rich_help_panel="Look")
app.add_typer(catalogue.app, name="catalogue", rich_help_panel="Run")


def _version(wanted: bool) -> None:
    if wanted:
        line(importlib.metadata.version("disentanglement-studies"))
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version.")
    ] = False,
) -> None:
    """Hyperparameter studies of disentangled representations."""


def main() -> None:
    """Entry point: a user's mistake is one sentence on stderr and exit code 2, a fault of ours is a traceback."""
    use_any_encoding()
    atexit.register(gc.freeze)  # or Python looks through all of PyTorch for cycles, to end: a third of a second
    try:
        with home_directory():
            sys.exit(app(standalone_mode=False) or 0)
    except (typer.Abort, KeyboardInterrupt):
        sys.exit(130)
    except UserError as error:
        say(str(error))
        sys.exit(2)
    except Exception as error:
        if type(error).__module__.startswith(("click", "typer")):  # a wrong option or argument
            message = getattr(error, "format_message", None)
            say(message() if message else str(error))
            sys.exit(2)
        raise
