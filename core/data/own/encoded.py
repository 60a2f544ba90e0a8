"""Pictures in files of their own kind (PNG, JPEG, WebP, TIFF), decoded by several threads at once."""

import hashlib
import io
from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import NamedTuple, TypeVar

import numpy as np

from core.data.own.fit import Fit, image_of, is_grey
from core.data.own.source import Survey
from core.machine import granted_cores

T = TypeVar("T")
PER_CHUNK = 256
KIND = "no picture of a kind that can be read"
Content = tuple[str, Callable[[], bytes]]
"""A picture's name, and what reads it, from any thread; OSError or ValueError where it cannot be read."""


class _Looked(NamedTuple):
    name: str
    digest: bytes
    image: np.ndarray | None
    reason: str
    size: tuple[int, int]
    mode: str


class Encoded:
    """Pictures that are decoded one by one; those that cannot be are named."""

    label: str

    @abstractmethod
    def contents(self) -> Iterator[Content]:
        """All pictures, always in the same order."""

    def survey(self, fit: Fit) -> Survey:
        """Decode every picture."""
        digest, skipped, colour = hashlib.sha256(), [], False
        sizes: Counter[tuple[int, int]] = Counter()
        modes: Counter[str] = Counter()
        for looked in self._looked(fit):
            if looked.image is None:
                skipped.append((looked.name, looked.reason))
                continue
            digest.update(f"{looked.name!a}\n".encode() + looked.digest)
            colour = colour or not is_grey(looked.image)
            sizes[looked.size] += 1
            modes[looked.mode] += 1
        count = sum(sizes.values())
        notes = [_sizes(sizes), "kinds of pixels: " + ", ".join(f"{mode} {n:,}" for mode, n in modes.most_common())]
        return Survey(digest.hexdigest(), count, colour, tuple(skipped), tuple(notes) if count else ())

    def images(self, survey: Survey, fit: Fit, start: int) -> Iterator[np.ndarray]:
        """Images uint8 (n, 3, S, S), or with one channel where the survey found no colour."""
        left_out = {name for name, _ in survey.skipped}
        kept = (looked.image for looked in self._looked(fit) if looked.name not in left_out)
        number = 0
        for part in _parts(kept):
            images = np.stack([_channels(image, survey.colour) for image in part if image is not None])
            if number + len(images) > start:
                yield images[max(0, start - number) :]
            number += len(images)

    def _looked(self, fit: Fit) -> Iterator[_Looked]:
        with ThreadPoolExecutor(granted_cores().amount) as pool:
            for part in _parts(self.contents()):
                yield from pool.map(lambda content: _look(content[0], content[1], fit), part)


def _look(name: str, read: Callable[[], bytes], fit: Fit) -> _Looked:
    from PIL import Image, UnidentifiedImageError

    try:
        content = read()
        with Image.open(io.BytesIO(content)) as picture:
            image = image_of(picture, fit)
            return _Looked(name, hashlib.sha256(content).digest(), image, "", picture.size, picture.mode)
    except UnidentifiedImageError:
        reason = KIND
    except Exception as error:  # whatever a decoder says of a damaged file
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return _Looked(name, b"", None, reason, (0, 0), "")


def _parts(items: Iterable[T]) -> Iterator[list[T]]:
    left = iter(items)
    while part := list(islice(left, PER_CHUNK)):
        yield part


def _channels(image: np.ndarray, colour: bool) -> np.ndarray:
    return np.repeat(image, 3, axis=0) if colour and len(image) == 1 else image if colour else image[:1]


def _sizes(sizes: Counter[tuple[int, int]]) -> str:
    common = [f"{width}×{height} {count:,}" for (width, height), count in sizes.most_common(3)]
    more = f" and {len(sizes) - 3:,} other sizes" if len(sizes) > 3 else ""
    return f"sizes of the originals: {', '.join(common)}{more}"
