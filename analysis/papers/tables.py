"""Our results laid out as in the papers, the published numbers beside them."""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

import analysis.papers.published as published
from analysis.papers.document import Document
from analysis.papers.published import Score
from analysis.reading.names import label, named, number, settings, signed, title
from analysis.results import Results
from analysis.statistics import uncertainty
from analysis.statistics.comparison import Comparison, by_seed, paired
from analysis.statistics.selection import best_by_chance, best_evaluations, largest_possible

NOTHING = "–"
JUDGED = "relation_accuracy_judged"


def factor_vae_scores(study: Results, metric: str | None = None) -> Document:
    """FactorVAE score by model and number of dimensions (the lecture's first table).

    Mean (std), its interval, the best seed, and what that would be by luck alone.

    Args:
        study: any study; models and dimensions that it has not are left open.
        metric: result key; default the study's first key of the FactorVAE score, protocol `cascade` preferred.
    """
    metric = metric or _key(study, "factor_vae_score", "factor_vae_score/cascade")
    table = _lecture(
        "lecture_table1",
        f"FactorVAE score (%), {study.dataset_name}",
        study,
        metric,
        published.FACTOR_VAE_SCORES,
    )
    return _with_notes(table, published.LECTURE_NOTES)


def classification_accuracy(study: Results, metric: str = "unsupervised_accuracy") -> Document:
    """Accuracy of the categorical code against the shape (the lecture's second table)."""
    dataset, chance = study.dataset_name, published.CLASSIFICATION_CHANCE
    caption = f"Unsupervised classification accuracy (%), {dataset}; chance {chance}"
    table = _lecture("lecture_table2", caption, study, metric, published.CLASSIFICATION)
    return _with_notes(table, published.LECTURE_NOTES[:1])


def relation_accuracy(studies: Sequence[Results]) -> Document:
    """Relation accuracy by version, predecessor and modular autoencoder (M-AE table 1).

    Args:
        studies: one per version of a data set, or fewer; versions without a study are left open.
    """
    by_dataset = {study.dataset_name: study for study in studies}
    rows = []
    for row in published.RELATION_ACCURACY:
        study = by_dataset.get(row.dataset)
        mark = "*" if row.dataset == "shapes3d.v5" else ""
        cells = [row.dataset, f"{row.combinations:,}"]
        for model, value, annotated in (
            ("weak", row.weak, row.weak_annotated),
            ("modular", row.modular, published.MODULAR_ANNOTATED),
        ):
            judged = study is not None and JUDGED in study.metrics()
            best = _best(study, model, JUDGED if judged else "relation_accuracy")
            ours = "" if best is None else f" ({best['num_annotated']:,}{_preset(best)})"
            cells += [f"{value:.3f}{mark if model == 'weak' else ''} ({annotated:,})"]
            cells += [f"{_value(best, 'relation_accuracy')}{ours}", _value(best, JUDGED)]
        rows.append(tuple(cells))
    columns: tuple[str, ...] = ("version", "combinations")
    for name in (title("weak"), title("modular")):
        columns += (f"{name}, published (annotated)", f"{name}, ours (annotated)", f"{name}, ours, judged images†")
    caption = "Relation accuracy, mean ± standard deviation over seeds"
    return Document("modular_table1", caption, columns, tuple(rows), published.RELATION_NOTES)


def _preset(row: pd.Series) -> str:
    """What tied partitions to factors, for a model that can do it in several ways."""
    return f", {row['preset']}" if "preset" in row and pd.notna(row["preset"]) else ""


def modular_scores(studies: Sequence[Results]) -> Document:
    """DCI, MIG and SAP of four methods with labels on two data sets (M-AE table 2)."""
    families = ("dsprites", "shapes3d")
    keys = ("dci_disentanglement", "mig", "sap_r2")
    rows = []
    for row in published.MODULAR_SCORES:
        cells = [row.method]
        for family, values in zip(families, (row.dsprites, row.shapes3d), strict=True):
            study = next((each for each in studies if each.dataset_name.startswith(family)), None)
            for key, value in zip(keys, values, strict=True):
                best = _best(study, row.model, key)
                cells.append(f"{value:g}{row.doubt} | {_value(best, key)}")
        rows.append(tuple(cells))
    heads = tuple(f"{family} {name}" for family in families for name in ("DCI", "MIG", "SAP"))
    caption = "DCI disentanglement, MIG and SAP (R²): published | ours, mean ± standard deviation over seeds"
    return Document("modular_table2", caption, ("method", *heads), tuple(rows), published.MODULAR_NOTES)


