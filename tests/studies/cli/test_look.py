"""What a person who comes back to many studies asks: list, tag, note, status, show, logs."""

import json
import pathlib
from typing import Any

import pytest

from core.mistakes import StudyError
from studies.cli import output
from studies.upkeep.listing import listing
from tests.analysis.kit import StudyWriter, random_study


def half_done(root: pathlib.Path, name: str) -> str:
    """A study of which one of two trials is completed; the identity of that."""
    writer = StudyWriter(root, name, search={"sampler": "random", "configurations": 1})
    key = writer.configuration("beta_vae", beta=4.0)
    writer.complete(key, 0, {"factor_vae_score": 0.5, "reconstruction_error": 40.0, "train/kl": 1.0})
    return f"{key}-s0"


def test_the_list_says_how_every_study_stands(
    tmp_path: pathlib.Path, ask: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    random_study(tmp_path, "full", configurations=4)
    half_done(tmp_path, "half")
    (tmp_path / "half" / "study.yaml").write_text("# Does β matter?\n")
    rows = {row["name"]: row for row in map(json.loads, ask("list", "--json")[1].splitlines())}
    half = rows["half"]
    assert (half["state"], half["ended"], half["trials"], half["front"]) == ("stopped", 1, 2, 1)
    assert (half["objective"], half["best"], half["model"]) == ("factor_vae_score", 0.5, "beta_vae")
    assert half["purpose"] == "Does β matter?"
    assert half["disk"] == sum(path.stat().st_size for path in (tmp_path / "half").iterdir())
    assert rows["full"]["state"] == "done"
    narrow = ask("list")[1]
    assert narrow.count("factor_vae_") == 2
    assert max(map(len, narrow.splitlines()[1:])) <= 80  # below the name of the root, however long
    assert "┃ name" in narrow  # a row for each, not a table for each
    monkeypatch.setattr(output.OUT, "width", 200)
    wide = ask("list")[1]
    assert "factor_vae_score 0.5 " in wide
    assert "Does β matter?" in wide


def test_a_damaged_study_is_listed_beside_the_others(tmp_path: pathlib.Path, ask: Any) -> None:
    half_done(tmp_path, "good")
    half_done(tmp_path, "bad")
    (tmp_path / "bad" / "study.json").write_text("{")
    code, out, err = ask("list", "--sort", "name")
    assert code == 0
    assert out.index("bad") < out.index("good")
    assert "bad: " in err
    assert "is damaged" in err


def test_the_order_of_the_list(tmp_path: pathlib.Path) -> None:
    for name, score in (("low", 0.1), ("high", 0.9)):
        writer = StudyWriter(tmp_path, name, search={"sampler": "random", "configurations": 1})
        key = writer.configuration("beta_vae", seeds=2 if name == "low" else 1, beta=4.0)
        writer.complete(key, 0, {"factor_vae_score": score, "reconstruction_error": 1.0})
    assert [row["name"] for row in listing(tmp_path, "best")] == ["high", "low"]
    assert [row["name"] for row in listing(tmp_path, "trials")] == ["low", "high"]
    with pytest.raises(StudyError, match="'size' is nothing to sort by; there are changed, name"):
        listing(tmp_path, "size")


def test_tags_and_notes_are_kept_with_the_study(tmp_path: pathlib.Path, ask: Any) -> None:
    half_done(tmp_path, "one")
    half_done(tmp_path, "two")
    assert ask("tag", "one", "paper", "gpu")[1] == "paper, gpu\n"
    assert ask("tag", "one", "gpu", "--remove")[1] == "paper\n"
    assert ask("tag", "one", "gpu", "--remove")[::2] == (2, "there is no tag 'gpu'; there are paper\n")
    assert ask("tag", "one", "a b")[0] == 2
    ask("note", "one", "the seed matters")
    assert ask("note", "one")[1].endswith("the seed matters\n")
    (row,) = map(json.loads, ask("list", "--tag", "paper", "--json")[1].splitlines())
    assert (row["name"], row["tags"], row["note"]) == ("one", ["paper"], "the seed matters")
    (tmp_path / "one" / "notes.json").write_text("[]")
    assert ask("tag", "one")[0] == 2


def test_status_says_what_the_live_table_says(tmp_path: pathlib.Path, ask: Any) -> None:
    half_done(tmp_path, "half")
    facts = json.loads(ask("status", "half", "--json")[1])
    assert (facts["state"], facts["planned"], facts["completed"], facts["pending"]) == ("stopped", 2, 1, 1)
    assert facts["best"]["reconstruction_error"] | {"configuration": ""} == {
        "value": 40.0, "model": "beta_vae", "configuration": "", "n": 1
    }  # fmt: skip
    assert facts["hours_left"] == pytest.approx(1.5 / 3600)  # 100 steps, of which 100 took 1.5 s
    out = ask("status", "half", "--watch")[1]  # nobody drives it, so one look is enough
    assert "1 of 2 ended" in out
    assert "0.5  beta_vae" in out


def test_a_trial_is_shown_with_all_that_is_known_of_it(tmp_path: pathlib.Path, ask: Any) -> None:
    trial = half_done(tmp_path, "half")
    uri = json.loads(ask("show", trial, "--json")[1])["checkpoint"]
    pictures = pathlib.Path(uri) / "pictures"
    pictures.mkdir(parents=True)
    (pictures / "traversal.png").touch()
    facts = json.loads(ask("show", trial, "--json")[1])
    assert (facts["study"], facts["state"], facts["step"]) == ("half", "COMPLETED", 100)
    assert facts["hyperparameters"] == {"beta": 4.0}
    assert facts["metrics"]["train/kl"] == 1.0
    assert facts["cost"]["seconds_training"] == 1.0
    assert facts["pictures"] == [str(pictures / "traversal.png")]
    assert str(pictures / "traversal.png") in ask("show", trial)[1]


def test_a_trial_of_several_studies_needs_one_named(tmp_path: pathlib.Path, ask: Any) -> None:
    trial = half_done(tmp_path, "one")
    half_done(tmp_path, "two")
    assert ask("show", trial)[::2] == (2, f"{trial} is a trial of one, two; say which with --study\n")
    assert json.loads(ask("show", trial, "--study", "two", "--json")[1])["study"] == "two"
    assert ask("show", f"{trial}9")[0] == ask("show", "nonsense")[0] == ask("show", trial, "--study", "no")[0] == 2


def test_logs_tell_what_happened_to_a_study_and_to_a_trial(tmp_path: pathlib.Path, ask: Any) -> None:
    trial = half_done(tmp_path, "half")
    out = ask("logs", "half")[1]
    assert "driver 1 started" in out
    assert "suggested: beta_vae beta=4" in out
    lines = ask("logs", "half", trial)[1].splitlines()
    assert len(lines) == 4
    assert lines[-1].endswith(f"{trial} completed at step 100: factor_vae_score 0.5, reconstruction_error 40")
    assert [json.loads(each)["type"] for each in ask("logs", "half", trial, "--json")[1].splitlines()] == [
        "start", "report", "report", "end"
    ]  # fmt: skip
    assert ask("logs", "half", "nothing")[0] == 2
