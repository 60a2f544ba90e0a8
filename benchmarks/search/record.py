"""Make the table of recorded curves from a study that was run: `trainables/models/recorded/search_table.parquet`.

    python -m benchmarks.search.record search_table --root runs

A model is in the table when all trials of its grid are complete. `--to` writes elsewhere.
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
    options.to.with_suffix(".json").write_text(json.dumps(dataclasses.asdict(description), indent=1) + "\n")
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
        if (of_model["state"] == "COMPLETED").sum() < spec.points(str(name)) * spec.seeds.max:
            continue
        knobs = study.searched(str(name))
        rows = wide.reset_index().merge(of_model[["configuration", "seed", *knobs]], on=["configuration", "seed"])
        rows = rows.merge(spent, on=["configuration", "seed", "step"])
        rows.insert(0, "model", name)
        parts.append(rows.drop(columns="configuration"))
        models[str(name)] = _described(str(name), knobs, of_model)
    whole = pd.concat(parts, ignore_index=True)
    leading = ["model", *dict.fromkeys(knob for each in models.values() for knob in each.knobs), "seed", "step"]
    rest = [column for column in whole.columns if column not in leading]
    whole = whole[leading + rest].astype(dict.fromkeys(rest, np.float32))
    return whole.sort_values(leading, ignore_index=True), Description(spec.budget.steps, models)


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
