import pathlib
from collections.abc import Iterator

import pytest
from matplotlib.figure import Figure

from analysis import figures


@pytest.fixture(scope="package", autouse=True)
def without_print() -> Iterator[None]:
    """Figures for print take half of the time of a report; `tests/analysis/test_figures.py` looks at one."""

    def save(figure: Figure, directory: pathlib.Path, name: str) -> pathlib.Path:
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / f"{name}.png"
        figure.savefig(path, dpi=figures.DPI)
        path.with_suffix(".pdf").touch()
        return path

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, "save", save)
        yield
