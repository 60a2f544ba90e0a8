"""The contract of every model, over the registry: a new file is tested the moment it exists."""

import dataclasses
import math
import pathlib
import random
from typing import Any, Literal, get_args, get_origin

import numpy as np
import pytest
import torch

import core.data
import trainables
from analysis.reading.table import OF_TRIAL
from core.checkpoints import decode_training
from core.data.split import num_training
from core.storage import Folder
from tests.kit import configuration, trial_config
from trainables.evaluation.inputs import Inputs, available_inputs
from trainables.evaluation.pictures import pictures
from trainables.hyperparameters import Hyperparameters
from trainables.training.loading import load_model
from trainables.training.run import TrainingRun, evaluate_trained, start

NAMES = trainables.names()
NETWORKS = [name for name in NAMES if name != "simulated"]


@pytest.mark.parametrize("name", NAMES)
def test_hyperparameters_are_typed_documented_and_bounded(name: str) -> None:
    kind = trainables.get(name).Hyperparameters
    assert issubclass(kind, Hyperparameters)
    for field_name, field in kind.model_fields.items():
        extra = field.json_schema_extra
        assert isinstance(extra, dict), field_name
        assert extra["symbol"], field_name
        assert extra["source"], field_name
        assert field.description, field_name
        if field.annotation in (int, float):
            assert field.metadata, f"{field_name} has no bounds"
    assert kind() == kind(**kind().model_dump(mode="json"))


@pytest.mark.parametrize("name", NAMES)
def test_no_hyperparameter_is_named_like_another_column_of_the_table(name: str) -> None:
    columns = {"configuration", "model", "n", *OF_TRIAL}
    assert not columns & set(trainables.get(name).Hyperparameters.model_fields)


@pytest.mark.parametrize("name", NETWORKS)
def test_measuring_changes_no_training(name: str, tmp_path: pathlib.Path) -> None:
    """Whatever metrics and pictures ask for, the generator of the training is where it was, and so are all weights."""
    run = TrainingRun(trial_config(name, tmp_path))
    run.train(2)
    model, dataset = run.model, run.dataset
    noise, weights = model.generator.get_state(), {key: value.clone() for key, value in model.state_dict().items()}
    model.eval()
    inputs = Inputs(model, dataset)
    images = dataset.images(np.arange(4))
    wanted = available_inputs(type(model), dataset) - model.extra_inputs  # a judge takes long to train
    for each in sorted(wanted):
        given = inputs[each]
        if each == "logits":
            given(images, np.random.default_rng(0))
        elif each.startswith("encode"):
            given(images)
    pictures(model, dataset)
    model.sample(3)
    assert torch.equal(model.generator.get_state(), noise)
    assert all(torch.equal(value, weights[key]) for key, value in model.state_dict().items())


@pytest.mark.parametrize("name", NETWORKS)
def test_an_evaluation_that_is_handed_over_is_bit_identical(name: str, tmp_path: pathlib.Path) -> None:
    """The same report, weights, optimisers, noise and pictures; the time that it took is accounted for."""
    here = trial_config(name, tmp_path, metrics=("mig",))
    there = dataclasses.replace(here, folder=str(tmp_path / "there"))
    straight = start(here)
    straight.advance()
    last = straight.advance()
    straight.save(Folder(here.folder))

    trained = TrainingRun(there)
    trained.advance()
    half = trained.train_interval()
    assert (half.step, half.done, half.evaluated) == (4, False, False)
    trained.save(Folder(there.folder))
    assert "pictures" not in Folder(there.folder).entries()
    report = evaluate_trained(there)

    assert (report.metrics, report.done, report.failure) == (last.metrics, True, None)
    assert report.ledger.get("warnings") == last.ledger.get("warnings")
    ledger = report.ledger
    assert ledger["seconds_evaluating"] - ledger["seconds_handed_over"] == pytest.approx(
        half.ledger["seconds_evaluating"]
    )
    assert ledger["seconds_training"] == half.ledger["seconds_training"]
    first, second = (Folder(config.folder).read("step-000000004") for config in (here, there))
    assert first["model.safetensors"] == second["model.safetensors"]
    assert_same_state(*(decode_training(files["training.pt"]) for files in (first, second)))
    assert Folder(here.folder).read("pictures") == Folder(there.folder).read("pictures")


