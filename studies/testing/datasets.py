"""The contract of every data set: what an index, a factor and an image are to each other."""

import copy
import functools

import numpy as np

import core.data
from core.data import DataError, FactorDataset
from studies.testing.contract import Bench, Check, NotApplicable, hold, refuses


def _opened(bench: Bench) -> tuple[FactorDataset, np.ndarray]:
    """The data set, and fifty indices into it."""
    dataset = core.data.load(bench.name, bench.data)
    return dataset, np.random.default_rng(0).integers(0, len(dataset), 50)


def _factored(bench: Bench) -> tuple[FactorDataset, np.ndarray]:
    dataset, some = _opened(bench)
    if not dataset.has_factors:
        raise NotApplicable("it has no factors")
    return dataset, some


def description(bench: Bench) -> None:
    """The description is that of the opened set."""
    dataset, _ = _opened(bench)
    info = core.data.describe(dataset.name, bench.data)
    hold(info.name == dataset.name == bench.name, f"it is described as '{info.name}' and opened as '{dataset.name}'")
    hold(info.num_images == len(dataset), f"it is described with {info.num_images} images and has {len(dataset)}")
    hold(info.source == dataset.source, "the sources differ")
    hold(info.source in ("original", "rendered"), f"its source is 'original' or 'rendered', not {info.source!r}")
    hold(
        (info.factor_names, info.factor_sizes) == (dataset.factor_names, dataset.factor_sizes),
        "names or sizes of the factors differ",
    )
    same = (info.image_shape, info.has_factors) == (dataset.image_shape, dataset.has_factors)
    hold(same, "image_shape or has_factors differ")
    colours, height, width = info.image_shape
    sizes = ", ".join(map(str, core.data.IMAGE_SIZES))
    shaped = colours in (1, 3) and height == width and height in core.data.IMAGE_SIZES
    hold(shaped, f"images have 1 or 3 colours and are squares of {sizes} pixels, not {info.image_shape}")
    hold(len(info.factor_names) == len(info.factor_sizes) == len(set(info.factor_names)), "a factor is named twice")


def images(bench: Bench) -> None:
    """Images are bytes with content, in the order of their indices."""
    dataset, some = _opened(bench)
    found = dataset.images(some)
    hold(found.dtype == np.uint8, f"images are {found.dtype}, not uint8")
    hold(found.shape == (len(some), *dataset.image_shape), f"50 images have shape {found.shape}")
    hold(found.max() > 200, f"the brightest pixel of 50 images is {found.max()} of 255")
    hold(np.array_equal(dataset.images(some[::-1]), found[::-1]), "the same index gives another image")
    hold(dataset.images([]).shape == (0, *dataset.image_shape), "no index gives no empty array of images")


def outside(bench: Bench) -> None:
    """Indices outside of the set, of another shape or type are refused."""
    dataset, _ = _opened(bench)
    for wrong in ([-1], [max(10**7, len(dataset))], [[0]], [0.5]):
        refuses(functools.partial(dataset.images, wrong), IndexError, "indices must be", f"index {wrong}")


def factors_in_range(bench: Bench) -> None:
    """Factors are classes within their sizes, and every class has a value."""
    dataset, some = _factored(bench)
    factors = dataset.factors(some)
    hold(factors.dtype == np.int64, f"factors are {factors.dtype}, not int64")
    hold(factors.shape == (len(some), len(dataset.factor_names)), f"factors of 50 images have shape {factors.shape}")
    hold(np.all(factors >= 0) and np.all(factors < dataset.factor_sizes), "a class is not below the size of its factor")
    for k, size in enumerate(dataset.factor_sizes):
        hold(dataset.factor_values(k).shape == (size,), f"factor {k} has {size} classes, and another number of values")


def index_of_factors(bench: Bench) -> None:
    """An index has the factors that it was found by."""
    dataset, some = _factored(bench)
    factors = dataset.factors(some)
    index = dataset.index(factors)
    hold(index.dtype == np.int64, f"indices are {index.dtype}, not int64")
    hold(np.array_equal(dataset.factors(index), factors), "factors(index(f)) is not f")
    hold(np.array_equal(dataset.index(dataset.factors(index)), index), "index(factors(i)) is not stable")
    if np.prod(dataset.factor_sizes) == len(dataset):
        hold(np.array_equal(index, some), "of a whole grid, index(factors(i)) is not i")


def sampling(bench: Bench) -> None:
    """Sampled images have the sampled factors, and a seed gives the same."""
    dataset, _ = _factored(bench)
    factors = dataset.sample_factors(200, np.random.default_rng(1))
    hold(factors.shape == (200, len(dataset.factor_sizes)), f"200 samples of factors have shape {factors.shape}")
    again = dataset.sample_factors(200, np.random.default_rng(1))
    hold(np.array_equal(factors, again), "the same generator gives other factors")
    indices = dataset.sample_indices(factors, np.random.default_rng(2))
    hold(np.array_equal(dataset.factors(indices), factors), "a sampled image has other factors than were asked for")
    hold(dataset.images(indices[:3]).shape == (3, *dataset.image_shape), "sampled indices are no indices of images")


