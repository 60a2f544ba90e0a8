"""Tables of the papers, with the published column beside ours, as Markdown, LaTeX, CSV and HTML."""

from analysis.papers.document import Document, save
from analysis.papers.tables import (
    by_annotation,
    classification_accuracy,
    factor_vae_scores,
    modular_scores,
    relation_accuracy,
    trade_off,
)

__all__ = [
    "Document",
    "by_annotation",
    "classification_accuracy",
    "factor_vae_scores",
    "modular_scores",
    "relation_accuracy",
    "save",
    "trade_off",
]
