"""Images of a user's own, from the files on: what is found, what is refused, and what is cached."""

import csv
import pathlib
import pickle
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from PIL import Image

import core.data
from core.data.own import source

RNG = np.random.default_rng(0)
COUNT = 40


@pytest.fixture(autouse=True)
def _nothing_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "_remembered", {})


def write_table(path: pathlib.Path, rows: Sequence[Sequence[Any]]) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)


@pytest.fixture
def faces(tmp_path: pathlib.Path) -> pathlib.Path:
    """Pictures of all kinds in nested folders; their level of red is in the table."""
    folder = tmp_path / "faces"
    (folder / "a" / "b").mkdir(parents=True)
    rows: list[Sequence[Any]] = [("file", "red", "kind", "shade")]
    for number in range(COUNT):
        suffix = ("png", "jpg", "webp", "tiff", "JPEG")[number % 5]
        name = f"{('', 'a/', 'a/b/')[number % 3]}{number:02}.{suffix}"
        Image.new("RGB", (20 + number, 60 - number), (100 * (number % 3), 0, 0)).save(folder / name)
        rows.append((name, 5 + number % 3, suffix, number / 7))
    write_table(folder / "factors.csv", rows)
    return folder


def spec_of(faces: pathlib.Path, **options: Any) -> dict[str, Any]:
    return {"folder": str(faces), "factors": str(faces / "factors.csv"), **options}


def test_a_folder_with_its_table(faces: pathlib.Path, tmp_path: pathlib.Path) -> None:
    info = core.data.describe(spec_of(faces), tmp_path)
    assert (info.name, info.num_images, info.image_shape, info.source) == ("faces/", COUNT, (3, 64, 64), "original")
    assert (info.factor_names, info.factor_sizes) == (("red", "kind", "shade"), (3, 5, 10))
    assert not info.complete
    dataset = core.data.load(spec_of(faces), tmp_path)
    assert dataset.complete is False
    images, factors = dataset.images(np.arange(COUNT)), dataset.factors(np.arange(COUNT))
    assert (np.abs(images[:, 0].mean((1, 2)) - 100 * factors[:, 0]) < 3).all()
    assert dataset.factor_values(0).tolist() == [5, 6, 7]
    assert dataset.factor_labels(1) == ("JPEG", "jpg", "png", "tiff", "webp")
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(dataset)).images([3]), images[3:4])
    sheet, captions = core.data.contact_sheet(spec_of(faces), tmp_path)
    assert sheet.shape[0] == 2 + 66 * 3
    assert captions[:2] == ["red: 5 6 7", "kind: JPEG jpg png tiff webp"]


