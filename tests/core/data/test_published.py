"""Data sets from their authors' files: which image has which factors, and what is refused."""

import pathlib
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

import core.data
from core.data.sets import dsprites, smallnorb
from tests.core.data import published


@pytest.fixture(autouse=True)
def _smaller() -> Iterator[None]:
    with published.smaller():
        yield


def test_mpi3d_is_numbered_as_published(tmp_path: pathlib.Path) -> None:
    published.bring_mpi3d(tmp_path)
    real = core.data.load({"name": "mpi3d_real", "fix": {"object_size": 1}, "keep": {"object_color": [2, 1]}}, tmp_path)
    assert real.factor_names[0] == "object_color"
    classes = real.factors([5, 100])
    full = np.insert(classes, 2, 1, axis=1)
    full[:, 0] = np.array([2, 1])[classes[:, 0]]
    expected = [published.picture((64, 64, 3), *row) for row in full.tolist()]
    np.testing.assert_array_equal(real.images([5, 100]), np.stack(expected).transpose(0, 3, 1, 2))


def test_mpi3d_of_another_size_or_missing_is_one_sentence(tmp_path: pathlib.Path) -> None:
    with pytest.raises(core.data.DataError, match=r"mpi3d_toy is not in .*: expected mpi3d_toy.npz"):
        core.data.describe("mpi3d_toy", tmp_path)
    np.savez(tmp_path / "mpi3d_toy.npz", images=np.zeros((5, 64, 64, 3), np.uint8))
    with pytest.raises(
        core.data.DataError, match=r"'images' is uint8 \(5, 64, 64, 3\); expected uint8 \(1296, 64, 64, 3"
    ):
        core.data.describe("mpi3d_toy", tmp_path)


def test_cars_are_numbered_by_file_azimuth_and_elevation(tmp_path: pathlib.Path) -> None:
    published.bring_cars(tmp_path)
    cars = core.data.load("cars3d", tmp_path)
    index = cars.index([[3, 17, 2], [10, 0, 0]])
    whole = np.stack([published.picture((128, 128, 3), 3, 17, 2), published.picture((128, 128, 3), 10, 0, 0)])
    reduced = whole.reshape(2, 64, 2, 64, 2, 3).mean(axis=(2, 4)).transpose(0, 3, 1, 2)
    np.testing.assert_array_equal(cars.images(index), np.floor(reduced + 0.5))
    assert cars.factor_values(1)[:3].tolist() == [0, 15, 30]


def test_cars_that_are_missing_or_damaged_are_one_sentence(tmp_path: pathlib.Path) -> None:
    (tmp_path / "cars").mkdir()
    for car in range(published.CARS - 1):
        (tmp_path / "cars" / f"car_{car}.mat").write_text("none")
    with pytest.raises(core.data.DataError, match=r"has 10 files that end in .mat; cars3d has 11"):
        core.data.describe("cars3d", tmp_path)
    (tmp_path / "cars" / "car_99.mat").write_text("none")
    with pytest.raises(core.data.DataError, match=r"car_0.mat is no MATLAB file that can be read"):
        core.data.load("cars3d", tmp_path)
    published.savemat(tmp_path / "cars" / "car_0.mat", {"im": np.zeros((4, 4), np.uint8)})
    assert core.data.check("cars3d", tmp_path)[0].endswith(
        "car_0.mat: 'im' is uint8 (4, 4); expected uint8 (128, 128, 3, 24, 4)"
    )


def test_norb_finds_its_images_by_their_labels(tmp_path: pathlib.Path) -> None:
    """Files are in random order; the camera's other picture is left out, and the instance varies freely."""
    published.bring_smallnorb(tmp_path)
    norb = core.data.load("smallnorb", tmp_path)
    assert (norb.factor_names, norb.factor_sizes) == (("category", "elevation", "azimuth", "lighting"), (5, 9, 3, 2))
    assert norb.factor_values(1).tolist() == list(range(30, 75, 5))
    every = np.arange(len(norb))
    classes = np.stack(np.unravel_index(every, published.NORB_SIZES), axis=1)
    np.testing.assert_array_equal(norb.factors(every), classes[:, [0, 2, 3, 4]])
    for number in (0, 77, 540, 1079):
        picture = Image.fromarray(published.picture((96, 96), *classes[number].tolist()))
        expected = np.asarray(picture.resize((64, 64), Image.Resampling.BOX))
        np.testing.assert_array_equal(norb.images([number])[0, 0], expected)


