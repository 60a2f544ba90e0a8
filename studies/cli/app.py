"""The command line: `studies validate | launch | status | resume | stop | best | report | ui | doctor | data …`.

Results go to stdout (with `--json`, one JSON object a line), messages to stderr. Exit codes: 0 done, 1 the study ended
with failed trials or without having delivered everything, 2 a user's mistake, 130 interrupted.
"""

import sys

import typer

from core.mistakes import UserError
from core.runtime import home_directory
from studies.cli import ask, audit, data, keep, look, run
from studies.cli.output import say, use_any_encoding

COMMANDS = (
    *(run.validate, run.launch, run.resume, look.status, run.stop, run.extend),
    *(audit.check, audit.replay, audit.doctor),
    *(look.show, look.logs),
    *(keep.tag, keep.note, keep.rename, keep.archive, keep.delete),
    *(ask.best, ask.front, ask.report, ask.knee, ask.nearest, ask.compare, ask.export, ask.log_model, ask.ui),
)

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Hyperparameter studies of disentangled representations.",
)
for command in COMMANDS:
    app.command()(command)
app.command("list")(look.list_studies)
app.command("test-extension")(audit.check_extension)
app.add_typer(data.app, name="data")


def main() -> None:
    """Entry point: a user's mistake is one sentence on stderr and exit code 2, a fault of ours is a traceback."""
    use_any_encoding()
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
