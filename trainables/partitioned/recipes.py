"""Hyperparameters of the modular autoencoder and its predecessor, and what their presets consist of."""

from typing import Literal, NamedTuple

from core.data import DatasetInfo
from trainables.hyperparameters import Hyperparameters, hyperparameter
from trainables.labels.annotated import refuse_annotated
from trainables.partitioned.relations import Edge

Preset = Literal["paper_literal", "label_conditioned", "anchored", "cycled", "modular"]


class Recipe(NamedTuple):
    """What a preset consists of; all but the first two lines are not in the paper."""

    estimated: bool  # priors from annotated codes at the end of a warm-up (paper), or placed apart before training
    adversary: bool  # the discriminator of the paper's eq. 2
    conditioned: bool  # it is told the value of annotated codes
    anchor: bool  # annotated codes are drawn to their component
    cycle: bool  # decoded prior samples must be encoded to the component that they came from
    batch_norm: bool


RECIPES: dict[str, Recipe] = {
    "paper_literal": Recipe(True, True, False, False, False, False),
    "label_conditioned": Recipe(True, True, True, False, False, False),
    "anchored": Recipe(True, True, True, True, False, False),
    "cycled": Recipe(True, True, True, True, True, False),  # what the preset `modular` means for the predecessor
    "modular": Recipe(False, True, True, True, True, True),
}


class PartitionedHyperparameters(Hyperparameters):
    """λ, the annotated images, and the recipe; weights are on the scale of nats per image."""

    num_latents: int = hyperparameter(
        8, "Dimensions of every partition.", symbol="d", source="M-AE, section 4", grid=(8, 16), ge=1, le=64
    )
    learning_rate: float = hyperparameter(
        1e-3,
        "Learning rate of Adam on encoder, decoder and relational learner; the predecessor's code has 1e-4.",
        symbol="η",
        source="measured on dsprites.v2",
        gt=0.0,
        le=0.1,
    )
    num_annotated: int = hyperparameter(
        1_000,
        "Images whose factors are known; the same ones serve all factors.",
        symbol="|S|",
        source="M-AE, table 1",
        grid=(100, 250, 500, 1_000, 5_000),
        ge=1,
    )
    lambda_: float = hyperparameter(
        1.0,
        "Weight of the adversarial loss against the reconstruction summed over pixels; the paper's 0.2 against the "
        "mean over 64×64 pixels is 819 here, which drowns the reconstruction; 0 leaves the discriminator out.",
        symbol="λ",
        source="M-AE, eq. 1; Valenti & Bacciu 2022, authors' code",
        grid=(1, 10, 82, 819),
        ge=0.0,
        le=10_000.0,
    )
    preset: Preset = hyperparameter(
        "modular", "What ties a partition to its factor (README).", symbol="preset", source="README of trainables"
    )
    anchor_weight: float = hyperparameter(
        10.0,
        "Weight of ½ (squared Mahalanobis distance) / d of annotated codes to their component; presets anchored, "
        "cycled and modular. Not in the paper.",
        symbol="a",
        source="not in the paper",
        ge=0.0,
        le=10_000.0,
    )
    cycle_weight: float = hyperparameter(
        10.0,
        "Weight of the same distance for decoded and re-encoded prior samples, for the decoder only; presets cycled "
        "and modular. Not in the paper.",
        symbol="c",
        source="not in the paper",
        ge=0.0,
        le=10_000.0,
    )
    warm_up: int = hyperparameter(
        1_500,
        "Steps with the prior U(−1, 1) before the components are estimated; the preset modular places them and has "
        "no warm-up.",
        symbol="warm-up",
        source="Valenti & Bacciu 2022, authors' code",
        ge=0,
    )
    covariance_shrink: float = hyperparameter(
        0.1,
        "Factor of the estimated covariances; near 1 the components overlap.",
        symbol="gm_cov",
        source="Valenti & Bacciu 2022, authors' code",
        ge=1e-3,
        le=1.0,
    )
    ridge: float = hyperparameter(
        1e-5,
        "Variance added to estimated components; 0.003 where they have few annotated images.",
        symbol="ridge",
        source="measured on dsprites.v2",
        ge=1e-8,
        le=1.0,
    )
    units: int = hyperparameter(
        256,
        "Units of each of the three hidden layers of the discriminator and of the relational learner.",
        symbol="units",
        source="1,024 in the M-AE paper",
        grid=(256, 1_024),
        ge=1,
        le=4_096,
    )
    discriminator_learning_rate: float = hyperparameter(
        5e-4, "Learning rate of the discriminator's Adam.", symbol="η_D", source="measured", gt=0.0, le=0.1
    )
    edge: Edge = hyperparameter(
        "paper",
        "What a relation does with the last value: the first one follows, it stays, or the relation does not apply.",
        symbol="edge",
        source="Valenti & Bacciu 2022, authors' code: wrap on dSprites, clamp on Shapes3D",
    )
    representation: Literal["values", "codes"] = hyperparameter(
        "values",
        "What metrics of disentanglement see: the factor values read from a code, as in the paper, or the code.",
        symbol="scored",
        source="M-AE, section 4.2",
    )

    @property
    def recipe(self) -> Recipe:
        """What the preset consists of."""
        return RECIPES[self.preset]

    def refuse(self, dataset: DatasetInfo) -> str | None:
        """Factors are needed, an annotated image of every value, and room for components that are placed."""
        if not dataset.has_factors:
            return f"it learns from annotated images, and '{dataset.name}' has no factors"
        most = max(dataset.factor_sizes)
        if self.num_annotated < most:
            return f"num_annotated is {self.num_annotated:,}, but a factor of '{dataset.name}' has {most:,} values"
        if self.num_latents == 1 and most > 2 and not self.recipe.estimated:
            return f"num_latents is 1, in which the {most:,} values of a factor of '{dataset.name}' have no room"
        return refuse_annotated(self.num_annotated, dataset)
