"""CelebA: 202,599 aligned faces, RGB 64×64 (Liu et al. 2015), read from the user's JPEGs.

Prepared as for CHyVAE: resized to width 64 with its aspect (64×78), the middle 64 rows kept. The default
split is the official training partition.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from core.data.pictures import Content, PictureFamily, fitted, pictures
from core.mistakes import DataError

if TYPE_CHECKING:
    from PIL.Image import Image

SIZE = (178, 218)
PARTITION = "list_eval_partition"
PARTITIONS = {"train": 0, "valid": 1, "test": 2}


class CelebA(PictureFamily):
    """``img_align_celeba/`` or ``.zip`` and ``list_eval_partition.txt`` (or ``.csv``), under root or root/celeba."""

    name = "celeba"
    image_shape = (3, 64, 64)
    splits = ("train", "valid", "test", "all")
    published = 202_599

    def content(self, root: Path) -> Content:
        """The JPEGs of the folder or the zip."""
        for base in (root / "celeba", root):
            nested = base / "img_align_celeba" / "img_align_celeba"
            for path in (nested, base / "img_align_celeba", base / "img_align_celeba.zip"):
                if path.exists():
                    return pictures(path, prepare)
        raise DataError(
            f"celeba is not in {root}: expected the folder img_align_celeba (or img_align_celeba.zip) "
            f"and {PARTITION}.txt there or in {root / 'celeba'}"
        )

    def selected(self, split: str, content: Content, root: Path) -> np.ndarray:
        """The images that the partition file assigns to `split`."""
        partition = _partition(root)
        missing = [name for name in content.names if Path(name).name not in partition]
        if missing:
            raise DataError(f"{PARTITION} in {root} does not list {missing[0]} ({len(missing):,} missing in all)")
        wanted = [partition[Path(name).name] == PARTITIONS[split] for name in content.names]
        return np.flatnonzero(wanted)


def prepare(image: "Image") -> np.ndarray:
    """An aligned face as uint8 (3, 64, 64). Raises ValueError for a picture of another size."""
    if image.size != SIZE:
        raise ValueError(f"it is {image.size[0]}×{image.size[1]}, an aligned face is {SIZE[0]}×{SIZE[1]}")
    height = round(64 * SIZE[1] / SIZE[0])
    top = (height - 64) // 2
    return np.ascontiguousarray(fitted(image, (64, height), mode="RGB")[:, top : top + 64])


def _partition(root: Path) -> dict[str, int]:
    """Partition number of each file name; lines are ``000001.jpg 0`` or, in the csv, ``000001.jpg,0``."""
    candidates = [base / f"{PARTITION}.{kind}" for base in (root / "celeba", root) for kind in ("txt", "csv")]
    for path in candidates:
        if path.exists():
            break
    else:
        raise DataError(f"celeba needs its partition file: expected {candidates[0]} (or set 'split: all')")
    partition = {}
    for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
        fields = line.replace(",", " ").split()
        if not fields or fields[0] == "image_id":
            continue
        if len(fields) != 2 or fields[1] not in ("0", "1", "2"):
            raise DataError(f"{path}, line {number}: expected '000001.jpg 0', not {line[:60]!r}")
        partition[fields[0]] = int(fields[1])
    return partition


FAMILY = CelebA()
