"""Figures: a function takes tables or arrays and gives a matplotlib figure; `save` writes it as PNG and PDF."""

from analysis.figures.curves import curve_statistics, training_curves
from analysis.figures.distributions import cascade_schedule, covariance, inverse_wishart
from analysis.figures.front import pareto_front, trade_off
from analysis.figures.knobs import against_knobs, knobs, pairs_of, parallel_coordinates, slices
from analysis.figures.latents import (
    animate,
    component_centroids,
    kl_per_dimension,
    prior_components,
    reconstructions,
    traversals,
)
from analysis.figures.style import DPI, save
from analysis.figures.summaries import (
    against_hyperparameter,
    hypervolume_history,
    importance,
    rank_correlation,
    time_per_thousand,
    variance_shares,
    vote_matrix,
)
from analysis.reading.names import label, settings, short_label, symbol, title

__all__ = [
    "DPI",
    "against_hyperparameter",
    "against_knobs",
    "animate",
    "cascade_schedule",
    "component_centroids",
    "covariance",
    "curve_statistics",
    "hypervolume_history",
    "importance",
    "inverse_wishart",
    "kl_per_dimension",
    "knobs",
    "label",
    "pairs_of",
    "parallel_coordinates",
    "pareto_front",
    "prior_components",
    "rank_correlation",
    "reconstructions",
    "save",
    "settings",
    "short_label",
    "slices",
    "symbol",
    "time_per_thousand",
    "title",
    "trade_off",
    "training_curves",
    "traversals",
    "variance_shares",
    "vote_matrix",
]
