"""What every registered data set must hold; a new file in `core.data.sets` is tested because it exists."""

import pathlib
import pickle
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from PIL import Image

import core.data
from tests.core.data import published

BIG = {"dsprites", "dsprites.noshape", "dsprites.v4", "color_dsprites", "noisy_dsprites", "scream_dsprites"}
"""Need the full dSprites cache: tested with it in the slow suite, and by their small relatives here."""


def bring_faces(root: pathlib.Path) -> None:
    np.save(root / "3dfaces.npy", np.random.default_rng(0).integers(0, 256, (12, 64, 64), dtype=np.uint8))


def bring_chairs(root: pathlib.Path) -> None:
    folder = root / "rendered_chairs" / "a" / "renders"
    folder.mkdir(parents=True)
    for view in range(12):
        Image.new("RGB", (600, 600), (20 * view, 0, 0)).save(folder / f"image_{view:03}.png")


def bring_celeba(root: pathlib.Path) -> None:
    (root / "img_align_celeba").mkdir()
    names = [f"{number:06}.jpg" for number in range(1, 13)]
    for number, name in enumerate(names):
        Image.new("RGB", (178, 218), (20 * number, 0, 0)).save(root / "img_align_celeba" / name)
    (root / "list_eval_partition.txt").write_text("".join(f"{name} 0\n" for name in names))


def bring_scream(root: pathlib.Path) -> None:
    shades = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    Image.fromarray(shades).resize((400, 300)).save(root / "scream.jpg")


