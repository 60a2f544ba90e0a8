"""The site is built without a warning, and what it says to type is there."""

import os
import pathlib
import re
import subprocess
import sys
from typing import Any

import pytest
from ruamel.yaml import YAML

from studies import service
from studies.cli.app import COMMANDS, app

HOUSE = pathlib.Path(__file__).resolve().parents[2]
PAGES = [HOUSE / "README.md", *sorted((HOUSE / "docs/pages").rglob("*.md"))]
CODE = re.compile(r"```\w*\n(.*?)```|`([^`\n]+)`", re.DOTALL)
CALLED = re.compile(r"(?:^|\n|\| |`|/)studies ([a-z][a-z-]+)(?: ([a-z]+))?")


def test_it_is_built_without_a_warning(tmp_path: pathlib.Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--config-file", HOUSE / "docs/mkdocs.yml"]
    path = os.pathsep.join(filter(None, [str(HOUSE), os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1", "PYTHONPATH": path}
    built = subprocess.run([*command, "--site-dir", tmp_path], env=environment, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    models = (tmp_path / "reference/models.html").read_text()
    assert 'id="chyvae"' in models
    assert "Weight of the KL" in models
    assert (tmp_path / "study.schema.json").exists()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_every_command_that_is_named_is_there(path: pathlib.Path) -> None:
    known: set[str] = {name for commands in COMMANDS.values() for name, _, _ in commands}
    groups = {group.name: {command.name for command in _commands(group)} for group in app.registered_groups}
    for match in CODE.finditer(path.read_text()):
        for name, inner in CALLED.findall(f"\n{match[1] or match[2]}"):
            assert name in known | set(groups), f"studies {name}"
            if name in groups and inner:
                assert inner in groups[name], f"studies {name} {inner}"


def _commands(group: Any) -> list[Any]:
    return list(group.typer_instance.registered_commands)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_every_whole_study_file_that_is_shown_is_legal(path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)
    for text in re.findall(r"```yaml\n(.*?)```", path.read_text(), re.DOTALL):
        if all(f"\n{key}:" in f"\n{text}" for key in ("name", "dataset", "models", "budget")):
            study = YAML(typ="safe").load(text)
            if "extensions" not in study:  # tried in tests/test_readme.py
                service.load(study)