def test_grey_pictures_have_one_channel_and_other_sizes_are_had(tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "grey"
    folder.mkdir()
    for number in range(12):
        Image.new("RGB" if number % 2 else "L", (50, 40), (number,) * 3 if number % 2 else number).save(
            folder / f"{number:02}.png"
        )
    for size in (28, 32, 64, 128):
        dataset = core.data.load({"folder": str(folder), "size": size}, tmp_path)
        assert dataset.image_shape == (1, size, size)
        assert dataset.images(np.arange(12))[:, 0, 0, 0].tolist() == list(range(12))
    assert not dataset.has_factors


def test_what_was_found_is_said(faces: pathlib.Path, tmp_path: pathlib.Path) -> None:
    (faces / "note.txt").write_text("not a picture")
    lines = core.data.found(spec_of(faces), tmp_path)
    assert lines[0] == "images: 40, cut to their middle square, as 3×64×64 (some have colour)"
    assert "2 other files were not looked at: .csv 1, .txt 1" in lines
    assert "factor kind: 5 classes: JPEG, jpg, png, tiff, webp" in lines
    assert "shade: 40 different values, in 10 bins of about equally many images" in lines
    assert any(line.startswith("combinations: 40 of 150 are there") for line in lines)
    assert core.data.check(spec_of(faces), tmp_path) == []


def test_pictures_that_cannot_be_read_are_named_and_left_out_only_if_allowed(
    faces: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    whole = core.data.load(spec_of(faces), tmp_path).images(np.arange(COUNT))
    cut = faces / "a" / "01.jpg"
    cut.write_bytes(cut.read_bytes()[:-200])
    (faces / "00.png").write_text("no picture")
    with pytest.raises(core.data.DataError) as raised:
        core.data.describe(spec_of(faces), tmp_path)
    assert str(raised.value).startswith(f"a picture cannot be read, {faces}/00.png: no picture of a kind that can")
    assert "(and 1 more, which `studies data check` lists)" in str(raised.value)
    assert [line.split(":")[0] for line in core.data.check(spec_of(faces), tmp_path)] == [f"{faces}/00.png", str(cut)]
    with pytest.raises(core.data.DataError, match="cannot be read"):
        core.data.describe(spec_of(faces, unreadable=1), tmp_path)
    for allowed in ("skip", 2):
        dataset = core.data.load(spec_of(faces, unreadable=allowed), tmp_path)
        assert len(dataset) == COUNT - 2
        order = sorted(path.relative_to(faces).as_posix() for path in faces.rglob("*.*") if path.suffix != ".csv")
        kept = [k for k, name in enumerate(order) if name not in ("00.png", "a/01.jpg")]
        np.testing.assert_array_equal(dataset.images(np.arange(COUNT - 2)), whole[kept])
        found = core.data.found(spec_of(faces, unreadable=allowed), tmp_path)
        assert sum(line.startswith("left out, cannot be read: ") for line in found) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 65}, "'size' is one of 28, 32, 64, 128, not 65"),
        ({"fit": "stretch"}, "'fit' is one of crop, pad, not 'stretch'"),
        ({"background": []}, r"'background' is one of white, black, not \[\]"),
        ({"unreadable": -1}, "'unreadable' is skip, or how many"),
        ({"colour": 1}, "faces/ does not take 'colour': it takes folder, factors, columns, unreadable, name"),
        ({"columns": "file"}, "has no column 'file'; there are red, kind, shade"),
        ({"columns": ["rod"]}, "has no column 'rod'; did you mean 'red'?"),
        ({"columns": ["red", "red"]}, "'columns' is a list of different names"),
        ({"npz": "x.npz"}, "one of folder and npz, not both"),
        ({"name": "celeba"}, "'celeba' is the name of another data set"),
        ({"factors": "/nowhere.csv"}, "the table of factors /nowhere.csv cannot be read"),
        ({"folder": "/nowhere"}, "the folder of pictures /nowhere does not exist"),
        ({"folder": 3}, "'folder' is the path of the images, not 3"),
    ],
    ids=str,
)
def test_a_bad_option_is_one_sentence(
    options: dict[str, Any], message: str, faces: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    with pytest.raises(core.data.DataError, match=message) as raised:
        core.data.describe(spec_of(faces, **options), tmp_path)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows[:-1], r"has no row for 'a/b/38.tiff' \(1 pictures have none\)|has no row for"),
        (lambda rows: [*rows, ["no.png", "1", "a", "1"]], "has a row for 'no.png', which is not in"),
        (lambda rows: [*rows, rows[1]], "has two rows for '00.png'"),
        (lambda rows: [rows[0], ["00.png", "", "a", "1"], *rows[2:]], "row 2: 'red' is empty"),
        (lambda rows: [["picture", *rows[0][1:]], *rows[1:]], "needs a column 'file'"),
        (lambda rows: [*rows[:-1], rows[-1][:2]], "row 41: it has 2 fields, and there are 4 columns"),
    ],
)
def test_a_bad_table_is_one_sentence(change: Any, message: str, faces: pathlib.Path, tmp_path: pathlib.Path) -> None:
    with (faces / "factors.csv").open() as file:
        rows = list(csv.reader(file))
    write_table(faces / "factors.csv", change(rows))
    with pytest.raises(core.data.DataError, match=message):
        core.data.describe(spec_of(faces), tmp_path)


