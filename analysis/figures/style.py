"""How all figures look: colours, markers, labels with symbols and units, and how they are saved."""

import itertools
import pathlib
import re
from collections.abc import Iterable, Mapping
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Colours that stay apart in grey and for colour-blind eyes (Okabe & Ito), and a marker for each.
STYLES = (
    ("#0072B2", "o"),
    ("#D55E00", "s"),
    ("#009E73", "^"),
    ("#CC79A7", "D"),
    ("#E69F00", "v"),
    ("#56B4E9", "P"),
    ("#000000", "X"),
    ("#F0E442", "h"),
)
DPI = 150
LABELS = {
    "factor_vae_score": "FactorVAE score",
    "beta_vae_score": "β-VAE score",
    "mig": "MIG",
    "sap_svc": "SAP",
    "sap_r2": "SAP (R²)",
    "dci_disentanglement": "DCI disentanglement",
    "dci_completeness": "DCI completeness",
    "dci_informativeness": "DCI informativeness",
    "reconstruction_error": "reconstruction error (nats per image)",
    "reconstruction": "reconstruction error (nats per image)",
    "reconstruction_error_mean_z": "reconstruction error, mean code (nats per image)",
    "reconstruction_mse": "squared reconstruction error (per pixel)",
    "relation_accuracy_judged": "relation accuracy of judged images",
    "total_correlation_mws": "total correlation (nats)",
    "dimension_wise_kl": "dimension-wise KL (nats)",
    "unsupervised_accuracy": "classification accuracy",
    "relation_accuracy": "relation accuracy",
    "udr": "UDR",
    "kl": "KL divergence (nats)",
    "num_annotated": "annotated images",
    "seconds_training": "training (s)",
    "device_seconds": "device (s)",
    "peak_memory": "peak memory (bytes)",
}
SUBSCRIPT = re.compile(r"\b([^\W\d_])_([A-Za-z]+|\d)\b")  # of a symbol of one letter, as in β_l


def label(key: str) -> str:
    """A result key as an axis label."""
    name, _, protocol = key.partition("/")
    if name == "train":
        return f"{label(protocol)} in training"
    text = LABELS.get(name, name.replace("_", " "))
    return f"{text} ({protocol})" if protocol else text


def short_label(key: str) -> str:
    """A result key as an axis label without its unit, for places where it stands beside others."""
    return label(key).replace(" (nats per image)", "").replace(" (per pixel)", "").replace(" (nats)", "")


def title(model: str) -> str:
    """How figures write a model's name."""
    import trainables

    known = trainables.known(model)
    return str(known.title) if known else model


def symbol(model: str, hyperparameter: str) -> str:
    """How papers write a hyperparameter of a model, such as β."""
    import trainables

    known = trainables.known(model)
    if known is None:
        return hyperparameter
    field = known.Hyperparameters.model_fields.get(hyperparameter)
    extra = field.json_schema_extra if field else None
    return str(extra["symbol"]) if isinstance(extra, dict) else hyperparameter


def mathtext(text: str) -> str:
    """Text whose subscripts (`β_l`) are written as matplotlib sets them."""
    return SUBSCRIPT.sub(r"\1$_{\\mathrm{\2}}$", text)


def settings(model: str, values: Mapping[str, Any]) -> str:
    """Hyperparameters as papers write them: `β = 4, d = 10`."""
    return ", ".join(f"{symbol(model, name)} = {number(value)}" for name, value in values.items())


def number(value: Any) -> str:
    """A value with three digits, as a reader can take in; whole numbers as they are."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        return str(value)
    known = float(value)
    whole = known.is_integer() or abs(known) >= 1000
    return (f"{known:,.0f}" if whole else f"{known:.3g}").replace("-", "−")


def styles(names: Iterable[str]) -> dict[str, tuple[str, str]]:
    """A colour and a marker for each name, in order."""
    return dict(zip(names, itertools.cycle(STYLES), strict=False))


def arrow(direction: str) -> str:
    """Which way is better."""
    return "↑" if direction == "maximize" else "↓"


def canvas(width: float, height: float, rows: int = 1, columns: int = 1) -> tuple[Figure, Any]:
    """A figure of that size in inches, and its axes (rows, columns)."""
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False)


def cells(rows: int, columns: int, width: float = 3.0, height: float = 2.3, top: float = 0.3) -> tuple[Figure, Any]:
    """A figure of equal cells of that size in inches, each with axes and room for its labels: axes (rows, columns).

    `top` is the room above the axes, for a title. A cell can be cut out and shown alone (`analysis.report.album.cut`).
    """
    figure = Figure(figsize=(columns * width, rows * height))
    panels = np.empty((rows, columns), dtype=object)
    left, right, below, above = 0.62 / width, 0.1 / width, 0.46 / height, top / height
    for row, column in np.ndindex(rows, columns):
        corner = ((column + left) / columns, (rows - 1 - row + below) / rows)
        size = ((1 - left - right) / columns, (1 - below - above) / rows)
        axes = panels[row, column] = figure.add_axes((*corner, *size))
        axes.tick_params(labelsize=7)
        axes.xaxis.label.set_fontsize(8)
        axes.yaxis.label.set_fontsize(8)
        axes.xaxis.labelpad = axes.yaxis.labelpad = 2
    return figure, panels


def tidy(axes: Axes) -> None:
    """A light grid and no box."""
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


def save(figure: Figure, directory: pathlib.Path, name: str) -> pathlib.Path:
    """Write `<name>.png` and `<name>.pdf`; the path of the PNG."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{name}.png"
    with mpl.rc_context({"pdf.fonttype": 42}):
        figure.savefig(path, dpi=DPI)
        figure.savefig(path.with_suffix(".pdf"), dpi=DPI)
    return path
