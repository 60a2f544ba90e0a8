"""Every study file of the catalogue is legal, and every experiment has its three scales."""

import pathlib

import pytest

from analysis.papers import experiments
from studies import service

FILES = sorted((pathlib.Path(__file__).parents[3] / "studies" / "catalogue").glob("*.yaml"))
SCALES = ("smoke", "laptop", "paper")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_file_is_a_legal_study(path: pathlib.Path, tmp_path: pathlib.Path) -> None:
    spec, _ = service.load(path, str(tmp_path))
    assert spec.name == path.stem
    if spec.paper is not None:
        assert spec.paper == spec.name.split("-")[0]
        assert spec.name.split("-")[1] in SCALES
    if spec.search.sampler == "grid":  # nothing of a grid is cut off
        assert spec.num_configurations == sum(len(list(space.grid())) for space in spec.spaces.values())
    if spec.search.points:
        assert spec.search.configurations == len(spec.search.points)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("experiment", sorted(experiments.EXPERIMENTS))
def test_every_experiment_has_every_scale(experiment: str, scale: str) -> None:
    assert f"{experiment}-{scale}" in {path.stem for path in FILES}