def by_annotation(study: Results, name: str, apart: Sequence[str]) -> Document:
    """What so many annotated images buy, one way of using them beside the other, the first objective seed by seed.

    Args:
        study: any study of models that need labels.
        name: of the table.
        apart: hyperparameters of which each value is a way of its own; of others the best is taken, by the mean.

    Columns that say nothing are left out.
    """
    metric = next(iter(study.objectives))
    mean, rows = f"{metric}_mean", study.feasible()
    rows = rows.assign(**{key: rows.get(key, np.nan) for key in ("num_annotated", mean)})  # where there is none yet
    rows = rows[rows["num_annotated"].notna()]
    rows = rows.assign(way=[named(row, apart) for _, row in rows.iterrows()])
    first = next(iter(rows["way"]), "")
    place = {way: index for index, way in enumerate(rows["way"].unique())}
    rows = rows.sort_values(mean, ascending=study.direction(metric) == "minimize", kind="stable")
    rows = rows.drop_duplicates(["num_annotated", "way"])
    of_configuration, cells = dict(list(study.trials().groupby("configuration"))), []
    for annotated, alike in rows.groupby("num_annotated"):
        seeds = {row["way"]: by_seed(of_configuration[row["configuration"]], metric) for _, row in alike.iterrows()}
        for _, row in alike.sort_values("way", key=lambda ways: ways.map(place)).iterrows():
            alone = row["way"] == first or first not in seeds
            ahead = NOTHING if alone else _difference(paired(seeds[row["way"]], seeds[first]))
            model, values = row["model"], [_value(row, each) for each in study.scored_metrics()]
            others = [each for each in study.searched(model) if each not in ("num_annotated", *apart)]
            best = settings(model, {each: row[each] for each in others}) or NOTHING
            cells.append((number(annotated), row["way"], best, str(row["n"]), *values, ahead))
    columns = ("annotated images", "way", "best setting", "seeds", *map(label, study.scored_metrics()))
    columns += (f"{label(metric)}, less the first way",)
    told = [index for index in range(len(columns)) if not cells or any(row[index] != NOTHING for row in cells)]
    caption = (
        "Mean ± standard deviation over seeds by number of annotated images, and differences seed by seed with their "
        "95 % interval"
    )
    return Document(
        name, caption, tuple(columns[each] for each in told), tuple(tuple(row[each] for each in told) for row in cells)
    )


def _difference(found: Comparison) -> str:
    """`+0.038 (+0.02 to +0.055)`; without an interval of too few pairs."""
    if found.pairs < uncertainty.ENOUGH_SEEDS:
        return signed(found.difference)
    return f"{signed(found.difference)} ({signed(found.low)} to {signed(found.high)})"


def trade_off(study: Results) -> Document:
    """The numbers behind a figure of two objectives (CHyVAE, figures 2 and 3): a row per feasible configuration.

    With the interval of the first objective, and how often the configuration is on the front when seeds are drawn anew,
    where there are seeds enough for either.
    """
    rows, metrics, first = study.feasible(), study.scored_metrics(), next(iter(study.objectives))
    searched = set(itertools.chain(*study.searched_by_model().values()))
    knobs = [key for key in rows if key in searched]
    rows = rows.assign(place=rows["model"].map(list(study.spec["models"]).index)).sort_values(["place", *knobs])
    name, caption = study.spec["paper"] or "trade_off", "Every configuration, mean ± standard deviation over seeds"
    table = summary(study, rows, [first, *(each for each in metrics if each != first)], name, caption)
    if rows["n"].min() < uncertainty.ENOUGH_SEEDS:
        return table
    keys = list(rows["configuration"])
    values = uncertainty.seed_values(study.trials(), keys, list(study.objectives))
    directions, replicates = list(study.objectives.values()), uncertainty.affordable_replicates(len(keys))
    shares = uncertainty.front_probability(values, directions, replicates)
    place = table.columns.index(label(first)) + 1
    cells = []
    for row, seeds, share in zip(table.rows, values[..., 0], shares, strict=True):
        found = uncertainty.mean(seeds[np.isfinite(seeds)])
        cells.append((*row[:place], f"{found.low:.3g} to {found.high:.3g}", *row[place:], f"{share:.0%}"))
    columns = (*table.columns[:place], "95 % interval", *table.columns[place:], "on the front in redraws")
    return Document(name, caption, columns, tuple(cells))


def summary(study: Results, rows: pd.DataFrame, metrics: Sequence[str], name: str, caption: str) -> Document:
    """Rows of `Study.configurations()` as a table: model, searched hyperparameters, seeds, metrics."""
    cells = []
    for _, row in rows.iterrows():
        chosen = {key: row[key] for key in study.searched(row["model"])}
        values = tuple(_value(row, metric) for metric in metrics)
        cells.append((title(row["model"]), settings(row["model"], chosen), str(row["n"]), *values))
    return Document(
        name, caption, ("model", "hyperparameters", "seeds", *(label(metric) for metric in metrics)), tuple(cells)
    )


