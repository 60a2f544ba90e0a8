"""Own images in .npz, HDF5 and Parquet: layouts, types, factors, and what is refused."""

import io
import pathlib
from typing import Any

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

import core.data

RNG = np.random.default_rng(0)
N = 24
BYTES = RNG.integers(0, 256, (N, 64, 64, 3), dtype=np.uint8)
EVERY = np.arange(N)
LABELS = 5 + EVERY % 3


def write(path: pathlib.Path, **arrays: Any) -> dict[str, Any]:
    if path.suffix == ".npz":
        np.savez(path, **arrays)
        return {"npz": str(path)}
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file[f"group/{name}" if name == "labels" else name] = array
    return {"h5": str(path)}


@pytest.fixture(params=["mine.npz", "mine.h5"])
def path(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> pathlib.Path:
    return tmp_path / str(request.param)


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        (BYTES, BYTES.transpose(0, 3, 1, 2)),
        (BYTES.transpose(0, 3, 1, 2), BYTES.transpose(0, 3, 1, 2)),
        (BYTES[..., 0], BYTES[:, None, :, :, 0]),
        (BYTES[..., :1], BYTES[:, None, :, :, 0]),
        (np.repeat(BYTES[..., :1], 3, axis=3), BYTES[:, None, :, :, 0]),
        (BYTES[..., 0] > 127, 255 * (BYTES[:, None, :, :, 0] > 127)),
        ((BYTES[..., 0] > 127).astype(np.uint8), 255 * (BYTES[:, None, :, :, 0] > 127)),
        (BYTES[..., 0] / 255.0, BYTES[:, None, :, :, 0]),
        ((BYTES / 255.0).astype(np.float16), None),
        (BYTES[..., 0].astype(np.uint16) * 257, BYTES[:, None, :, :, 0]),
    ],
    ids=["hwc", "chw", "hw", "hw1", "grey", "bool", "binary", "float64", "float16", "uint16"],
)
def test_layouts_and_types(path: pathlib.Path, images: np.ndarray, expected: np.ndarray | None) -> None:
    spec = write(path, imgs=images)
    dataset = core.data.load(spec, path.parent)
    found = dataset.images(EVERY)
    if expected is None:
        assert np.abs(found.astype(int) - BYTES.transpose(0, 3, 1, 2)).max() <= 1
    else:
        np.testing.assert_array_equal(found, expected)
    assert core.data.describe(spec, path.parent).image_shape == dataset.image_shape == found.shape[1:]
    assert core.data.check(spec, path.parent) == []


def test_factors_are_columns_words_and_start_anywhere(path: pathlib.Path) -> None:
    classes = np.array([LABELS, EVERY % 4]).T  # stored column by column
    words = np.array(["a", "bc"])[EVERY % 2]
    stored = words if path.suffix == ".npz" else words.astype("S")
    spec = write(path, imgs=BYTES, latents=classes, words=stored, labels=EVERY)
    spec |= {"images": "imgs", "factors": ["latents", "words"], "names": ["count", "view", "letter"], "size": 32}
    dataset = core.data.load(spec, path.parent)
    assert (dataset.factor_names, dataset.factor_sizes) == (("count", "view", "letter"), (3, 4, 2))
    np.testing.assert_array_equal(dataset.factors(EVERY), np.stack([LABELS - 5, EVERY % 4, EVERY % 2], 1))
    assert dataset.factor_labels(2) == ("a", "bc")
    assert dataset.image_shape == (3, 32, 32)
    unused = "not used: labels" if path.suffix == ".npz" else "not used: group/labels"
    assert unused in core.data.found(spec, path.parent)


