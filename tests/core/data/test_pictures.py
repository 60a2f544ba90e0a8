"""Readers of CelebA, 3DChairs and 3DFaces, on small files in the exact format of the originals."""

import pathlib
import tarfile
import zipfile

import numpy as np
import pytest
from PIL import Image

import core.data
from core.data.sets import celeba, chairs3d, faces3d


def face(number: int) -> Image.Image:
    image = np.zeros((218, 178, 3), dtype=np.uint8)
    image[:, :, 0] = np.linspace(0, 255, 178)
    image[:, :, 1] = np.linspace(0, 255, 218)[:, None]
    image[:, :, 2] = 20 * number
    return Image.fromarray(image)


@pytest.fixture
def celeba_root(tmp_path: pathlib.Path) -> pathlib.Path:
    folder = tmp_path / "celeba" / "img_align_celeba"
    folder.mkdir(parents=True)
    lines = []
    for number in range(1, 11):
        face(number).save(folder / f"{number:06}.jpg", quality=95)
        lines.append(f"{number:06}.jpg {0 if number <= 7 else number - 7 if number < 10 else 2}")
    (tmp_path / "celeba" / "list_eval_partition.txt").write_text("\n".join(lines) + "\n")
    return tmp_path


def test_celeba_is_resized_and_cropped_as_published(celeba_root: pathlib.Path) -> None:
    faces = core.data.load("celeba", celeba_root)
    assert (len(faces), faces.image_shape, faces.has_factors) == (7, (3, 64, 64), False)
    image = faces.images([4])[0].astype(int)
    assert image[2].mean() == pytest.approx(100, abs=3)
    columns = np.linspace(0, 255, 178)[np.arange(64) * 178 // 64]
    assert np.abs(image[0, 32] - columns).max() < 8
    assert image[1, 0, 32] == pytest.approx(255 * 7.5 / 78, abs=3)
    assert image[1, 63, 32] == pytest.approx(255 * 70.5 / 78, abs=3)


def test_files_that_are_no_pictures_are_found_before_anything_starts(celeba_root: pathlib.Path) -> None:
    folder = celeba_root / "celeba" / "img_align_celeba"
    for path in folder.iterdir():
        path.write_text("<html>sign in to download</html>")
    with pytest.raises(core.data.DataError, match=r"000001\.jpg is not a picture of this set"):
        core.data.describe({"name": "celeba", "split": "all"}, celeba_root)


def test_what_macos_notes_about_a_picture_is_none(celeba_root: pathlib.Path) -> None:
    (celeba_root / "celeba" / "img_align_celeba" / "._000001.jpg").write_bytes(b"Mac OS X")
    assert core.data.describe({"name": "celeba", "split": "all"}, celeba_root).num_images == 10


@pytest.mark.parametrize(("split", "numbers"), [("train", range(1, 8)), ("valid", [8]), ("test", [9, 10])])
def test_celeba_splits_are_the_official_ones(celeba_root: pathlib.Path, split: str, numbers: list[int]) -> None:
    faces = core.data.load({"name": "celeba", "split": split}, celeba_root)
    blue = faces.images(np.arange(len(faces)))[:, 2].mean(axis=(1, 2))
    np.testing.assert_allclose(blue, [20 * n for n in numbers], atol=3)


def test_celeba_is_read_from_its_zip_and_a_csv_partition(celeba_root: pathlib.Path) -> None:
    folder = celeba_root / "celeba"
    expected = core.data.load("celeba", celeba_root).images(np.arange(7))
    with zipfile.ZipFile(celeba_root / "img_align_celeba.zip", "w") as archive:
        for path in sorted((folder / "img_align_celeba").iterdir()):
            archive.write(path, f"img_align_celeba/{path.name}")
            path.unlink()
    (folder / "img_align_celeba").rmdir()
    rows = (folder / "list_eval_partition.txt").read_text().replace(" ", ",")
    (folder / "list_eval_partition.txt").unlink()
    (celeba_root / "list_eval_partition.csv").write_text("image_id,partition\n" + rows)
    np.testing.assert_array_equal(core.data.load("celeba", celeba_root).images(np.arange(7)), expected)


def test_celeba_without_its_partition_file_says_what_is_missing(celeba_root: pathlib.Path) -> None:
    (celeba_root / "celeba" / "list_eval_partition.txt").unlink()
    with pytest.raises(core.data.DataError, match=r"partition file: expected .*list_eval_partition.txt"):
        core.data.describe("celeba", celeba_root)
    assert core.data.describe({"name": "celeba", "split": "all"}, celeba_root).num_images == 10


def test_a_partition_file_with_a_bad_line_is_named_with_the_line(celeba_root: pathlib.Path) -> None:
    path = celeba_root / "celeba" / "list_eval_partition.txt"
    path.write_text(path.read_text().replace("000003.jpg 0", "000003.jpg"))
    with pytest.raises(core.data.DataError, match=r"line 3: expected '000001.jpg 0', not '000003.jpg'"):
        core.data.describe("celeba", celeba_root)


@pytest.mark.parametrize("fault", ["truncated", "text", "size"])
def test_a_broken_jpeg_is_named_and_leaves_no_cache(celeba_root: pathlib.Path, fault: str) -> None:
    path = celeba_root / "celeba" / "img_align_celeba" / "000004.jpg"
    if fault == "truncated":
        path.write_bytes(path.read_bytes()[:900])
    elif fault == "text":
        path.write_text("not a picture")
    else:
        Image.new("RGB", (64, 64)).save(path)
    with pytest.raises(core.data.DataError, match=r"000004\.jpg is not a picture of this set that can be read"):
        core.data.load("celeba", celeba_root)
    assert [p.name for p in (celeba_root / "cache").iterdir() if p.suffix != ".lock"] == []
    assert "000004.jpg" in core.data.check("celeba", celeba_root)[0]


def test_check_counts_the_images(celeba_root: pathlib.Path) -> None:
    (finding,) = core.data.check("celeba", celeba_root)
    assert finding.endswith("has 10 images; celeba has 202,599")


def test_metrics_that_need_factors_are_refused_with_a_sentence(celeba_root: pathlib.Path) -> None:
    faces = core.data.load("celeba", celeba_root)
    assert (faces.factor_names, faces.factor_sizes) == ((), ())
    with pytest.raises(core.data.DataError, match="celeba has no ground-truth factors"):
        faces.factors([0])
    with pytest.raises(core.data.DataError, match="celeba has no ground-truth factors"):
        faces.annotated(2, 0)


@pytest.fixture
def chairs_root(tmp_path: pathlib.Path) -> pathlib.Path:
    for chair in range(5):
        folder = tmp_path / "rendered_chairs" / f"chair{chair}" / "renders"
        folder.mkdir(parents=True)
        for view in range(4):
            image = np.full((600, 600, 3), 255, dtype=np.uint8)
            image[:100] = 0
            image[100:300, 100:300] = (chair * 40, view * 40, 7)
            Image.fromarray(image).save(folder / f"image_{view:03}_p020_t{view:03}_r096.png")
        (tmp_path / "rendered_chairs" / f"chair{chair}" / "texture.png").write_bytes(b"")
    return tmp_path


def test_chairs_keep_the_middle_of_each_render(chairs_root: pathlib.Path) -> None:
    chairs = core.data.load("chairs3d", chairs_root)
    assert (len(chairs), chairs.image_shape) == (20, (3, 64, 64))
    image = chairs.images([4 * 3 + 2])[0]
    assert image[:, 0, 0].tolist() == [120, 80, 7]
    assert image[:, 31, 31].tolist() == [120, 80, 7]
    assert image[:, 32, 32].tolist() == [255, 255, 255]


def test_the_first_tenth_of_the_chairs_is_the_test_split(chairs_root: pathlib.Path) -> None:
    test, train = (core.data.load({"name": "chairs3d", "split": part}, chairs_root) for part in ("test", "train"))
    assert (len(test), len(train)) == (2, 18)
    np.testing.assert_array_equal(train.images([0]), core.data.load("chairs3d", chairs_root).images([2]))


def test_chairs_are_read_from_their_tar(chairs_root: pathlib.Path) -> None:
    expected = core.data.load("chairs3d", chairs_root).images(np.arange(20))
    with tarfile.open(chairs_root / "rendered_chairs.tar", "w") as tar:
        tar.add(chairs_root / "rendered_chairs", "rendered_chairs")
    (chairs_root / "rendered_chairs").rename(chairs_root / "elsewhere")
    np.testing.assert_array_equal(core.data.load("chairs3d", chairs_root).images(np.arange(20)), expected)
    content = (chairs_root / "rendered_chairs.tar").read_bytes()
    (chairs_root / "rendered_chairs.tar").write_bytes(content[:1000])
    with pytest.raises(core.data.DataError, match=r"rendered_chairs.tar"):
        core.data.load("chairs3d", chairs_root)


@pytest.mark.parametrize("kind", ["npy", "npz", "float", "channel", "folder"])
def test_faces_are_read_in_every_form(tmp_path: pathlib.Path, kind: str) -> None:
    images = np.random.default_rng(0).integers(0, 256, (9, 64, 64), dtype=np.uint8)
    if kind == "npz":
        np.savez_compressed(tmp_path / "3dfaces.npz", images=images)
    elif kind == "folder":
        (tmp_path / "3dfaces").mkdir()
        for i, image in enumerate(images):
            Image.fromarray(image).save(tmp_path / "3dfaces" / f"{i:03}.png")
    else:
        stored = {"float": images / np.float32(255), "channel": images[..., None]}.get(kind, images)
        np.save(tmp_path / "3dfaces_train_0.npy", stored[:5])
        np.save(tmp_path / "3dfaces_test_0.npy", stored[5:])
        train = core.data.load({"name": "faces3d", "split": "train"}, tmp_path)
        np.testing.assert_array_equal(train.images(np.arange(5))[:, 0], images[:5])
    faces = core.data.load("faces3d", tmp_path)
    np.testing.assert_array_equal(faces.images(np.arange(9))[:, 0], images)


@pytest.mark.parametrize("images", [np.zeros((3, 32, 32), np.uint8), np.zeros((3, 64, 64), complex)], ids=str)
def test_faces_of_another_shape_or_kind_are_refused(tmp_path: pathlib.Path, images: np.ndarray) -> None:
    np.save(tmp_path / "3dfaces.npy", images)
    with pytest.raises(core.data.DataError, match=r"3dfaces.npy is .* expected uint8 or float \(N, 64, 64\)"):
        core.data.describe("faces3d", tmp_path)


@pytest.mark.parametrize("family", [celeba.FAMILY, chairs3d.FAMILY, faces3d.FAMILY], ids=lambda family: family.name)
def test_a_missing_set_says_what_belongs_where(family: core.data.registry.Family, tmp_path: pathlib.Path) -> None:
    with pytest.raises(core.data.DataError, match=f"{family.name} is not in {tmp_path}: expected"):
        core.data.load(family.name, tmp_path)
    with pytest.raises(core.data.DataError, match=f"{family.name} is not in"):
        core.data.describe(family.name, tmp_path)
