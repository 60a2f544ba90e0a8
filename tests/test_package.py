"""The package as `pip install` has it, away from the checkout."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tomllib
import zipfile

import pytest
from ruamel.yaml import YAML

CHECKOUT = pathlib.Path(__file__).resolve().parents[1]
PARTS = ("analysis", "core", "studies", "trainables", "pyproject.toml", "README.md")


@pytest.mark.slow
def test_a_wheel_has_all_that_the_package_reads(tmp_path: pathlib.Path) -> None:
    source, site = tmp_path / "source", tmp_path / "site"
    source.mkdir()
    for part in PARTS:
        place = CHECKOUT / part
        (shutil.copytree if place.is_dir() else shutil.copy)(place, source / part)
    build = [sys.executable, "-m", "pip", "wheel", ".", "--no-deps", "--no-build-isolation", "--wheel-dir", tmp_path]
    subprocess.run([*map(str, build), "--quiet"], cwd=source, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(site)
    for part in PARTS[:4]:
        code_and_data = {str(path.relative_to(CHECKOUT)) for path in _files(CHECKOUT / part) if _is_needed(path)}
        assert code_and_data <= {str(path.relative_to(site)) for path in _files(site / part)}
    command = [sys.executable, "-P", "-m", "studies", "catalogue", "list", "--json"]
    environment = {**os.environ, "PYTHONPATH": str(site)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert {json.loads(line)["file"].startswith(str(site)) for line in done.stdout.splitlines()} == {True}


def _files(folder: pathlib.Path) -> list[pathlib.Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def _is_needed(path: pathlib.Path) -> bool:
    """Results that were recorded, documents and caches of Python apart."""
    return "results" not in path.parts and "__pycache__" not in path.parts and path.suffix != ".md"


def test_who_cites_the_project_cites_this_version() -> None:
    citation = YAML(typ="safe").load((CHECKOUT / "CITATION.cff").read_text())
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    assert (citation["cff-version"], citation["type"]) == ("1.2.0", "software")
    assert citation["version"] == project["version"]
    assert citation["abstract"].startswith(project["description"])
