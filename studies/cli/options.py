"""Arguments and options that several commands have."""

import pathlib
from typing import Annotated

import typer

from studies.cli import complete

ROOT = pathlib.Path("runs")

Name = Annotated[str, typer.Argument(help="Name of the study.", autocompletion=complete.of_studies)]
File = Annotated[
    str,
    typer.Argument(
        help="Study file, or the name of a shipped one (`studies catalogue list`).", autocompletion=complete.of_files
    ),
]
Metric = Annotated[
    str | None,
    typer.Option(help="Final metric; default the first objective, or all.", autocompletion=complete.of_metrics),
]
Root = Annotated[pathlib.Path, typer.Option(help="Directory of studies.")]
Address = Annotated[str | None, typer.Option(help="A running Ray cluster: auto or HOST:PORT.")]
TrackingUri = Annotated[str | None, typer.Option(help="MLflow tracking URI.")]
Storage = Annotated[str | None, typer.Option(help="Optuna's SQLAlchemy URL, or a URI for checkpoints.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object a line on stdout.")]
Events = Annotated[
    bool, typer.Option("--json", help="Events as they happen, one JSON object a line, and the answer as the last line.")
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Another value, such as budget.steps=200; may be repeated."),
]
Seeds = Annotated[int | None, typer.Option("--seeds", min=1, help="Trials of every configuration.")]
Smoke = Annotated[
    bool,
    typer.Option("--smoke", help="The whole line in a minute, as NAME-smoke: few steps, seeds, configurations."),
]
DataRoot = Annotated[
    str | None, typer.Option("--data", help="Directory of data sets; default $STUDIES_DATA or ./data.")
]
