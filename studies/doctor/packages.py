"""Python, and the packages that this service needs."""

import pathlib
import platform
import re
import tomllib
from collections.abc import Iterator
from importlib import metadata

from packaging.requirements import Requirement

from studies.cluster.session import PROJECT
from studies.doctor.finding import Asked, Finding, fault, ok, warning

NAME = "disentanglement-studies"
INSTALL = "pip install --constraint constraints.txt --editable ."
CONSTRAINT = re.compile(r"([\w.-]+)==(\S+)")


def python(_: Asked) -> Iterator[Finding]:
    """The version of Python, which every node must share."""
    yield ok("Python", f"{platform.python_version()} on {platform.platform()}")


def packages(_: Asked, project: pathlib.Path = PROJECT) -> Iterator[Finding]:
    """Required packages are there, in versions that were declared; best in those that everything was tested with."""
    declared = _requirements(project)
    if declared is None:
        yield warning("packages", f"{NAME} is not installed, so that its requirements are unknown", f"`{INSTALL}`")
        return
    missing, other = [], []
    for requirement in declared:
        version = _version(requirement.name)
        if version is None:
            missing.append(str(requirement))
        elif not requirement.specifier.contains(version, prereleases=True):
            other.append(f"{requirement.name} is {version}, not {requirement.specifier}")
    if missing:
        yield fault("packages", f"not installed: {', '.join(missing)}", f"`{INSTALL}`")
    if other:
        yield warning("packages", f"other versions than declared: {'; '.join(other)}", f"`{INSTALL}`")
    if not missing and not other:
        yield ok("packages", f"all {len(declared)} that are required, in versions that were declared")
    yield from _constraints(project)


def _constraints(project: pathlib.Path) -> Iterator[Finding]:
    """The versions that all tests ran with, where the checkout is at hand."""
    file = project / "constraints.txt"
    if not file.exists():
        return
    tested = dict(CONSTRAINT.findall(file.read_text()))
    installed = {name: version for name in tested if (version := _version(name)) is not None}
    other = [
        f"{name} {version} ({tested[name]})"
        for name, version in installed.items()
        if not Requirement(f"{name}=={tested[name]}").specifier.contains(version, prereleases=True)
    ]
    if other:
        text = f"{len(other)} of {len(installed)} packages have other versions than were tested: {', '.join(other)}"
        yield warning("tested versions", text, f"`{INSTALL}`, in the checkout, if something fails")
    else:
        yield ok("tested versions", f"{len(installed)} packages are as in {file}")


def _requirements(project: pathlib.Path) -> list[Requirement] | None:
    """What the checkout declares, which may be newer than the installation; else what the installation declares."""
    try:
        declared = tomllib.loads((project / "pyproject.toml").read_text())["project"]["dependencies"]
    except (OSError, ValueError, KeyError):
        try:
            declared = metadata.requires(NAME) or []
        except metadata.PackageNotFoundError:
            return None
    found = [Requirement(text) for text in declared]
    return [each for each in found if each.marker is None or each.marker.evaluate({"extra": ""})]


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
