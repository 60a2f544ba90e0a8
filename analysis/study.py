"""A study as a user holds it: tables, best trials, the front, loaded models. Reads only; works while the study runs."""

import dataclasses
import difflib
import json
import os
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from analysis import pareto, snapshot, table
from analysis.constraints import parse_bounds
from analysis.table import Tables
from analysis.where import select
from core import journal
from core.storage import Folder


class NoSuchStudyError(ValueError):
    """There is no study of that name; the text is one sentence."""


class QueryError(ValueError):
    """A question that the study cannot answer; the text is one sentence."""


@dataclasses.dataclass(frozen=True)
class Trial:
    """One configuration with one seed, as it ended.

    Attributes:
        configuration: hash of the configuration.
        seed: index of the replicate.
        model: name of the model.
        hyperparameters: all hyperparameters of the configuration.
        metrics: final metrics.
        state: COMPLETED, PRUNED, FAILED, RUNNING or PENDING.
        checkpoint: URI of the folder that holds its checkpoints.
    """

    configuration: str
    seed: int
    model: str
    hyperparameters: Mapping[str, Any]
    metrics: Mapping[str, float]
    state: str
    checkpoint: str

    def load(self) -> Any:
        """The trained model, on the CPU: `.encode(images)`, `.decode(codes)`, `.config`, `.dataset`."""
        from trainables.run import load_model

        return load_model(Folder(self.checkpoint))


