"""How sure we are: everything that the study can say about chance."""

import itertools
import pathlib

import markupsafe
import numpy as np

from analysis import figures
from analysis.report.album import drawn
from analysis.report.evidence import Evidence
from analysis.report.page import Figure, Paragraph, Section, Table
from analysis.report.rules import Rules
from analysis.results import QueryError, Results
from analysis.statistics import dependence, uncertainty

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
        _hypervolume(found),
        _progress(study, directory),
        _rules(found.rules, metric),
        _comparisons(study, metric),
        _shares(study) if found.probability else None,
        _importance(study, metric),
        _ranks(study, directory),
    )


def _hypervolume(found: Evidence) -> Paragraph:
    text = markupsafe.Markup("Hypervolume of the front: <strong>{}</strong>, measured against {}. {}")
    return Paragraph(text.format(str(found.hypervolume), found.reference, _caution(found)))


def _caution(found: Evidence) -> str:
    """What may be read from the interval of the hypervolume."""
    if not found.probability:
        return "Every configuration has one seed, so nothing can be said about chance: more seeds are needed."
    origin = "The interval is a bootstrap over seeds."
    if found.fewest_seeds >= 5:
        return origin
    return (
        f"{origin} Some configurations have only {found.fewest_seeds} seed{'s' if found.fewest_seeds > 1 else ''}: a "
        "bootstrap can do no more than repeat these, so that intervals here are too narrow (of three seeds they hold "
        "the truth in about two cases of three, of ten in nine of ten) and shares of 100 % on the front are no "
        "certainty."
    )


def _progress(study: Results, directory: pathlib.Path) -> Figure:
    points = study.feasible()[[f"{key}_mean" for key in study.objectives]].to_numpy(dtype=float)
    directions = list(study.objectives.values())
    history = uncertainty.hypervolume_history(points, directions, list(study.reference()))
    return Figure(
        drawn(figures.hypervolume_history(history), directory, "history"),
        "Hypervolume after each configuration",
        "Progress of the search: hypervolume of the front after each configuration. A curve that still rises says "
        "that a longer search would find more.",
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


def _comparisons(study: Results, metric: str) -> Table | None:
    pairs = itertools.islice(itertools.combinations(study.spec["models"], 2), MOST_PAIRS)
    rows = [row for first, second in pairs if (row := _comparison(study, first, second, metric)) is not None]
    if not rows:
        return None
    return Table(
        f"{figures.label(metric)}: the best configuration of each model, compared seed by seed. Effect: mean "
        "difference in standard deviations of the differences (Hedges). An interval that holds 0 leaves open which is "
        "better. Each configuration was chosen for its score, which flatters all of them.",
        ["first", "second", "first − second", "95 % interval", "effect", "pairs"],
        rows,
    )


def _comparison(study: Results, first: str, second: str, metric: str) -> list[object] | None:
    """A row on two models; None when one of them has nothing completed."""
    try:
        row = study.compare(first, second, metric).iloc[0].to_dict()
    except QueryError:
        return None
    return [
        figures.title(first),
        figures.title(second),
        f"{row['difference']:+.3g}",
        "–" if np.isnan(row["low"]) else f"{row['low']:+.3g} to {row['high']:+.3g}",
        "–" if np.isnan(row["effect"]) else f"{row['effect']:+.2f}",
        row["pairs"],
    ]


def _shares(study: Results) -> Table | None:
    trials = study.trials()
    shares = {figures.label(key): dependence.variance_shares(trials, key) for key in _metrics(study)}
    if not shares:
        return None
    return Table(
        "Share of the variance of each final metric that is due to the model, to its hyperparameters, and to the "
        "seed; with few seeds part of what is the seed's counts as the hyperparameters'.",
        ["metric", "model", "hyperparameters", "seed"],
        [
            [label, *("–" if np.isnan(share) else f"{share:.0%}" for share in own.values())]
            for label, own in shares.items()
        ],
    )


def _metrics(study: Results) -> list[str]:
    return study.scored_metrics()[:MOST_METRICS]


def _importance(study: Results, metric: str) -> Table | None:
    rows = [
        [
            figures.title(str(model)),
            figures.symbol(str(model), row["hyperparameter"]),
            f"{row['importance']:.0%}",
            f"{row['explained']:.2f}",
        ]
        for model, own in study.feasible().groupby("model", sort=False)
        for row in dependence.importance(own, study.searched(str(model)), metric).to_dict("records")
    ]
    if not rows:
        return None
    return Table(
        f"Importance of the searched hyperparameters for {figures.label(metric)} (permutation in a random forest). R² "
        "is on configurations that the forest has not seen; near or below 0 the importances mean nothing.",
        ["model", "hyperparameter", "importance", "R²"],
        rows,
    )


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