def test_norb_that_is_missing_or_damaged_is_one_sentence(tmp_path: pathlib.Path) -> None:
    with pytest.raises(core.data.DataError, match=r"expected smallnorb-5x46789x9x18x6x2x96x96-training-dat.mat \(or"):
        core.data.describe("smallnorb", tmp_path)
    published.bring_smallnorb(tmp_path)
    train, test = smallnorb.STEMS
    info = tmp_path / "norb" / f"{test}-info.mat"
    content = info.read_bytes()
    info.write_bytes(content[:-4] + bytes([1 - content[-4], 0, 0, 0]))  # another lighting
    with pytest.raises(core.data.DataError, match="do not hold every combination of smallNORB once"):
        core.data.load("smallnorb", tmp_path)
    info.write_bytes(content[:-4])
    with pytest.raises(core.data.DataError, match="may be truncated: it ends before its last row"):
        core.data.load("smallnorb", tmp_path)
    (tmp_path / "norb" / f"{train}-dat.mat.gz").write_text("no gzip")
    with pytest.raises(core.data.DataError, match="is no matrix of smallNORB that can be read"):
        core.data.describe("smallnorb", tmp_path)
    (tmp_path / "norb" / f"{test}-dat.mat").write_bytes(b"\0" * 40)
    damaged = smallnorb.matrix(tmp_path / "norb" / f"{test}-dat.mat")
    with pytest.raises(core.data.DataError, match="is no matrix of smallNORB that can be read"), damaged:
        pass


def test_sprites_before_colours_noise_and_a_painting(tmp_path: pathlib.Path) -> None:
    shades = np.random.default_rng(0).integers(0, 256, (274, 350, 3), dtype=np.uint8)
    Image.fromarray(shades).save(tmp_path / "scream.png")
    rows = np.arange(0, 5760, 720)
    masks = core.data.load("dsprites.quick", tmp_path).images(rows) > 0
    sets = {name: core.data.load(f"{name}_dsprites.quick", tmp_path) for name in ("color", "noisy", "scream")}
    color, noisy, scream = (each.images(rows).astype(float) for each in sets.values())
    for image, mask in zip(color, masks, strict=True):
        assert not image[:, ~mask[0]].any()
        for channel in image:
            assert len(set(channel[mask[0]])) == 1
            assert 127 <= channel[mask[0]][0] <= 255
    assert (noisy[np.repeat(masks, 3, axis=1)] == 255).all()
    behind = noisy[~np.repeat(masks, 3, axis=1)]
    assert abs(behind.mean() - 127.5) < 2
    painted = shades.transpose(2, 0, 1) / 255
    corners = np.lib.stride_tricks.sliding_window_view(painted[0], (64, 64))[:, :, 0, :8].reshape(-1, 8)
    for image, mask in zip(scream, masks, strict=True):
        hidden = np.where(mask, 255 - image, image) / 127.5  # the piece and the colour, added
        tint = (hidden[0, 0, :8] - corners).mean(axis=1)
        error = np.abs(hidden[0, 0, :8] - corners - tint[:, None]).max(axis=1)
        place = int(error.argmin())
        top, left = divmod(place, 350 - 63)
        tints = hidden - painted[:, top : top + 64, left : left + 64]
        assert tints.std(axis=(1, 2)).max() < 0.01
        assert (tints.mean(axis=(1, 2)) > -0.01).all()
        assert (tints.mean(axis=(1, 2)) < 1.01).all()
    np.testing.assert_array_equal(sets["noisy"].images(rows[::-1]), sets["noisy"].images(rows)[::-1])
    assert dsprites.GRID.sizes == core.data.describe("color_dsprites", tmp_path).factor_sizes