def assert_same_state(one: Any, other: Any) -> None:
    """Equal to the last bit, whatever order the two were written in."""
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other)
    elif isinstance(one, dict):
        assert one.keys() == other.keys()
        for key, value in one.items():
            assert_same_state(value, other[key])
    else:
        assert one == other


@pytest.mark.parametrize("name", NAMES)
def test_a_restored_trial_is_bit_identical_to_one_that_never_stopped(name: str, tmp_path: pathlib.Path) -> None:
    config = trial_config(name, tmp_path)
    straight = start(config)
    first = straight.advance()
    straight.save(Folder(tmp_path / "half"))
    last = straight.advance()
    straight.save(Folder(tmp_path / "straight"))

    resumed = start(config)
    assert resumed.restore(Folder(tmp_path / "half")) == first.step == 2
    again = resumed.advance()
    resumed.save(Folder(tmp_path / "resumed"))

    assert last.done
    assert again.metrics == last.metrics
    a, b = (Folder(tmp_path / side).read("step-000000004") for side in ("straight", "resumed"))
    assert a.get("model.safetensors") == b.get("model.safetensors")


@pytest.mark.parametrize("name", NETWORKS)
def test_the_same_seed_gives_the_same_numbers_and_another_seed_does_not(name: str, tmp_path: pathlib.Path) -> None:
    def losses(seed: int) -> dict[str, float]:
        return dict(start(trial_config(name, tmp_path, seed=seed, metrics=())).advance().metrics)

    assert losses(0) == losses(0)
    assert losses(0) != losses(1)


@pytest.mark.parametrize("name", NETWORKS)
def test_encode_and_decode_of_a_saved_model(name: str, tmp_path: pathlib.Path) -> None:
    run = TrainingRun(trial_config(name, tmp_path))
    run.advance()
    run.save(Folder(tmp_path / "saved"))
    model = load_model(Folder(tmp_path / "saved"))
    images = run.dataset.images(np.arange(5))
    codes = model.encode(images)
    assert codes.shape[0] == 5
    assert codes.dtype == np.float32
    np.testing.assert_array_equal(codes, run.model.encode(images))
    decoded = model.decode(codes)
    assert decoded.shape == images.shape
    assert 0 <= decoded.min() <= decoded.max() <= 1
    assert model.dataset.factor_names == run.dataset.factor_names
    assert model.config.configuration.model == name


@pytest.mark.parametrize("name", NETWORKS)
def test_the_parts_of_the_loss_are_logged_and_the_step_is_counted(name: str, tmp_path: pathlib.Path) -> None:
    run = TrainingRun(trial_config(name, tmp_path))
    report = run.advance()
    assert "train/reconstruction" in report.metrics
    assert all(math.isfinite(value) for value in report.metrics.values())
    assert int(run.model.steps_done) == report.step == 2


