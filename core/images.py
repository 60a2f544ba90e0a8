"""Images as people look at them: tiled, in bytes, as PNG files."""

import dataclasses
import io
import os
import pathlib

import numpy as np
from PIL import Image

BORDER = 1


@dataclasses.dataclass(frozen=True)
class Picture:
    """A PNG file that a notebook shows.

    Attributes:
        png: the file.
    """

    png: bytes

    def __repr__(self) -> str:
        return f"<picture of {len(self.png):,} bytes>"

    def _repr_png_(self) -> bytes:
        return self.png

    def save(self, path: str | os.PathLike[str]) -> pathlib.Path:
        """Write the file; its path."""
        file = pathlib.Path(path)
        file.write_bytes(self.png)
        return file


def grid(images: np.ndarray) -> np.ndarray:
    """Tile images (rows, columns, C, H, W) uint8 into (height, width, 3) with a thin white border."""
    rows, columns, channels, height, width = images.shape
    canvas = np.full((rows * (height + BORDER) + BORDER, columns * (width + BORDER) + BORDER, 3), 255, np.uint8)
    for row in range(rows):
        for column in range(columns):
            top, left = BORDER + row * (height + BORDER), BORDER + column * (width + BORDER)
            tile = images[row, column].transpose(1, 2, 0)
            canvas[top : top + height, left : left + width] = tile if channels == 3 else tile[..., :1]
    return canvas


def to_uint8(images: np.ndarray) -> np.ndarray:
    """Images in [0, 1] as 0..255."""
    return np.clip(np.rint(images * 255.0), 0, 255).astype(np.uint8)


def png(image: np.ndarray) -> bytes:
    """A PNG file of an image (height, width, 3) uint8."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="PNG")
    return buffer.getvalue()
