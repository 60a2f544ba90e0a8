"""`studies ui`: what MLflow or optuna-dashboard shows of studies, on loopback."""

import os
import pathlib
import sys
from typing import Annotated

import typer

from core.mistakes import StudyError
from studies.cli import complete
from studies.cli.options import ROOT, Root
from studies.cli.output import say

PORTS = 100  # that are tried


def ui(
    name: Annotated[
        str | None, typer.Argument(help="A study, whose view is to be shown.", autocompletion=complete.of_studies)
    ] = None,
    root: Root = ROOT,
    port: Annotated[int, typer.Option(min=1, max=65535, help="If it is taken, the next free one.")] = 5000,
    optuna: Annotated[bool, typer.Option("--optuna", help="Open optuna-dashboard on the study instead.")] = False,
) -> None:
    """Open the MLflow UI on the studies of this root, or on one, or optuna-dashboard; on this machine alone."""
    if optuna:
        _dashboard(name, root, port)
    else:
        _mlflow(name, root, port)


def _mlflow(name: str | None, root: pathlib.Path, port: int) -> None:
    from studies import shown

    uri = shown.tracking_uri(root, name)
    experiment = None if name is None else shown.view_of(name, root)
    if uri.startswith(("http://", "https://")):
        _say_where(uri.rstrip("/"), experiment)
        return
    port = _free(port)
    _say_where(f"http://127.0.0.1:{port}", experiment)
    say("Ctrl-C ends it")
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--backend-store-uri", uri, "--workers", "1"]
    os.execve(sys.executable, command, {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"})


def _say_where(server: str, experiment: str | None) -> None:
    from studies.delivery import view

    if experiment is None:
        say(f"{server}/#/experiments?workflowType=machine_learning shows the studies")
    else:
        say(f"{view.address(server, experiment)} shows the configurations, the best above")
        say(f"{view.address(server, experiment, charts=True)} the front, and curves")


def _dashboard(name: str | None, root: pathlib.Path, port: int) -> None:
    try:
        from optuna_dashboard import run_server
    except ImportError:
        raise StudyError("optuna-dashboard is not installed; `pip install optuna-dashboard` installs it") from None
    from studies.delivery.to_optuna import open_storage
    from studies.shown import optuna_url

    storage = open_storage(optuna_url(root, name))
    port = _free(port)
    say(f"http://127.0.0.1:{port}/dashboard shows what Optuna knows; Ctrl-C ends it")
    run_server(storage, host="127.0.0.1", port=port)


def _free(asked: int) -> int:
    """The port, or the next one that is free."""
    from core.machine import port_is_free

    port = next((each for each in range(asked, min(asked + PORTS, 65536)) if port_is_free(each)), 0)
    if not port:
        raise StudyError(f"port {asked} and those after it are taken; give another --port")
    if port != asked:
        say(f"port {asked} is taken; {port} is free")
    return port
