"""The order of reading and checking, and what this machine can give."""

import math
import pathlib
import subprocess
import sys
from typing import Any

import pytest
from PIL import Image

import core.data
from core.machine import Grant
from core.mistakes import StudyError
from studies.study_file.checks import trials
from studies.study_file.document import StudyFileError, from_mapping, read
from studies.study_file.space import configure
from studies.study_file.spec import StudySpec, difference
from studies.study_file.validation import require_local_resources, validate

GOOD = {
    "name": "good",
    "dataset": "dsprites.quick",
    "models": {"vae": None},
    "objectives": {"mig": "maximize"},
    "budget": {"steps": 100, "evaluate_every": 50},
}


def test_mistakes_of_a_mapping_are_told_in_the_order_of_the_checks() -> None:
    wrong = {
        "objectives": {"mgi": "maximize"},
        "models": {"vae": {"batch_size": 1}},
        "search": {"points": [{"model": "vea"}], "where": "mig"},
        "resources": {"gpu": 0.3},
        "budget": {"steps": 10, "evaluate_every": 50},
        "metrics": {"final": ["mug"]},
        "seed": -1,
        "defaults": {"beta": 3.0},
    }
    with pytest.raises(StudyFileError) as caught:
        validate(from_mapping({**GOOD, **wrong}))
    assert [problem.path[0] for problem in caught.value.problems] == [
        "seed", "models", "defaults", "objectives", "budget", "search", "resources", "search", "metrics"
    ]  # fmt: skip


def test_a_study_with_nothing_but_what_it_must_have() -> None:
    spec = validate(from_mapping(GOOD))
    assert spec.models == {"vae": {}}
    assert (spec.seeds.max, spec.retention, spec.metrics.final) == (1, "last", ["mig"])


def test_what_this_machine_can_never_give(monkeypatch: pytest.MonkeyPatch) -> None:
    document = from_mapping({**GOOD, "resources": {"cpu": 4}})
    spec = validate(document)
    monkeypatch.setattr(trials, "granted_cores", lambda: Grant(4, "the machine has 4"))
    require_local_resources(spec, document)
    monkeypatch.setattr(trials, "granted_cores", lambda: Grant(2, "the machine has 2"))
    with pytest.raises(StudyFileError, match=r"resources\.cpu: a trial asks for 4 CPUs, but there are 2: the mach"):
        require_local_resources(spec, document)


def test_a_study_file_can_be_checked_without_loading_pytorch_or_pandas() -> None:
    code = "import sys, studies.study_file.validation; sys.exit('torch' in sys.modules or 'pandas' in sys.modules)"
    root = pathlib.Path(__file__).resolve().parents[3]
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root)


@pytest.mark.parametrize(
    ("keys", "path"),
    [
        ({"paper": ["x"]}, ("paper",)),
        ({"objectives": {3: "maximize"}}, ("objectives", "3")),
        ({"objectives": {None: "maximize"}}, ("objectives", "None")),
        ({"objectives": 3, "search": {"where": "mgi > 1"}}, ("search", "where")),
        ({"objectives": ["mgi"], "search": {"where": "mgi > 1"}}, ("search", "where")),
        ({"resources": {"cpu": math.inf}}, ("resources", "cpu")),
        ({"resources": {"cpu": math.nan}}, ("resources", "cpu")),
        ({"seeds": {"min": 1, "max": 2, "until": "std_error(mgi) < 1"}}, ("seeds", "until")),
    ],
)
def test_values_of_an_odd_type_are_a_sentence_too(keys: dict[str, Any], path: tuple[str, ...]) -> None:
    with pytest.raises(StudyFileError) as error:
        validate(from_mapping({**GOOD, **keys}))
    assert any(problem.path == path for problem in error.value.problems), error.value.problems


def test_whole_numbers_may_be_written_with_an_exponent() -> None:
    budget = {"steps": 1e3, "evaluate_every": 5e2}
    spec = validate(from_mapping({**GOOD, "budget": budget, "seed": 7.0, "seeds": {"min": 1.0, "max": 1.0}}))
    assert (spec.budget.steps, spec.budget.evaluate_every, spec.seed, spec.seeds.max) == (1000, 500, 7, 1)
    assert type(spec.budget.steps) is int
    with pytest.raises(StudyFileError, match=r"budget\.steps"):
        validate(from_mapping({**GOOD, "budget": {**budget, "steps": 1000.5}}))


def test_whole_hyperparameters_too_fixed_chosen_ranged_and_as_points() -> None:
    written = {"capacity_steps": 1e5, "batch_size": [1e2, 2e2], "num_latents": {"log": [1e0, 1e1], "num": 2.0}}
    points = [{"batch_size": 1e2, "num_latents": 1e1}]
    search = {"sampler": "grid", "points": points}
    spec = validate(from_mapping({**GOOD, "models": {"beta_vae": written}, "search": search}))
    space = spec.spaces["beta_vae"]
    assert spec.grid_size == 4
    made = configure("beta_vae", {name: parameter.points()[0] for name, parameter in space.parameters.items()})
    plain = configure("beta_vae", {"capacity_steps": 100_000, "batch_size": 100, "num_latents": 1})
    assert made.hash == plain.hash
    with pytest.raises(StudyFileError, match="batch_size"):
        validate(from_mapping({**GOOD, "models": {"beta_vae": {"batch_size": 10.5}}}))


def test_what_begins_with_x_is_the_users() -> None:
    assert validate(from_mapping({**GOOD, "x-anchors": [1, 2]})) == validate(from_mapping(GOOD))


