"""What every metric and every model must do with a user's own images: few, with missing combinations, of any size."""

import pathlib

import numpy as np
import pytest

import core.data
import core.metrics
import trainables
from trainables.evaluation.inputs import available_inputs, inputs_for

COUNT = 120
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
