"""Whether the nodes of a cluster can have what a study needs; the nodes answer without Ray."""

import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from PIL import Image

from core.mistakes import StudyError
from studies import service
from studies.cluster import placement
from studies.cluster.nodes import NodeError
from studies.study_file.spec import StudySpec


@pytest.fixture
def faces(tmp_path: pathlib.Path) -> dict[str, str]:
    """Images of a user's own."""
    (tmp_path / "faces").mkdir()
    for number in range(12):
        Image.new("L", (9, 9), 20 * number).save(tmp_path / "faces" / f"{number:02}.png")
    return {"folder": str(tmp_path / "faces")}


def study(dataset: object, root: pathlib.Path) -> StudySpec:
    models, objectives = {"simulated": {}}, {"mig": "maximize"}
    budget = {"steps": 2, "evaluate_every": 1}
    given = {"name": "here", "dataset": dataset, "models": models, "objectives": objectives, "budget": budget}
    return service.load(given, str(root))[0]


def answering(monkeypatch: pytest.MonkeyPatch, *changes: Callable[[Any], Any]) -> list[int]:
    """One node for each change of what a function gives here; the numbers of those that were asked."""
    asked = []

    def ask(function: Callable[..., Any], *arguments: Any) -> Iterator[tuple[dict[str, Any], Any]]:
        for number, change in enumerate(changes):
            asked.append(number)
            yield {"NodeManagerHostname": f"host{number}"}, change(function(*arguments))

    monkeypatch.setattr(placement, "ask", ask)
    return asked


def test_every_node_can_have_the_images(
    faces: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    asked = answering(monkeypatch, lambda fault: fault, lambda fault: fault)
    placement.require_data(study(faces, tmp_path), str(tmp_path))
    assert asked == [0, 1]
    placement.require_data(study("dsprites.quick", tmp_path), str(tmp_path))
    assert asked == [0, 1]  # every node can render it


def test_a_node_that_cannot_have_the_images_is_refused_by_name(
    faces: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    spec = study(faces, tmp_path)
    answering(monkeypatch, lambda fault: fault, lambda _: NodeError("it is gone"))
    with pytest.raises(StudyError, match="node host1 does not answer: it is gone"):
        placement.require_data(spec, str(tmp_path))
    answering(monkeypatch, lambda _: placement._fault_of_data({"folder": "/away"}, str(tmp_path)))
    with pytest.raises(StudyError, match=r"node host0 cannot have the images: the folder of pictures /away does not"):
        placement.require_data(spec, str(tmp_path))
