"""The report's first screen in words: the question, one verdict, and what stands behind it."""

import dataclasses
from collections.abc import Iterable, Iterator

import markupsafe
import numpy as np
import pandas as pd

import core.metrics
from analysis import figures, search
from analysis.reading.purpose import purpose
from analysis.report.evidence import Evidence
from analysis.report.page import Paragraph
from analysis.report.wording import (
    amount,
    count,
    dataset_name,
    mean_and_deviation,
    name_of,
    seeds_in_words,
    spent,
    symbols,
)
from analysis.results import FEWEST_OF_KNEE, Results
from analysis.statistics import comparison, uncertainty
from analysis.statistics.gain import WORTH, percent
from core.formulas.costs import COSTS
from core.record.history import History

WHY = markupsafe.Markup('{} {} failed or stopped: <a href="#failures">why</a>.')


@dataclasses.dataclass(frozen=True)
class Summary:
    """What the page says before anything else.

    Attributes:
        question: what the study file says that it is for; empty where it says nothing.
        verdict: one sentence on what is best, and how far that can be trusted.
        remarks: what else a reader wants to know at once.
    """

    question: str
    verdict: markupsafe.Markup
    remarks: tuple[Paragraph, ...]


def brief(study: Results) -> Summary:
    """Question and verdict alone."""
    seeds = study.feasible()["n"].min()
    return Summary(purpose(study.path), symbols(_verdict(study, 0 if np.isnan(seeds) else int(seeds))), ())


def summary(study: Results, found: Evidence, ran: History) -> Summary:
    """Question, verdict and remarks, whatever is completed yet."""
    remarks = [*_front(study), *scales(study.objectives)]
    cost = (Paragraph(symbols(_done(study))), Paragraph(_cost(study, ran), quiet=True))
    return Summary(
        purpose(study.path),
        symbols(_verdict(study, found.fewest_seeds)),
        (*(Paragraph(symbols(sentence)) for sentence in remarks), *cost),
    )


@dataclasses.dataclass(frozen=True)
class Contender:
    """A configuration that a verdict speaks of.

    Attributes:
        name: what it is called there.
        row: of `Study.configurations()`.
        trials: its own rows of `Study.trials()`.
    """

    name: str
    row: pd.Series
    trials: pd.DataFrame


def _verdict(study: Results, seeds: int) -> str:
    feasible = study.feasible()
    if feasible.empty:
        constraint = ", or none meets the constraint" if study.spec["search"].get("where") else ""
        return f"There is no verdict yet: no configuration is completed{constraint}."
    metric, direction = next(iter(study.objectives.items()))
    ranked = feasible.sort_values(f"{metric}_mean", ascending=direction == "minimize", kind="stable")
    others = ranked[ranked["model"] != ranked["model"].iloc[0]]
    rivals = others if len(others) else ranked.iloc[1:]
    trials = study.trials()
    best, *rest = (
        Contender(name_of(study, row), row, trials[trials["configuration"] == row["configuration"]])
        for _, row in pd.concat([ranked.head(1), rivals.head(1)]).iterrows()
    )
    noise = uncertainty.seed_deviation(feasible, metric)
    return verdict(best, rest[0] if rest else None, metric, direction, noise, seeds)


def verdict(best: Contender, rival: Contender | None, metric: str, direction: str, noise: float, seeds: int) -> str:
    """What is best by a metric, as one sentence that says how far it can be told from chance.

    Args:
        best: the best by its mean.
        rival: what it is compared with.
        metric: a result key.
        direction: of the metric.
        noise: by how much seeds of one configuration differ, as a standard deviation.
        seeds: of the configuration that has the fewest.
    """
    scale = core.metrics.scale(metric)
    bound = f" of at most {scale.high:g}" if scale and scale.high is not None and direction == "maximize" else ""
    extreme = "highest" if direction == "maximize" else "lowest"
    value = f"{figures.short_label(metric)}, {mean_and_deviation(best.row, metric)}{bound}"
    lead = f"{best.name} reaches the {extreme} {value}"
    if rival is None:
        return f"{lead}; there is nothing yet to compare it with."
    return f"{lead}{_standing(best, rival, metric, noise, seeds)}."


