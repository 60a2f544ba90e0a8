"""Every mistake in a study file is one sentence, with its line, and all are reported together."""

import pathlib
from typing import Any

import pytest

from studies import service
from studies.study_file.document import StudyError, StudyFileError
from studies.study_file.spec import Resources, StudySpec

GOOD = """\
name: good
dataset: dsprites.quick
seeds: 2
models:
  beta_vae: {beta: {log: [1, 16]}}
  chyvae: {nu: {log: [12, 200]}}
search: {sampler: tpe, configurations: 6}
objectives: {mig: maximize, reconstruction_error: minimize}
budget: {steps: 100, evaluate_every: 50}
resources: {cpu: 1, gpu: 0.25}
"""


def load(tmp_path: pathlib.Path, text: str) -> StudySpec:
    path = tmp_path / "study.yaml"
    path.write_text(text)
    return service.load(path, str(tmp_path / "data"))[0]


def mistakes(tmp_path: pathlib.Path, text: str) -> list[tuple[int | None, str]]:
    with pytest.raises(StudyFileError) as caught:
        load(tmp_path, text)
    return [(problem.line, str(problem)) for problem in caught.value.problems]


def changed(old: str, new: str) -> str:
    assert old in GOOD
    return GOOD.replace(old, new)


def test_a_good_file(tmp_path: pathlib.Path) -> None:
    spec = load(tmp_path, GOOD)
    assert spec.num_configurations == 6
    assert spec.metrics.final == ["mig", "reconstruction_error"]
    assert spec.spaces["beta_vae"].parameters["beta"].points() == (1.0, 16.0)


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("dataset: dsprites.quick", "dataset: dsprite", 2, "dsprites"),
        ("seeds: 2", "seeds: 0", 3, "at least 1"),
        ("seeds: 2", "seeds: two", 3, "whole number"),
        ("beta_vae:", "beta_vea:", 5, "did you mean 'beta_vae'"),
        ("{beta: {log: [1, 16]}}", "{bta: 4}", 5, "did you mean 'beta'"),
        ("{log: [1, 16]}", "{log: [16, 1]}", 5, "reversed"),
        ("{log: [1, 16]}", "{log: [0, 16]}", 5, "starts above 0"),
        ("{log: [1, 16]}", "{uniform: [-1, 16]}", 5, "greater than or equal to 0"),
        ("{log: [1, 16]}", "{lag: [1, 16]}", 5, "a range is written"),
        ("{log: [1, 16]}", "{log: 16}", 5, "two numbers"),
        ("{log: [1, 16]}", "much", 5, "valid number"),
        ("{log: [1, 16]}", "[]", 5, "choices is empty"),
        ("nu: {log: [12, 200]}", "nu: {log: [5, 200]}", 6, "num_latents + 1 = 11"),
        ("sampler: tpe", "sampler: tpa", 7, "did you mean 'tpe'"),
        ("configurations: 6", "configurations: 0", 7, "greater than or equal to 1"),
        ("configurations: 6", "configuration: 6", 7, "did you mean 'configurations'"),
        ("mig: maximize", "mgi: maximize", 8, "mig"),
        ("mig: maximize", "mig: minimize", 8, "'maximize'"),
        ("mig: maximize", "mig: up", 8, "'maximize' or 'minimize'"),
        ("steps: 100, ", "", 9, "is missing"),
        ("steps: 100", "steps: 10", 9, "more than the 10 steps"),
        ("steps: 100", "steps: -1", 9, "greater than or equal to 1"),
        ("gpu: 0.25", "gpu: 0.3", 10, "does not divide"),
        ("gpu: 0.25", "gpu: 2", 10, "from 0 to 1, or auto"),
        ("cpu: 1", "cpu: 1.5", 10, "a whole number of cores, or a fraction of one"),
        ("gpu: 0.25", "gpu: 0.25, stack: 4", 10, "write gpu: 1"),
        ("seeds: 2", "seed: 2\nsead: 3", 4, "did you mean 'seed'"),
        ("name: good", "name: ../evil", 1, "no path"),
        ("name: good", "name: 3", 1, "is not a name"),
        ("resources:", "defaults: {network: huge}\nresources:", 10, "network"),
        ("resources:", "defaults: {netwrk: tiny}\nresources:", 10, "did you mean 'network'"),
        ("resources:", "metrics: {final: [mug]}\nresources:", 10, "mig"),
    ],
)
def test_one_mistake(tmp_path: pathlib.Path, old: str, new: str, line: int, message: str) -> None:
    found = mistakes(tmp_path, changed(old, new))
    assert len(found) == 1, found
    assert found[0][0] == line
    assert message in found[0][1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("just words", "mapping"),
        ("- a\n- list", "mapping"),
        ("name: [unclosed", "not valid YAML"),
        ("name: a\nname: b", "duplicate"),
        ("name: lonely", "budget: is missing, such as `budget: {steps: 1000}`"),
    ],
)
def test_files_that_are_no_study(tmp_path: pathlib.Path, text: str, message: str) -> None:
    assert any(message in found for _, found in mistakes(tmp_path, text))


