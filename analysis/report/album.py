"""Pictures that stand in the page itself, as many as it has room for."""

import base64
import dataclasses
import io
import itertools
import pathlib
from collections.abc import Iterable

import numpy as np
import PIL.Image
from matplotlib.figure import Figure

from analysis import figures

ROOM = 8_500_000  # bytes of the page that pictures may take
DENSITY = figures.DPI / 96  # pixels of a drawing for one of the page, so that its text is as large as it was drawn
COLOURS = 256
OF_THE_STUDY, OF_A_WINNER, ON_HOVER = range(3)  # ranks of images: who gets room first


@dataclasses.dataclass(frozen=True, eq=False)
class Image:
    """A picture that a section wants to show.

    Attributes:
        pixels: what is on it.
        density: its pixels for one of the page.
        widest: width in its own pixels that it is made smaller to; None leaves it as it is.
        rank: images of a lower rank get room in the page first.
    """

    pixels: PIL.Image.Image
    density: float = 1.0
    widest: int | None = None
    rank: int = OF_THE_STUDY


@dataclasses.dataclass(frozen=True)
class Picture:
    """A picture that stands in the page itself.

    Attributes:
        source: a data URI.
        width: in pixels of the page.
        height: in pixels of the page.
    """

    source: str
    width: int
    height: int


def drawn(figure: Figure, directory: pathlib.Path, name: str, rank: int = OF_THE_STUDY) -> Image:
    """Save a figure as `<name>.png` and `<name>.pdf`, and take it as large as it was drawn."""
    return from_file(figures.save(figure, directory, name), rank)


def page_only(figure: Figure) -> Image:
    """A figure as large as it was drawn, of which no file is kept beside the page."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=figures.DPI, pil_kwargs={"compress_level": 1})  # read at once, and gone
    return Image(_read(buffer.getvalue()), DENSITY)


def cut(figure: Figure, directory: pathlib.Path, name: str, rows: int, columns: int) -> list[Image]:
    """Save a figure of equal cells (`figures.cells`) as a whole, and take its cells as pictures, row by row."""
    whole = from_file(figures.save(figure, directory, name)).pixels
    width, height = whole.width / columns, whole.height / rows
    found = []
    for row, column in itertools.product(range(rows), range(columns)):
        corners = (
            round(column * width),
            round(row * height),
            round((column + 1) * width),
            round((row + 1) * height),
        )
        found.append(Image(whole.crop(corners), DENSITY))
    return found


def from_file(path: pathlib.Path, rank: int = OF_THE_STUDY) -> Image:
    """A PNG file that `figures.save` wrote, as large as it was drawn."""
    return Image(_read(path.read_bytes()), DENSITY, rank=rank)


def from_png(png: bytes, widest: int | None = None, rank: int = OF_THE_STUDY) -> Image:
    """A PNG file whose pixels are those of the page."""
    return Image(_read(png), widest=widest, rank=rank)


def _read(png: bytes) -> PIL.Image.Image:
    with PIL.Image.open(io.BytesIO(png)) as opened:
        return opened.convert("RGB")


def fit(images: Iterable[Image], room: int = ROOM) -> dict[Image, Picture]:
    """The pictures of those images for which there is room, in bytes of the page."""
    found = {}
    for image in sorted(images, key=lambda each: each.rank):
        picture = encode(image)
        if len(picture.source) <= room:
            room -= len(picture.source)
            found[image] = picture
    return found


def encode(image: Image) -> Picture:
    """An image as a picture: in greys or at most 256 colours, and no wider than it may be."""
    pixels = image.pixels
    if image.widest is not None and pixels.width > image.widest:
        height = round(pixels.height * image.widest / pixels.width)
        pixels = pixels.resize((image.widest, height), PIL.Image.Resampling.BOX)
    channels = np.asarray(pixels)
    grey = bool((channels == channels[..., :1]).all())
    pixels = pixels.convert("L") if grey else pixels.quantize(COLOURS, dither=PIL.Image.Dither.NONE)
    buffer = io.BytesIO()
    pixels.save(buffer, format="PNG")
    source = "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
    return Picture(source, round(pixels.width / image.density), round(pixels.height / image.density))
