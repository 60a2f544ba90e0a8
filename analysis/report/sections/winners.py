"""The winners: the best configuration by each objective and the knee of the front, with pictures of its best seed."""

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Any

import markupsafe
import matplotlib.figure
import numpy as np
import pandas as pd

from analysis import figures
from analysis.models.latents import Dimensions
from analysis.reading.trial import Trial
from analysis.report.album import OF_A_WINNER, Image, drawn, from_png
from analysis.report.at_hand import Models, Opened, best_seed
from analysis.report.page import Block, Figure, LeftOut, Paragraph, Row, Section, Subheading
from analysis.report.wording import code, mean_and_deviation, symbols
from analysis.results import FEWEST_OF_KNEE, Results


@dataclasses.dataclass(frozen=True)
class _Winner:
    """The best seed of a configuration, its model, its name for captions, and where its pictures are saved."""

    trial: Trial
    opened: Opened | None
    title: str
    directory: pathlib.Path

    def image(self, figure: matplotlib.figure.Figure, name: str) -> Image:
        """A figure of it, saved under its identity."""
        return drawn(figure, self.directory, f"{self.trial.identity}_{name}", OF_A_WINNER)


def section(study: Results, models: Models, directory: pathlib.Path) -> Section:
    """Each winner once: why it was chosen, what it reaches, and what it has learned."""
    front = study.front()
    reasons = {} if front.empty else _reasons(study, front)
    blocks: list[Block] = []
    for _, row in front[front["configuration"].isin(reasons)].iterrows():
        winner = _winner(study, models, row["configuration"], directory)
        words = Paragraph(_words(study, winner.trial, row, reasons[row["configuration"]]))
        blocks += [Subheading(symbols(winner.title)), words, *_pictures(winner)]
    return Section.of("winners", "The winners", *(blocks or [Paragraph("None yet.")]), LeftOut())


def _reasons(study: Results, front: pd.DataFrame) -> dict[str, list[str]]:
    """By configuration, what it was chosen as."""
    reasons: dict[str, list[str]] = {}
    for metric, direction in study.objectives.items():
        best = front.sort_values(f"{metric}_mean", ascending=direction == "minimize", kind="stable").iloc[0]
        reasons.setdefault(best["configuration"], []).append(f"best by {figures.short_label(metric)}")
    if len(front) >= FEWEST_OF_KNEE:
        reasons.setdefault(study.knee()["configuration"], []).append("the best trade-off, the knee of the front")
    return reasons


def _winner(study: Results, models: Models, configuration: str, directory: pathlib.Path) -> _Winner:
    trial = best_seed(study, configuration)
    searched = {name: trial.hyperparameters[name] for name in study.searched(trial.model)}
    settings = figures.settings(trial.model, searched)
    title = figures.title(trial.model)
    return _Winner(trial, models.opened(trial), f"{title}, {settings}" if settings else title, directory)


def _words(study: Results, trial: Trial, row: "pd.Series", reasons: list[str]) -> markupsafe.Markup:
    """Why it was chosen, its means, and which seed is shown."""
    means = markupsafe.Markup(", ").join(
        markupsafe.Markup("{} {}").format(figures.label(key), symbols(mean_and_deviation(row, key)))
        for key in study.objectives
    )
    text = markupsafe.Markup("Chosen as {}. Mean {}. {}{}.")
    return text.format(" and as ".join(reasons), means, _shown(study, trial, int(row["n"])), code(trial.identity))


def _shown(study: Results, trial: Trial, seeds: int) -> str:
    if seeds == 1:
        return "Its one trial is "
    first = figures.label(next(iter(study.objectives)))
    return f"Shown is the best of its {seeds} seeds by {first}, seed {trial.seed}: "


def _pictures(winner: _Winner) -> list[Figure | Row]:
    """What the trial left; with the data set at hand its dimensions are drawn anew, sorted by factor."""
    left = {name: from_png(png, rank=OF_A_WINNER) for name, png in winner.trial.pictures().items()}
    images = [_reconstruction(winner, left["reconstruction"])] if "reconstruction" in left else []
    if winner.opened is None:
        return [*images, *([_traversal(winner, left["traversal"])] if "traversal" in left else [])]
    model, dimensions = winner.opened.model, winner.opened.dimensions
    figures.animate(model, dimensions, winner.directory / f"{winner.trial.identity}.gif")
    if dimensions.votes is not None:
        images.append(_votes(winner, dimensions.votes, dimensions.factors))
    found: list[Figure | Row] = [_dimensions(winner, model, dimensions), Row(images)]
    if "components" in model.serves:
        found += [_components(winner, model), _prior(winner, model)]
    return found


def _reconstruction(winner: _Winner, image: Image) -> Figure:
    caption = f"Images above, reconstructions by {winner.title} below."
    return Figure(image, f"Reconstructions by {winner.title}", caption, "pixels")


def _traversal(winner: _Winner, image: Image) -> Figure:
    return Figure(
        image,
        f"Latent traversals of {winner.title}, one row per dimension",
        f"Latent traversals of {winner.title} from −3 to 3: one row per dimension, the most active first.",
        "pixels",
    )


def _dimensions(winner: _Winner, model: Any, dimensions: Dimensions) -> Figure:
    return Figure(
        winner.image(figures.traversals(model, dimensions), "dimensions"),
        f"Latent traversals of {winner.title}, one row per dimension",
        f"Latent traversals of {winner.title} from −3 to 3: one row per dimension, sorted and named by the factor "
        "that most of its votes name, with the share of these votes and, where there is a posterior, the dimension's "
        f"KL divergence. Animated, it lies beside this page as {winner.trial.identity}.gif.",
    )


def _votes(winner: _Winner, votes: np.ndarray, factors: Sequence[str]) -> Figure:
    return Figure(
        winner.image(figures.vote_matrix(votes, factors), "votes"),
        f"Vote matrix of {winner.title}",
        f"Votes of the FactorVAE score for {winner.title}: how often a dimension varied least while a factor was "
        "fixed.",
    )


def _components(winner: _Winner, model: Any) -> Figure:
    return Figure(
        winner.image(figures.component_centroids(model), "components"),
        f"Components of the prior of {winner.title}",
        f"What the components of the prior of {winner.title} decode to: a row per partition, a column per value of "
        "its factor.",
    )


def _prior(winner: _Winner, model: Any) -> Figure:
    return Figure(
        winner.image(figures.prior_components(model), "prior"),
        f"Samples of the prior of {winner.title}",
        f"Samples of each component of the prior of {winner.title} on the first two principal axes of its partition, "
        "by the factor's value.",
    )
