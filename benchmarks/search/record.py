"""Make the table of recorded curves from a study that was run: `trainables/models/recorded/search_table.parquet`.

    python -m benchmarks.search.record search_table --root runs
    python -m benchmarks.search.record search_held_out --root runs    # trials off the grid: held_out.parquet

While the study runs, the table is of what is there: of each model, the values of its first knob for which everything is
complete, and no model with fewer than two of them. What another study had recorded stays, so that the table can be made
in pieces; `--to` writes elsewhere.
"""

import argparse
import dataclasses
import json
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

import studies
import trainables
from studies.study_file.spec import StudySpec
from trainables.models.recorded.curves import HELD_OUT, SPENT, TABLE, Description, Knob, RecordedModel, describe


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("--root", default="runs")
    parser.add_argument("--to", type=pathlib.Path)
    options = parser.parse_args()
    study = studies.open(options.name, options.root)
    rows, description = table(study)
    on_grid = StudySpec(**study.spec).search.sampler == "grid"
    file = options.to or (TABLE if on_grid else HELD_OUT)
    if file.exists():
        rows, description = with_earlier(rows, description, pd.read_parquet(file), describe(file))
    if on_grid:
        rows, description = without_single_points(rows, description)
    rows.to_parquet(file, index=False, compression="zstd")
    text = json.dumps(dataclasses.asdict(description), indent=1, ensure_ascii=False)
    file.with_suffix(".json").write_text(text + "\n")
    print(f"{len(rows):,} evaluations of {', '.join(description.models)}: {file.stat().st_size / 1e6:.2f} MB")


def table(study: Any) -> tuple[pd.DataFrame, Description]:
    """All evaluations of complete models, a row each, and what they are of."""
    trials = study.trials()
    spec = StudySpec(**study.spec)
    models, parts = {}, []
    curves = study.curves()
    wide = curves.pivot_table(index=["configuration", "seed", "step"], columns="metric", values="value", observed=True)
    spent = _spent(study)
    for name, of_model in trials.groupby("model"):
        knobs = [knob for knob in spec.spaces[str(name)].parameters if knob in study.searched(str(name))]
        of_model = complete_part(of_model, knobs, spec)
        if of_model.empty:
            continue
        rows = whole_curves(wide, of_model, spec).merge(of_model[["configuration", "seed", *knobs]])
        rows = rows.merge(spent, how="left")
        of_trials = rows.groupby(["configuration", "seed"], observed=True)[list(SPENT)]
        rows[list(SPENT)] = of_trials.transform(lambda curve: curve.interpolate(limit_area="inside"))
        rows.insert(0, "model", name)
        parts.append(rows.drop(columns="configuration"))
        models[str(name)] = _described(str(name), knobs, of_model)
    if not parts:
        raise SystemExit("nothing is complete yet")
    return in_order(pd.concat(parts, ignore_index=True), models), Description(spec.budget.steps, models)


def leading(models: Mapping[str, RecordedModel]) -> list[str]:
    """Columns that tell rows apart: model, knobs, seed and step."""
    return ["model", *dict.fromkeys(knob for each in models.values() for knob in each.knobs), "seed", "step"]


def in_order(rows: pd.DataFrame, models: Mapping[str, RecordedModel]) -> pd.DataFrame:
    """Rows by what tells them apart; these columns first, and results in single precision."""
    first = leading(models)
    rest = sorted(set(rows.columns) - set(first))
    return rows[first + rest].astype(dict.fromkeys(rest, np.float32)).sort_values(first, ignore_index=True)


def with_earlier(
    rows: pd.DataFrame, description: Description, earlier: pd.DataFrame, described: Description
) -> tuple[pd.DataFrame, Description]:
    """A table and what an earlier one has beside it; of a configuration that both have, the later one's rows.

    Raises:
        SystemExit: the two are not of the same protocol.
    """
    if described.steps != description.steps:
        raise SystemExit(f"the table is of {described.steps} steps, the study of {description.steps}")
    models = dict(described.models)
    for name, model in description.models.items():
        before = models.get(name, model)
        if (before.fixed, list(before.knobs)) != (model.fixed, list(model.knobs)):
            raise SystemExit(f"{name} was recorded with other hyperparameters before")
        models[name] = dataclasses.replace(
            model, knobs={key: _widened(knob, before.knobs[key]) for key, knob in model.knobs.items()}
        )
    both = pd.concat([earlier, rows], ignore_index=True).drop_duplicates(leading(models), keep="last")
    return in_order(both, models), Description(description.steps, models)


