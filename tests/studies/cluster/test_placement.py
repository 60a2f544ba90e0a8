"""Whether the nodes of a cluster can have what a study needs; the nodes answer without Ray."""

import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from core.mistakes import StudyError
from studies import service
from studies.cluster import placement
from studies.cluster.nodes import NodeError
from studies.study_file.spec import StudySpec


@pytest.fixture
def spec() -> StudySpec:
    study = {
        "name": "here",
        "dataset": "dsprites.quick",
        "models": {"simulated": {}},
        "objectives": {"mig": "maximize"},
        "budget": {"steps": 2, "evaluate_every": 1},
    }
    return service.load(study)[0]


def answering(monkeypatch: pytest.MonkeyPatch, *changes: Callable[[Any], Any]) -> None:
    """One node for each change of what a function gives here."""

    def ask(function: Callable[..., Any], *arguments: Any) -> Iterator[tuple[dict[str, Any], Any]]:
        for number, change in enumerate(changes):
            yield {"NodeManagerHostname": f"host{number}"}, change(function(*arguments))

    monkeypatch.setattr(placement, "ask", ask)


def test_every_node_can_have_the_images(
    spec: StudySpec, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    answering(monkeypatch, lambda fault: fault, lambda fault: fault)
    placement.require_data(spec, str(tmp_path))


def test_a_node_that_cannot_have_the_images_is_refused_by_name(
    spec: StudySpec, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    answering(monkeypatch, lambda fault: fault, lambda _: NodeError("it is gone"))
    with pytest.raises(StudyError, match="node host1 does not answer: it is gone"):
        placement.require_data(spec, str(tmp_path))
    away = spec.model_copy(update={"dataset": {"folder": str(tmp_path / "away")}})
    answering(monkeypatch, lambda fault: fault)
    with pytest.raises(StudyError, match=r"node host0 cannot have the images: the folder of pictures .*/away does not"):
        placement.require_data(away, str(tmp_path))