@pytest.mark.parametrize(
    ("arrays", "options", "message"),
    [
        ({"imgs": BYTES / 1.0}, {}, "'imgs' has fractions from 0 to 255, expected 0 to 1"),
        ({"imgs": np.where(BYTES > 250, np.nan, 0.5)}, {}, "'imgs' has fractions from nan to nan"),
        ({"imgs": BYTES.astype(np.int64)}, {"images": "imgs"}, "'imgs' holds int64; images are uint8"),
        ({"imgs": BYTES[:3]}, {}, "has 3 images; a data set needs 12 at least"),
        ({"imgs": BYTES[..., :2]}, {}, "images are .N, H, W., .N, H, W, C. or"),
        ({"a": BYTES, "b": BYTES}, {}, r"which array are the images \(a, b\)\? Say it with 'images: NAME'"),
        ({"a": LABELS}, {}, r"which array are the images \(none of a\)"),
        ({"imgs": BYTES}, {"images": "img"}, "has no array 'img'; did you mean 'imgs'"),
        ({"imgs": BYTES, "y": LABELS}, {"factors": "z"}, "has no array 'z'; there are"),
        ({"imgs": BYTES, "y": LABELS[1:]}, {"factors": "y"}, r"'y' is \(23,\); factors of these images are \(24,\)"),
        ({"imgs": BYTES, "y": LABELS}, {"factors": "y", "names": ["a", "b"]}, "has 1 columns of factors, and 'names'"),
        ({"imgs": BYTES}, {"names": ["a"]}, "has 'names' but no factors"),
        ({"imgs": BYTES}, {"unreadable": "skip"}, "does not take 'unreadable'"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_understood_is_one_sentence(
    path: pathlib.Path, arrays: dict[str, np.ndarray], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(core.data.DataError, match=message) as raised:
        core.data.describe({**write(path, **arrays), **options}, path.parent)
    assert "\n" not in str(raised.value)


def test_nothing_is_unpickled(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "mine.npz"
    np.savez(path, imgs=BYTES, y=np.array([{}] * N, dtype=object))
    with pytest.raises(core.data.DataError, match="holds Python objects, which are never unpickled"):
        core.data.describe({"npz": str(path), "factors": "y"}, tmp_path)


def test_a_file_that_is_none_is_one_sentence(path: pathlib.Path) -> None:
    kind = {".npz": "npz", ".h5": "h5"}[path.suffix]
    with pytest.raises(core.data.DataError, match="does not exist"):
        core.data.describe({kind: str(path)}, path.parent)
    path.write_bytes(b"no archive")
    with pytest.raises(core.data.DataError, match="it may be truncated"):
        core.data.describe({kind: str(path)}, path.parent)


def encoded(image: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="PNG")
    return buffer.getvalue()


@pytest.mark.parametrize("structured", [True, False])
def test_parquet_as_data_sets_on_the_hub_have_it(structured: bool, tmp_path: pathlib.Path) -> None:
    contents = [encoded(image) for image in BYTES]
    column = [{"bytes": content, "path": None} for content in contents] if structured else contents
    folder = tmp_path / "mine"
    folder.mkdir()
    for number, half in enumerate((slice(0, 10), slice(10, N))):
        table = pa.table({"image": column[half], "label": LABELS[half], "other": EVERY[half]})
        pq.write_table(table, folder / f"train-{number:05}-of-00002.parquet")
    spec = {"parquet": str(folder), "factors": ["label"]}
    dataset = core.data.load(spec, tmp_path)
    np.testing.assert_array_equal(dataset.images(EVERY), BYTES.transpose(0, 3, 1, 2))
    np.testing.assert_array_equal(dataset.factors(EVERY)[:, 0], LABELS - 5)
    assert "not used: other" in core.data.found(spec, tmp_path)
    with pytest.raises(core.data.DataError, match="has no column 'lable'; did you mean 'label'"):
        core.data.describe({**spec, "factors": "lable"}, tmp_path)
    with pytest.raises(core.data.DataError, match="has no column 'label' of encoded pictures; there are image"):
        core.data.describe({**spec, "images": "label"}, tmp_path)


def test_rows_of_parquet_that_cannot_be_read(tmp_path: pathlib.Path) -> None:
    contents: list[bytes | None] = [encoded(image) for image in BYTES]
    contents[4], contents[6] = b"no picture", None
    path = tmp_path / "mine.parquet"
    pq.write_table(pa.table({"image": contents, "label": LABELS}), path)
    spec = {"parquet": str(path), "factors": "label"}
    with pytest.raises(core.data.DataError, match=r"mine.parquet/row 4: no picture of a kind .* \(and 1 more"):
        core.data.describe(spec, tmp_path)
    dataset = core.data.load({**spec, "unreadable": 2}, tmp_path)
    np.testing.assert_array_equal(dataset.factors(np.arange(N - 2))[:, 0], np.delete(LABELS - 5, [4, 6]))
    path.write_bytes(b"no parquet")
    with pytest.raises(core.data.DataError, match="is no Parquet file that can be read"):
        core.data.describe(spec, tmp_path)
