"""How sure we are: everything that the study can say about chance."""

import itertools
import pathlib

import markupsafe
import numpy as np

from analysis import figures, search
from analysis.reading.names import signed
from analysis.report.album import drawn
from analysis.report.evidence import Evidence
from analysis.report.page import Details, Figure, Paragraph, Row, Section, Table
from analysis.report.rules import Rules
from analysis.report.wording import seeds_in_words
from analysis.results import QueryError, Results
from analysis.statistics import dependence, uncertainty
from analysis.statistics.comparison import CLEARLY

MOST_PAIRS = 15
MOST_METRICS = 12


def section(study: Results, found: Evidence, directory: pathlib.Path) -> Section:
    """The front's hypervolume, rules of choice, models compared, where the variance comes from, and what agrees."""
    anchor, heading = "sure", "How sure we are"
    if found.hypervolume is None:
        return Section.of(anchor, heading, Paragraph("Nothing is completed yet."))
    metric = next(iter(study.objectives))
    return Section.of(
        anchor,
        heading,
        Paragraph(_caution(study, found)),
        _comparisons(study, found, metric),
        Details(
            f"What other rules of choice would report as {figures.short_label(metric)}", _rules(found.rules, metric)
        ),
        _shares(study) if found.fewest_seeds > 1 else None,
        _hypervolume(found),
        Row([each for each in (_progress(study, directory), _ranks(study, directory)) if each is not None]),
    )


def _hypervolume(found: Evidence) -> Paragraph:
    text = markupsafe.Markup(
        "Hypervolume of the front: <strong>{}</strong>, the volume between it and {}. It serves to compare searches of "
        "the same objectives.{}"
    )
    assert found.hypervolume is not None
    ahead = found.hypervolume.low > found.hypervolume.value
    why = (
        " The interval begins above the value, since among many configurations noisy means look better than true ones."
    )
    return Paragraph(text.format(str(found.hypervolume), found.reference, why if ahead else ""))


def _caution(study: Results, found: Evidence) -> str:
    """What may be read from the hypervolume."""
    if found.fewest_seeds == 1:
        share = search.share_of_seeds(study)
        if np.isnan(share):
            return "Some configurations have one seed, so nothing can be said about chance: more seeds are needed."
        return (
            f"Some configurations have one seed, too few for an interval. About {100 * share:.0f} % of the variance "
            "between configurations is their seeds'; the front with the luck of seeds taken out stands below the front."
        )
    if not found.enough_seeds:
        return (
            f"Some configurations have only {seeds_in_words(found.fewest_seeds)}. With fewer than "
            f"{uncertainty.ENOUGH_SEEDS} no interval is given here: a bootstrap can do no more than repeat the "
            "same few, and what it would draw from three holds the truth in about two cases of three."
        )
    return "The interval is a bootstrap over seeds, and somewhat too narrow: of ten seeds it holds nine cases in ten."


def _progress(study: Results, directory: pathlib.Path) -> Figure:
    volumes = search.history(study)
    figure = figures.hypervolume_history(volumes, stopped_after=search.stopped_after(study, volumes))
    about = "Progress of the search: hypervolume of the front after each configuration that ended."
    return Figure(
        drawn(figure, directory, "history"),
        "Hypervolume after each configuration",
        f"{about} {search.past(study, volumes)}".rstrip(),
    )


def _rules(rules: Rules, metric: str) -> Table:
    apart = "; further right, when each model's configurations are chosen from alone" if rules.models else ""
    missing = "UDR, which ranks configurations by how well their seeds agree, is not among the rules"
    return Table(
        f"{figures.label(metric)} as it would be reported under different rules of choice{apart}. The first rows look "
        "at the score that they report; “best by” anything else does not.",
        ["rule", "chooses", figures.label(metric), *rules.models],
        [[row["rule"], row["chooses"], row["value"], *row["models"]] for row in rules.rows],
        [f"{missing}: {rules.without}."] if rules.without else [],
    )


def _comparisons(study: Results, found: Evidence, metric: str) -> Table | None:
    pairs = itertools.islice(itertools.combinations(study.spec["models"], 2), MOST_PAIRS)
    rows = [row for first, second in pairs if (row := _comparison(study, found, first, second, metric)) is not None]
    if not rows:
        return None
    noise = uncertainty.seed_deviation(study.feasible(), metric)
    told = "–" if np.isnan(noise) else f"{noise:.2g}"
    last = ["95 % interval", "effect"] if found.enough_seeds else ["more than seeds differ"]
    meaning = (
        "Effect: mean difference in standard deviations of the differences (Hedges). An interval that holds 0 leaves "
        "open which is better."
        if found.enough_seeds
        else f"Seeds of one configuration differ by {told} (standard deviation, pooled over all configurations); a "
        f"difference of two means counts as more from {CLEARLY:g} standard errors on."
    )
    return Table(
        f"{figures.label(metric)}: the best configuration of each model, compared seed by seed. {meaning} Each "
        "configuration was chosen for its score, which flatters all of them.",
        ["first", "second", "first − second", *last, "pairs"],
        rows,
    )


def _comparison(study: Results, found: Evidence, first: str, second: str, metric: str) -> list[object] | None:
    """A row on two models; None when one of them has nothing completed."""
    try:
        row = study.compare(first, second, metric).iloc[0].to_dict()
    except QueryError:
        return None
    if found.enough_seeds:
        last = [
            "–" if np.isnan(row["low"]) else f"{signed(row['low'])} to {signed(row['high'])}",
            "–" if np.isnan(row["effect"]) else signed(row["effect"], 2),
        ]
    else:
        error = uncertainty.seed_deviation(study.feasible(), metric) * np.sqrt(2 / row["pairs"])
        last = ["–" if np.isnan(error) else "yes" if abs(row["difference"]) > CLEARLY * error else "no"]
    return [figures.title(first), figures.title(second), signed(row["difference"]), *last, row["pairs"]]


def _shares(study: Results) -> Details | None:
    trials = study.trials()
    every = {figures.label(key): dependence.corrected_shares(trials, key) for key in _metrics(study)}
    shares = {name: own for name, own in every.items() if not own["share"].isna().any()}
    if not shares:
        return None
    table = Table(
        f"Share of the variance of each final metric that is due to {dependence.WITHOUT_CHANCE}.",
        ["metric", "model", "hyperparameters", "seed"],
        [[label, *dependence.in_words(own)] for label, own in shares.items()],
    )
    return Details("What differences come from: model, hyperparameters, seed", table)


def _metrics(study: Results) -> list[str]:
    return study.scored_metrics()[:MOST_METRICS]


def _ranks(study: Results, directory: pathlib.Path) -> Figure | None:
    ways = {metric: study.direction(metric) for metric in _metrics(study)}
    if len(ways) < 2 or len(study.feasible()) < 3:
        return None
    figure = figures.rank_correlation(dependence.rank_correlation(study.trials(), ways), ways)
    return Figure(
        drawn(figure, directory, "ranks"),
        "Rank correlations between metrics",
        "Whether final metrics agree on what is better: Spearman correlation over all completed trials, with metrics "
        "of which less is better (↓) turned round.",
    )
