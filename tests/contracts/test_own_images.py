"""What every metric and every model must do with a user's own images: few, with missing combinations, of any size."""

import pathlib

import numpy as np
import pytest

import core.data
import core.metrics
import trainables
from core.storage import Folder
from studies.testing.trials import trial_config
from trainables.evaluation.inputs import available_inputs, inputs_for
from trainables.evaluation.pictures import pictures
from trainables.partitioned.judge import judge_of
from trainables.training.loading import load_model
from trainables.training.run import TrainingRun

COUNT = 120
NETWORKS = [name for name in trainables.names() if trainables.get(name).learns]
SIZES = core.data.IMAGE_SIZES
# Every model at one of the small sizes, which are quick, and one model at the largest; all pairs in the slow suite.
QUICK = {(name, SIZES[number % 2]) for number, name in enumerate(NETWORKS)} | {("vae", SIZES[-1])}
PAIRS = [
    pytest.param(name, size, marks=() if (name, size) in QUICK else pytest.mark.slow)
    for name in NETWORKS
    for size in SIZES
]
ON_FACTORS = [name for name in core.metrics.names() if core.metrics.get(name).needs_factors]


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """Images whose two first factors correlate, with a class that one image alone has, and combinations missing."""
    rng = np.random.default_rng(0)
    first = rng.integers(5, 8, COUNT)
    second = np.where(rng.random(COUNT) < 0.7, first, rng.integers(5, 8, COUNT))
    second[0] = 9
    shade = rng.random(COUNT)
    images = np.zeros((COUNT, 28, 28), np.float32)
    for image, a, b, c in zip(images, first, second, shade, strict=True):
        image[a : a + 8, b + 5 : b + 12] = c
    path = tmp_path_factory.mktemp("own") / "mine.npz"
    np.savez(path, images=images, first=first, second=second, shade=shade)
    return {"npz": str(path), "images": "images", "factors": ["first", "second", "shade"]}


@pytest.mark.parametrize("name", ON_FACTORS)
def test_metrics_of_an_incomplete_set(name: str, spec: dict[str, object], tmp_path: pathlib.Path) -> None:
    """Every protocol that is not refused gives finite values from codes and factors, and asks for no missing image."""
    dataset = core.data.load(spec, tmp_path)
    assert not dataset.complete
    model = trainables.get("cascade_vae")
    metric = core.metrics.get(name)
    rng = np.random.default_rng(1)
    factors = dataset.factors(np.arange(COUNT))
    codes = factors + 0.5 * rng.standard_normal(factors.shape)
    bag = {
        "codes": codes,
        "factors": factors,
        "discrete_codes": factors[:, :1],
        "posterior_mean": codes,
        "posterior_log_variance": np.full(codes.shape, -1.0),
    }
    for protocol in metric.protocols:
        try:
            wanted = inputs_for(f"{name}/{protocol}", available_inputs(model, dataset))
        except core.metrics.MetricError:
            continue  # refused at validation, in one sentence
        assert "encode" not in wanted
        if metric.about or (protocol != "fast" and "fast" in metric.protocols):
            continue  # refused at validation for want of this factor; slow, and no other computation
        given = {key: value for key, value in bag.items() if key in wanted}
        values = core.metrics.compute(name, protocol=protocol, **given)
        assert np.isfinite(list(values.values())).all()


@pytest.fixture(scope="module")
def complete(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """Colour pictures of 40 pixels of every combination of two factors."""
    images = np.zeros((COUNT, 40, 40, 3), np.uint8)
    first, second = np.arange(COUNT) % 3, np.arange(COUNT) // 3 % 2
    for image, a, b in zip(images, first, second, strict=True):
        image[8 * a : 8 * a + 20, 15 * b : 15 * b + 20, a] = 255
    path = tmp_path_factory.mktemp("own") / "complete.npz"
    np.savez(path, images=images, first=first, second=second)
    return {"npz": str(path), "images": "images", "factors": ["first", "second"]}


@pytest.mark.parametrize(("name", "size"), PAIRS)
def test_every_model_trains_on_every_size(
    name: str, size: int, complete: dict[str, object], tmp_path: pathlib.Path
) -> None:
    """Trained, measured, drawn, saved and loaded."""
    config = trial_config(name, tmp_path, dataset={**complete, "size": size}, steps=2, evaluate_every=2)
    run = TrainingRun(config)
    result = run.advance()
    assert result.failure is None
    assert np.isfinite(result.metrics["reconstruction_error"])
    assert run.dataset.image_shape == (3, size, size)
    assert set(pictures(run.model, run.dataset)) == {"reconstruction.png", "traversal.png"}
    run.save(Folder(config.folder))
    model = load_model(Folder(config.folder))
    assert model.decode(model.encode(run.dataset.images(np.arange(3)))).shape == (3, 3, size, size)


@pytest.mark.parametrize("size", SIZES)
def test_the_judge_sees_every_size(size: int, complete: dict[str, object], tmp_path: pathlib.Path) -> None:
    dataset = core.data.load({**complete, "size": size}, tmp_path)
    assert judge_of(dataset, steps=1)(dataset.images(np.arange(4))).shape == (4, 2)


def test_the_model_that_needs_every_combination_is_refused_where_some_are_missing(
    spec: dict[str, object], tmp_path: pathlib.Path
) -> None:
    hyperparameters = trainables.get("weak").Hyperparameters(num_annotated=10_000)
    refusal = hyperparameters.refuse(core.data.describe(spec, tmp_path))
    assert refusal is not None
    assert "combinations of factors needs an annotated image, and 'mine.npz' does not have them all" in refusal
