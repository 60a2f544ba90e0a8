"""Packages that are missing, or of other versions."""

import importlib.metadata
import pathlib

import pytest

from studies.cluster.session import PROJECT
from studies.doctor import packages
from studies.doctor.finding import State
from tests.studies.doctor.kit import asked, states

NUMPY = importlib.metadata.version("numpy")


def project(folder: pathlib.Path, required: list[str], constraints: str | None = None) -> pathlib.Path:
    """A checkout that declares requirements, and says what it was tested with."""
    (folder / "pyproject.toml").write_text(f"[project]\nname = 'x'\ndependencies = {required!r}\n")
    if constraints is not None:
        (folder / "constraints.txt").write_text(constraints)
    return folder


@pytest.mark.parametrize(
    ("required", "state", "says"),
    [
        (["numpy>=1", "no-such-package>=2"], State.FAULT, "not installed: no-such-package>=2"),
        (["numpy>=999"], State.WARNING, f"other versions than declared: numpy is {NUMPY}, not >=999"),
        (["numpy>=1", "no-such-package; python_version < '3'"], State.OK, "all 1 that are required"),
        (["ray[default,tune]>=2"], State.OK, "all 1 that are required"),
    ],
)
def test_requirements(tmp_path: pathlib.Path, required: list[str], state: State, says: str) -> None:
    (found,) = packages.packages(asked(tmp_path), project(tmp_path, required))
    assert (found.state, says in found.says) == (state, True), found.says


def test_versions_that_nothing_was_tested_with(tmp_path: pathlib.Path) -> None:
    checkout = project(tmp_path, ["numpy"], f"numpy==1.0\npillow=={importlib.metadata.version('pillow')}\nabsent==3\n")
    found = list(packages.packages(asked(tmp_path), checkout))
    assert states(found) == {"packages": State.OK, "tested versions": State.WARNING}
    assert found[1].says.endswith(f"1 of 2 packages have other versions than were tested: numpy {NUMPY} (1.0)")


def test_an_installation_without_a_checkout(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert states(packages.packages(asked(tmp_path), tmp_path)) == {"packages": State.OK}
    monkeypatch.setattr(packages, "NAME", "no-such-distribution")
    (found,) = packages.packages(asked(tmp_path), tmp_path)
    assert (found.state, "is not installed" in found.says) == (State.WARNING, True)


def test_this_checkout_has_what_it_needs(tmp_path: pathlib.Path) -> None:
    found = list(packages.packages(asked(tmp_path), PROJECT))
    assert State.FAULT not in states(found).values()
