"""Make the table of recorded curves from a study that was run: `trainables/models/recorded/search_table.parquet`.

    python -m benchmarks.search.record search_table --root runs

While the study runs, the table is of what is there: of each model, the values of its first knob for which everything is
complete, and no model with fewer than two of them. `--to` writes elsewhere.
"""

import argparse
import dataclasses
import json
import pathlib
from typing import Any

import numpy as np
import pandas as pd

import studies
import trainables
from studies.study_file.spec import StudySpec
from trainables.models.recorded.curves import SPENT, TABLE, Description, Knob, RecordedModel


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("--root", default="runs")
    parser.add_argument("--to", type=pathlib.Path, default=TABLE)
    options = parser.parse_args()
    study = studies.open(options.name, options.root)
    rows, description = table(study)
    rows.to_parquet(options.to, index=False, compression="zstd")
    options.to.with_suffix(".json").write_text(
        json.dumps(dataclasses.asdict(description), indent=1, ensure_ascii=False) + "\n"
    )
    print(f"{len(rows):,} evaluations of {', '.join(description.models)}: {options.to.stat().st_size / 1e6:.2f} MB")


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
        if of_model[knobs[0]].nunique() < 2:
            continue
        rows = wide.reset_index().merge(of_model[["configuration", "seed", *knobs]], on=["configuration", "seed"])
        rows = rows.merge(spent, on=["configuration", "seed", "step"])
        rows.insert(0, "model", name)
        parts.append(rows.drop(columns="configuration"))
        models[str(name)] = _described(str(name), knobs, of_model)
    if not parts:
        raise SystemExit("nothing of the grid is complete yet")
    whole = pd.concat(parts, ignore_index=True)
    leading = ["model", *dict.fromkeys(knob for each in models.values() for knob in each.knobs), "seed", "step"]
    rest = [column for column in whole.columns if column not in leading]
    whole = whole[leading + rest].astype(dict.fromkeys(rest, np.float32))
    return whole.sort_values(leading, ignore_index=True), Description(spec.budget.steps, models)


def complete_part(trials: pd.DataFrame, knobs: list[str], spec: StudySpec) -> pd.DataFrame:
    """Completed trials of a model, as far as they are a full grid of its knobs and seeds."""
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
