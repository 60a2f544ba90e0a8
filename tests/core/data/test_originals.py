"""Users' own files: read where they are sound, one sentence where they are not."""

import fcntl
import io
import os
import pathlib
import zipfile

import h5py
import numpy as np
import pytest

import core.data
from core.data.files.originals import hdf5_array, npz_array
from core.data.sets import dsprites, shapes3d

DSPRITES = f"{dsprites.STEM}.npz"
IMAGES = np.random.default_rng(0).integers(0, 2, (50, 64, 64), dtype=np.uint8)


def npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def test_rows_come_from_any_start(tmp_path: pathlib.Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", imgs=IMAGES)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("imgs", data=IMAGES, chunks=(7, 64, 64), compression="gzip")
    for start in (0, 1, 13, 49, 50):
        with npz_array(tmp_path / "a.npz", "imgs", IMAGES.shape, np.uint8) as array:
            from_npz = np.concatenate([*array.rows(start), np.empty((0, 64, 64), np.uint8)])
        with hdf5_array(tmp_path / "a.h5", "imgs", IMAGES.shape, np.uint8) as array:
            from_hdf5 = np.concatenate([*array.rows(start), np.empty((0, 64, 64), np.uint8)])
        np.testing.assert_array_equal(from_npz, IMAGES[start:])
        np.testing.assert_array_equal(from_hdf5, IMAGES[start:])


def broken_dsprites(path: pathlib.Path, fault: str) -> None:
    if fault == "shape":
        np.savez(path, imgs=IMAGES)
    elif fault == "dtype":
        np.savez(path, imgs=IMAGES.astype(np.float64))
    elif fault == "key":
        np.savez(path, images=IMAGES, metadata=np.zeros(1))
    elif fault == "truncated":
        np.savez(path, imgs=IMAGES)
        os.truncate(path, path.stat().st_size // 2)
    elif fault == "text":
        path.write_text("<html>404</html>")
    elif fault == "empty":
        path.write_bytes(b"")
    elif fault == "pickled":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("imgs.npy", npy(np.array([{}], dtype=object)))
    elif fault == "garbage":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("imgs.npy", b"not numpy at all")
    else:
        path.mkdir()


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("shape", r"'imgs' is uint8 \(50, 64, 64\); expected uint8 \(737280, 64, 64\)"),
        ("dtype", r"'imgs' is float64"),
        ("key", r"has no array 'imgs' \(it has images, metadata\)"),
        ("truncated", "may be truncated"),
        ("text", r"is not an .npz archive"),
        ("empty", r"is not an .npz archive"),
        ("pickled", "'imgs' is object"),
        ("garbage", r"is not an .npz archive"),
        ("folder", "is a folder"),
    ],
)
def test_a_broken_npz_is_one_sentence(tmp_path: pathlib.Path, fault: str, message: str) -> None:
    broken_dsprites(tmp_path / DSPRITES, fault)
    for call in (core.data.describe, core.data.load, core.data.prepare):
        with pytest.raises(core.data.DataError, match=message) as raised:
            call("dsprites.quick", tmp_path)
        assert str(tmp_path / DSPRITES) in str(raised.value)
        assert "\n" not in str(raised.value)
    assert not (tmp_path / "cache").exists()
    assert core.data.check("dsprites", tmp_path) == [str(raised.value)]


