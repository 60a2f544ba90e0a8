"""Every study file of the catalogue is legal, and every experiment has its three scales to train."""

import math
import pathlib

import pytest

from analysis.papers import experiments
from studies import catalogue, service
from trainables.models.recorded import curves

FILES = sorted((pathlib.Path(__file__).parents[3] / "studies" / "catalogue").glob("*.yaml"))
SCALES = ("smoke", "laptop", "paper")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_file_is_a_legal_study(path: pathlib.Path, tmp_path: pathlib.Path) -> None:
    spec, _ = service.load(path, str(tmp_path))
    assert spec.name == path.stem
    if spec.paper is not None:
        assert spec.paper == spec.name.split("-")[0]
        assert spec.name.split("-")[1] in catalogue.SCALES
    if spec.search.sampler == "grid":  # nothing of a grid is cut off
        assert spec.num_configurations == sum(len(list(space.grid())) for space in spec.spaces.values())
    if spec.search.points:
        assert spec.search.configurations == len(spec.search.points)


@pytest.mark.parametrize("path", [path for path in FILES if "-recorded" in path.stem], ids=lambda path: path.stem)
def test_what_is_recorded_is_replayed_as_it_was_trained(path: pathlib.Path, tmp_path: pathlib.Path) -> None:
    spec, _ = service.load(path, str(tmp_path))
    assert (spec.seeds.min, spec.budget.steps) == (5, curves.describe().steps)
    for model, space in spec.spaces.items():
        recorded = curves.curves(model.removeprefix("recorded."))
        points = [{name: point[f"{model}.{name}"] for name in recorded.axes} for point in space.grid()]
        assert all(recorded.has(point) for point in points)
        assert len(points) == math.prod(len(values) for values in recorded.axes.values())


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("experiment", sorted(experiments.EXPERIMENTS))
def test_every_experiment_has_every_scale(experiment: str, scale: str) -> None:
    assert f"{experiment}-{scale}" in {path.stem for path in FILES}
