"""What the report's page is made of: sections of blocks. `templates/blocks.html` has a macro for each kind of block.

Text is escaped on the page, unless it is `markupsafe.Markup`.
"""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal

from analysis.report.album import Image
from analysis.report.scatter import Plot


@dataclasses.dataclass(frozen=True)
class Paragraph:
    """A paragraph; `quiet` for a remark that most readers can skip."""

    text: str
    quiet: bool = False


@dataclasses.dataclass(frozen=True)
class Items:
    """A list without an order."""

    items: Sequence[str]


@dataclasses.dataclass(frozen=True)
class Definitions:
    """What is said about each of several things, by its name."""

    entries: Mapping[str, str]


@dataclasses.dataclass(frozen=True)
class Subheading:
    """A heading inside a section."""

    text: str


@dataclasses.dataclass(frozen=True)
class Figure:
    """A picture with its number and caption; it is left out when the page has no room for it.

    Attributes:
        image: the picture.
        alt: what is on it, for a reader who cannot see it.
        caption: what it shows, in sentences.
        kind: `pixels` for a grid of small images, which is enlarged without smoothing.
    """

    image: Image
    alt: str
    caption: str
    kind: Literal["", "pixels"] = ""


@dataclasses.dataclass(frozen=True)
class Panels:
    """Small pictures of equal size that are one figure, as many beside each other as there is room for.

    Attributes:
        pictures: each with what is on it, for a reader who cannot see it.
        caption: what they show, in sentences.
        columns: most of them that stand beside each other.
    """

    pictures: Sequence[tuple[Image, str]]
    caption: str
    columns: int


@dataclasses.dataclass(frozen=True)
class Table:
    """A table with its number and caption.

    Attributes:
        caption: what it shows, in sentences.
        heads: of the columns.
        rows: as many cells each; the first names the row.
        notes: remarks below it.
    """

    caption: str
    heads: Sequence[str]
    rows: Sequence[Sequence[object]]
    notes: Sequence[str] = ()


@dataclasses.dataclass(frozen=True)
class Scatter:
    """A scatter plot whose points can be pointed at or reached by the keyboard; it is numbered as a figure.

    Attributes:
        plot: where everything stands.
        alt: what is on it, for a reader who cannot see it.
        images: what is shown beside a point, by its configuration.
        caption: what it shows, in sentences; the legend follows it.
        caption_without: the same where the page has no room for any of the images, or where there are none.
        reachable: whether the keyboard reaches the points of the front.
    """

    plot: Plot
    alt: str
    images: Mapping[str, Image]
    caption: str
    caption_without: str
    reachable: bool = True


@dataclasses.dataclass(frozen=True)
class Row:
    """Figures beside each other where there is room, else below each other."""

    figures: Sequence[Figure | Scatter]


@dataclasses.dataclass(frozen=True)
class Code:
    """Lines to copy."""

    text: str


@dataclasses.dataclass(frozen=True)
class Details:
    """A table that is shown when a reader opens its summary."""

    summary: str
    table: Table


@dataclasses.dataclass(frozen=True)
class LeftOut:
    """How many pictures had no room in the page; nothing when all had."""


Block = (
    Paragraph | Items | Definitions | Subheading | Figure | Panels | Table | Scatter | Row | Code | Details | LeftOut
)


@dataclasses.dataclass(frozen=True)
class Section:
    """A section of the page, which its navigation leads to.

    Attributes:
        anchor: identifier of the heading, for links.
        heading: of the section, and its name in the navigation.
        blocks: what is in it, in order.
    """

    anchor: str
    heading: str
    blocks: tuple[Block, ...]

    @classmethod
    def of(cls, anchor: str, heading: str, *blocks: Block | None) -> "Section":
        """A section of the blocks that are there; None stands for one that has nothing to show."""
        return cls(anchor, heading, tuple(block for block in blocks if block is not None))


def images(blocks: Iterable[Block]) -> Iterator[Image]:
    """All images of some blocks, in order."""
    for block in blocks:
        match block:
            case Figure():
                yield block.image
            case Panels():
                yield from (image for image, _ in block.pictures)
            case Scatter():
                yield from block.images.values()
            case Row():
                yield from images(block.figures)