BRING: dict[str, Callable[[pathlib.Path], None]] = {
    "faces3d": bring_faces,
    "chairs3d": bring_chairs,
    "celeba": bring_celeba,
    "scream_dsprites": bring_scream,
    "mpi3d": published.bring_mpi3d,
    "cars3d": published.bring_cars,
    "smallnorb": published.bring_smallnorb,
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[pathlib.Path]:
    folder = tmp_path_factory.mktemp("data")
    for bring in BRING.values():
        bring(folder)
    with published.smaller():
        yield folder


def registered() -> list[object]:
    return [pytest.param(name, marks=pytest.mark.slow if name in BIG else ()) for name in core.data.names()]


@pytest.fixture(params=registered())
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def dataset(name: str, root: pathlib.Path) -> core.data.FactorDataset:
    return core.data.load(name, root)


@pytest.fixture
def factored(dataset: core.data.FactorDataset) -> core.data.FactorDataset:
    if not dataset.has_factors:
        pytest.skip(f"{dataset.name} has no factors")
    return dataset


@pytest.fixture
def some(dataset: core.data.FactorDataset) -> np.ndarray:
    return np.random.default_rng(0).integers(0, len(dataset), 50)


def test_the_description_is_that_of_the_opened_set(dataset: core.data.FactorDataset, root: pathlib.Path) -> None:
    info = core.data.describe(dataset.name, root)
    assert info.name == dataset.name
    assert info.num_images == len(dataset)
    assert info.source == dataset.source
    assert info.source in ("original", "rendered")
    assert (info.factor_names, info.factor_sizes) == (dataset.factor_names, dataset.factor_sizes)
    assert (info.image_shape, info.has_factors) == (dataset.image_shape, dataset.has_factors)
    assert info.image_shape in ((1, 64, 64), (3, 64, 64))
    assert len(info.factor_names) == len(info.factor_sizes) == len(set(info.factor_names))


def test_images_are_bytes_with_content(dataset: core.data.FactorDataset, some: np.ndarray) -> None:
    images = dataset.images(some)
    assert images.dtype == np.uint8
    assert images.shape == (len(some), *dataset.image_shape)
    assert images.max() > 200
    np.testing.assert_array_equal(dataset.images(some[::-1]), images[::-1])
    assert dataset.images([]).shape == (0, *dataset.image_shape)


def test_images_outside_the_set_are_refused(dataset: core.data.FactorDataset) -> None:
    for wrong in ([-1], [10**7], [[0]], [0.5]):
        with pytest.raises(IndexError, match="indices must be"):
            dataset.images(wrong)


def test_factors_lie_in_their_ranges(factored: core.data.FactorDataset, some: np.ndarray) -> None:
    factors = factored.factors(some)
    assert factors.dtype == np.int64
    assert factors.shape == (len(some), len(factored.factor_names))
    assert np.all(factors >= 0)
    assert np.all(factors < factored.factor_sizes)
    for k, size in enumerate(factored.factor_sizes):
        assert factored.factor_values(k).shape == (size,)


def test_an_index_has_the_factors_it_was_found_by(factored: core.data.FactorDataset, some: np.ndarray) -> None:
    factors = factored.factors(some)
    index = factored.index(factors)
    assert index.dtype == np.int64
    np.testing.assert_array_equal(factored.factors(index), factors)
    np.testing.assert_array_equal(factored.index(factored.factors(index)), index)
    if np.prod(factored.factor_sizes) == len(factored):
        np.testing.assert_array_equal(index, some)


def test_sampled_images_have_the_sampled_factors(factored: core.data.FactorDataset) -> None:
    factors = factored.sample_factors(200, np.random.default_rng(1))
    assert factors.shape == (200, len(factored.factor_sizes))
    np.testing.assert_array_equal(factors, factored.sample_factors(200, np.random.default_rng(1)))
    indices = factored.sample_indices(factors, np.random.default_rng(2))
    np.testing.assert_array_equal(factored.factors(indices), factors)
    assert factored.images(indices[:3]).shape == (3, *factored.image_shape)


def test_nuisance_factors_vary_in_sampled_images(factored: core.data.FactorDataset) -> None:
    if len(factored) <= np.prod(factored.factor_sizes):
        pytest.skip(f"{factored.name} has no nuisance factor")
    same = np.repeat(factored.sample_factors(1, np.random.default_rng(0)), 100, axis=0)
    assert len(set(factored.sample_indices(same, np.random.default_rng(0)).tolist())) > 2


def test_a_fixed_factor_is_fixed_and_the_others_vary(factored: core.data.FactorDataset) -> None:
    for k in range(len(factored.factor_sizes)):
        sample = factored.sample_with_fixed(200, k, np.random.default_rng(k))
        varying = [len(set(column)) > 1 for column in sample.T]
        assert varying == [j != k for j in range(len(varying))]


def test_annotated_images_are_nested_different_and_repeatable(factored: core.data.FactorDataset) -> None:
    most = factored.annotated(1000, 3)
    assert most.dtype == np.int64
    assert len(set(most.tolist())) == 1000
    for n in (1, 10, 100):
        np.testing.assert_array_equal(factored.annotated(n, 3), most[:n])
    assert not np.array_equal(factored.annotated(100, 4), most[:100])
    assert most.max() < len(factored)


def test_annotated_images_show_every_value_of_every_factor(factored: core.data.FactorDataset) -> None:
    fewest = sum(factored.factor_sizes) if factored.covariance is not None else max(factored.factor_sizes)
    factors = factored.factors(factored.annotated(fewest, 0))
    for column, size in zip(factors.T, factored.factor_sizes, strict=True):
        assert len(set(column)) == size


def test_more_annotations_than_images_are_refused(factored: core.data.FactorDataset) -> None:
    for n in (0, len(factored) + 1):
        with pytest.raises(core.data.DataError, match=f"cannot annotate {n:,} images: {factored.name} has"):
            factored.annotated(n, 0)


def test_a_set_travels_as_its_name(dataset: core.data.FactorDataset, some: np.ndarray) -> None:
    stored = pickle.dumps(dataset)
    assert len(stored) < 2000
    np.testing.assert_array_equal(pickle.loads(stored).images(some), dataset.images(some))


def test_the_cache_is_listed_and_sound(dataset: core.data.FactorDataset, root: pathlib.Path) -> None:
    (row,) = [row for row in core.data.catalogue(root) if row["name"] == dataset.name]
    assert row["images"] == len(dataset)
    assert row["bytes"] == dataset.cache_bytes
    assert row["cache"] == (None if dataset.cache_path is None else str(dataset.cache_path))
    published = "images; " if dataset.name in BRING else "-"
    assert [finding for finding in core.data.check(dataset.name, root) if published not in finding] == []


def test_a_contact_sheet_has_a_caption_for_every_row(dataset: core.data.FactorDataset, root: pathlib.Path) -> None:
    sheet, captions = core.data.contact_sheet(dataset.name, root)
    assert sheet.dtype == np.uint8
    assert sheet.shape == (2 + 66 * len(captions), sheet.shape[1], 3)
    assert sheet.max() > 200
    if dataset.has_factors:
        assert [caption.split(":")[0] for caption in captions] == list(dataset.factor_names)


def test_an_unknown_option_is_refused(name: str, root: pathlib.Path) -> None:
    with pytest.raises(core.data.DataError, match="does not take 'colour'"):
        core.data.describe({"name": name, "colour": 3}, root)
