"""The report's first paragraph: what was found, how sure it is, and what it cost."""

import pandas as pd

from analysis import figures
from analysis.report.evidence import Evidence
from analysis.report.wording import chosen, count, dataset_name, mean_and_deviation, state_counts
from analysis.results import Results

OFTEN = 0.95


def summary(study: Results, front: pd.DataFrame, found: Evidence) -> list[str]:
    """Its sentences; only the first before a configuration is completed."""
    sentences = [_done(study)]
    if front.empty:
        return sentences
    for metric, direction in study.objectives.items():
        row = front.sort_values(f"{metric}_mean", ascending=direction == "minimize", kind="stable").iloc[0]
        sentences.append(f"Best {figures.short_label(metric)}: {mean_and_deviation(row, metric)}, {_name(study, row)}.")
    sentences.append(_front(study, front))
    sentences += [text for text in (_certainty(front, found), _choice(found)) if text]
    return sentences


def _done(study: Results) -> str:
    states = state_counts(study)
    models = " and ".join(", ".join(map(figures.title, study.spec["models"])).rsplit(", ", 1))
    configurations = count(len(study.configurations()), "configuration")
    ended = ", ".join(f"{number:,} {state.lower()}" for state, number in states.items())
    return f"{configurations} of {models} on {dataset_name(study)}; trials: {ended or 'none yet'}."


def _front(study: Results, front: pd.DataFrame) -> str:
    if len(front) == 1:
        return "One configuration is best in every objective, so the front is a single point."
    knee = study.knee()
    values = ", ".join(f"{figures.short_label(key)} {mean_and_deviation(knee, key)}" for key in study.objectives)
    axes = " against ".join(map(figures.short_label, study.objectives))
    return (
        f"{len(front)} configurations are on the front of {axes}; the best trade-off, its knee, is "
        f"{_name(study, knee)}: {values}."
    )


def _certainty(front: pd.DataFrame, found: Evidence) -> str:
    if not found.probability:
        return "Every configuration has one seed, so none of this can be told from chance."
    sure = sum(found.probability[key] >= OFTEN for key in front["configuration"])
    return (
        f"If the seeds were drawn anew, {sure} of the {len(front)} on the front would stay there in "
        f"{OFTEN:.0%} of the draws or more."
    )


def _choice(found: Evidence) -> str:
    """What the best mean is beside the best that a choice without the score gives."""
    best = next((row for row in found.rules.rows if row["rule"] == "best configuration by its mean"), None)
    blind = [row for row in found.rules.rows if row["blind"]]
    if best is None or not blind:
        return ""
    others = ", ".join(f"{row['value']} ({row['rule']})" for row in blind[:1] + blind[1:][-1:])
    return f"Chosen without looking at the score it would be, instead of {best['value']}: {others}."


def _name(study: Results, row: pd.Series) -> str:
    settings = chosen(study, row)
    return f"{figures.title(row['model'])} ({settings})" if settings else figures.title(row["model"])
