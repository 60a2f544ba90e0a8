"""What results, models and hyperparameters are called where people read them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

LABELS = {
    "factor_vae_score": "FactorVAE score",
    "beta_vae_score": "β-VAE score",
    "mig": "MIG",
    "sap_svc": "SAP",
    "sap_r2": "SAP (R²)",
    "dci_disentanglement": "DCI disentanglement",
    "dci_completeness": "DCI completeness",
    "dci_informativeness": "DCI informativeness",
    "dci_lgbm_disentanglement": "DCI disentanglement (LightGBM)",
    "dci_lgbm_completeness": "DCI completeness (LightGBM)",
    "dci_lgbm_informativeness": "DCI informativeness (LightGBM)",
    "info_m": "InfoM",
    "info_e": "InfoE",
    "info_c": "InfoC",
    "irs": "IRS",
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


def settings(model: str, values: Mapping[str, Any]) -> str:
    """Hyperparameters as papers write them: `β = 4, d = 10`."""
    return ", ".join(f"{symbol(model, name)} = {number(value)}" for name, value in values.items())


def named(configuration: "pd.Series[Any]", hyperparameters: Sequence[str]) -> str:
    """A model, and those of some hyperparameters that it has: `M-AE + ReL, preset = modular`.

    Args:
        configuration: a row of `Study.configurations()`.
        hyperparameters: columns; there are others' too.
    """
    model = configuration["model"]
    own = {name: configuration[name] for name in hyperparameters if pd.notna(configuration.get(name))}
    return ", ".join(filter(None, [title(model), settings(model, own)]))


def signed(value: float, digits: int = 3) -> str:
    """`+0.05`, `−0.019`."""
    return f"{value:+.{digits}g}".replace("-", "−")


def number(value: Any) -> str:
    """A value with three digits, as a reader can take in; whole numbers as they are."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        return str(value)
    known = float(value)
    whole = known.is_integer() or abs(known) >= 1000
    return (f"{known:,.0f}" if whole else f"{known:.3g}").replace("-", "−")
