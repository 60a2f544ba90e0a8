"""Whether to extend a study is said with a number, before it is done, and never forbidden."""

import json
import pathlib
from typing import Any

import pytest

from analysis import search
from studies import service
from studies.cli.commands import run
from tests.analysis.kit import StudyWriter, random_study


def test_without_an_option_it_says_whether_more_would_pay(tmp_path: pathlib.Path, ask: Any) -> None:
    ahead = search.outlook(random_study(tmp_path))
    assert ahead.gain is not None
    code, out, err = ask("extend", "made")
    assert (code, out) == (
        0,
        f"{ahead.sentence}\nextend   studies extend made --root {tmp_path} --configurations {ahead.configurations}\n",
    )
    assert err == "--configurations, --seeds, --steps and --hours say what is to be enlarged\n"
    (row,) = map(json.loads, ask("extend", "made", "--json")[1].splitlines())
    assert (row["type"], row["sentence"], row["pays"]) == ("advice", ahead.sentence, True)
    assert row["gain"]["expected"] == ahead.gain.expected
    assert (row["gain"]["more"], row["configurations"]) == (10, 22)


def test_it_is_said_before_anything_runs(tmp_path: pathlib.Path, ask: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    sentence = search.outlook(random_study(tmp_path)).sentence
    monkeypatch.setattr(service, "extend", lambda *_, **__: None)
    monkeypatch.setattr(run, "resume", lambda *_, **__: run.say("resumed"))
    assert ask("extend", "made", "--configurations", "40") == (0, "", f"{sentence}\nresumed\n")
    out = ask("extend", "made", "--seeds", "9", "--json")[1]
    assert json.loads(out)["sentence"] == sentence


def test_of_few_nothing_is_said_unless_it_is_asked(
    tmp_path: pathlib.Path, ask: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    random_study(tmp_path, configurations=3)
    assert "3 ended, and it takes 5" in ask("extend", "made")[1]
    (row,) = map(json.loads, ask("extend", "made", "--json")[1].splitlines())
    assert (row["gain"], row["pays"], row["configurations"]) == (None, None, None)
    monkeypatch.setattr(service, "extend", lambda *_, **__: None)
    monkeypatch.setattr(run, "resume", lambda *_, **__: run.say("resumed"))
    assert ask("extend", "made", "--configurations", "40")[2] == "resumed\n"


def test_status_says_it_too(tmp_path: pathlib.Path, ask: Any) -> None:
    study = random_study(tmp_path)
    found = study.gain()
    assert found is not None
    assert f"{found.hypervolume:.4g}, next 10 likely + {found.in_percent}" in ask("status", "made")[1]
    (row,) = map(json.loads, ask("status", "made", "--json")[1].splitlines())
    assert row["gain"] == {
        "hypervolume": found.hypervolume,
        "more": 10,
        "expected": found.expected,
        "low": found.low,
        "high": found.high,
    }
    few = StudyWriter(tmp_path, "few", models={"beta_vae": {"beta": {"log": [1, 16]}}})
    few.complete(few.configuration("beta_vae", 1, beta=4.0), 0, {"factor_vae_score": 0.5, "reconstruction_error": 40.0})
    assert "hypervolume" not in ask("status", "few")[1]


def test_at_its_end_a_study_says_what_to_enlarge(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead = search.outlook(random_study(tmp_path))
    run._summary("made", tmp_path, drawn=False)
    assert capsys.readouterr().out.endswith(f"extend made --root {tmp_path} --configurations {ahead.configurations}\n")
    with monkeypatch.context() as patched:
        patched.setattr(search, "share_of_seeds", lambda _: 1.0)
        run._summary("made", tmp_path, drawn=False)
        told = capsys.readouterr().out
    assert "more seeds come first" in told
    assert told.endswith(f"extend made --root {tmp_path} --seeds N\n")
    grid = StudyWriter(
        tmp_path,
        "grid",
        models={"beta_vae": {"beta": [4]}},
        search={"sampler": "grid", "configurations": 1, "where": None},
    )
    grid.complete(
        grid.configuration("beta_vae", 1, beta=4.0), 0, {"factor_vae_score": 0.5, "reconstruction_error": 40.0}
    )
    run._summary("grid", tmp_path, drawn=False)
    assert capsys.readouterr().out.endswith(f"extend grid --root {tmp_path} --seeds N\n")
