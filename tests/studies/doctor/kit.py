"""Findings of checks, here and in processes that lack something."""

import json
import os
import pathlib
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping

from studies.doctor.finding import Asked, Finding, State
from studies.record.folder import default_stores
from tests.kernel import without_override

CHECKOUT = pathlib.Path(__file__).resolve().parents[3]
CODE = """
import dataclasses, importlib, json, pathlib, sys
from tests.studies.doctor.kit import asked
room, _, name = sys.argv[1].partition(".")
check = getattr(importlib.import_module(f"studies.doctor.{room}"), name)
print(json.dumps([dataclasses.asdict(finding) for finding in check(asked(pathlib.Path(sys.argv[2])))]))
"""


def asked(root: pathlib.Path, address: str | None = None, **stores: str | None) -> Asked:
    """A launch under a root; stores `tracking`, `storage` and `data` as in the command line."""
    given = {
        "tracking": None,
        "storage": None,
        "data": os.environ.get("STUDIES_DATA") or str(root.parent / "data"),
        **stores,
    }
    return Asked(root, default_stores(root, "doctor", **given), address)


def states(findings: Iterator[Finding] | list[Finding]) -> dict[str, State]:
    return {finding.check: finding.state for finding in findings}


def one(check: Callable[[Asked], Iterator[Finding]], given: Asked) -> Finding:
    """The only finding of a check."""
    (finding,) = check(given)
    return finding


def below_a_closed_folder(check: str, folder: pathlib.Path) -> Finding:
    """What a check finds of a root below a folder into which nobody can look."""
    prefix, closed = without_override(), folder / "closed"
    (closed / "runs").mkdir(parents=True)
    closed.chmod(0)
    (found,) = elsewhere(check, closed / "runs", prefix, {"STUDIES_DATA": str(folder)})
    closed.chmod(0o755)
    return found


def elsewhere(
    check: str, root: pathlib.Path, prefix: list[str] | None = None, variables: Mapping[str, str] | None = None
) -> list[Finding]:
    """What a check (`places.root`) finds in a process of its own, which `prefix` begins."""
    command = [*(prefix or []), sys.executable, "-c", CODE, check, str(root)]
    done = subprocess.run(
        command, cwd=CHECKOUT, env={**os.environ, **(variables or {})}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    return [Finding(row["check"], State(row["state"]), row["says"], row["fix"]) for row in rows]
