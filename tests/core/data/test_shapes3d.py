import pathlib

import numpy as np
import pytest
import torch

import core.data
from core.data.batches import float_images, resident
from core.data.rendering import scene
from core.data.sets import shapes3d


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> core.data.FactorDataset:
    return core.data.load("shapes3d", tmp_path_factory.mktemp("data"))


@pytest.mark.timeout(30)
def test_rendered_images_are_near_the_reference_images(
    rendered: core.data.FactorDataset, reference: pathlib.Path
) -> None:
    with np.load(reference / "shapes3d_frames.npz") as frames:
        images, latents = frames["images"], frames["latents"]
    ours = rendered.images(rendered.index(latents)).transpose(0, 2, 3, 1)
    error = np.abs(ours.astype(int) - images)[:, 1:-1, 1:-1].mean(axis=(1, 2, 3))
    assert error.mean() < 2.0
    assert error.max() < 4.5


def test_it_is_called_rendered_and_small(rendered: core.data.FactorDataset) -> None:
    assert rendered.source == "rendered"
    assert rendered.cache_bytes == 480 * 5 * 4096 + 128


def test_colours_belong_to_their_region(rendered: core.data.FactorDataset) -> None:
    red_floor_green_wall_blue_object = rendered.index(np.array([[0, 3, 7, 3, 2, 7]]))
    (image,) = rendered.images(red_floor_green_wall_blue_object)
    np.testing.assert_array_equal(image[:, 1, 32], [153, 226, 249])
    assert image[:, 62, 32].argmax() == 0
    assert image[:, 22, 60].argmax() == 1
    assert image[:, 38, 32].argmax() == 2


@pytest.mark.parametrize("shape", range(4))
def test_an_object_stands_on_the_floor_and_grows_with_its_scale(shape: int) -> None:
    ticks = np.linspace(-1.2, 1.2, 97)
    y, z = (grid.ravel() for grid in np.meshgrid(ticks, ticks + 1))
    origin = np.stack([np.full_like(y, -9), y, z], axis=1)
    ray = np.broadcast_to(np.array([1.0, 0, 0]), origin.shape)
    areas = []
    for scale in (0.75, 1.0, 1.25):
        distance, normal = scene.intersect(origin, ray, shape, scale)
        hit = np.isfinite(distance)
        assert z[hit].min() >= 0
        np.testing.assert_allclose(np.linalg.norm(normal[hit], axis=1), 1)
        assert np.all(normal[hit, 0] <= 0)
        areas.append(hit.sum())
    assert areas[2] / areas[0] == pytest.approx((1.25 / 0.75) ** 2, rel=0.08)


@pytest.mark.parametrize(("version", "combinations", "values"), [("v2", 40, 14), ("v3", 120, 17), ("v5", 12_000, 37)])
def test_versions_have_the_published_counts(version: str, combinations: int, values: int) -> None:
    info = core.data.describe(f"shapes3d.{version}")
    assert np.prod(info.factor_sizes) == combinations
    assert sum(info.factor_sizes) == values
    assert info.num_images == 480_000


def test_labels_are_those_of_the_file(rendered: core.data.FactorDataset) -> None:
    np.testing.assert_allclose(rendered.factor_values(0), np.arange(10) / 10)
    np.testing.assert_allclose(rendered.factor_values(3), np.linspace(0.75, 1.25, 8))
    np.testing.assert_allclose(rendered.factor_values(5)[[0, -1]], [-30, 30])


def test_a_device_composes_the_same_bits(rendered: core.data.FactorDataset) -> None:
    subset = np.arange(0, 480_000, 47_999)
    images = resident(rendered, subset, torch.device("cpu"))
    assert images is not None
    assert torch.equal(images(torch.arange(len(subset))), float_images(rendered, subset))


def test_the_pure_colours_are_those_that_were_measured() -> None:
    assert shapes3d.PALETTE[[0, 1, 2, 4, 9]].tolist() == [
        [255, 0, 0],
        [255, 153, 0],
        [204, 255, 0],
        [0, 255, 102],
        [255, 0, 153],
    ]
