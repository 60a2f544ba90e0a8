"""The study files that come with the package: listed, shown, copied, and launched by name."""

import json
import pathlib
import sys
from typing import Any

import pytest

from studies import catalogue
from studies.cli import app
from studies.study_file import document
from studies.study_file.document import StudyFileError


@pytest.fixture
def ask(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """`studies catalogue …` in a folder of its own; its exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["studies", "catalogue", *words])
        with pytest.raises(SystemExit) as ended:
            app.main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return run


def test_the_list_says_what_every_shipped_study_answers(ask: Any) -> None:
    rows = {row["name"]: row for row in map(json.loads, ask("list", "--json")[1].splitlines())}
    assert list(rows) == list(catalogue.files())
    assert all(row["answers"] and row["trials"] for row in rows.values())
    row = rows["chyvae_figure2-paper-noshape"]
    assert (row["scale"], row["trials"], row["dataset"]) == ("paper", 180, "dsprites.noshape")
    assert row["paper"].startswith("CHyVAE, figure 2: ")
    assert rows["quickstart"]["scale"] is rows["quickstart"]["paper"] is None
    table = ask("list", "--scale", "smoke")[1]
    assert "few_labels-smoke" in table
    assert "few_labels-paper" not in table
    assert ask("list", "--scale", "tiny")[::2] == (
        2,
        "there is no scale 'tiny'; there are smoke, recorded, laptop, paper\n",
    )


def test_a_shipped_study_is_shown_and_copied(ask: Any, tmp_path: pathlib.Path) -> None:
    text = catalogue.files()["few_labels-smoke"].read_text()
    assert ask("show", "few_labels-smoke")[1].endswith(text)
    assert json.loads(ask("show", "few_labels-smoke", "--json")[1])["text"] == text
    assert ask("copy", "few_labels-smoke")[1] == "few_labels-smoke.yaml\n"
    assert (tmp_path / "few_labels-smoke.yaml").read_text() == text
    assert ask("copy", "few_labels-smoke")[0] == 2
    (tmp_path / "folder").mkdir()
    assert ask("copy", "few_labels-smoke", "folder")[1] == "folder/few_labels-smoke.yaml\n"
    assert ask("copy", "few_labels-smoke", "absent/x.yaml")[0] == 2
    code, _, err = ask("show", "few_labels-smok")
    assert (code, err) == (2, "there is no shipped study 'few_labels-smok'; did you mean 'few_labels-smoke'?\n")


def test_a_study_file_may_be_given_by_the_name_of_a_shipped_one(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shipped = catalogue.files()["few_labels-smoke"]
    assert document.read("few_labels-smoke").source == str(shipped)
    (tmp_path / "few_labels-smoke").write_text("name: mine\n")  # a file of one's own comes first
    assert document.read("few_labels-smoke").data == {"name": "mine"}
    with pytest.raises(StudyFileError, match="a shipped one is called 'quickstart', and others are in `studies cat"):
        document.read("studies/quickstart.yml")
    with pytest.raises(StudyFileError, match=r"no such study file$"):
        document.read("mine.yaml")
