"""Tables of every width: no word is broken, and nothing is lost."""

import itertools

import pytest
from rich.console import Console

from studies.cli import output

ROWS = [
    {"model": "beta_tcvae", "hyperparameters": "beta=4.989, beta2=17", "reconstruction_error": 1.5,
     "trial": "de6c7-s0"},
    {"model": "chyvae", "hyperparameters": "nu=33", "reconstruction_error": None, "trial": "45d5c-s0"},
]  # fmt: skip
WORDS = ["beta_tcvae", "beta=4.989,", "beta2=17", "de6c7-s0", "nu=33", "45d5c-s0", "1.5"]


@pytest.mark.parametrize("width", [50, 66, 80, 200])
def test_no_word_of_a_table_is_broken(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(output, "OUT", Console(width=width, markup=False, emoji=False, highlight=False))
    output.emit(ROWS, False, "a title wider than a table")
    first, *lines = capsys.readouterr().out.splitlines()
    assert first == "a title wider than a table"
    shown = set(itertools.chain.from_iterable(line.split() for line in lines))
    assert set(WORDS) <= shown
    assert "reconstruction_error" in shown or {"reconstruction_", "error"} <= shown
    assert ("reconstruction_error" in shown) == (width in (50, 80, 200))  # downwards, or wide enough
    assert max(map(len, lines)) <= width


def test_a_single_thing_reads_downwards_unless_it_is_one_of_a_list(capsys: pytest.CaptureFixture[str]) -> None:
    output.emit(ROWS[1:], False)
    assert len(capsys.readouterr().out.splitlines()) == len(ROWS[1]) + 2
    output.emit(ROWS[1:], False, downwards=False)
    assert len(capsys.readouterr().out.splitlines()) == 5
