"""A picture of a data set: a row of images for each factor, the others held."""

import numpy as np

from core.data.dataset import FactorDataset

COLUMNS = 10
GAP = 2
GRAY = 128


def draw(dataset: FactorDataset) -> tuple[np.ndarray, list[str]]:
    """A contact sheet uint8 (H, W, 3) and a caption for each of its rows, such as ``scale: 0.5 0.6 … 1``.

    Row k shows up to ten evenly spaced classes of factor k, the others held; where combinations are missing, the
    first image of each class. A set without factors shows evenly spaced images.
    """
    rows, captions = [], []
    if dataset.has_factors and not dataset.complete:
        factors = dataset.factors(np.arange(len(dataset)))
        for k, (name, size) in enumerate(zip(dataset.factor_names, dataset.factor_sizes, strict=True)):
            classes = np.unique(np.linspace(0, size - 1, min(size, COLUMNS)).round().astype(np.int64))
            rows.append(dataset.images(np.array([np.argmax(factors[:, k] == c) for c in classes])))
            labels = dataset.factor_labels(k)
            captions.append(f"{name}: " + " ".join(labels[c] for c in classes))
    elif dataset.has_factors:
        num_factors = len(dataset.factor_names)
        # Held at different fractions of their ranges, so that floor, wall and object have different colours.
        held = np.array([size * (2 * k + 1) // (2 * num_factors) for k, size in enumerate(dataset.factor_sizes)])
        for k, (name, size) in enumerate(zip(dataset.factor_names, dataset.factor_sizes, strict=True)):
            classes = np.unique(np.linspace(0, size - 1, min(size, COLUMNS)).round().astype(np.int64))
            factors = np.tile(held, (len(classes), 1))
            factors[:, k] = classes
            rows.append(dataset.images(dataset.index(factors)))
            labels = dataset.factor_labels(k)
            captions.append(f"{name}: " + " ".join(labels[c] for c in classes))
    else:
        indices = np.unique(np.linspace(0, len(dataset) - 1, COLUMNS * COLUMNS).round().astype(np.int64))
        for part in np.split(indices, range(COLUMNS, len(indices), COLUMNS)):
            rows.append(dataset.images(part))
            captions.append(f"images {part[0]:,} to {part[-1]:,}")
    return _sheet(rows), captions


def _sheet(rows: list[np.ndarray]) -> np.ndarray:
    _, _, height, width = rows[0].shape
    columns = max(len(row) for row in rows)
    sheet = np.full((GAP + len(rows) * (height + GAP), GAP + columns * (width + GAP), 3), GRAY, dtype=np.uint8)
    for r, row in enumerate(rows):
        for c, image in enumerate(row):
            top, left = GAP + r * (height + GAP), GAP + c * (width + GAP)
            sheet[top : top + height, left : left + width] = image.transpose(1, 2, 0)
    return sheet