class Study:
    """A launched study, read from its folder."""

    def __init__(self, name: str, root: str | os.PathLike[str] = "runs") -> None:
        self.root = pathlib.Path(root).resolve()
        self.path = self.root / name
        self.name = name
        try:
            self._record: dict[str, Any] = json.loads((self.path / "study.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            known = sorted(path.parent.name for path in self.root.glob("*/study.json"))
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"there are: {', '.join(known) or 'none yet'}"
            raise NoSuchStudyError(f"there is no study '{name}' under {self.root}; {hint}") from None
        self._cache: tuple[int, Tables] | None = None

    def __repr__(self) -> str:
        return f"<study '{self.name}' in {self.path}>"

    @property
    def spec(self) -> dict[str, Any]:
        """The specification as plain data."""
        return dict(self._record["spec"])

    @property
    def objectives(self) -> dict[str, str]:
        """Result key to `maximize` or `minimize`, in the order of the study file."""
        return dict(self._record["spec"]["objectives"])

    @property
    def stores(self) -> dict[str, str]:
        """URIs of tracking, optuna, checkpoints and data."""
        return dict(self._record["stores"])

    def searched(self, model: str) -> list[str]:
        """Hyperparameters of a model for which the study file gives a range or choices."""
        raw = {**self.spec["defaults"], **self.spec["models"][model]}
        return [key for key, value in raw.items() if isinstance(value, dict | list)]

    @property
    def tables(self) -> Tables:
        """What the journal says now."""
        size = snapshot.journal_size(self.path)
        if self._cache is None or self._cache[0] != size:
            self._cache = (size, snapshot.load(self.path))
        return self._cache[1]

    def trials(self) -> pd.DataFrame:
        """One row per planned (configuration, seed), in the order of suggestion.

        Columns: `configuration`, `seed`, `model`, one per hyperparameter, `state`, `reason`, `steps`, `seconds`,
        `seconds_training`, `seconds_evaluating`, `mlflow_run_id`, one per final metric.
        """
        return table.trials(self.tables, journal.run_ids(self.path))

    def metrics(self) -> list[str]:
        """Columns of `trials()` that are final metrics."""
        return self.tables.metrics

    def configurations(self) -> pd.DataFrame:
        """One row per configuration: `n`, `state`, `<metric>_mean`, `<metric>_std`."""
        return table.configurations(self.trials(), self.metrics())

    def curves(self) -> pd.DataFrame:
        """Every reported value: `configuration`, `seed`, `step`, `metric`, `value`."""
        return self.tables.curves.copy()

    def best(self, metric: str | None = None, top: int = 1, where: str | None = None) -> list[Trial]:
        """The best completed trials by a final metric, best first; by the first objective when none is named.

        Raises:
            QueryError: the metric is not there.
            WhereError: the condition cannot be understood.
        """
        metric = metric or next(iter(self.objectives))
        trials = self.trials()
        completed = trials[trials["state"] == "COMPLETED"]
        if metric not in self.metrics():
            known = self.metrics()
            near = difflib.get_close_matches(metric, known, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"there are {', '.join(known) or 'none yet'}"
            raise QueryError(f"study '{self.name}' has no final metric '{metric}'; {hint}")
        chosen = select(completed, where)
        chosen = chosen.sort_values(metric, ascending=self.direction(metric) == "minimize", kind="stable")
        return [self._trial(row) for _, row in chosen.dropna(subset=[metric]).head(top).iterrows()]

    def direction(self, metric: str) -> str:
        """Whether better values of a metric are found by `maximize` or `minimize`."""
        import core.metrics

        if metric in self.objectives:
            return self.objectives[metric]
        found, _ = core.metrics.find_key(metric)
        return found.directions.get(metric.partition("/")[0]) or "maximize"

    def feasible(self) -> pd.DataFrame:
        """The configurations that may be on the front: all planned seeds completed, and `search.where` holds.

        A bound holds when the mean over seeds is not beyond it; none is there before every objective has a value.
        """
        configurations = self.configurations()
        bounds = parse_bounds(self.spec["search"].get("where"))
        columns = [f"{key}_mean" for key in dict.fromkeys([*self.objectives, *(bound.metric for bound in bounds)])]
        if not set(columns) <= set(configurations.columns):
            return configurations.head(0)
        kept = configurations[(configurations["state"] == "COMPLETED") & configurations[columns].notna().all(axis=1)]
        for bound in bounds:
            means = kept[f"{bound.metric}_mean"]
            kept = kept[(means <= bound.value) if bound.below else (means >= bound.value)]
        return kept

    def front(self) -> pd.DataFrame:
        """The feasible configurations that no other dominates by the means of the objectives, best first by the first.

        Only configurations whose seeds all completed count; failed and early-stopped ones never do.
        """
        feasible = self.feasible()
        if feasible.empty:
            return feasible
        columns = [f"{objective}_mean" for objective in self.objectives]
        mask = pareto.non_dominated(feasible[columns].to_numpy(dtype=float), list(self.objectives.values()))
        ascending = next(iter(self.objectives.values())) == "minimize"
        return feasible[mask].sort_values(columns[0], ascending=ascending).reset_index(drop=True)

    def hypervolume(self, reference: list[float] | None = None) -> float:
        """Hypervolume of the front; by default against a point a tenth of the range behind the worst configuration."""
        feasible = self.feasible()
        if feasible.empty:
            return 0.0
        points = feasible[[f"{objective}_mean" for objective in self.objectives]].to_numpy(dtype=float)
        directions = list(self.objectives.values())
        point = np.asarray(reference) if reference is not None else pareto.reference_point(points, directions)
        return pareto.hypervolume(points, directions, list(point))

    def trial(self, configuration: str, seed: int) -> Trial:
        """One trial by its identity."""
        trials = self.trials()
        rows = trials[(trials["configuration"] == configuration) & (trials["seed"] == seed)]
        if rows.empty:
            raise QueryError(f"study '{self.name}' has no trial {configuration}-s{seed}")
        return self._trial(rows.iloc[0])

    def report(self) -> pathlib.Path:
        """Write the report (one HTML file, figures as PNG and PDF) and return the path of the HTML file."""
        from analysis.report import write

        return write(self)

    def checkpoint_folder(self, identity: str) -> str:
        """URI of a trial's folder of checkpoints and pictures."""
        path, question, query = self.stores["checkpoints"].partition("?")
        return f"{path.rstrip('/')}/{self.name}/trials/{identity}{question}{query}"

    def _trial(self, row: "pd.Series[Any]") -> Trial:
        _, values = self.tables.settings[row["configuration"]]
        metrics = {metric: float(row[metric]) for metric in self.metrics() if pd.notna(row[metric])}
        identity = f"{row['configuration']}-s{row['seed']}"
        return Trial(
            configuration=row["configuration"],
            seed=int(row["seed"]),
            model=row["model"],
            hyperparameters=values,
            metrics=metrics,
            state=row["state"],
            checkpoint=self.checkpoint_folder(identity),
        )