def test_a_pinned_set_takes_no_other_images(faces: pathlib.Path, tmp_path: pathlib.Path) -> None:
    pinned = core.data.pinned(spec_of(faces), tmp_path)
    assert core.data.pinned(pinned, tmp_path) == pinned
    assert core.data.describe(pinned, tmp_path).num_images == COUNT
    table = (faces / "factors.csv").read_text()
    (faces / "factors.csv").write_text(table.replace("png,0.0", "jpg,0.0"))
    with pytest.raises(core.data.DataError, match="are not those that the study began with"):
        core.data.load(pinned, tmp_path)
    (faces / "factors.csv").write_text(table)
    Image.new("RGB", (30, 30), (9, 9, 9)).save(faces / "00.png")
    with pytest.raises(core.data.DataError, match="are not those that the study began with"):
        core.data.describe(pinned, tmp_path)


def test_a_pinned_set_that_is_cached_needs_its_files_no_more(faces: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """On a node that sees the data root alone, and when pictures were moved or changed since."""
    pinned = core.data.pinned(spec_of(faces), tmp_path)
    info, before = core.data.describe(pinned, tmp_path), core.data.load(pinned, tmp_path)
    images, every = before.images(np.arange(COUNT)), np.arange(COUNT)
    faces.rename(tmp_path / "away")
    source._remembered.clear()
    after = core.data.load(pinned, tmp_path)
    np.testing.assert_array_equal(after.images(every), images)
    np.testing.assert_array_equal(after.factors(every), before.factors(every))
    assert [after.factor_labels(k) for k in range(3)] == [before.factor_labels(k) for k in range(3)]
    assert core.data.describe(pinned, tmp_path) == info
    with pytest.raises(core.data.DataError, match="does not exist"):
        core.data.describe({**pinned, "content": "0" * 16}, tmp_path)
    assert after.cache_path is not None
    after.cache_path.unlink()
    with pytest.raises(core.data.DataError, match="does not exist"):
        core.data.load(pinned, tmp_path)


def test_a_damaged_cache_is_not_built_from_other_images(faces: pathlib.Path, tmp_path: pathlib.Path) -> None:
    pinned = core.data.pinned(spec_of(faces), tmp_path)
    path = core.data.load(pinned, tmp_path).cache_path
    assert path is not None
    Image.new("RGB", (30, 30), (9, 9, 9)).save(faces / "00.png")
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(core.data.DataError, match="are not those that the study began with"):
        core.data.load(pinned, tmp_path)


def test_a_copy_elsewhere_has_the_same_cache(faces: pathlib.Path, tmp_path: pathlib.Path) -> None:
    copy = tmp_path / "copy"
    faces.rename(copy)
    assert core.data.cache_path({"folder": str(copy)}, tmp_path) == core.data.cache_path(
        {"folder": str(copy), "factors": str(copy / "factors.csv")}, tmp_path
    )


def test_two_at_once_build_one_cache(faces: pathlib.Path, tmp_path: pathlib.Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: core.data.load(spec_of(faces), tmp_path), range(2))
    np.testing.assert_array_equal(first.images(np.arange(COUNT)), second.images(np.arange(COUNT)))
    assert first.cache_path == second.cache_path
    assert len(list((tmp_path / "cache").glob("own-*.npy"))) == 1


def test_a_cache_folder_that_cannot_be_written_stops_no_description(
    faces: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a file").write_text("")
    monkeypatch.setenv("STUDIES_CACHE", str(tmp_path / "a file"))
    assert core.data.describe(spec_of(faces), tmp_path).num_images == COUNT
    with pytest.raises(core.data.DataError, match="cannot build the cache"):
        core.data.load(spec_of(faces), tmp_path)


def test_relative_paths_begin_where_they_are_written(faces: pathlib.Path) -> None:
    spec = {"folder": "faces/", "factors": "factors.csv"}
    assert core.data.anchored(spec, faces.parent) == spec_of(faces)
    (faces.parent / "other.csv").write_text("")
    assert core.data.anchored({**spec, "factors": "other.csv"}, faces.parent)["factors"] == f"{faces.parent}/other.csv"
    assert core.data.anchored("dsprites", faces) == "dsprites"
    assert core.data.dataset_name(spec) == "faces/"