def _standing(best: Contender, rival: Contender, metric: str, noise: float, seeds: int) -> str:
    """How the best stands to its rival."""
    name = f"{rival.name} at {mean_and_deviation(rival.row, metric)}"
    if seeds >= uncertainty.ENOUGH_SEEDS:
        return _by_interval(best, rival, metric, name)
    if np.isnan(noise):
        return f", but one seed each cannot tell its lead over {name} from chance"
    lead = abs(best.row[f"{metric}_mean"] - rival.row[f"{metric}_mean"])
    if lead < comparison.CLEARLY * noise * np.sqrt(1 / best.row["n"] + 1 / rival.row["n"]):
        return f", but {seeds_in_words(seeds)} are too few to tell it from {name}: seeds differ by {noise:.2g}"
    return f", ahead of {name} by more than seeds differ ({noise:.2g}), though from {seeds_in_words(seeds)} only"


def _by_interval(best: Contender, rival: Contender, metric: str, name: str) -> str:
    found = comparison.paired(*(comparison.by_seed(each.trials, metric) for each in (best, rival)))
    low, high = sorted((abs(found.low), abs(found.high)))
    if found.low * found.high > 0:
        interval = f"95 % interval {amount(low)} to {amount(high)} over {count(found.pairs, 'seed')}"
        return f", ahead of {name} by {amount(abs(found.difference))} ({interval})"
    reach = f"95 % interval {amount(found.low)} to {amount(found.high)} over {count(found.pairs, 'seed')}"
    return f", but whether it is ahead of {name} is open: they differ by {amount(found.difference)} ({reach})"


def _front(study: Results) -> Iterator[str]:
    """How large the front is, where it begins and ends, and its knee."""
    front = study.front()
    if front.empty or len(study.objectives) == 1:
        return
    *others, last = map(figures.short_label, study.objectives)
    axes = f"{', '.join(others)} and {last}"
    if len(front) == 1:
        yield f"It is best in every objective, so that the front of {axes} is this single point."
        return
    ends = " to ".join(f"{name_of(study, row)}, {_values(study, row)}" for row in (front.iloc[0], front.iloc[-1]))
    begin = f"{len(front):,} of {len(study.configurations()):,} configurations are on the front of {axes}"
    yield f"{begin}: from {ends}." if len(study.objectives) == 2 else f"{begin}."
    if len(front) >= FEWEST_OF_KNEE:
        knee = study.knee()
        yield f"The best trade-off, its knee, is {name_of(study, knee)}: {_values(study, knee)}."
    luck = search.luck(study)
    if luck is not None and luck >= WORTH:
        yield (
            f"About {percent(luck)} % of its hypervolume is luck of the seeds, going by how far neighbours differ; the "
            "front without it stands below the table of the front."
        )


def _values(study: Results, row: pd.Series) -> str:
    return ", ".join(f"{figures.short_label(key)} {mean_and_deviation(row, key)}" for key in study.objectives)


def scales(keys: Iterable[str]) -> Iterator[str]:
    """What values of result keys mean, a sentence for each of which it is known."""
    for key in keys:
        scale, name = core.metrics.scale(key), figures.short_label(key)
        if scale is not None:
            yield f"{name[:1].upper()}{name[1:]}{': ' if scale.low is None else ' runs '}{scale.text}."
        elif key in COSTS:
            yield f"{name[:1].upper()}{name[1:]}: {COSTS[key]}."


def _done(study: Results) -> str:
    models = " and ".join(", ".join(map(figures.title, study.spec["models"])).rsplit(", ", 1))
    configurations = count(len(study.configurations()), "configuration")
    ended = ", ".join(f"{number:,} {state.lower()}" for state, number in _states(study).items())
    return f"{configurations} of {models} on {dataset_name(study)}; trials: {ended or 'none yet'}."


def _states(study: Results) -> dict[str, int]:
    """Number of trials by state."""
    return {str(state): int(number) for state, number in study.trials()["state"].value_counts().items()}


def _cost(study: Results, ran: History) -> str:
    """What was spent, and how many trials came to nothing, with a link to why."""
    states = _states(study)
    lost = states.get("FAILED", 0) + states.get("PRUNED", 0)
    return WHY.format(spent(study, ran), count(lost, "trial")) if lost else spent(study, ran)
