"""`studies data …`: list, render, check and show data sets."""

import pathlib
import re
from typing import Annotated, Any

import typer

from core.mistakes import DataError
from studies.cli import complete
from studies.cli.options import DataRoot, Json
from studies.cli.output import ERR, emit, line, say

SUFFIXES = {".npz": "npz", ".h5": "h5", ".hdf5": "h5", ".parquet": "parquet"}
Dataset = Annotated[
    str,
    typer.Argument(
        help="A name, a study file, a folder of pictures, an .npz, .h5 or .parquet file.",
        autocompletion=complete.of_datasets,
    ),
]

app = typer.Typer(no_args_is_help=True, help="Data sets: list, render, check, show.")


@app.command("list")
def data_list(data_root: DataRoot = None, as_json: Json = False) -> None:
    """All data sets: images, factors, source, cache."""
    import core.data

    rows = core.data.catalogue(data_root)
    if not as_json:
        rows = [
            {
                "name": row["name"],
                "images": f"{row['images']:,}" if row["images"] else "",
                "factors": ", ".join(f"{name} {size}" for name, size in zip(row["factors"], row["sizes"], strict=True)),
                "source": row["source"] or "not here",
                "cache": f"{row['bytes'] / 1e6:.0f} MB" if row["bytes"] else "",
            }
            for row in rows
        ]
    emit(rows, as_json, "data sets")


@app.command("render")
def data_render(dataset: Dataset, data_root: DataRoot = None) -> None:
    """Build the cache of a data set on this machine."""
    from rich.progress import Progress

    import core.data

    spec = _spec(dataset)
    name = core.data.dataset_name(spec)
    with Progress(console=ERR, transient=True) as progress:
        task = progress.add_task(f"rendering {name}", total=None)
        core.data.prepare(spec, data_root, lambda done, total: progress.update(task, completed=done, total=total))
    opened = core.data.load(spec, data_root)
    where = opened.cache_path or "composed from memory"
    line(f"{name}: {len(opened):,} images, {opened.source}, {where}")


@app.command("check")
def data_check(dataset: Dataset, data_root: DataRoot = None) -> None:
    """Read a user's files in full and say what they hold; verify the cache by its content hash."""
    import core.data

    spec = _spec(dataset)
    findings = core.data.check(spec, data_root)
    try:
        for found in core.data.found(spec, data_root):
            line(found)
    except DataError as error:
        findings = list(dict.fromkeys([*findings, str(error)]))
    if findings:
        raise DataError("\n".join(findings))
    line(f"{core.data.dataset_name(spec)}: nothing wrong")


@app.command("show")
def data_show(
    dataset: Dataset,
    output: Annotated[pathlib.Path | None, typer.Option(help="PNG to write; default <dataset>.png.")] = None,
    data_root: DataRoot = None,
) -> None:
    """Write a contact sheet: images of the data set as a PNG, their factors on stdout."""
    from PIL import Image

    import core.data

    spec = _spec(dataset)
    sheet, captions = core.data.contact_sheet(spec, data_root)
    path = output or pathlib.Path(re.sub(r"[^\w.-]", "", core.data.dataset_name(spec)) + ".png")
    try:
        Image.fromarray(sheet).save(path)
    except (OSError, ValueError) as error:  # no such folder, no right to write, or no known kind of picture
        raise DataError(f"{path} cannot be written: {error}") from None
    for caption in captions:
        line(caption)
    say(str(path))


def _spec(dataset: str) -> Any:
    """The data set that an argument stands for: a registered name, that of a study file, or images of one's own."""
    import core.data
    from studies.study_file.document import read

    path = pathlib.Path(dataset)
    if dataset in core.data.names():
        return dataset
    if path.suffix in (".yaml", ".yml"):
        document = read(path)
        if document.data.get("dataset") is None:
            raise DataError(f"{path} has no data set")
        return core.data.anchored(document.data["dataset"], document.folder)
    kind = "folder" if path.is_dir() else SUFFIXES.get(path.suffix)
    return core.data.anchored({kind: dataset}, pathlib.Path.cwd()) if kind else dataset
