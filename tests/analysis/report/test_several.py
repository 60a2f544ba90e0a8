import pathlib
import re

import pytest

from analysis.report.several.union import union
from analysis.study import Study
from core.mistakes import QueryError
from tests.analysis.kit import StudyWriter
from tests.analysis.report.test_report import Page


def study(root: pathlib.Path, name: str, *points: tuple[float, float], **spec: object) -> Study:
    """A study whose configurations reach these scores and errors."""
    writer = StudyWriter(root, name, **spec)
    for index, (score, error) in enumerate(points):
        key = writer.configuration("beta_vae", 2, beta=1.0 + index)
        for seed in range(2):
            metrics = {"factor_vae_score": score + 0.01 * seed, "reconstruction_error": error, "mig": score / 2}
            writer.complete(key, seed, metrics)
    return writer.study


def test_the_front_of_several_studies_is_that_of_all_their_configurations(tmp_path: pathlib.Path) -> None:
    first = study(tmp_path, "first", (0.9, 100.0), (0.5, 90.0))
    second = study(tmp_path, "second", (0.8, 50.0), (0.4, 20.0), (0.3, 30.0))
    together = union([first, second])
    assert [key.partition(":")[0] for key in together.front["configuration"]] == ["first", "second", "second"]
    assert together.hypervolume(first) < together.hypervolume(second)
    second.report()
    page = first.report(second)
    text = page.read_text()
    Page(text)
    assert page == first.path / "report" / "with_second.html"
    assert {path.name for path in page.parent.iterdir()} == {f"with_second.{kind}" for kind in ("html", "png", "pdf")}
    said = text.replace("\u00a0", " ")
    assert "β-VAE (β = 1) of first reaches the highest FactorVAE score, 0.9050 ± 0.0071 of at most 1" in said
    assert "3 of 5 completed configurations are on the common front: 1 of first, 2 of second." in said
    (link,) = re.findall(r'<a href="([^"#]*)">second</a>', text)
    assert (page.parent / link).resolve() == (second.path / "report" / "report.html").resolve()
    assert re.findall(r'<p class="legend">(.*?)</p>', text)[0].count("<span>") == 2


def test_three_objectives_of_several_studies(tmp_path: pathlib.Path) -> None:
    three = {"factor_vae_score": "maximize", "reconstruction_error": "minimize", "mig": "maximize"}
    first, second = (study(tmp_path, name, (0.9, 100.0), objectives=three) for name in ("first", "second"))
    assert first.report(second).read_text().count('<svg viewBox="0 0 480') == 2


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"dataset": "shapes3d"}, "'first' is on dsprites.quick and 'second' on shapes3d"),
        ({"objectives": {"mig": "maximize"}}, "'second' for MIG \\(maximize\\): studies have one front if"),
    ],
)
def test_studies_of_two_kinds_are_refused_in_a_sentence(
    tmp_path: pathlib.Path, spec: dict[str, object], expected: str
) -> None:
    first, second = study(tmp_path, "first", (0.9, 100.0)), study(tmp_path, "second", (0.8, 50.0), **spec)
    with pytest.raises(QueryError, match=expected):
        first.report(second)
    with pytest.raises(QueryError, match="takes each of them once"):
        first.report(first)


def test_studies_without_anything_are_refused(tmp_path: pathlib.Path) -> None:
    with pytest.raises(QueryError, match="none of the studies first, second has a completed"):
        study(tmp_path, "first").report(study(tmp_path, "second"))