def sparse(path: pathlib.Path, key: str, shape: tuple[int, ...], dtype: object = np.uint8) -> None:
    """A file of the full size whose rows are zero and take no room."""
    with h5py.File(path, "w") as file:
        file.create_dataset(key, shape, dtype, chunks=(min(1000, shape[0]), *shape[1:]), compression="gzip")


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("shape", r"'images' is uint8 \(10, 64, 64, 3\); expected uint8 \(480000, 64, 64, 3\)"),
        ("dtype", "'images' is float32"),
        ("key", r"has no data set 'images' \(it has imgs\)"),
        ("truncated", "is not an HDF5 file that can be read, it may be truncated"),
        ("text", "is not an HDF5 file"),
        ("folder", "is a folder"),
    ],
)
def test_a_broken_hdf5_is_one_sentence(tmp_path: pathlib.Path, fault: str, message: str) -> None:
    path = tmp_path / "3dshapes.h5"
    if fault == "text":
        path.write_text("hello")
    elif fault == "folder":
        path.mkdir()
    else:
        shape = (10 if fault == "shape" else 480_000, 64, 64, 3)
        sparse(path, "imgs" if fault == "key" else "images", shape, np.float32 if fault == "dtype" else np.uint8)
    if fault == "truncated":
        os.truncate(path, path.stat().st_size // 2)
    for call in (core.data.describe, core.data.load):
        with pytest.raises(core.data.DataError, match=message) as raised:
            call("shapes3d.v2", tmp_path)
        assert str(path) in str(raised.value)
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("folder", ["", "dsprites", "dsprites-dataset"])
def test_an_original_lies_in_the_root_or_in_a_folder_there(tmp_path: pathlib.Path, folder: str) -> None:
    """As other libraries of the field keep it."""
    (tmp_path / folder).mkdir(exist_ok=True)
    sparse(tmp_path / folder / f"{dsprites.STEM}.hdf5", "imgs", (737_280, 64, 64))
    assert core.data.describe("dsprites", tmp_path).source == "original"


def test_an_original_that_somebody_has_locked_is_read(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "3dshapes.h5"
    sparse(path, "images", (480_000, 64, 64, 3))
    with path.open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert core.data.describe("shapes3d", tmp_path).source == "original"


def test_an_original_in_the_folder_is_described_as_such(tmp_path: pathlib.Path) -> None:
    assert core.data.describe("dsprites", tmp_path).source == "rendered"
    sparse(tmp_path / f"{dsprites.STEM}.hdf5", "imgs", (737_280, 64, 64))
    sparse(tmp_path / "3dshapes.h5", "images", (480_000, 64, 64, 3))
    assert core.data.describe("dsprites.v4", tmp_path).source == "original"
    assert core.data.describe("shapes3d", tmp_path).source == "original"
    listed = {row["name"]: row["source"] for row in core.data.catalogue(tmp_path)}
    assert (listed["shapes3d.v5"], listed["correlated_ellipses"], listed["celeba"]) == ("original", "rendered", None)


def test_originals_are_packed_and_turned_channels_first(tmp_path: pathlib.Path) -> None:
    sparse(tmp_path / f"{dsprites.STEM}.hdf5", "imgs", (737_280, 64, 64))
    sparse(tmp_path / "3dshapes.h5", "images", (480_000, 64, 64, 3))
    colours = np.random.default_rng(0).integers(0, 256, (5, 64, 64, 3), dtype=np.uint8)
    with h5py.File(tmp_path / f"{dsprites.STEM}.hdf5", "r+") as file:
        file["imgs"][-5:] = IMAGES[:5]
    with h5py.File(tmp_path / "3dshapes.h5", "r+") as file:
        file["images"][-5:] = colours
    packed = np.concatenate(list(dsprites._read(tmp_path / f"{dsprites.STEM}.hdf5", 737_275)))
    np.testing.assert_array_equal(np.unpackbits(packed, axis=1).reshape(-1, 64, 64), IMAGES[:5])
    turned = np.concatenate(list(shapes3d._read(tmp_path / "3dshapes.h5", 479_995)))
    np.testing.assert_array_equal(turned, colours.transpose(0, 3, 1, 2))


def test_an_original_of_gray_levels_is_refused(tmp_path: pathlib.Path) -> None:
    sparse(tmp_path / f"{dsprites.STEM}.hdf5", "imgs", (737_280, 64, 64))
    with h5py.File(tmp_path / f"{dsprites.STEM}.hdf5", "r+") as file:
        file["imgs"][0] = 255
    with pytest.raises(core.data.DataError, match="'imgs' must hold 0 and 1 only, not 255"):
        core.data.load("dsprites", tmp_path)
    assert [path.name for path in (tmp_path / "cache").iterdir() if path.suffix != ".lock"] == []


@pytest.fixture(scope="module")
def full_archive(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """An .npz of all images in the original's format, its first 60 images replaced by the next 60."""
    root = tmp_path_factory.mktemp("original")
    with zipfile.ZipFile(root / DSPRITES, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        with archive.open("imgs.npy", "w", force_zip64=True) as file:
            header = {"descr": "|u1", "fortran_order": False, "shape": (737_280, 64, 64)}
            np.lib.format.write_array_header_1_0(file, header)
            for number, block in enumerate(dsprites.render(np.arange(737_280))):
                bits = np.unpackbits(block, axis=1)
                if number == 0:
                    bits[:60] = bits[960:1020]
                file.write(bits.tobytes())
        classes = np.insert(dsprites.GRID.factors(np.arange(737_280)), 0, 0, axis=1)
        archive.writestr("latents_classes.npy", npy(classes))
    return root


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_full_original_is_cached_used_and_checked(full_archive: pathlib.Path) -> None:
    original = core.data.load("dsprites", full_archive)
    assert original.source == "original"
    indices = np.random.default_rng(0).integers(1024, len(original), 500)
    rows, where = np.unique(indices, return_inverse=True)
    expected = np.unpackbits(np.concatenate(list(dsprites.render(rows))), axis=1)[where].reshape(-1, 1, 64, 64)
    np.testing.assert_array_equal(original.images(indices), 255 * expected)
    np.testing.assert_array_equal(original.images(np.arange(60)), original.images(np.arange(960, 1020)))
    (finding,) = core.data.check("dsprites", full_archive)
    assert "60 images differ from those that their classes describe" in finding


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_shapes3d_file_is_checked_against_its_labels(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "3dshapes.h5"
    sparse(path, "images", (480_000, 64, 64, 3))
    (finding,) = core.data.check("shapes3d", tmp_path)
    assert "has no data set 'labels' (it has images)" in finding
    classes = shapes3d.GRID.factors(np.arange(480_000))
    values = [shapes3d.GRID.values(k)[column] for k, column in enumerate(classes.T)]
    with h5py.File(path, "r+") as file:
        file["labels"] = np.stack(values, axis=1)
    (finding,) = core.data.check("shapes3d", tmp_path)
    assert "480 of 480 sampled images are not what their labels describe" in finding