def without_single_points(rows: pd.DataFrame, description: Description) -> tuple[pd.DataFrame, Description]:
    """A table without models that have a single value of a knob: there is nothing between."""
    models = {
        name: model
        for name, model in description.models.items()
        if all(knob.low < knob.high for knob in model.knobs.values())
    }
    if not models:
        raise SystemExit("nothing of the grid is complete yet")
    kept = rows[rows["model"].isin(models)].dropna(axis=1, how="all")  # without knobs of others
    return in_order(kept, models), Description(description.steps, models)


def _widened(knob: Knob, other: Knob) -> Knob:
    return dataclasses.replace(knob, low=min(knob.low, other.low), high=max(knob.high, other.high))


def whole_curves(wide: pd.DataFrame, trials: pd.DataFrame, spec: StudySpec) -> pd.DataFrame:
    """All evaluations of some trials; between two others, one that was lost is the mean of these."""
    steps = range(spec.budget.evaluate_every, spec.budget.steps + 1, spec.budget.evaluate_every)
    wanted = pd.MultiIndex.from_tuples(
        [(*trial, step) for trial in trials[["configuration", "seed"]].itertuples(index=False) for step in steps],
        names=wide.index.names,
    )
    found = wide.reindex(wanted)
    lost = found.isna().all(axis=1)
    filled = found.groupby(level=["configuration", "seed"], observed=True).transform(
        lambda curve: curve.interpolate(limit_area="inside")
    )
    for configuration, seed, step in found.index[lost]:
        print(f"{configuration}-s{seed}: step {step} is the mean of its neighbours")
    return found.where(~lost, filled, axis=0).reset_index()


def complete_part(trials: pd.DataFrame, knobs: list[str], spec: StudySpec) -> pd.DataFrame:
    """Completed trials of a model; of a grid, as far as it is full."""
    if spec.search.sampler != "grid":
        return trials[trials["state"] == "COMPLETED"]
    space = spec.spaces[str(trials["model"].iloc[0])]
    planned = spec.seeds.max * space.grid_size // len(space.parameters[knobs[0]].points())  # of a value of the first
    completed = trials[trials["state"] == "COMPLETED"]
    counts = completed.groupby(knobs[0]).size()
    return completed[completed[knobs[0]].isin(counts[counts == planned].index)]


def _spent(study: Any) -> pd.DataFrame:
    """What every trial had cost at each of its evaluations."""
    from core.record import journal
    from core.record.events import TrialReported

    reports = [event for _, event in journal.read(study.path) if isinstance(event, TrialReported)]
    rows = [[each.configuration, each.seed, each.step, *(each.ledger[key] for key in SPENT)] for each in reports]
    keys = ["configuration", "seed", "step"]
    return pd.DataFrame(rows, columns=[*keys, *SPENT]).drop_duplicates(keys, keep="last")


def _described(name: str, knobs: list[str], trials: pd.DataFrame) -> RecordedModel:
    kind = trainables.get(name)
    described = {}
    for knob in knobs:
        field = kind.Hyperparameters.model_fields[knob]
        extra: Any = field.json_schema_extra
        integer = field.annotation is int
        low, high = (int(each) if integer else float(each) for each in (trials[knob].min(), trials[knob].max()))
        described[knob] = Knob(low, high, integer, extra["symbol"], field.description or "", extra["source"])
    fields = [field for field in kind.Hyperparameters.model_fields if field not in knobs]
    fixed = {field: trials[field].iloc[0] for field in fields}
    plain = {key: value.item() if isinstance(value, np.generic) else value for key, value in fixed.items()}
    return RecordedModel(kind.title, described, plain, int(trials["parameters"].iloc[0]))


if __name__ == "__main__":
    main()
