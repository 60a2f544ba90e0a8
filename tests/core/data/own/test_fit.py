import numpy as np
import pytest
from PIL import Image

from core.data.own.fit import Fit, image_of, is_grey, square

SMALL = Fit(size=28)


def test_crop_keeps_the_middle_square_and_pad_keeps_all() -> None:
    wide = np.zeros((40, 80, 3), np.uint8)
    wide[:, 20:60] = (255, 0, 0)
    picture = Image.fromarray(wide)
    cropped = image_of(picture, SMALL)
    assert cropped.shape == (3, 28, 28)
    assert (cropped[0] == 255).all()
    padded = image_of(picture, Fit(28, "pad", "white"))
    assert (padded[:, 0] == 255).all()
    assert padded[:, 14, 1].tolist() == [0, 0, 0]
    assert padded[:, 14, 14].tolist() == [255, 0, 0]


def test_a_reduction_is_antialiased() -> None:
    stripes = np.tile(np.array([0, 255], np.uint8), (56, 56))
    assert abs(image_of(Image.fromarray(stripes), SMALL)[0, 5:-5, 5:-5].astype(int) - 127).max() < 8


def test_an_image_of_the_size_keeps_its_bytes() -> None:
    image = np.random.default_rng(0).integers(0, 256, (3, 28, 28), dtype=np.uint8)
    np.testing.assert_array_equal(square(image, SMALL), image)
    np.testing.assert_array_equal(image_of(Image.fromarray(image.transpose(1, 2, 0).copy()), SMALL), image)


@pytest.mark.parametrize(("background", "shade"), [("white", 255), ("black", 0)])
@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparent_pixels_show_the_background(mode: str, background: str, shade: int) -> None:
    picture = Image.new("RGBA", (30, 30), (200, 200, 200, 0))
    if mode == "P":
        picture = Image.new("P", (30, 30), 0)
        picture.info["transparency"] = 0
    else:
        picture = picture.convert(mode)
    assert (image_of(picture, Fit(28, "crop", background)) == shade).all()


def test_a_turned_picture_is_turned_back() -> None:
    picture = Image.fromarray(np.repeat(np.arange(28, dtype=np.uint8), 28).reshape(28, 28))
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    picture.info["exif"] = exif.tobytes()
    np.testing.assert_array_equal(image_of(picture, SMALL)[0], np.asarray(picture)[::-1, ::-1])


def test_sixteen_bits_and_fractions_become_bytes() -> None:
    deep = Image.fromarray(np.full((28, 28), 65_535, np.uint16))
    assert (image_of(deep, SMALL) == 255).all()
    assert (image_of(Image.fromarray(np.full((28, 28), 0.5, np.float32)), SMALL) == 128).all()
    with pytest.raises(ValueError, match="from 2 to 2, expected 0 to 1"):
        image_of(Image.fromarray(np.full((28, 28), 2.0, np.float32)), SMALL)


def test_grey_is_one_channel_however_it_is_stored() -> None:
    assert image_of(Image.new("L", (9, 9), 7), SMALL).shape == (1, 28, 28)
    assert is_grey(image_of(Image.new("RGB", (9, 9), (7, 7, 7)), SMALL))
    assert not is_grey(image_of(Image.new("CMYK", (9, 9), (200, 0, 0, 0)), SMALL))
