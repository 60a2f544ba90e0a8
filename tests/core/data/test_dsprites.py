import pathlib

import numpy as np
import pytest

import core.data
from core.data.sets import dsprites


def test_every_reference_image_comes_out_pixel_for_pixel(reference: pathlib.Path) -> None:
    with np.load(reference / "dsprites_frames.npz") as frames:
        images, latents = frames["images"], frames["latents"]
    rows, where = np.unique(dsprites.GRID.index(latents), return_inverse=True)
    rendered = np.unpackbits(np.concatenate(list(dsprites.render(rows))), axis=1).reshape(-1, 64, 64)
    np.testing.assert_array_equal(rendered[where], images)


@pytest.mark.parametrize(
    ("block", "area"), [((0, 0, 0), 9.6**2), ((1, 3, 7), 0.64 * np.pi * 12.7657 * 7.2159)], ids=["square", "ellipse"]
)
def test_a_shape_has_its_area_on_average(block: tuple[int, int, int], area: float) -> None:
    white = np.unpackbits(dsprites.render_block(*block), axis=1).sum(axis=1, dtype=int)
    assert white.mean() == pytest.approx(area, rel=0.01)


def test_a_full_turn_is_the_same_image() -> None:
    np.testing.assert_array_equal(dsprites.render_block(2, 4, 39), dsprites.render_block(2, 4, 0))


def test_positions_grow_to_the_right_and_downwards() -> None:
    block = np.unpackbits(dsprites.render_block(0, 0, 0), axis=1).reshape(32, 32, 64, 64)
    rows, columns = (np.indices((64, 64))[axis] for axis in (0, 1))
    x = (block * columns).sum((2, 3)) / block.sum((2, 3))
    y = (block * rows).sum((2, 3)) / block.sum((2, 3))
    assert np.all(np.diff(x, axis=0) > 0)
    assert np.all(np.diff(y, axis=1) > 0)
    assert x[0, 0] == pytest.approx(15.5, abs=0.5)
    assert y[0, 31] == pytest.approx(47.5, abs=0.5)


def test_the_quick_set_holds_the_bits_of_the_full_set(tmp_path: pathlib.Path) -> None:
    quick = core.data.load("dsprites.quick", tmp_path)
    assert (len(quick), quick.factor_names) == (5760, ("shape", "scale", "posX", "posY"))
    assert quick.cache_bytes < 3e6
    indices = np.arange(0, 5760, 7)
    shape, scale, x, y = quick.factors(indices).T
    for i, image in enumerate(quick.images(indices)):
        block = dsprites.render_block(shape[i], scale[i], 0)
        expected = np.unpackbits(block[x[i] * 32 + y[i] + 11]).reshape(1, 64, 64) * 255
        np.testing.assert_array_equal(image, expected)


@pytest.mark.parametrize(
    ("version", "combinations", "values", "images"),
    [("v2", 27, 9, 12_150), ("v3", 135, 14, 20_250), ("v4", 1080, 22, 135_000)],
)
def test_versions_have_the_published_counts(version: str, combinations: int, values: int, images: int) -> None:
    info = core.data.describe(f"dsprites.{version}")
    assert np.prod(info.factor_sizes) == combinations
    assert sum(info.factor_sizes) == values
    assert info.num_images == images


@pytest.mark.slow
def test_all_images_are_rendered_once(tmp_path: pathlib.Path) -> None:
    full = core.data.load("dsprites", tmp_path)
    assert full.cache_bytes == 737_280 * 512 + 128
    indices = np.random.default_rng(0).integers(0, len(full), 200)
    expected = np.unpackbits(np.concatenate([next(dsprites.render(np.array([i]))) for i in indices]), axis=1)
    np.testing.assert_array_equal(full.images(indices), expected.reshape(-1, 1, 64, 64) * 255)
