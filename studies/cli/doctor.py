"""The command that looks whether studies would run here: doctor."""

import dataclasses

import typer

from studies.cli.options import ROOT, Address, DataRoot, Json, Root, Storage, TrackingUri
from studies.cli.output import emit


def doctor(
    root: Root = ROOT,
    address: Address = None,
    tracking_uri: TrackingUri = None,
    storage: Storage = None,
    data_root: DataRoot = None,
    as_json: Json = False,
) -> None:
    """Look whether studies would run here, and say what to do where not; exit code 2 if one would not."""
    from studies import service
    from studies.doctor.finding import State

    findings = service.examine(
        root=root, address=address, tracking_uri=tracking_uri, storage=storage, data_root=data_root
    )
    emit([dataclasses.asdict(finding) for finding in findings], as_json, "what a study would meet here")
    if any(finding.state is State.FAULT for finding in findings):
        raise typer.Exit(2)
