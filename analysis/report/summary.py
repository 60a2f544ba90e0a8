"""The report's first paragraphs: what was found, how sure it is, and what it cost."""

from collections.abc import Iterator

import markupsafe
import pandas as pd

from analysis import figures
from analysis.report.evidence import Evidence
from analysis.report.page import Paragraph
from analysis.report.wording import chosen, count, dataset_name, mean_and_deviation, spent, symbols
from analysis.results import Results
from core.record.history import History

OFTEN = 0.95
WHY = markupsafe.Markup('{} {} trials failed or were stopped: <a href="#failures">why</a>.')


def summary(study: Results, found: Evidence, ran: History) -> tuple[Paragraph, ...]:
    """A paragraph for each sentence on what was found, and one on what it cost."""
    sentences = [Paragraph(symbols(sentence)) for sentence in _findings(study, found)]
    return (*sentences, Paragraph(_cost(study, ran)))


def _findings(study: Results, found: Evidence) -> Iterator[str]:
    yield _done(study)
    front = study.front()
    if front.empty:
        return
    for metric, direction in study.objectives.items():
        row = front.sort_values(f"{metric}_mean", ascending=direction == "minimize", kind="stable").iloc[0]
        yield f"Best {figures.short_label(metric)}: {mean_and_deviation(row, metric)}, {_name(study, row)}."
    yield _front(study, front)
    yield _certainty(front, found)
    yield from _choice(found)


def _done(study: Results) -> str:
    models = " and ".join(", ".join(map(figures.title, study.spec["models"])).rsplit(", ", 1))
    configurations = count(len(study.configurations()), "configuration")
    ended = ", ".join(f"{number:,} {state.lower()}" for state, number in _states(study).items())
    return f"{configurations} of {models} on {dataset_name(study)}; trials: {ended or 'none yet'}."


def _states(study: Results) -> dict[str, int]:
    """Number of trials by state."""
    return {str(state): int(number) for state, number in study.trials()["state"].value_counts().items()}


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


def _choice(found: Evidence) -> Iterator[str]:
    """What the best mean is beside the best that a choice without the score gives."""
    best = next((row for row in found.rules.rows if row["rule"] == "best configuration by its mean"), None)
    blind = [row for row in found.rules.rows if row["blind"]]
    if best is not None and blind:
        others = ", ".join(f"{row['value']} ({row['rule']})" for row in blind[:1] + blind[1:][-1:])
        yield f"Chosen without looking at the score it would be, instead of {best['value']}: {others}."


def _cost(study: Results, ran: History) -> str:
    """What was spent, and how many trials came to nothing, with a link to why."""
    states = _states(study)
    lost = states.get("FAILED", 0) + states.get("PRUNED", 0)
    return WHY.format(spent(study, ran), lost) if lost else spent(study, ran)


def _name(study: Results, row: pd.Series) -> str:
    settings = chosen(study, row)
    return f"{figures.title(row['model'])} ({settings})" if settings else figures.title(row["model"])