def test_a_painting_that_is_none_is_one_sentence(tmp_path: pathlib.Path) -> None:
    with pytest.raises(core.data.DataError, match=r"scream_dsprites is not in .*: expected scream.jpg"):
        core.data.describe("scream_dsprites", tmp_path)
    (tmp_path / "scream.jpg").write_text("none")
    with pytest.raises(core.data.DataError, match="is no picture that can be read"):
        core.data.describe("scream_dsprites", tmp_path)
    Image.new("RGB", (350, 50)).save(tmp_path / "scream.jpg")
    with pytest.raises(core.data.DataError, match="is 350×50 once it is reduced, and a piece is 64×64"):
        core.data.describe("scream_dsprites", tmp_path)


NAMES = ["Bald", "Male", "Smiling"]


@pytest.fixture
def celeba(tmp_path: pathlib.Path) -> pathlib.Path:
    """Twelve faces, of which ten are in the training split, with three attributes."""
    (tmp_path / "img_align_celeba").mkdir()
    rows = []
    for number in range(12):
        name = f"{number + 1:06}.jpg"
        Image.new("RGB", (178, 218), (20 * number, 0, 0)).save(tmp_path / "img_align_celeba" / name)
        values = [1 if number % k == 0 else -1 for k in (2, 3, 4)]
        rows.append(f"{name} " + " ".join(f"{value:2}" for value in values))
    (tmp_path / "list_eval_partition.txt").write_text(
        "".join(f"{row[:10]} {int(i > 9)}\n" for i, row in enumerate(rows))
    )
    (tmp_path / "list_attr_celeba.txt").write_text("\n".join(["12", " ".join(NAMES), *rows]) + "\n")
    return tmp_path


def test_attributes_of_celeba_are_factors(celeba: pathlib.Path) -> None:
    info = core.data.describe("celeba", celeba)
    assert (info.factor_names, info.factor_sizes, info.num_images, info.complete) == (
        tuple(NAMES),
        (2, 2, 2),
        10,
        False,
    )
    faces = core.data.load("celeba", celeba)
    numbers = np.arange(10)
    expected = np.stack([numbers % k == 0 for k in (2, 3, 4)], axis=1)
    np.testing.assert_array_equal(faces.factors(numbers), expected)
    np.testing.assert_allclose(faces.images(numbers)[:, 0, 0, 0], 20 * numbers, atol=2)
    assert faces.factor_values(0).tolist() == [-1, 1]
    chosen = core.data.load({"name": "celeba", "split": "all", "factors": ["Male"]}, celeba)
    assert (chosen.factor_names, len(chosen), chosen.complete) == (("Male",), 12, True)
    text = (celeba / "list_attr_celeba.txt").read_text().splitlines()[1:]
    lines = [f"image_id {text[0]}", *text[1:]]
    (celeba / "list_attr_celeba.txt").unlink()
    (celeba / "list_attr_celeba.csv").write_text("\n".join(",".join(line.split()) for line in lines))
    np.testing.assert_array_equal(core.data.load("celeba", celeba).factors(numbers), expected)


def test_celeba_without_attributes_has_no_factors_as_before(celeba: pathlib.Path) -> None:
    (celeba / "list_attr_celeba.txt").unlink()
    assert core.data.describe("celeba", celeba).has_factors is False
    with pytest.raises(core.data.DataError, match="celeba has no factors without"):
        core.data.describe({"name": "celeba", "factors": ["Male"]}, celeba)


def test_bad_attributes_are_one_sentence(celeba: pathlib.Path) -> None:
    with pytest.raises(core.data.DataError, match="there is no attribute 'Smilng'; did you mean 'Smiling'"):
        core.data.describe({"name": "celeba", "factors": ["Smilng"]}, celeba)
    path = celeba / "list_attr_celeba.txt"
    text = path.read_text()
    path.write_text(text.replace("000003.jpg", "000099.jpg"))
    with pytest.raises(core.data.DataError, match=r"does not list 000003.jpg \(1 missing in all\)"):
        core.data.describe("celeba", celeba)
    path.write_text(text.replace("000003.jpg  1", "000003.jpg"))
    with pytest.raises(core.data.DataError, match=r"line 5: expected a file and 3 times 1 or -1, not '000003.jpg"):
        core.data.describe("celeba", celeba)
