"""Questions to a study: tables, best trials, the front, comparisons. Reads only; works while the study runs."""

import dataclasses
import os
import pathlib
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd

from analysis.reading import snapshot, table
from analysis.reading.table import Tables
from analysis.reading.trial import Trial
from analysis.reading.where import select
from analysis.statistics import comparison
from analysis.statistics.expected import of_objectives
from core import extensions, pareto
from core.configuration import identity_of
from core.data import dataset_name
from core.formulas.bounds import parse_bounds
from core.formulas.costs import COSTS
from core.mistakes import QueryError, nearest
from core.record import journal
from core.record.history import History
from core.record.study import StudyRecord, read

FEWEST_OF_KNEE = 3  # points of a front
By = Literal["mean", "expected"]  # what a front is told by: means that were seen, or what is expected over all seeds


class Results:
    """What came of a launched study, read from its folder."""

    def __init__(self, name: str, root: str | os.PathLike[str] = "runs") -> None:
        self.record: StudyRecord = read(root, name)
        self.root, self.path, self.name = self.record.root, self.record.path, self.record.name
        self._cache: tuple[int, Tables] | None = None
        self._made: dict[str, tuple[tuple[int, int], pd.DataFrame]] = {}

    def __repr__(self) -> str:
        return f"<study '{self.name}' in {self.path}>"

    @property
    def spec(self) -> dict[str, Any]:
        """The specification as plain data."""
        return dict(self.record.spec)

    @property
    def objectives(self) -> dict[str, str]:
        """Result key to `maximize` or `minimize`, in the order of the study file."""
        return dict(self.record.spec["objectives"])

    @property
    def derived(self) -> dict[str, str]:
        """Results that are computed from others: name to expression."""
        return dict(self.record.spec.get("derived") or {})

    @property
    def stores(self) -> dict[str, str]:
        """URIs of tracking, optuna, checkpoints and data."""
        return dataclasses.asdict(self.record.stores)

    def pictures_folder(self) -> pathlib.Path:
        """Where the report and figures go: `report/` of the study, or here when another person's cannot be written."""
        if os.access(self.path, os.W_OK):
            return self.path / "report"
        return pathlib.Path.cwd() / f"{self.name}-report"

    def history(self) -> History:
        """How the study came to where it is, folded from its journal."""
        return History.read(self.path)

    @property
    def dataset_name(self) -> str:
        """Name of the data set, without its options."""
        return dataset_name(self.spec["dataset"])

    def searched(self, model: str) -> list[str]:
        """Hyperparameters of a model for which the study file gives a range or choices."""
        spec = self.spec
        raw = {**spec["defaults"], **spec["models"].get(model, {})}
        own = next((values for name, values in self.tables.settings.values() if name == model), raw)
        return [key for key, value in raw.items() if isinstance(value, dict | list) and key in own]

    def searched_by_model(self) -> dict[str, list[str]]:
        """`searched` of every model of the study file."""
        return {model: self.searched(model) for model in self.spec["models"]}

    def searched_by_logarithm(self) -> set[str]:
        """Names of the hyperparameters of which the study file gives a logarithmic range."""
        groups = [self.spec["defaults"], *self.spec["models"].values()]
        return {key for own in groups for key, value in own.items() if isinstance(value, dict) and "log" in value}

    @property
    def tables(self) -> Tables:
        """What the journal says now."""
        size = journal.size(self.path)
        if self._cache is None or self._cache[0] != size:
            self._cache = (size, snapshot.load(self.path))
        return self._cache[1]

    def trials(self) -> pd.DataFrame:
        """One row per planned (configuration, seed), in the order of suggestion.

        Columns: `configuration`, `seed`, `model`, one per hyperparameter, `state`, `reason`, `steps`, `seconds`,
        `seconds_training`, `seconds_evaluating`, `seconds_waiting` (of its last process, for the driver), the other
        costs (`core.formulas.costs`), `mlflow_run_id`, one per final metric.
        """
        return self._remembered("trials", lambda: table.trials(self.tables, journal.run_ids(self.path)))

    def metrics(self) -> list[str]:
        """Columns of `trials()` that are final metrics, and costs that the study names."""
        return self.tables.metrics

    def configurations(self) -> pd.DataFrame:
        """One row per configuration: `n`, `state`, `<metric>_mean`, `<metric>_std`; of costs too."""
        return self._remembered("configurations", self._configurations)

    def _configurations(self) -> pd.DataFrame:
        hyperparameters = {name for _, values in self.tables.settings.values() for name in values}
        return table.configurations(self.trials(), self._numbers(), hyperparameters)

    def _numbers(self) -> list[str]:
        """What can be asked for by name: final metrics, and all costs."""
        return list(dict.fromkeys([*self.metrics(), *COSTS]))

    def _remembered(self, name: str, make: Callable[[], pd.DataFrame]) -> pd.DataFrame:
        """A table as long as the files that it is made from do not grow; the caller may change what it gets."""
        runs = self.path / journal.RUN_IDS
        sizes = (journal.size(self.path), runs.stat().st_size if runs.exists() else 0)
        if name not in self._made or self._made[name][0] != sizes:
            self._made[name] = (sizes, make())
        return self._made[name][1].copy()

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
        self._require(metric)
        chosen = select(completed, where)
        chosen = chosen.sort_values(metric, ascending=self.direction(metric) == "minimize", kind="stable")
        return [self._trial(row) for _, row in chosen.dropna(subset=[metric]).head(top).iterrows()]

    def _require(self, metric: str) -> None:
        known = self._numbers()
        if metric not in known:
            hint = nearest(metric, known)
            raise QueryError(f"study '{self.name}' has no final metric '{metric}'; {hint}")

    def scored_metrics(self) -> list[str]:
        """The final metrics that have a better side: what is compared, without counts, errors and controls."""
        import core.metrics

        kept = []
        own = self._directions_of_extensions()
        for key in self.metrics():
            if own.get(key.partition("/")[0]) or (key in self.derived and key in self.objectives):
                kept.append(key)
                continue
            try:
                metric, _ = core.metrics.find_key(key)
            except core.metrics.MetricError:
                continue
            plain = key.partition("/")[0]
            if plain in metric.directions and metric.directions[plain] is not None:
                kept.append(key)
        return kept

    def direction(self, metric: str) -> str:
        """Whether better values of a metric are found by `maximize` or `minimize`; of a cost, less.

        Raises:
            QueryError: a derived result that is no objective, which alone says its direction.
        """
        import core.metrics

        if metric in self.objectives:
            return self.objectives[metric]
        if metric in COSTS or metric in self.spec.get("costs", ()):
            return "minimize"
        plain, own = metric.partition("/")[0], self._directions_of_extensions()
        if plain in own:
            return own[plain] or "maximize"
        if metric in self.derived:
            raise QueryError(f"'{metric}' is derived and no objective, so that it has no better direction")
        found, _ = core.metrics.find_key(metric)
        return found.directions.get(plain) or "maximize"

    def _directions_of_extensions(self) -> dict[str, str | None]:
        """Of the result keys of the study's own metrics, whose code is not needed here."""
        codes = self.spec.get("extensions", ())
        return {key: direction for code in codes for key, direction in code["directions"].items()}

    def feasible(self) -> pd.DataFrame:
        """The configurations that may be on the front: all planned seeds completed, and `search.where` holds.

        A bound holds when the mean over seeds is not beyond it; none is there before every objective has a value.
        """
        bounds = parse_bounds(self.spec["search"].get("where"))
        kept = self._completed([*self.objectives, *(bound.metric for bound in bounds)])
        for bound in bounds if len(kept) else ():
            means = kept[f"{bound.metric}_mean"]
            kept = kept[(means <= bound.value) if bound.below else (means >= bound.value)]
        return kept

    def _completed(self, metrics: Sequence[str]) -> pd.DataFrame:
        """The configurations of which all planned seeds are, with means of some metrics."""
        configurations, columns = self.configurations(), [f"{key}_mean" for key in dict.fromkeys(metrics)]
        if not set(columns) <= set(configurations.columns):
            return configurations.head(0)
        return configurations[(configurations["state"] == "COMPLETED") & configurations[columns].notna().all(axis=1)]

    def expected(self) -> pd.DataFrame:
        """`feasible()`, and what each would give over all seeds, in columns for each objective.

        `<objective>_expected` from its own results and from those of its neighbours, `<objective>_error`, its standard
        error, and `<objective>_noise`, the standard deviation over seeds that this goes by; see
        `analysis.statistics.expected`. With few seeds this takes out the luck that the front of means is made of.
        Neighbours are all that completed, also where `search.where` does not hold.
        """
        return self._remembered("expected", self._expected)

    def _expected(self) -> pd.DataFrame:
        feasible, completed = self.feasible(), self._completed(list(self.objectives))
        if feasible.empty:
            return feasible
        spec = self.spec
        found = of_objectives(completed, self.objectives, spec.get("costs", ()), spec["defaults"], spec["models"])
        return feasible.join(found)

    def front(self, columns: Literal["searched", "all"] = "searched", by: By = "mean") -> pd.DataFrame:
        """The feasible configurations that no other dominates by the means of the objectives, best first by the first.

        Only configurations whose seeds all completed count; failed and early-stopped ones never do.

        Args:
            columns: what tells them apart, that is model, searched hyperparameters, seeds and objectives, or all.
            by: the means that were seen, or what is to be expected over all seeds (see `expected`), which with few
                seeds is nearer to the truth.
        """
        front = self._whole_front(by)
        if columns == "all":
            return front
        searched = dict.fromkeys(name for own in self.searched_by_model().values() for name in own)
        parts = ("mean", "std") if by == "mean" else ("mean", "expected", "error")
        of_objectives = [f"{key}_{part}" for key in self.objectives for part in parts]
        return front[[key for key in ("configuration", "model", *searched, "n", *of_objectives) if key in front]]

    def _whole_front(self, by: By = "mean") -> pd.DataFrame:
        known = self.feasible() if by == "mean" else self.expected()
        if known.empty:
            return known
        mask = pareto.non_dominated(self._values(known, by), list(self.objectives.values()))
        first, direction = next(iter(self.objectives.items()))
        return known[mask].sort_values(f"{first}_{by}", ascending=direction == "minimize").reset_index(drop=True)

    def knee(self) -> pd.Series:
        """The row of the front that is farthest ahead of the line between its ends, objectives scaled to the front.

        With more than two objectives, of the plane through the best point of each (Das 1999).

        Raises:
            QueryError: the front has fewer than three points, of which none is between others.
        """
        front = self._front_or_error()
        if len(front) < FEWEST_OF_KNEE:
            ends = "one point" if len(front) == 1 else "two points, its ends"
            raise QueryError(f"the front of study '{self.name}' has {ends}: a knee needs at least {FEWEST_OF_KNEE}")
        losses = pareto.as_losses(self._values(front), list(self.objectives.values()))
        span = np.ptp(losses, axis=0)
        scaled = (losses - losses.min(0)) / np.where(span > 0, span, 1.0)
        return front.iloc[int(scaled.sum(1).argmin())]

    def nearest(self, **targets: float) -> pd.Series:
        """The row of the front whose means are nearest to the targets: `nearest(reconstruction_error=40)`.

        Distances are in units of the metric's range over the front. A key with a protocol is given as
        `nearest(**{"factor_vae_score/fast": 0.8})`.

        Raises:
            QueryError: no target, an unknown metric, or the front is empty.
        """
        if not targets:
            raise QueryError("nearest() needs a target, such as nearest(reconstruction_error=40)")
        front = self._front_or_error()
        for metric in targets:
            self._require(metric)
        means = front[[f"{metric}_mean" for metric in targets]].to_numpy(dtype=float)
        span = np.ptp(means, axis=0)
        distances = (means - list(targets.values())) / np.where(span > 0, span, 1.0)
        return front.iloc[int(np.square(distances).sum(1).argmin())]

    def compare(self, first: "Results | str", second: str | None = None, metric: str | None = None) -> pd.DataFrame:
        """Two models of this study, `compare("chyvae", "beta_vae")`, or this study and another, `compare(other)`.

        Models are compared by the configuration of each that is best by the mean. Studies are compared over the
        configurations that both have; without one in common, by the best configuration of each. Pairs are trials
        with the same seed, which share initialisation and data order.

        Returns:
            One row per metric (all objectives, or the one named): `metric`, `first`, `second`, `difference`, `low`,
            `high`, `effect`, `pairs`, `basis`; see `analysis.statistics.comparison.Comparison`.

        Raises:
            QueryError: an unknown model or metric, or nothing can be paired.
        """
        rows = []
        for key in [metric] if metric else list(self.objectives):
            self._require(key)
            if isinstance(first, Results):
                first._require(key)
                ours, theirs, basis = self._same_configurations(first, key)
            else:
                ours, theirs = self._by_seed(first, key), self._by_seed(second or "", key)
                basis = "best configuration of each model"
            try:
                found = comparison.paired(ours, theirs)
            except ValueError as error:
                raise QueryError(str(error)) from None
            rows.append({"metric": key, **dataclasses.asdict(found), "basis": basis})
        return pd.DataFrame(rows)

    def _same_configurations(self, other: "Results", metric: str) -> tuple[pd.Series, pd.Series, str]:
        ours, theirs = (comparison.by_trial(each.trials(), metric) for each in (self, other))
        if ours.index.isin(theirs.index).any():
            return ours, theirs, "configurations of both studies"
        return self._by_seed(None, metric), other._by_seed(None, metric), "best configuration of each study"

    def _by_seed(self, model: str | None, metric: str) -> pd.Series:
        """A metric by seed, of the best feasible configuration (of a model) by its mean."""
        table = self.feasible()
        table = table[table[f"{metric}_mean"].notna()]
        if model is not None:
            if model not in self.spec["models"]:
                raise QueryError(f"study '{self.name}' has no model '{model}'; it has {', '.join(self.spec['models'])}")
            table = table[table["model"] == model]
        if table.empty:
            raise QueryError(f"no feasible configuration of {model or f'study {self.name!r}'} is completed yet")
        ascending = self.direction(metric) == "minimize"
        best = table.sort_values(f"{metric}_mean", ascending=ascending, kind="stable")["configuration"].iloc[0]
        trials = self.trials()
        return comparison.by_seed(trials[trials["configuration"] == best], metric)

    def _front_or_error(self) -> pd.DataFrame:
        front = self._whole_front()
        if front.empty:
            raise QueryError(f"study '{self.name}' has no front yet: no feasible configuration is completed")
        return front

    def _values(self, table: pd.DataFrame, part: str = "mean") -> np.ndarray:
        """Means (N, M) of the objectives, or what is expected of them."""
        return table[[f"{objective}_{part}" for objective in self.objectives]].to_numpy(dtype=float)

    def reference(self) -> np.ndarray:
        """The default reference point (M,) of the hypervolume: a tenth of the range behind the worst configuration.

        Raises:
            QueryError: no feasible configuration is completed.
        """
        feasible = self.feasible()
        if feasible.empty:
            raise QueryError(f"study '{self.name}' has no completed, feasible configuration yet")
        return pareto.reference_point(self._values(feasible), list(self.objectives.values()))

    def hypervolume(self, reference: Sequence[float] | None = None, by: By = "mean") -> float:
        """Hypervolume of the front, by means or expected values, against `reference()` unless a point (M,) is given."""
        known = self.feasible() if by == "mean" else self.expected()
        if known.empty:
            return 0.0
        point = self.reference() if reference is None else reference
        return pareto.hypervolume(self._values(known, by), list(self.objectives.values()), list(point))

    def trial(self, configuration: str, seed: int) -> Trial:
        """One trial by its identity."""
        trials = self.trials()
        rows = trials[(trials["configuration"] == configuration) & (trials["seed"] == seed)]
        if rows.empty:
            raise QueryError(f"study '{self.name}' has no trial {identity_of(configuration, seed)}")
        return self._trial(rows.iloc[0])

    def dataset(self) -> Any:
        """The study's data set, for encoding images with its models.

        Raises:
            core.data.DataError: it is not on this machine.
        """
        import core.data

        return core.data.load(self.spec["dataset"], self.stores["data"])

    def checkpoint_folder(self, identity: str) -> str:
        """URI of a trial's folder of checkpoints and pictures."""
        return self.record.trial_uri(identity)

    def _trial(self, row: "pd.Series[Any]") -> Trial:
        _, values = self.tables.settings[row["configuration"]]
        metrics = {metric: float(row[metric]) for metric in self.metrics() if pd.notna(row[metric])}
        return Trial(
            configuration=row["configuration"],
            seed=int(row["seed"]),
            model=row["model"],
            hyperparameters=values,
            metrics=metrics,
            state=row["state"],
            checkpoint=self.checkpoint_folder(identity_of(row["configuration"], int(row["seed"]))),
            code=self.path / extensions.FOLDER,
        )
