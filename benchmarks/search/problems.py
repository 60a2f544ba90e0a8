"""What is searched: the recorded table, whole and in parts, and held-out synthetic problems whose fronts are known."""

import dataclasses
import itertools
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.search import synthetic
from core.configuration import Configuration
from core.pareto import hypervolume, reference_point
from studies.study_file.document import from_mapping
from studies.study_file.spec import StudySpec
from studies.study_file.validation import validate
from trainables.models.recorded import curves

MIG_AND_ERROR = {"mig": "maximize", "reconstruction_error": "minimize"}
LABELS = "num_annotated"
STEPS = 3000
EVERY = 250
DENSE = {1: 60, 2: 25}  # points of each knob, by how many a model has, where the true front of the table is looked for


@dataclasses.dataclass(frozen=True)
class Problem:
    """A search whose true values are known.

    Attributes:
        name: of the problem.
        about: it in a few words.
        models: the section of the study file.
        objectives: result key to direction.
        truth: of a configuration, without the luck of seeds, as (M,).
        reference: point (M,) of hypervolumes.
        best: the hypervolume of the true front.
    """

    name: str
    about: str
    models: Mapping[str, Mapping[str, Any]]
    objectives: Mapping[str, str]
    truth: Callable[[Configuration], np.ndarray]
    reference: np.ndarray
    best: float

    def spec(self, seed: int, search: Mapping[str, Any], **sections: Any) -> StudySpec:
        """A study of the problem.

        Args:
            seed: of the study: of its sampler, and of what its trials draw.
            search: the section of the study file.
            **sections: further sections, such as `seeds` and `early_stop`.
        """
        study = {
            "name": "search",
            "dataset": "dsprites.quick",
            "seed": seed,
            "extensions": [str(pathlib.Path(synthetic.__file__))],
            "models": self.models,
            "objectives": dict(self.objectives),
            "search": dict(search),
            "budget": {"steps": STEPS, "evaluate_every": EVERY if "early_stop" in sections else STEPS},
            **sections,
        }
        return validate(from_mapping(study))

    def gridded(self, configurations: int) -> dict[str, dict[str, Any]]:
        """The section of the models for a grid of at most so many configurations, the same number for every model."""
        each = configurations / len(self.models)
        return {
            model: {knob: {**bounds, "num": int(each ** (1 / len(space)) + 1e-9)} for knob, bounds in space.items()}
            for model, space in self.models.items()
        }

    def volume(self, configurations: Sequence[Configuration]) -> float:
        """The true hypervolume of some configurations, as a share of the best that there is."""
        if not configurations:
            return 0.0
        points = np.array([self.truth(each) for each in configurations])
        return hypervolume(points, list(self.objectives.values()), self.reference) / self.best


def table(name: str, about: str, models: Sequence[str], objectives: Mapping[str, str] = MIG_AND_ERROR) -> Problem:
    """Models of the recorded table; the truth is the mean over the recorded seeds."""
    described = curves.describe().models

    def truth(configuration: Configuration) -> np.ndarray:
        of_model = curves.curves(configuration.model.removeprefix("recorded."))
        settings = configuration.hyperparameters
        last = of_model.mean({knob: float(settings[knob]) for knob in of_model.axes})[-1]
        measured = dict(zip(of_model.keys, last, strict=True))
        return np.array([measured.get(key, float(settings.get(key, 0.0))) for key in objectives])

    spaces, points = {}, []
    for model in models:
        knobs = described[model].knobs
        spaces[f"recorded.{model}"] = {key: {"log": [knob.low, knob.high]} for key, knob in knobs.items()}
        axes = [np.geomspace(knob.low, knob.high, DENSE[len(knobs)]) for knob in knobs.values()]
        points += [
            truth(Configuration(f"recorded.{model}", dict(zip(knobs, values, strict=True))))
            for values in itertools.product(*axes)
        ]
    everything = np.array(points)
    reference = reference_point(everything, list(objectives.values()))
    best = hypervolume(everything, list(objectives.values()), reference)
    return Problem(name, about, spaces, objectives, truth, reference, best)


def known(
    name: str,
    about: str,
    models: Mapping[str, Mapping[str, Any]],
    objectives: Mapping[str, str],
    reference: Sequence[float],
    front: np.ndarray,
) -> Problem:
    """Synthetic models with the points (N, M) of their true front, or a superset of them."""
    classes = {each.name: each for each in _subclasses(synthetic.Synthetic) if hasattr(each, "name")}

    def truth(configuration: Configuration) -> np.ndarray:
        kind = classes[configuration.model]
        values = kind.truth(kind.Hyperparameters(**configuration.hyperparameters))
        return np.array([values[key] for key in objectives])

    best = hypervolume(front, list(objectives.values()), reference)
    return Problem(name, about, models, objectives, truth, np.array(reference), best)


def _subclasses(kind: type) -> list[Any]:
    return [each for child in kind.__subclasses__() for each in (child, *_subclasses(child))]


def families() -> Problem:
    """Four models to choose among."""
    kinds = _subclasses(synthetic.Family)
    space = {"weight": {"log": [0.1, 10]}, "learning_rate": {"log": [0.0001, 0.01]}}
    front = [
        [*kind.truth(kind.Hyperparameters(weight=weight, learning_rate=10 ** (2 * kind.GOOD_RATE - 4))).values()]
        for kind in kinds
        for weight in np.geomspace(0.1, 10, 200)
    ]
    about = "four models to choose among, two knobs each"
    return known("families", about, {kind.name: space for kind in kinds}, MIG_AND_ERROR, (-0.05, 1.0), np.array(front))


CUBE = {f"x{number}": {"uniform": [0, 1]} for number in range(1, 6)}


def zdt1() -> Problem:
    """Five coordinates, two objectives."""
    first = np.linspace(0, 1, 500)
    front = np.column_stack([first, 1 - np.sqrt(first)])
    about = "one model, five knobs"
    return known("zdt1", about, {"zdt1": CUBE}, dict.fromkeys(synthetic.Zdt1.START, "minimize"), (1.1, 7.0), front)


def dtlz2() -> Problem:
    """Five coordinates, three objectives."""
    a, b = np.meshgrid(*[np.linspace(0, np.pi / 2, 25)] * 2)
    front = np.column_stack([(np.cos(a) * np.cos(b)).ravel(), (np.cos(a) * np.sin(b)).ravel(), np.sin(a).ravel()])
    about = "one model, five knobs, three objectives"
    return known("dtlz2", about, {"dtlz2": CUBE}, dict.fromkeys(synthetic.Dtlz2.START, "minimize"), (1.6,) * 3, front)


def problems() -> dict[str, Problem]:
    """All of them, by name.

    Labels beat everything else in MIG and reconstruction: models that see some are searched where these are a cost.
    """
    recorded = curves.describe().models
    without = [name for name, model in recorded.items() if LABELS not in model.knobs]
    objectives = {**MIG_AND_ERROR, LABELS: "minimize"}
    about = "real curves of"
    found = [
        families(),
        zdt1(),
        dtlz2(),
        table("table", f"{about} {', '.join(without)}", without),
        table(
            "labels", f"{about} {', '.join(recorded)}, with the annotated images as a cost", list(recorded), objectives
        ),
    ]
    return {each.name: each for each in found}
