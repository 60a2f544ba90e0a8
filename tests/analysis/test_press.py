import pathlib
import sys

import matplotlib as mpl
import pandas as pd
import pytest
from matplotlib.figure import Figure

from analysis import figures
from analysis.figures import press


@pytest.fixture(autouse=True)
def two_cores_at_a_fixed_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(press, "granted_cores", lambda: type("Grant", (), {"amount": 2}))
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")


def over_decades() -> Figure:
    """A figure with the scale of its own that a knob with a zero has."""
    rows = pd.DataFrame({"model": "beta_vae", "beta": [0.0, 1.0, 100.0], "mig_mean": [0.1, 0.2, 0.3], "mig_std": 0.01})
    return figures.against_knobs(rows, {"beta_vae": ["beta"]}, {"mig": "maximize"}, {"beta"})


def test_the_process_beside_writes_the_same_bytes(tmp_path: pathlib.Path) -> None:
    with mpl.rc_context({"font.family": "STIXGeneral"}):
        here = figures.save(over_decades(), tmp_path, "here").with_suffix(".pdf")
        with press.beside():
            there = figures.save(over_decades(), tmp_path, "there").with_suffix(".pdf")
            figure = over_decades()
            figures.save(figure, tmp_path, "later")
            figure.suptitle("drawn on afterwards")
    assert there.read_bytes() == here.read_bytes() == (tmp_path / "later.pdf").read_bytes()
    assert b"/FontFile2" in here.read_bytes()  # TrueType, which journals take


def test_a_press_that_dies_costs_no_file(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(press, "of_the_house", lambda _: ([sys.executable, "-c", "raise SystemExit(3)"], None))
    with press.beside():
        path = figures.save(over_decades(), tmp_path, "front")
    assert path.with_suffix(".pdf").read_bytes().startswith(b"%PDF")


def test_what_goes_wrong_meanwhile_stops_it(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    endless = "import time\nwhile True: time.sleep(60)"
    monkeypatch.setattr(press, "of_the_house", lambda _: ([sys.executable, "-c", endless], None))

    def interrupted() -> None:
        with press.beside():
            figures.save(over_decades(), tmp_path, "front")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not (tmp_path / "front.pdf").exists()