def test_a_grid_needs_the_number_of_points_of_every_range(tmp_path: pathlib.Path) -> None:
    found = mistakes(tmp_path, changed("sampler: tpe", "sampler: grid"))
    assert [line for line, _ in found] == [5, 6]
    assert all("num: 5" in message for _, message in found)


def test_a_missing_file_and_a_directory(tmp_path: pathlib.Path) -> None:
    with pytest.raises(StudyFileError, match="no such study file"):
        service.load(tmp_path / "absent.yaml")
    with pytest.raises(StudyFileError, match="is a directory"):
        service.load(tmp_path)
    with pytest.raises(StudyError, match="path to a study file or a mapping"):
        service.load(42)


def test_all_mistakes_are_reported_together_in_the_order_of_the_file(tmp_path: pathlib.Path) -> None:
    text = changed("seeds: 2", "seeds: 0").replace("log: [1, 16]", "log: [16, 1]").replace("mig: max", "mug: max")
    assert [line for line, _ in mistakes(tmp_path, text)] == [3, 5, 8]


def test_a_metric_that_needs_factors_is_refused_without_them(tmp_path: pathlib.Path) -> None:
    import numpy as np

    (tmp_path / "data").mkdir()
    np.save(tmp_path / "data" / "3dfaces_train.npy", np.zeros((20, 64, 64), np.uint8))
    found = mistakes(tmp_path, changed("dsprites.quick", "faces3d"))
    assert any("needs ground-truth factors" in message for _, message in found)


def test_scientific_notation_is_a_number(tmp_path: pathlib.Path) -> None:
    spec = load(tmp_path, GOOD + "defaults: {learning_rate: 1e-3}\n")
    assert spec.defaults == {"learning_rate": 0.001}


def spec_of(tmp_path: pathlib.Path, **changes: Any) -> StudySpec:
    return load(tmp_path, GOOD).model_copy(update=changes)


def test_a_taken_name_is_refused_with_the_difference(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(GOOD)
    arguments = {"root": tmp_path / "runs", "tracking_uri": None, "storage": None, "data_root": str(tmp_path)}
    first, document = service.load(path)
    service.prepare(first, document, **arguments).record()
    service.prepare(first, document, **arguments)  # the same file goes on
    path.write_text(changed("log: [1, 16]", "log: [1, 8]"))
    second, document = service.load(path)
    with pytest.raises(StudyError, match=r"models.beta_vae.beta.log: \[1, 16\] → \[1, 8\]") as caught:
        service.prepare(second, document, **arguments)
    assert "studies resume good" in str(caught.value)
    assert "another name" in str(caught.value)


def test_a_trial_that_trains_on_the_cpu_has_whole_cores() -> None:
    stacked = Resources(cpu=0.25, gpu=1, stack=8)
    assert stacked.cores(1 / 8) == 0.25
    assert stacked.cores(0.0) == stacked.threads == 1
    assert Resources(cpu=4).cores(0.0) == 4
