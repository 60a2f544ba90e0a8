"""3DChairs: 86,366 renders of 1,393 chairs, RGB 64×64 (Aubry et al. 2014), read from the user's copy.

The middle 400×400 pixels of each 600×600 render are kept. The first tenth, by name, is the test split of
CHyVAE: other chairs than those of the training split.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from core.data.files.originals import find
from core.data.pictures import Content, PictureFamily, fitted, pictures
from core.mistakes import DataError

if TYPE_CHECKING:
    from PIL.Image import Image

CROP = 400


class Chairs3D(PictureFamily):
    """``rendered_chairs/<chair>/renders/*.png`` or ``rendered_chairs.tar``, under root."""

    name = "chairs3d"
    image_shape = (3, 64, 64)
    splits = ("all", "train", "test")
    published = 86_366

    def content(self, root: Path) -> Content:
        """The renders of the folder or the tar; other pictures in it (the textures) are left out."""
        path = find(root, "rendered_chairs", "rendered_chairs.tar")
        if path is not None:
            return pictures(path, prepare, of=lambda name: Path(name).parent.name == "renders")
        raise DataError(f"chairs3d is not in {root}: expected the folder rendered_chairs or rendered_chairs.tar")

    def selected(self, split: str, content: Content, root: Path) -> np.ndarray:  # noqa: ARG002
        """The first tenth of the images, or the rest."""
        border = len(content.names) // 10
        return np.arange(border) if split == "test" else np.arange(border, len(content.names))


def prepare(image: "Image") -> np.ndarray:
    """A render as uint8 (3, 64, 64). Raises ValueError for a picture smaller than the crop."""
    width, height = image.size
    if min(width, height) < CROP:
        raise ValueError(f"it is {width}×{height}, a render is 600×600")
    left, top = (width - CROP) // 2, (height - CROP) // 2
    return fitted(image, (64, 64), mode="RGB", box=(left, top, left + CROP, top + CROP))


FAMILY = Chairs3D()