@pytest.mark.parametrize("name", [name for name in NETWORKS if not trainables.get(name).host_bound])
def test_a_step_never_reads_a_tensor_on_the_host(
    name: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`.item()`, `float(tensor)` and branches on tensors would stall a GPU at every step."""
    run = TrainingRun(trial_config(name, tmp_path))
    batches = [source.at(0) for source in run.sources]

    def forbidden(*_: object) -> None:
        raise AssertionError("the training step reads a tensor on the host")

    run.model.before_step(0)
    for method in ("item", "tolist", "numpy", "__bool__", "__float__", "__int__"):
        monkeypatch.setattr(torch.Tensor, method, forbidden)
    run.model.training_step(batches)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_model_can_be_sized_without_memory(name: str, tmp_path: pathlib.Path) -> None:
    """Plans of studies count parameters on the meta device."""
    config = trial_config(name, tmp_path)
    kind = trainables.get(name)
    with torch.device("meta"):
        model = kind(
            kind.Hyperparameters(**config.configuration.hyperparameters),
            core.data.describe(config.dataset, config.data_root),
        )
    assert sum(parameter.numel() for parameter in model.parameters()) > 0


@pytest.mark.parametrize("name", NETWORKS)
def test_extreme_hyperparameters_do_not_crash(name: str, tmp_path: pathlib.Path) -> None:
    """At every bound a trial either goes on or fails with a reason; no exception escapes."""
    kind = trainables.get(name).Hyperparameters
    own = [key for key in kind.model_fields if key not in Hyperparameters.model_fields]
    for key in own:
        bounds = {type(each).__name__: each for each in kind.model_fields[key].metadata}
        for bound in ("Ge", "Le"):
            if bound not in bounds or "units" in key or "layers" in key:
                continue
            value = getattr(bounds[bound], bound.lower())
            try:
                configuration(name, **{key: value})
            except ValueError:
                continue  # not legal together with the defaults
            config = trial_config(name, tmp_path, hyperparameters={key: value}, steps=2)
            info = core.data.describe(config.dataset, config.data_root)
            if kind(**config.configuration.hyperparameters).refuse(info):
                continue  # a study file with it is refused
            report = start(config).advance()
            assert report.done
            assert report.failure is None or "diverged" in report.failure


@pytest.mark.parametrize("number", range(4))
@pytest.mark.parametrize("name", NETWORKS)
def test_what_validates_takes_a_step(name: str, number: int, tmp_path: pathlib.Path) -> None:
    """Of odd sizes and of choices at random: refused with a sentence, or a step whose every part is a number."""
    rng = random.Random(f"{name} {number}")
    kind = trainables.get(name).Hyperparameters
    config = trial_config(name, tmp_path, steps=1, evaluate_every=1)
    info = core.data.describe(config.dataset, config.data_root)
    sizes = {
        "num_latents": [1, 2, 5, 10],
        "batch_size": [2, 7, info.num_images, 2 * info.num_images],
        "num_annotated": [3, 50, num_training(info.num_images), num_training(info.num_images) + 1],
    }
    taken = {}
    for key, field in kind.model_fields.items():
        choices = sizes.get(key, get_args(field.annotation) if get_origin(field.annotation) is Literal else ())
        if choices and key not in ("network", "initialisation"):
            taken[key] = rng.choice(choices)
    try:
        config = trial_config(name, tmp_path, steps=1, evaluate_every=1, hyperparameters=taken)
    except ValueError:
        return  # not legal together
    if kind(**config.configuration.hyperparameters).refuse(info):
        return
    found = TrainingRun(config).train(1)
    assert all(math.isfinite(value) for value in found.values()), (taken, found)


@pytest.mark.parametrize(
    ("name", "values", "sentence"),
    [
        ("modular", {"num_latents": 1, "num_annotated": 100}, "num_latents is 1"),
        ("modular", {"num_annotated": 10**6}, "images to train on"),
        ("few_labels", {"num_annotated": 10**6}, "images to train on"),
        ("zero_dim", {"num_annotated": 10**6}, "images to train on"),
        ("beta_tcvae", {"estimator": "mss", "batch_size": 60_000}, "batch_size is 60,000"),
    ],
)
def test_what_can_never_train_is_refused(
    name: str, values: dict[str, Any], sentence: str, tmp_path: pathlib.Path
) -> None:
    info = core.data.describe("dsprites.quick", tmp_path)
    assert sentence in str(trainables.get(name).Hyperparameters(**values).refuse(info))


def test_the_nearest_name_is_proposed() -> None:
    with pytest.raises(ValueError, match="did you mean 'beta_vae'"):
        trainables.get("beta_vea")


def test_a_model_loads_without_any_data(tmp_path: pathlib.Path) -> None:
    run = TrainingRun(trial_config("vae", tmp_path))
    run.advance()
    run.save(Folder(tmp_path / "saved"))
    model = load_model(Folder(tmp_path / "saved"))
    assert model.dataset == core.data.describe(run.config.dataset, run.config.data_root)
