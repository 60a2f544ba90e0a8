"""What the models assume, without any training: inverse-Wishart draws, covariances, the cascade's schedule."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from analysis.figures.style import STYLES, canvas, tidy

ELLIPSES = 20  # drawn per panel
DRAWS = 4000  # behind a histogram


def inverse_wishart_draws(nu: float, count: int, seed: int = 0) -> np.ndarray:
    """Covariances (count, 2, 2) drawn from IW((ν − 3) I, ν), whose mean is I.

    Raises:
        ValueError: ν is not above 1.
    """
    import torch

    from core.objectives.inverse_wishart import sample_inverse_wishart

    return sample_inverse_wishart(count, nu, 2, torch.Generator().manual_seed(seed)).numpy()


def ellipse(covariance: np.ndarray, points: int = 100) -> np.ndarray:
    """The curve (points, 2) of one standard deviation of N(0, covariance)."""
    angles = np.linspace(0.0, 2.0 * np.pi, points)
    curve: np.ndarray = np.stack([np.cos(angles), np.sin(angles)], 1) @ np.linalg.cholesky(covariance).T
    return curve


def inverse_wishart(nus: Sequence[float] = (4, 10, 50, 1000)) -> Figure:
    """Draws of Σ ~ IW((ν − p − 1) I, ν) in two dimensions: as ν grows they close in on I (CHyVAE Fig. 1).

    Above, one standard deviation of N(0, Σ) for each draw, the mean dashed; below, the correlations of many draws.
    """
    figure, grid = canvas(2.6 * len(nus), 4.8, 2, len(nus))
    for column, nu in enumerate(nus):
        draws = inverse_wishart_draws(nu, DRAWS)
        above, below = grid[:, column]
        for covariance in draws[:ELLIPSES]:
            above.plot(*ellipse(covariance).T, color=STYLES[0][0], linewidth=0.6, alpha=0.6)
        above.plot(*ellipse(np.eye(2)).T, color="black", linestyle="--", linewidth=1.0)
        above.set(xlim=(-3, 3), ylim=(-3, 3), aspect="equal", title=f"ν = {nu:g}", xlabel="$z_1$")
        correlation = draws[:, 0, 1] / np.sqrt(draws[:, 0, 0] * draws[:, 1, 1])
        below.hist(correlation, bins=40, range=(-1, 1), density=True, color=STYLES[0][0])
        below.set(xlabel="correlation", yticks=[])
        tidy(above)
    grid[0, 0].set_ylabel("$z_2$")
    grid[1, 0].set_ylabel("density")
    return figure


def covariance(matrix: np.ndarray, names: Sequence[str], caption: str = "", *, small: bool = False) -> Figure:
    """A covariance or correlation matrix (K, K) as a heat map with its numbers (CHyVAE Fig. 10)."""
    size = len(matrix)
    cell, letters = (0.36, 6.5) if small else (0.55, 9)
    room = 0.0085 * letters * max(map(len, names))
    figure, grid = canvas(cell * size + room + (0.6 if small else 1.4), cell * size + 0.8 * room + 0.4)
    axes = grid[0, 0]
    reach = float(np.nanmax(np.abs(matrix))) or 1.0
    image = axes.imshow(matrix, cmap="PuOr", vmin=-reach, vmax=reach)
    for row in range(size):
        for column in range(size):
            value = matrix[row, column]
            ink = "white" if abs(value) > 0.7 * reach else "black"
            text = "–" if np.isnan(value) else f"{value:.2f}".replace("-", "−")
            axes.text(column, row, text, ha="center", va="center", color=ink, fontsize=letters - 0.5)
    axes.set_xticks(range(size), names, rotation=45, ha="right", fontsize=letters)
    axes.set_yticks(range(size), names, fontsize=letters)
    axes.set_title(caption, fontsize=10)
    if not small:
        figure.colorbar(image, ax=axes, shrink=0.8)
    return figure


def cascade_weights(
    dimensions: int,
    stage_steps: int,
    steps: int,
    *,
    beta_l: float = 1.0,
    beta_h: float = 10.0,
    warm_up_stages: int | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Weight of every dimension's KL at the start of each stage: stages' steps (S,), weights (S, dimensions).

    Args:
        dimensions: number of continuous dimensions m.
        stage_steps: steps of a stage.
        steps: length of the training.
        beta_l: weight of a relieved dimension.
        beta_h: weight of the others.
        warm_up_stages: t_d of CascadeVAE, the stage that brings in the categories and relieves no dimension; None for
            CascadeVAE-C.

    Source: Jeong & Song 2019, section 3.3, and the authors' code.
    """
    stages = np.arange(-(-steps // stage_steps))
    late = (stages >= warm_up_stages) if warm_up_stages is not None else np.zeros(len(stages), dtype=bool)
    relieved = np.minimum(np.where(late, stages, stages + 1), dimensions)
    weights = np.where(np.arange(dimensions) < relieved[:, None], beta_l, beta_h)
    return stages * stage_steps, weights


def cascade_schedule(
    dimensions: int = 6,
    stage_steps: int = 20_000,
    steps: int = 160_000,
    *,
    beta_l: float = 1.0,
    beta_h: float = 10.0,
    warm_up_stages: int | None = 4,
) -> Figure:
    """Which dimension is relieved when, and when the categories come in (the lecture's diagram of the cascade)."""
    starts, weights = cascade_weights(
        dimensions, stage_steps, steps, beta_l=beta_l, beta_h=beta_h, warm_up_stages=warm_up_stages
    )
    figure, grid = canvas(7.0, 0.4 * dimensions + 1.6)
    axes = grid[0, 0]
    edges = np.append(starts, steps)
    axes.pcolormesh(edges, np.arange(dimensions + 1), weights.T, cmap="Blues", vmin=0.0, edgecolors="white")
    for dimension in range(dimensions):
        for stage, start in enumerate(starts):
            weight = weights[stage, dimension]
            ink = "white" if weight > 0.6 * weights.max() else "black"
            axes.text(
                (start + edges[stage + 1]) / 2, dimension + 0.5, f"{weight:g}", ha="center", va="center", color=ink
            )
    if warm_up_stages is not None:
        axes.axvline(warm_up_stages * stage_steps, color=STYLES[1][0], linewidth=2.0)
        axes.text(
            warm_up_stages * stage_steps, dimensions + 0.1, " categories from here on", color=STYLES[1][0], va="bottom"
        )
    axes.set_yticks(np.arange(dimensions) + 0.5, [f"$z_{{{index + 1}}}$" for index in range(dimensions)])
    axes.set(xlabel="step", ylabel="weight β of the KL")
    return figure
