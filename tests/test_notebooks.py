"""The notebooks of the documentation: they run, one after the other, and were kept as they ran."""

import pathlib
from typing import Any

import pytest

from docs.notebooks.execute import HERE, ORDER, execute

nbformat = pytest.importorskip("nbformat", reason="the group 'notebooks' is not installed")
pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")


@pytest.mark.parametrize("name", ORDER)
def test_a_notebook_was_kept_as_it_ran(name: str) -> None:
    notebook = nbformat.read(HERE / name, as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert not any(output.output_type == "error" for cell in cells for output in cell.outputs)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_notebooks_run(tmp_path: pathlib.Path) -> None:
    shown = {name: execute(HERE / name, tmp_path) for name in ORDER}
    for name, notebook in shown.items():
        kept = nbformat.read(HERE / name, as_version=4)
        assert [cell.source for cell in notebook.cells] == [cell.source for cell in kept.cells]
        assert kinds(notebook)[1:] == kinds(kept)[1:]  # the first may launch, and shows how that goes on
    launched = next(cell for cell in shown[ORDER[0]].cells if cell.cell_type == "code")
    (place,) = [
        output.data["text/html"] for output in launched.outputs if "data" in output
    ]  # Tune shows nothing beside it
    assert "starting Ray" in place


def kinds(notebook: Any) -> list[set[str]]:
    """What the code cells show: text, HTML, pictures."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return [{kind for output in cell.outputs for kind in output.get("data", ())} for cell in cells]
