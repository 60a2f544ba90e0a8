"""What a trained model shows: traversals, reconstructions, KL per dimension, the components of a modular prior."""

import pathlib
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from analysis.figures.style import STYLES, Drawing, canvas, tidy
from analysis.models.latents import Dimensions, traversal

MOST_COMPONENTS = 30  # drawn of a partition; a predecessor of the modular model may have thousands
COLUMNS = 20  # of a traversal
FRAMES = 50  # of an animation, as in CascadeVAE's


def traversals(
    model: Any,
    dimensions: Dimensions,
    values: np.ndarray | None = None,
    caption: str = "",
    *,
    most: int = 12,
    cell: float = 0.36,
) -> Figure:
    """One row per dimension, sorted and named by factor; one block per category (CHyVAE Fig. 5–8, 11, 16–18).

    Args:
        model: a loaded model.
        dimensions: `analysis.models.latents.describe(model, dataset)`.
        values: what a dimension is set to, left to right; 20 over `model.reach` unless given.
        caption: a line above.
        most: rows of a block.
        cell: side of an image in inches.
    """
    from core.images import grid as tile

    if values is None:
        low, high = model.reach
        values = np.linspace(low, high, COLUMNS)
    images = traversal(model, dimensions, values, most)
    blocks, rows, columns, _, height, width = images.shape
    size, names_width, above, below = cell, 1.75, 0.3 if blocks > 1 or caption else 0.05, 0.25  # inches
    inches = (names_width + size * columns + 0.1, blocks * (size * rows + above + below))
    figure = Drawing(figsize=inches)
    for block in range(blocks):
        bottom = inches[1] - (block + 1) * (size * rows + above + below) + below
        corner = (names_width / inches[0], bottom / inches[1])
        axes = figure.add_axes((*corner, size * columns / inches[0], size * rows / inches[1]))
        axes.imshow(tile(images[block]), interpolation="nearest", aspect="auto")
        names = [dimensions.label(int(dimension)) for dimension in dimensions.order[:rows]]
        axes.set_yticks(1 + height / 2 + np.arange(rows) * (height + 1), names, fontsize=8)
        marks = [f"{value:.1f}".replace("-", "−") for value in values]
        axes.set_xticks(1 + width / 2 + np.arange(columns) * (width + 1), marks)
        axes.tick_params(length=0, axis="both")
        axes.tick_params(axis="x", labelsize=6)
        axes.spines[:].set_visible(False)
        if blocks > 1:
            one_hot = ", ".join("1" if index == block else "0" for index in range(blocks))
            axes.set_title(f"d = [{one_hot}]", fontsize=9, loc="left")
    if caption:
        figure.suptitle(caption, fontsize=10)
    return figure


def animate(model: Any, dimensions: Dimensions, path: pathlib.Path, frames: int = FRAMES) -> pathlib.Path:
    """Write a GIF: every dimension goes through `model.reach` and back; a column per dimension, a row per category."""
    from PIL import Image

    from core.images import grid as tile

    low, high = model.reach
    wave = np.sin(np.linspace(-np.pi / 2, 3 * np.pi / 2, frames, endpoint=False))
    values = (low + high) / 2 + (high - low) / 2 * wave
    images = traversal(model, dimensions, values)
    grey = images.shape[3] == 1  # which a GIF holds as it is; colours take a palette for every frame
    tiled = [tile(images[:, :, frame]) for frame in range(frames)]
    sheets = [Image.fromarray(sheet[..., 0] if grey else sheet) for sheet in tiled]
    path.parent.mkdir(parents=True, exist_ok=True)
    sheets[0].save(path, save_all=True, append_images=sheets[1:], duration=80, loop=0)
    return path


def reconstructions(model: Any, images: np.ndarray, caption: str = "") -> Figure:
    """Images (N, C, H, W) uint8 above what the model makes of them."""
    from trainables.evaluation.pictures import reconstruction_grid

    figure, grid = canvas(0.55 * len(images) + 0.4, 1.6)
    grid[0, 0].imshow(reconstruction_grid(model, images), interpolation="nearest")
    grid[0, 0].set_axis_off()
    grid[0, 0].set_title(caption, fontsize=10, loc="left")
    return figure


