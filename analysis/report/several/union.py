"""Several studies of one kind as one table: what may be compared, and the front of all together."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from analysis import figures
from analysis.report.wording import dataset_name
from analysis.results import Results
from core import pareto
from core.mistakes import QueryError


@dataclasses.dataclass(frozen=True)
class Union:
    """The completed, feasible configurations of several studies.

    Attributes:
        studies: at least two, of one data set and with the same objectives.
        rows: of their `feasible()`, with the column `study`; `configuration` is `<study>:<hash>`.
        front: those of the rows that no other dominates, best first by the first objective.
    """

    studies: tuple[Results, ...]
    rows: pd.DataFrame
    front: pd.DataFrame

    @property
    def objectives(self) -> dict[str, str]:
        """Of all studies."""
        return self.studies[0].objectives

    @property
    def name(self) -> str:
        """Of all studies together."""
        return " + ".join(study.name for study in self.studies)

    def study_of(self, row: "pd.Series[Any]") -> Results:
        """The study that a row is of."""
        return next(study for study in self.studies if study.name == row["study"])

    def hypervolume(self, study: Results) -> float:
        """Of a study's own front, against the reference point of all studies."""
        own = self._points(self.rows[self.rows["study"] == study.name])
        directions = list(self.objectives.values())
        reference = pareto.reference_point(self._points(self.rows), directions)
        return pareto.hypervolume(own, directions, list(reference)) if len(own) else 0.0

    def _points(self, rows: pd.DataFrame) -> np.ndarray:
        return rows[[f"{key}_mean" for key in self.objectives]].to_numpy(dtype=float)


def union(studies: Sequence[Results]) -> Union:
    """Put studies together.

    Raises:
        QueryError: two of them have one name, another data set or other objectives, or nothing is completed.
    """
    first, *others = studies
    for other in others:
        _require_same_kind(first, other)
    names = [study.name for study in studies]
    if len(set(names)) < len(names):
        raise QueryError("a report over several studies takes each of them once")
    parts = [study.feasible().assign(study=study.name) for study in studies]
    rows = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
    if rows.empty:
        raise QueryError(f"none of the studies {', '.join(names)} has a completed, feasible configuration yet")
    rows["configuration"] = rows["study"] + ":" + rows["configuration"]
    columns = [f"{key}_mean" for key in first.objectives]
    mask = pareto.non_dominated(rows[columns].to_numpy(dtype=float), list(first.objectives.values()))
    key, direction = next(iter(first.objectives.items()))
    front = rows[mask].sort_values(f"{key}_mean", ascending=direction == "minimize", kind="stable")
    return Union(tuple(studies), rows, front)


def _require_same_kind(first: Results, other: Results) -> None:
    if first.spec["dataset"] != other.spec["dataset"]:
        raise QueryError(
            f"'{first.name}' is on {dataset_name(first)} and '{other.name}' on {dataset_name(other)}: "
            "values compare within one data set only"
        )
    if first.objectives != other.objectives:
        raise QueryError(
            f"'{first.name}' asks for {_asked(first)} and '{other.name}' for {_asked(other)}: "
            "studies have one front if they have the same objectives"
        )


def _asked(study: Results) -> str:
    return ", ".join(f"{figures.short_label(key)} ({direction})" for key, direction in study.objectives.items())
