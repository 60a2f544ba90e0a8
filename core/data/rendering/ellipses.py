"""Gray ellipses of CorrelatedEllipses: drawn on a 256×256 canvas, averaged 4×4, and read back by moments.

Ellipses of one scale and rotation differ by whole canvas pixels only, so that 240 outlines in 16 phases each
(3 MB) give every image. The polygon and its filling follow OpenCV's `ellipse`, within one canvas pixel.
"""

from functools import cache

import numpy as np

SIZES = (32, 32, 6, 40)
POSITIONS = np.linspace(0, 1, 32)
SCALES = np.linspace(0.5, 1, 6)
ROTATIONS = np.linspace(0, 360, 40)
CENTRES = np.rint(156 * POSITIONS + 50).astype(np.int64)
ANGLES = np.radians(np.rint(ROTATIONS))
"""OpenCV rounds the angle to whole degrees."""

BOX, MARGIN = 28, 2
_MIDDLE = 52


def images(combinations: np.ndarray) -> np.ndarray:
    """Images uint8 (N, 1, 64, 64) of combinations (N,), numbered over `SIZES` with x slowest."""
    x, y, scale, rotation = np.unravel_index(combinations, SIZES)
    cx, cy = CENTRES[x], CENTRES[y]
    sprite = sprites()[scale, rotation, cy % 4, cx % 4]
    left, top = cx // 4 - _MIDDLE // 4 + MARGIN, cy // 4 - _MIDDLE // 4 + MARGIN
    canvas = np.zeros((len(x), 64 + 2 * MARGIN, 64 + 2 * MARGIN), dtype=np.uint8)
    for i in range(len(x)):
        canvas[i, top[i] : top[i] + BOX, left[i] : left[i] + BOX] = sprite[i]
    return np.ascontiguousarray(canvas[:, None, MARGIN:-MARGIN, MARGIN:-MARGIN])


@cache
def sprites() -> np.ndarray:
    """Averaged ellipses uint8 (6, 40, 4, 4, 28, 28): scale, rotation, phase down and right."""
    drawn = np.empty((6, 40, 4, 4, BOX, BOX), dtype=np.uint8)
    for scale in range(6):
        for rotation in range(40):
            mask = filled(scale, rotation)
            for down in range(4):
                for right in range(4):
                    moved = np.roll(mask, (down, right), axis=(0, 1))
                    mean = moved.reshape(BOX, 4, BOX, 4).mean(axis=(1, 3))
                    drawn[scale, rotation, down, right] = np.rint(255 * mean)
    drawn.setflags(write=False)
    return drawn


def filled(scale: int, rotation: int) -> np.ndarray:
    """Canvas pixels bool (112, 112) of an ellipse centred on pixel (52, 52): a 72-gon with its outline.

    An edge marks one pixel per row if steep, one per column if not; rows are filled between their marks.
    """
    t = np.radians(np.arange(0, 360, 5))
    along, across = np.rint(50 * SCALES[scale]) * np.cos(t), np.rint(25 * SCALES[scale]) * np.sin(t)
    cos, sin = np.cos(ANGLES[rotation]), np.sin(ANGLES[rotation])
    start = np.stack([along * cos - across * sin, along * sin + across * cos], axis=1)
    step = np.roll(start, -1, axis=0) - start
    major = np.abs(step).argmax(axis=1)[:, None]
    first = np.take_along_axis(start, major, axis=1)
    length = np.take_along_axis(step, major, axis=1)
    marks = np.ceil(np.minimum(first, first + length)) + np.arange(6)
    part = (marks - first) / length
    on_edge = part <= 1
    points = start[:, None, :] + np.clip(part, 0, 1)[:, :, None] * step[:, None, :]
    points = np.rint(np.concatenate([points[on_edge & (part >= 0)], start])).astype(np.int64) + _MIDDLE

    left, right = np.full(4 * BOX, 4 * BOX), np.full(4 * BOX, -1)
    np.minimum.at(left, points[:, 1], points[:, 0])
    np.maximum.at(right, points[:, 1], points[:, 0])
    columns = np.arange(4 * BOX)
    return (columns >= left[:, None]) & (columns <= right[:, None])


def recognised(pictures: np.ndarray) -> np.ndarray:
    """Classes uint8 (N, 4) of images (N, 64, 64) by their moments; a full turn is read as class 0."""
    weights = pictures.reshape(-1, 64, 64).astype(np.float64)
    mass = np.maximum(weights.sum(axis=(1, 2)), 1)
    ticks = 4 * np.arange(64) + 1.5
    x = weights.sum(axis=1) @ ticks / mass
    y = weights.sum(axis=2) @ ticks / mass
    xx = weights.sum(axis=1) @ ticks**2 / mass - x**2
    yy = weights.sum(axis=2) @ ticks**2 / mass - y**2
    xy = np.einsum("nij,i,j->n", weights, ticks, ticks, optimize=True) / mass - x * y
    turn = np.arctan2(2 * xy, xx - yy) % (2 * np.pi)
    areas = sprites()[:, :, 0, 0].sum(axis=(2, 3), dtype=np.int64).mean(axis=1)
    away = np.abs((turn[:, None] - 2 * ANGLES[:-1] + np.pi) % (2 * np.pi) - np.pi)
    classes = [_nearest(x, CENTRES), _nearest(y, CENTRES), _nearest(mass, areas), away.argmin(axis=1)]
    return np.stack(classes, axis=1).astype(np.uint8)


def _nearest(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    return np.abs(values[:, None] - known).argmin(axis=1)
