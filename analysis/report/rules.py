"""What different rules of choosing a configuration would report, by the first objective."""

import dataclasses
from typing import Any

import numpy as np
import pandas as pd

from analysis import figures
from analysis.models import ranking
from analysis.report.at_hand import cached
from analysis.report.freshness import code_digest
from analysis.report.wording import chosen
from analysis.results import Results
from analysis.statistics import selection

MOST_ENCODED = 60  # trials whose models are loaded for the ranking without factors; a second or so each
ENCODED = 500  # images by each of them, for time
AGREEMENT = "agreement.json"  # beside the page: UDR of every configuration
MOST_MODELS = 5  # with a column of their own in the table of rules


@dataclasses.dataclass(frozen=True)
class Rules:
    """The objective that each rule of choice would report.

    Attributes:
        rows: `rule`, `blind` (whether it never looks at the score), `chooses`, `value` over the whole study, `models`
            (its value when it chooses among the configurations of each model).
        models: names of these models; empty for one model or many.
        without: why a ranking of configurations without factors is missing; empty when it is there.
    """

    rows: list[dict[str, Any]]
    models: list[str]
    without: str


def rules(study: Results, completed: pd.DataFrame) -> Rules:
    """Every rule over the trials of the feasible configurations, and within each model."""
    metric = next(iter(study.objectives))
    criteria, without = _criteria(study, completed, metric)
    models = list(completed["model"].unique())
    models = models if 1 < len(models) <= MOST_MODELS else []
    groups = [completed, *(completed[completed["model"] == model] for model in models)]
    direction, curves = study.direction(metric), study.curves()
    whole, *parts = [selection.leakage(own, metric, direction, criteria, curves) for own in groups]
    known = study.configurations().set_index("configuration")
    rows = []
    for row in whole.to_dict("records"):
        within = [part.set_index("rule")["value"].get(row["rule"], np.nan) for part in parts]
        rows.append(
            {
                "rule": row["rule"],
                "blind": row["rule"].removeprefix("best by ") in criteria,
                "chooses": _name(study, known.loc[row["configuration"]]),
                "value": f"{row['value']:.4g}",
                "models": ["–" if np.isnan(value) else f"{value:.4g}" for value in within],
            }
        )
    return Rules(rows, [figures.title(model) for model in models], without)


def _name(study: Results, row: "pd.Series") -> str:
    """Model and searched hyperparameters of a configuration."""
    return f"{figures.title(row['model'])}, {chosen(study, row)}".strip(", ")


def _criteria(study: Results, completed: pd.DataFrame, metric: str) -> tuple[dict[str, pd.Series], str]:
    """Values by configuration that a choice without the score can go by; and why UDR is not among them."""
    keys = [key for key in study.metrics() if key != metric]
    criteria = {figures.short_label(key): own for key, own in selection.unsupervised(completed, keys).items()}
    agreement, without = _agreement(study, completed)
    if agreement is not None:
        criteria["UDR (agreement of seeds)"] = agreement
    return criteria, without


def _agreement(study: Results, completed: pd.DataFrame) -> tuple[pd.Series | None, str]:
    """UDR of the configurations that have several seeds, or why there is none."""
    from core.data import DataError
    from core.metrics import MetricError

    if not completed["configuration"].duplicated().any():
        return None, "it compares seeds, and every configuration has one"
    if len(completed) > MOST_ENCODED:
        return None, f"it loads every model, which is left to you for more than {MOST_ENCODED} trials"
    if "://" in study.stores["checkpoints"]:
        return None, "the weights are not on this machine"
    if not cached(study):
        return None, "the data set is not on this machine"
    try:
        folder = study.pictures_folder()
        folder.mkdir(parents=True, exist_ok=True)
        return ranking.remembered_udr(study, ENCODED, folder / AGREEMENT, code_digest()), ""
    except FileNotFoundError:
        return None, "not every trial's weights are kept"
    except (DataError, MetricError) as error:
        return None, str(error)
