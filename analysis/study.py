"""A study as a user holds it: its results, its report, its export, its winner as an MLflow model."""

import os
import pathlib
from typing import TYPE_CHECKING

from analysis.reading.trial import Trial
from analysis.results import Results
from core.mistakes import QueryError, nearest

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from analysis.statistics.gain import Gain


class Study(Results):
    """A launched study, read from its folder."""

    def report(self, *others: Results, redraw: bool = False) -> pathlib.Path:
        """Write the report (one HTML file, figures as PNG and PDF) into `pictures_folder()`; path of the HTML file.

        A report that would come out as it is already there stays as it is, unless `redraw`. With other studies of the
        same data set and objectives it is one over all of them, beside this study's own.

        Raises:
            QueryError: the other studies are not of this kind.
        """
        from analysis.report import report, together

        return together([self, *others]) if others else report(self, redraw=redraw)

    def _repr_html_(self) -> str:
        from analysis.notebook import card

        return card(self)

    def plot(self, knob: str | None = None) -> "Figure":
        """The front as a figure, or the objectives against a searched hyperparameter: `plot("beta")`.

        Raises:
            QueryError: the study does not search that hyperparameter, or nothing is completed yet.
        """
        from analysis import figures

        searched = self.searched_by_model()
        if knob is None:
            return figures.pareto_front(
                self.configurations(), self.front(), self.objectives, self.name, searched=searched
            )
        known = sorted({name for own in searched.values() for name in own})
        if knob not in known:
            raise QueryError(f"study '{self.name}' does not search '{knob}'; {nearest(knob, known)}")
        done, own = self.feasible(), [model for model, names in searched.items() if knob in names]
        if done.empty or not done["model"].isin(own).any():
            raise QueryError(f"study '{self.name}' has no completed configuration with '{knob}' yet")
        objectives = {key: way for key, way in self.objectives.items() if key != knob}
        models = list(self.configurations()["model"].unique())
        return figures.against_knobs(
            done, searched, objectives, self.searched_by_logarithm(), models, [knob], (4.4, 3.2)
        )

    def gain(self, more: int = 10) -> "Gain | None":
        """What so many more configurations of the same search would likely add to the hypervolume, with a range.

        None where there are none to add, as in a grid, or where fewer than five have ended; see
        `analysis.statistics.gain.gain_of` for how far it can be trusted.
        """
        from analysis.search import gain

        return gain(self, more)

    def export(self, directory: str | os.PathLike[str]) -> pathlib.Path:
        """Everything in one new folder that opens on another machine; see `analysis.export.export`."""
        from analysis.export import export

        return export(self, pathlib.Path(directory))

    def log_model(
        self,
        trial: Trial,
        *,
        name: str = "encoder",
        tracking_uri: str | None = None,
        allow_code: bool = False,
        register: str | None = None,
        alias: str | None = None,
    ) -> str:
        """The encoder of a trial as an MLflow model on its run; see `analysis.models.mlflow_model.log_model`."""
        from analysis.models.mlflow_model import log_model

        return log_model(
            self,
            trial,
            name=name,
            tracking_uri=tracking_uri,
            allow_code=allow_code,
            register=register,
            alias=alias,
        )