def _lecture(name: str, caption: str, study: Results, metric: str, rows: Sequence[Score]) -> Document:
    cells = []
    for row in rows:
        fixed = {"num_latents": row.num_latents}
        ours = _lecture_cells(study, row.model, metric, _best(study, row.model, metric, fixed))
        unseen = _best(study, row.model, "reconstruction_error", fixed)
        other = _lecture_cells(study, row.model, metric, unseen)[1]  # mean (std)
        luck = best_by_chance(row.mean, row.std, published.SEEDS)
        best = f"{row.best:.2f}*" + "‡" * (row.best > largest_possible(row.mean, row.std, published.SEEDS))
        published_cells = [row.setting, f"{row.mean:.2f} ({row.std:.2f})*", best, f"{luck:.1f}"]
        cells.append((title(row.model), str(row.num_latents), *published_cells, *ours, other))
    columns: tuple[str, ...] = ("method", "m")
    columns += ("setting, published", "mean (std), published", "best, published", "best by luck, published")
    columns += ("setting, ours", "mean (std), ours", "95 % interval, ours", "best, ours", "best by luck, ours")
    columns += ("seeds, ours", "at the best checkpoints, ours", "chosen by reconstruction, ours")
    return Document(name, caption, columns, tuple(cells))


def _lecture_cells(study: Results, model: str, metric: str, chosen: "pd.Series | None") -> list[str]:
    """Of a configuration, in percent: setting, mean (std), interval, best, best by luck, seeds, at best checkpoints."""
    if chosen is None or metric not in study.metrics():
        return [*[NOTHING] * 5, "0", NOTHING]
    trials = study.trials()
    own = trials[(trials["configuration"] == chosen["configuration"]) & (trials["state"] == "COMPLETED")]
    values = 100 * own[metric].dropna().to_numpy(dtype=float)
    mean, interval, luck = uncertainty.mean(values), NOTHING, NOTHING
    if len(values) > 1:
        luck = f"{best_by_chance(mean.value, float(values.std(ddof=1)), len(values)):.1f}"
    if len(values) >= uncertainty.ENOUGH_SEEDS:
        interval = f"{mean.low:.1f} to {mean.high:.1f}"
    searched = [key for key in study.searched(model) if key != "num_latents"]
    setting = settings(model, {key: chosen[key] for key in searched})
    checkpoints = best_evaluations(study.curves(), chosen["configuration"], metric, study.direction(metric))
    at_best = _mean_and_deviation(100 * checkpoints.to_numpy()) if len(checkpoints) else NOTHING
    best = f"{values.max():.2f}"
    return [setting, _mean_and_deviation(values), interval, best, luck, str(len(values)), at_best]


def _mean_and_deviation(values: np.ndarray) -> str:
    """`75.00 (7.07)`, as the lecture writes it; without a deviation of one seed."""
    return f"{values.mean():.2f}" + (f" ({values.std(ddof=1):.2f})" if len(values) > 1 else "")


def _with_notes(table: Document, notes: tuple[str, ...]) -> Document:
    columns = tuple(
        f"{column}†" if column == "mean (std), published" and len(notes) > 1 else column for column in table.columns
    )
    return Document(table.name, table.caption, columns, table.rows, notes)


def _best(
    study: Results | None, model: str, metric: str, fixed: Mapping[str, object] | None = None
) -> "pd.Series | None":
    """The feasible configuration of a model that is best by the mean of a metric, if there is one."""
    if study is None or metric not in study.metrics():
        return None
    rows = study.feasible()
    rows = rows[(rows["model"] == model) & rows[f"{metric}_mean"].notna()]
    for key, value in (fixed or {}).items():
        rows = rows[rows[key] == value] if key in rows else rows.head(0)
    if rows.empty:
        return None
    return rows.sort_values(f"{metric}_mean", ascending=study.direction(metric) == "minimize", kind="stable").iloc[0]


def _value(row: "pd.Series | None", metric: str) -> str:
    """`0.724 ± 0.012`, or a dash."""
    if row is None or f"{metric}_mean" not in row or pd.isna(row[f"{metric}_mean"]):
        return NOTHING
    std = row[f"{metric}_std"]
    return f"{row[f'{metric}_mean']:.4g}" + ("" if np.isnan(std) else f" ± {std:.2g}")


def _key(study: Results, prefix: str, preferred: str) -> str:
    keys = [key for key in study.metrics() if key.partition("/")[0] == prefix]
    return preferred if preferred in keys or not keys else keys[0]
