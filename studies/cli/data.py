"""`studies data …`: list, render, check and show data sets."""

import pathlib
from typing import Annotated

import typer

from core.mistakes import DataError
from studies.cli.options import DataRoot, Json
from studies.cli.output import ERR, emit, line, say

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
def data_render(
    dataset: Annotated[str, typer.Argument(help="Name of a data set.")], data_root: DataRoot = None
) -> None:
    """Build the cache of a data set on this machine."""
    from rich.progress import Progress

    import core.data

    with Progress(console=ERR, transient=True) as progress:
        task = progress.add_task(f"rendering {dataset}", total=None)
        core.data.prepare(dataset, data_root, lambda done, total: progress.update(task, completed=done, total=total))
    opened = core.data.load(dataset, data_root)
    where = opened.cache_path or "composed from memory"
    line(f"{dataset}: {len(opened):,} images, {opened.source}, {where}")


@app.command("check")
def data_check(dataset: Annotated[str, typer.Argument(help="Name of a data set.")], data_root: DataRoot = None) -> None:
    """Verify a user's original file, and the cache by its content hash."""
    import core.data

    findings = core.data.check(dataset, data_root)
    if findings:
        raise DataError("\n".join(findings))
    line(f"{dataset}: nothing wrong")


@app.command("show")
def data_show(
    dataset: Annotated[str, typer.Argument(help="Name of a data set.")],
    output: Annotated[pathlib.Path | None, typer.Option(help="PNG to write; default <dataset>.png.")] = None,
    data_root: DataRoot = None,
) -> None:
    """Write a contact sheet: images of the data set as a PNG, their factors on stdout."""
    from PIL import Image

    import core.data

    sheet, captions = core.data.contact_sheet(dataset, data_root)
    path = output or pathlib.Path(f"{dataset}.png")
    try:
        Image.fromarray(sheet).save(path)
    except (OSError, ValueError) as error:  # no such folder, no right to write, or no known kind of picture
        raise DataError(f"{path} cannot be written: {error}") from None
    for caption in captions:
        line(caption)
    say(str(path))
