"""Run the notebooks beside this file and keep what they show: `python docs/notebooks/execute.py`.

They run one after the other in one new folder, so that the second opens the study that the first launches.
"""

import json
import os
import pathlib
import tempfile
from typing import Any

HERE = pathlib.Path(__file__).resolve().parent
ORDER = ("first_study.ipynb", "own_analysis.ipynb")
PATIENCE = 600  # seconds of a cell


def execute(path: pathlib.Path, folder: pathlib.Path) -> Any:
    """A notebook with what its cells show when they run in a folder; places in it are told relative to that folder.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell fails.
    """
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, timeout=PATIENCE, resources={"metadata": {"path": str(folder)}})
    client.execute(env={**os.environ, "PYTHONPATH": str(HERE.parents[1])})
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if "outputs" in cell:
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
    text = json.dumps(notebook).replace(folder.as_uri() + "/", "").replace(str(folder), ".")
    return nbformat.from_dict(json.loads(text))


def main() -> None:
    """Run all of them, and write each back."""
    import nbformat

    with tempfile.TemporaryDirectory() as folder:
        for name in ORDER:
            nbformat.write(execute(HERE / name, pathlib.Path(folder)), HERE / name)


if __name__ == "__main__":
    main()
