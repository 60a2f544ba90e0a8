"""Drive a study on a cluster as a Ray job, so that the shell that launched it may close.

The job carries the checkout as its working directory; a service that was installed as a package is on every node, as in
an image. The root of studies must be a directory that both the job and the shells that ask about the study can reach.
"""

import contextlib
import json
import os
import pathlib
import shlex
import sys
import time
from typing import Any

from core.mistakes import StudyError, reason_of
from studies.record.folder import StudyFolder

JOB = "job.json"
PATIENCE = 60.0  # seconds for a cluster to get ready
RETRY_EVERY = 1.0
EXCLUDED = ["/.git", "/.venv", "/runs", "/data", "**/__pycache__"]  # of the checkout itself, not `core/data`


def require_server(address: str | None) -> str:
    """The address of a job server that answers.

    Raises:
        StudyError: it is no such address, or nothing answers there.
    """
    _client(address or "none")
    return str(address)


def submit(folder: StudyFolder, address: str) -> str:
    """Submit a Ray job that resumes the study; its id.

    Args:
        folder: a study that was created, but is not driven.
        address: of the cluster's job server, `http://HOST:8265`.

    Raises:
        StudyError: no job server answers there, or it does not take the job.
    """
    client = _client(address)
    environment = {key: os.environ[key] for key in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN_PATH") if key in os.environ}
    arguments = ["resume", folder.name, "--root", str(folder.root), "--address", "auto", "--keep-code"]
    entrypoint = shlex.join([sys.executable, "-m", "studies.cli", *arguments])
    runtime_env = {"env_vars": environment, **_source(pathlib.Path(__file__).resolve().parents[2])}
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            job: str = client.submit_job(
                entrypoint=entrypoint, runtime_env=runtime_env, metadata={"study": folder.name}
            )
            break
        except RuntimeError as error:  # a cluster that has just started has no agent to run jobs yet
            if time.monotonic() > deadline:
                raise StudyError(f"the job server at '{address}' does not take the job: {reason_of(error)}") from None
            time.sleep(RETRY_EVERY)
    (folder.path / JOB).write_text(json.dumps({"address": address, "id": job}))
    return job


def stop(folder: StudyFolder) -> str | None:
    """Stop the study's job, if it has one that is not over; its id."""
    with contextlib.suppress(OSError, ValueError):
        job = json.loads((folder.path / JOB).read_text())
        client = _client(job["address"])
        if not client.get_job_status(job["id"]).is_terminal():
            client.stop_job(job["id"])
            return str(job["id"])
    return None


def _source(place: pathlib.Path) -> dict[str, Any]:
    """What of a runtime environment says where our code is; beside an installed package lie all the others."""
    checkout = (place / "pyproject.toml").exists()
    return {"working_dir": str(place), "excludes": EXCLUDED} if checkout else {}


def _client(address: str) -> Any:
    from ray.job_submission import JobSubmissionClient

    if not address.startswith(("http://", "https://")):
        raise StudyError(f"--detach needs the address of the cluster's job server, http://HOST:8265, not '{address}'")
    try:
        client = JobSubmissionClient(address)
        client.get_version()
    except (ConnectionError, RuntimeError, OSError) as error:
        raise StudyError(f"no Ray job server answers at '{address}': {reason_of(error)}") from None
    return client