def nuisance(bench: Bench) -> None:
    """What no factor says varies among images of the same factors."""
    dataset, _ = _factored(bench)
    if len(dataset) <= np.prod(dataset.factor_sizes):
        raise NotApplicable("it has no nuisance factor")
    same = np.repeat(dataset.sample_factors(1, np.random.default_rng(0)), 100, axis=0)
    drawn = set(dataset.sample_indices(same, np.random.default_rng(0)).tolist())
    hold(len(drawn) > 2, f"100 samples of the same factors are {len(drawn)} images")


def fixed_factor(bench: Bench) -> None:
    """A fixed factor is fixed, and the others vary."""
    dataset, _ = _factored(bench)
    for k, name in enumerate(dataset.factor_names):
        sample = dataset.sample_with_fixed(200, k, np.random.default_rng(k))
        varying = [len(set(column)) > 1 for column in sample.T]
        hold(varying == [j != k for j in range(len(varying))], f"with '{name}' fixed, not exactly the others vary")


def annotations(bench: Bench) -> None:
    """Annotated images are nested, different and repeatable, and show every value of every factor."""
    dataset, _ = _factored(bench)
    count = min(1000, len(dataset))
    most = dataset.annotated(count, 3)
    hold(most.dtype == np.int64, f"indices are {most.dtype}, not int64")
    hold(len(set(most.tolist())) == count, "an image is annotated twice")
    hold(most.max() < len(dataset), "an index is outside of the set")
    for n in (1, 10, 100):
        if n < count:
            hold(np.array_equal(dataset.annotated(n, 3), most[:n]), f"the first {n} are not the {n}")
    few = min(100, count)
    hold(not np.array_equal(dataset.annotated(few, 4), most[:few]), "another seed annotates the same images")
    fewest = sum(dataset.factor_sizes) if dataset.covariance is not None else max(dataset.factor_sizes)
    shown = dataset.factors(dataset.annotated(fewest, 0))
    for name, column, size in zip(dataset.factor_names, shown.T, dataset.factor_sizes, strict=True):
        hold(
            len(set(column)) == size, f"{fewest} annotated images show {len(set(column))} of {size} values of '{name}'"
        )
    for n in (0, len(dataset) + 1):
        saying = f"cannot annotate {n:,} images: {dataset.name} has"
        refuses(functools.partial(dataset.annotated, n, 0), DataError, saying, f"annotating {n:,}")


def by_name(bench: Bench) -> None:
    """A set travels to another process as its name, and is the same there."""
    dataset, some = _opened(bench)
    twin = copy.copy(dataset)  # which asks for what a pickle holds
    hold(np.array_equal(twin.images(some), dataset.images(some)), "opened again it has other images")


def cache(bench: Bench) -> None:
    """The catalogue lists the set and its cache."""
    dataset, _ = _opened(bench)
    rows = [row for row in core.data.catalogue(bench.data) if row["name"] == dataset.name]
    hold(len(rows) == 1, "the catalogue does not list it once")
    (row,) = rows
    hold(row["images"] == len(dataset), f"the catalogue says {row['images']} images: {row['missing']}")
    hold(row["bytes"] == dataset.cache_bytes, "the catalogue has another size of the cache")
    path = None if dataset.cache_path is None else str(dataset.cache_path)
    hold(row["cache"] == path, f"the catalogue has its cache at {row['cache']}, the opened set at {path}")


def sound(bench: Bench) -> None:
    """A check of the files finds nothing wrong."""
    dataset, _ = _opened(bench)
    hold(not (findings := core.data.check(dataset.name, bench.data)), "; ".join(findings))


def contact_sheet(bench: Bench) -> None:
    """A contact sheet has a row and a caption for every factor."""
    dataset, _ = _opened(bench)
    sheet, captions = core.data.contact_sheet(dataset.name, bench.data)
    hold(sheet.dtype == np.uint8, f"the sheet is {sheet.dtype}, not uint8")
    hold(sheet.shape == (2 + 66 * len(captions), sheet.shape[1], 3), f"the sheet has shape {sheet.shape}")
    hold(sheet.max() > 200, "the sheet is dark")
    if dataset.has_factors:
        hold([caption.split(":")[0] for caption in captions] == list(dataset.factor_names), f"captions are {captions}")


def unknown_option(bench: Bench) -> None:
    """An option that it does not take is refused with a sentence."""
    refuses(
        lambda: core.data.describe({"name": bench.name, "colour": 3}, bench.data),
        DataError,
        "does not take 'colour'",
        "the option 'colour'",
    )


OF_DATASETS: tuple[Check, ...] = (
    description,
    images,
    outside,
    factors_in_range,
    index_of_factors,
    sampling,
    nuisance,
    fixed_factor,
    annotations,
    by_name,
    cache,
    sound,
    contact_sheet,
    unknown_option,
)
