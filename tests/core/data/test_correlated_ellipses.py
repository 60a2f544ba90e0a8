import pathlib

import numpy as np
import pytest

import core.data
from core.data.rendering import ellipses
from core.data.sets import correlated_ellipses


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> core.data.FactorDataset:
    return core.data.load("correlated_ellipses", tmp_path_factory.mktemp("data"))


def test_the_draws_have_the_masses_of_floor_binned_clipped_gaussians(drawn: core.data.FactorDataset) -> None:
    factors = drawn.factors(np.arange(len(drawn)))
    masses = [np.bincount(factors[:, k], minlength=size) / len(drawn) for k, size in enumerate(drawn.factor_sizes)]
    np.testing.assert_allclose(masses[2], [0.27, 0.15, 0.16, 0.15, 0.12, 0.16], atol=0.01)
    assert masses[0][-1] == pytest.approx(0.158, abs=0.003)
    assert masses[0][0] == pytest.approx(0.175, abs=0.003)
    correlation = np.corrcoef(factors.T)
    assert correlation[0, 1] == pytest.approx(0.46, abs=0.01)
    assert correlation[2, 3] == pytest.approx(0.46, abs=0.02)
    np.testing.assert_allclose(correlation[:2, 2:], 0, atol=0.01)


def test_an_intervention_leaves_the_partner_alone(drawn: core.data.FactorDataset) -> None:
    rng = np.random.default_rng(0)
    free = drawn.sample_factors(20_000, rng)
    fixed = drawn.intervene(free, 0, 31)
    assert set(fixed[:, 0]) == {31}
    np.testing.assert_array_equal(fixed[:, 1:], free[:, 1:])
    sample = drawn.sample_with_fixed(20_000, 0, rng)
    assert len(set(sample[:, 0])) == 1
    assert np.bincount(sample[:, 1])[0] / 20_000 == pytest.approx(0.175, abs=0.01)


def test_every_combination_has_an_image(drawn: core.data.FactorDataset) -> None:
    never_drawn = np.array([[31, 0, 5, 0], [0, 31, 0, 39], [31, 0, 0, 17]])
    indices = drawn.index(never_drawn)
    np.testing.assert_array_equal(drawn.factors(indices), never_drawn)
    assert drawn.images(indices).max() == 255


def test_an_ellipse_has_its_axes_place_and_gray_edge(drawn: core.data.FactorDataset) -> None:
    (image,) = drawn.images(drawn.index(np.array([[31, 0, 5, 0]])))[:, 0]
    rows, columns = np.nonzero(image)
    assert (columns.min(), columns.max()) == ((206 - 50) // 4, 63)
    assert (rows.min(), rows.max()) == ((50 - 25) // 4, (50 + 25) // 4)
    assert image.sum() / 255 * 16 == pytest.approx(np.pi * 50 * 25, rel=0.04)
    assert 10 < len(np.unique(image)) <= 17


def test_classes_are_read_back_from_images() -> None:
    combinations = np.random.default_rng(0).integers(0, 32 * 32 * 6 * 40, 500)
    factors = np.stack(np.unravel_index(combinations, ellipses.SIZES), axis=1)
    factors[:, 3] %= 39
    np.testing.assert_array_equal(ellipses.recognised(ellipses.images(combinations)[:, 0]), factors)


def test_the_covariance_is_an_option(tmp_path: pathlib.Path) -> None:
    independent = core.data.load({"name": "correlated_ellipses", "covariance": np.eye(4).tolist()}, tmp_path)
    assert np.corrcoef(independent.factors(np.arange(50_000)).T)[0, 1] == pytest.approx(0, abs=0.02)
    np.testing.assert_array_equal(independent.covariance, np.eye(4))


@pytest.mark.parametrize(
    ("covariance", "message"),
    [
        (3, "4 rows of 4 numbers"),
        (-np.eye(4), "positive semi-definite"),
        (np.triu(np.ones((4, 4))), "must be symmetric"),
        (np.full((4, 4), np.nan), "4 rows of 4 numbers"),
    ],
    ids=["number", "negative", "lopsided", "nan"],
)
def test_a_matrix_that_is_no_covariance_is_refused(covariance: object, message: str) -> None:
    with pytest.raises(core.data.DataError, match=message):
        core.data.describe({"name": "correlated_ellipses", "covariance": covariance})


@pytest.mark.parametrize("shape", [(300, 64, 64), (300, 64, 64, 1)], ids=str)
def test_a_pre_rendered_file_is_used_and_labelled(tmp_path: pathlib.Path, shape: tuple[int, ...]) -> None:
    combinations = np.random.default_rng(1).integers(0, correlated_ellipses.COMBINATIONS, 300)
    images = ellipses.images(combinations)[:, 0]
    images[images == 255] = 254
    np.savez_compressed(tmp_path / "correlated_ellipses.npz", dataset=images.reshape(shape))
    read = core.data.load("correlated_ellipses", tmp_path)
    assert (read.source, len(read)) == ("original", 300)
    np.testing.assert_array_equal(read.images(np.arange(300))[:, 0], images)
    x, y, scale, rotation = np.unravel_index(combinations, ellipses.SIZES)
    np.testing.assert_array_equal(read.factors(np.arange(300)), np.stack([x, y, scale, rotation % 39], axis=1))
    assert core.data.check("correlated_ellipses", tmp_path) == []
    beyond = read.index(np.array([[0, 31, 5, 20]]))
    assert read.images(beyond).max() == 255


def test_a_file_of_something_else_is_found_out(tmp_path: pathlib.Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (20, 64, 64), dtype=np.uint8)
    np.savez(tmp_path / "correlated_ellipses.npz", dataset=noise)
    (finding,) = core.data.check("correlated_ellipses", tmp_path)
    assert "20 of 20 images are not ellipses" in finding
