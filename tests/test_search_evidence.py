"""What a study file is told to expect is what the benchmark measured, in both of its runs: `benchmarks/results`."""

import pathlib
import re
from collections.abc import Callable

import pytest

from studies.study_file import auto

RESULTS = pathlib.Path(__file__).parents[1] / "benchmarks" / "results"
RUNS = [RESULTS / "search.md", RESULTS / "search_again" / "search.md"]
END = "at the end"
CLAIMED, BY_EXPECTED = "claimed above the truth, %", "claimed above the truth"
QUARTILES = re.compile(r"(-?[\d.]+) \[(-?[\d.]+), (-?[\d.]+)\]")


def rows(title: str) -> list[dict[str, str]]:
    """Of the first table of a section, in each file that has it."""
    found = []
    for section in (part for file in RUNS for part in file.read_text().split("\n## ") if part.startswith(title)):
        lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in section.splitlines() if line[:1] == "|"]
        found += [dict(zip(lines[0], line, strict=True)) for line in lines[2:] if len(line) == len(lines[0])]
    return found


def quartiles(title: str, column: str, chosen: Callable[[str], bool]) -> tuple[float, float]:
    """The lowest and the highest over all problems, of the settings that are chosen by their label."""
    label = list(rows(title)[0])[1]
    found = [QUARTILES.fullmatch(row[column]) for row in rows(title) if chosen(row[label])]
    return min(float(each[2]) for each in found if each), max(float(each[3]) for each in found if each)


def near(measured: tuple[float, float]) -> object:
    """Whole per cent, and nothing below none."""
    return pytest.approx([max(0.0, each) for each in measured], abs=0.51)


@pytest.mark.parametrize(("told", "sampler"), [(auto.MISSING, "TPE"), (auto.MISSING_AT_RANDOM, "random")])
def test_what_a_front_lacks_is_what_was_missing_at_the_end(told: dict[int, tuple[float, float]], sampler: str) -> None:
    mine = "auto" if sampler == "TPE" else "random"
    assert told[10] == near(
        quartiles("Configurations and slots", END, lambda each: each.startswith(f"{sampler}, 10 c"))
    )
    assert told[40] == near(quartiles("Defaults", "regret, %", lambda each: each == f"{mine}, 1 seed"))
    assert told[200] == near(
        quartiles("Two hundred configurations", END, lambda each: each.startswith(f"{sampler}, 200 c"))
    )
    assert told[1000] == near(
        quartiles("A thousand configurations", END, lambda each: each.startswith(f"{sampler}, 1000 c"))
    )


@pytest.mark.parametrize(("told", "column"), [(auto.CLAIMED, CLAIMED), (auto.CLAIMED_BY_EXPECTED, BY_EXPECTED)])
def test_what_a_front_shows_by_luck_is_what_was_claimed(told: dict[int, tuple[float, float]], column: str) -> None:
    front = "1 to 5, front"
    assert told[1] == near(quartiles("Seeds", column, lambda each: each == "1"))
    assert told[3] == near(quartiles("Seeds", column, lambda each: each == "3"))
    assert told[5] == near(quartiles("Seeds", column, lambda each: each in ("5", front)))
