"""CelebA: 202,599 aligned faces, RGB 64×64 (Liu et al. 2015), read from the user's JPEGs.

Prepared as for CHyVAE: resized to width 64 with its aspect (64×78), the middle 64 rows kept. The default
split is the official training partition.

Where the user has ``list_attr_celeba.txt`` (or ``.csv``), its 40 attributes are factors of two classes; the option
`factors` chooses some. The text has the number of images in its first line, the names of the attributes in the second,
then ``000001.jpg -1  1 …`` with 1 or -1 for each; the csv has a header and commas instead.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from core.data.pictures import Content, PictureFamily, fitted, pictures
from core.mistakes import DataError, nearest

if TYPE_CHECKING:
    from PIL.Image import Image

SIZE = (178, 218)
ATTRIBUTES = "list_attr_celeba"
PARTITION = "list_eval_partition"
PARTITIONS = {"train": 0, "valid": 1, "test": 2}


class CelebA(PictureFamily):
    """``img_align_celeba/`` or ``.zip`` and ``list_eval_partition.txt`` (or ``.csv``), under root or root/celeba."""

    name = "celeba"
    image_shape = (3, 64, 64)
    options = ("split", "factors")
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

    def table(self, options: dict[str, Any], content: Content, root: Path) -> dict[str, np.ndarray] | None:
        """The attributes, all or those that the option `factors` lists."""
        wanted = options.get("factors")
        path = _beside(root, ATTRIBUTES)
        if path is None:
            if wanted is not None:
                raise DataError(f"celeba has no factors without {root / 'celeba' / ATTRIBUTES}.txt")
            return None
        names, values = _attributes(path)
        if wanted is not None and (not isinstance(wanted, list | tuple) or not wanted):
            raise DataError(f"celeba: 'factors' must be a list of attributes, not {wanted!r}")
        for name in wanted or ():
            if name not in names:
                raise DataError(f"celeba: there is no attribute {name!r}; {nearest(name, names)}")
        files = [Path(name).name for name in content.names]
        missing = [name for name in files if name not in values]
        if missing:
            raise DataError(f"{path} does not list {missing[0]} ({len(missing):,} missing in all)")
        rows = np.array([values[name] for name in files], dtype=np.int8)
        return {name: rows[:, names.index(name)] for name in wanted or names}


def prepare(image: "Image") -> np.ndarray:
    """An aligned face as uint8 (3, 64, 64). Raises ValueError for a picture of another size."""
    if image.size != SIZE:
        raise ValueError(f"it is {image.size[0]}×{image.size[1]}, an aligned face is {SIZE[0]}×{SIZE[1]}")
    height = round(64 * SIZE[1] / SIZE[0])
    top = (height - 64) // 2
    return np.ascontiguousarray(fitted(image, (64, height), mode="RGB")[:, top : top + 64])


def _partition(root: Path) -> dict[str, int]:
    """Partition number of each file name; lines are ``000001.jpg 0`` or, in the csv, ``000001.jpg,0``."""
    path = _beside(root, PARTITION)
    if path is None:
        raise DataError(
            f"celeba needs its partition file: expected {root / 'celeba' / PARTITION}.txt (or set 'split: all')"
        )
    partition = {}
    for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
        fields = line.replace(",", " ").split()
        if not fields or fields[0] == "image_id":
            continue
        if len(fields) != 2 or fields[1] not in ("0", "1", "2"):
            raise DataError(f"{path}, line {number}: expected '000001.jpg 0', not {line[:60]!r}")
        partition[fields[0]] = int(fields[1])
    return partition


def _beside(root: Path, name: str) -> Path | None:
    """A table of the authors as text or, from elsewhere, as csv."""
    candidates = [base / f"{name}.{kind}" for base in (root / "celeba", root) for kind in ("txt", "csv")]
    return next((path for path in candidates if path.exists()), None)


def _attributes(path: Path) -> tuple[list[str], dict[str, list[int]]]:
    """Names of the attributes, and their values by the name of the picture."""
    lines = path.read_text(errors="replace").replace(",", " ").splitlines()
    header = next((number for number, line in enumerate(lines) if len(line.split()) > 1), len(lines))
    names = [name for name in (lines[header].split() if header < len(lines) else []) if name != "image_id"]
    values = {}
    for number, line in enumerate(lines[header + 1 :], header + 2):
        file, *fields = line.split() or [""]
        if not file:
            continue
        if len(fields) != len(names) or not set(fields) <= {"1", "-1", "0"}:
            raise DataError(f"{path}, line {number}: expected a file and {len(names)} times 1 or -1, not {line[:60]!r}")
        values[file] = [int(field) for field in fields]
    return names, values


FAMILY = CelebA()
