"""From pictures of any kind and size to square images of bytes, by rules that do not depend on the picture.

1. A picture is turned as its EXIF record says; of several frames or pages the first counts.
2. Samples of 16 bits are divided by 257, fractions multiplied by 255. Transparent pixels show the `background`.
3. `crop` cuts the largest square out of the middle; `pad` puts background beside the shorter side.
4. The square is resized with a triangle filter as wide as the reduction (Pillow's antialiased BILINEAR).
"""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image

FITS = ("crop", "pad")
BACKGROUNDS = {"white": 255, "black": 0}
GREY_MODES = ("1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "F")
RULES = 1  # part of the cache's identity: raise it with any change of the rules


class Fit(NamedTuple):
    """How pictures become images: side in pixels, `crop` or `pad`, and what is behind transparent pixels."""

    size: int = 64
    fit: str = "crop"
    background: str = "white"


def image_of(picture: "Image", fit: Fit) -> np.ndarray:
    """A picture as uint8 (C, S, S), one channel where it has no colour by its kind, else three.

    Raises OSError, ValueError or SyntaxError where it cannot be read.
    """
    from PIL import Image, ImageOps

    picture.seek(0)
    turned = ImageOps.exif_transpose(picture)
    grey = turned.mode in GREY_MODES
    transparent = turned.mode in ("LA", "La", "RGBA", "RGBa", "PA") or "transparency" in turned.info
    plain = _bytes(turned) if turned.mode[0] in "IF" else turned
    if transparent:
        layer = plain.convert("RGBA")
        behind = Image.new("RGBA", layer.size, (BACKGROUNDS[fit.background],) * 3 + (255,))
        plain = Image.alpha_composite(behind, layer)
    return _square(plain.convert("L" if grey else "RGB"), fit)


def square(image: np.ndarray, fit: Fit) -> np.ndarray:
    """An image uint8 (C, H, W) of one, three or four channels (the last is alpha) as uint8 (C, S, S)."""
    from PIL import Image

    if image.shape == (image.shape[0], fit.size, fit.size) and len(image) != 4:
        return image
    picture = Image.fromarray(image[0] if len(image) == 1 else np.ascontiguousarray(image.transpose(1, 2, 0)))
    return image_of(picture, fit)


def is_grey(image: np.ndarray) -> bool:
    """Whether all channels of an image (C, H, W) are the same."""
    return bool((image == image[:1]).all())


def _bytes(picture: "Image") -> "Image":
    """A picture of 16 bits, or of fractions, as one of bytes."""
    from PIL import Image

    samples = np.asarray(picture)
    if samples.dtype.kind == "f":
        if not ((samples >= 0) & (samples <= 1)).all():
            raise ValueError(f"its fractions are from {samples.min():.3g} to {samples.max():.3g}, expected 0 to 1")
        return Image.fromarray(np.rint(samples * 255).astype(np.uint8))
    if samples.min() < 0 or samples.max() > 65_535:
        raise ValueError(f"its samples are from {samples.min()} to {samples.max()}, expected 0 to 65535")
    return Image.fromarray(np.rint(samples / 257).astype(np.uint8))


def _square(picture: "Image", fit: Fit) -> np.ndarray:
    from PIL import Image

    width, height = picture.size
    if fit.fit == "pad" and width != height:
        side = max(width, height)
        shade = BACKGROUNDS[fit.background]
        canvas = Image.new(picture.mode, (side, side), shade if picture.mode == "L" else (shade,) * 3)
        canvas.paste(picture, ((side - width) // 2, (side - height) // 2))
        picture = canvas
    width, height = picture.size
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    middle = picture.crop((left, top, left + side, top + side))
    resized = middle.resize((fit.size, fit.size), Image.Resampling.BILINEAR)
    return np.atleast_3d(np.asarray(resized, dtype=np.uint8)).transpose(2, 0, 1)