@pytest.mark.parametrize("name", ["mlflow.db", "MLflow.db-wal", "mlartifacts"])
def test_a_name_is_not_that_of_a_file_beside_the_studies(name: str) -> None:
    with pytest.raises(StudyFileError, match="is the name of a file of MLflow"):
        validate(from_mapping({**GOOD, "name": name}))


@pytest.mark.parametrize("keys", [{"seed": 2**63}, {"seeds": 10**7}, {"seeds": {"min": 1, "max": 1e30}}])
def test_seeds_that_no_table_can_hold(keys: dict[str, Any]) -> None:
    with pytest.raises(StudyFileError, match="seed"):
        validate(from_mapping({**GOOD, **keys}))


def grid(configurations: dict[str, int], **hyperparameters: Any) -> StudySpec:
    models = {"beta_vae": hyperparameters}
    return validate(from_mapping({**GOOD, "models": models, "search": {"sampler": "grid", **configurations}}))


def test_a_grid_is_tried_whole_unless_asked_otherwise_and_equal_points_once() -> None:
    values = {"beta": [1, 2, 4, 4.0, 2], "learning_rate": {"log": [1e-5, 1e-3], "num": 7}}
    assert grid({}, **values).num_configurations == 21
    assert grid({"configurations": 20}, **values).num_configurations == 20
    assert len(list(grid({}, **values).spaces["beta_vae"].grid())) == 21


def test_a_grid_of_a_hundred_million_points_is_counted_and_not_made() -> None:
    tried = {"beta": {"log": [1, 16], "num": 100}, "learning_rate": {"log": [1e-6, 1e-2], "num": 100}}
    tried |= {"batch_size": list(range(2, 102)), "num_latents": list(range(1, 101))}
    assert grid({"configurations": 5}, **tried).grid_size == 10**8
    with pytest.raises(StudyFileError, match="from 2 to 1000"):
        grid({}, beta={"log": [1, 16], "num": 10**8})


@pytest.fixture
def own(tmp_path: pathlib.Path) -> pathlib.Path:
    """A study file beside a folder of pictures."""
    (tmp_path / "faces").mkdir()
    for number in range(13):
        Image.new("L", (9, 9), 20 * number).save(tmp_path / "faces" / f"{number:02}.png")
    rows = "".join(f"{number:02}.png,{number % 3},{number % 2}\n" for number in range(13))
    (tmp_path / "faces" / "factors.csv").write_text("file,tilt,side\n" + rows)
    path = tmp_path / "mine.yaml"
    path.write_text(
        "name: mine\ndataset: {folder: faces/, factors: factors.csv, size: 32}\nmodels: {vae: }\n"
        "objectives: {mig: maximize}\nbudget: {steps: 2, evaluate_every: 1}\n"
    )
    return path


def test_own_images_beside_the_study_file_are_found_and_pinned(own: pathlib.Path, tmp_path: pathlib.Path) -> None:
    spec = validate(read(own), data_root=str(tmp_path / "data"))
    assert spec.dataset_name == "faces/"
    assert spec.dataset["folder"] == str(tmp_path / "faces")
    assert spec.dataset["factors"] == str(tmp_path / "faces" / "factors.csv")
    assert core.data.load(spec.dataset, tmp_path / "data").image_shape == (1, 32, 32)
    Image.new("L", (9, 9), 1).save(tmp_path / "faces" / "00.png")
    changed = validate(read(own), data_root=str(tmp_path / "data"))
    assert [line.split(":")[0] for line in difference(spec, changed)] == ["dataset.content"]


@pytest.mark.usefixtures("own")
def test_five_lines_are_a_study(tmp_path: pathlib.Path) -> None:
    unlabelled = {"folder": str(tmp_path / "faces"), "size": 32}
    for dataset, first in (("dsprites.quick", {"mig": "maximize"}), (unlabelled, {"kl": "minimize"})):
        short = {key: GOOD[key] for key in ("name", "models")} | {"dataset": dataset, "budget": {"steps": 100}}
        spec = validate(from_mapping(short), data_root=str(tmp_path / "data"))
        assert spec.objectives == {**first, "reconstruction_error": "minimize"}
        assert spec.metrics.final == list(spec.objectives)
        assert spec.budget.evaluate_every == 100


def test_own_images_that_cannot_be_had_are_told_with_their_line(own: pathlib.Path, tmp_path: pathlib.Path) -> None:
    (tmp_path / "faces" / "00.png").write_text("none")
    with pytest.raises(
        StudyFileError, match=r"mine.yaml:2: dataset: a picture cannot be read, .*faces/00.png: no pict"
    ):
        validate(read(own), data_root=str(tmp_path / "data"))
    own.write_text(own.read_text().replace("folder: faces/", "folder: faces/, npz: x.npz"))
    with pytest.raises(StudyFileError, match=r"mine.yaml:2: dataset: a data set is one of folder and npz, not both"):
        validate(read(own), data_root=str(tmp_path / "data"))


def test_a_metric_about_a_factor_that_is_not_there(own: pathlib.Path, tmp_path: pathlib.Path) -> None:
    text = own.read_text().replace("vae:", "joint_vae:").replace("mig:", "unsupervised_accuracy:")
    own.write_text(text)
    with pytest.raises(StudyFileError, match="'unsupervised_accuracy' is about the factor 'shape', which 'faces/'"):
        validate(read(own), data_root=str(tmp_path / "data"))


def test_a_study_whose_space_is_legal_no_more_is_told_in_one_sentence() -> None:
    """Read from its record, which another version wrote."""
    spec = validate(from_mapping(GOOD))
    earlier = StudySpec(**{**spec.model_dump(), "models": {"vae": {"gone": 1}}})
    for asked in ("grid_size", "num_configurations"):
        with pytest.raises(StudyError, match="study 'good' was made by another version: 'vae': "):
            getattr(earlier, asked)