def kl_per_dimension(dimensions: Dimensions) -> Figure:
    """Mean KL divergence of each dimension, the largest first; what is below 0.1 nats is counted as inactive.

    Raises:
        ValueError: the model has no Gaussian posterior.
    """
    if dimensions.kl is None:
        raise ValueError("KL per dimension needs a model with a Gaussian posterior")
    order = np.argsort(-dimensions.kl, kind="stable")
    figure, grid = canvas(0.4 * len(order) + 1.6, 3.0)
    axes = grid[0, 0]
    axes.bar(range(len(order)), dimensions.kl[order], color=STYLES[0][0])
    axes.axhline(0.1, color="0.35", linestyle="--", linewidth=0.8)
    names = [dimensions.label(int(dimension)).rpartition("  ")[0] for dimension in order]
    axes.set_xticks(range(len(order)), names, rotation=60, ha="right", fontsize=8)
    axes.set_ylabel("KL (nats)")
    tidy(axes)
    return figure


def prior_components(model: Any, count: int = 100) -> Figure:
    """Samples of each component of the modular prior on the first two principal axes, a panel per partition.

    Args:
        model: a loaded modular model.
        count: samples per component.

    Raises:
        ValueError: the model has no mixture prior.
    """
    prior, factors = _mixture(model)
    sizes = [min(size, MOST_COMPONENTS) for size in prior.sizes.tolist()]
    figure, grid = canvas(2.6 * len(sizes), 2.8, 1, len(sizes))
    rng = np.random.default_rng(0)
    for k, (axes, size) in enumerate(zip(grid[0], sizes, strict=True)):
        means, factor = prior.means[k, :size].numpy(), prior.factors[k, :size].numpy()
        drawn = means[:, None] + rng.normal(size=(size, count, means.shape[1])) @ factor.swapaxes(1, 2)
        flat = principal_axes(drawn.reshape(-1, means.shape[1])).reshape(size, count, 2)
        for value, points in enumerate(flat):
            colour, marker = STYLES[value % len(STYLES)]
            axes.scatter(*points.T, s=6, c=colour, marker=marker, alpha=0.5, rasterized=True)
            axes.annotate(str(value), points.mean(0), ha="center", va="center", fontweight="bold")
        axes.set(title=factors[k], xlabel="first axis")
        tidy(axes)
    grid[0, 0].set_ylabel("second axis")
    return figure


def principal_axes(points: np.ndarray) -> np.ndarray:
    """Points (N, D) on their first two principal axes: (N, 2)."""
    centred = points - points.mean(0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    projected: np.ndarray = centred @ axes[:2].T
    return np.pad(projected, ((0, 0), (0, 2 - projected.shape[1])))


def component_centroids(model: Any) -> Figure:
    """What the component means of a modular prior decode to: a row per partition, the others at their first value.

    Raises:
        ValueError: the model has no mixture prior.
    """
    from core.images import to_uint8

    prior, factors = _mixture(model)
    sizes = [min(size, MOST_COMPONENTS) for size in prior.sizes.tolist()]
    figure, grid = canvas(0.7 * max(sizes) + 1.4, 0.8 * len(sizes) + 0.3, len(sizes), max(sizes))
    for k, size in enumerate(sizes):
        codes = prior.means[:, 0].repeat(size, 1, 1)
        codes[:, k] = prior.means[k, :size]
        images = to_uint8(model.decode(codes.flatten(1).numpy()))
        for value, axes in enumerate(grid[k]):
            axes.set_axis_off()
            if value < size:
                axes.imshow(images[value].transpose(1, 2, 0).squeeze(), cmap="gray", vmin=0, vmax=255)
        grid[k, 0].text(-0.1, 0.5, factors[k], transform=grid[k, 0].transAxes, ha="right", va="center", fontsize=8)
    return figure


def _mixture(model: Any) -> tuple[Any, tuple[str, ...]]:
    """The prior of a modular model and a name for each of its partitions."""
    prior = getattr(model, "prior", None)
    if prior is None:
        raise ValueError("only modular models have a prior with components")
    names = tuple(model.dataset.factor_names)
    return prior, names if len(names) == len(prior.sizes) else ("combinations",)
