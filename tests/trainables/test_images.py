"""What `encode` takes for images of its data set, and what it refuses in a sentence."""

import pathlib
import re
from typing import Any

import numpy as np
import pytest
import torch

from core.mistakes import DataError
from studies.testing.trials import trial_config
from trainables.images import as_images
from trainables.training.run import TrainingRun

RNG = np.random.default_rng(0)
GREY, COLOUR = (1, 8, 8), (3, 8, 8)
BYTES = RNG.integers(0, 256, (5, *COLOUR), dtype=np.uint8)


def test_bytes_are_taken_as_they_are() -> None:
    assert as_images(BYTES, COLOUR) is BYTES


@pytest.mark.parametrize(
    "same",
    [
        BYTES.astype(np.int64), BYTES.tolist(), torch.from_numpy(BYTES), np.moveaxis(BYTES, 1, -1),
        torch.from_numpy(BYTES).requires_grad_(False),
    ],
    ids=["int64", "lists", "tensor", "channels last", "detached"],
)  # fmt: skip
def test_the_same_images_in_another_form(same: Any) -> None:
    found = as_images(same, COLOUR)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, BYTES)


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_fractions_of_any_float(kind: type) -> None:
    found = as_images((BYTES / 255).astype(kind), COLOUR)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, BYTES / 255, atol=1e-3)


def test_a_single_image_and_images_without_a_channel_axis() -> None:
    grey = BYTES[:, :1]
    for one in (grey[0], grey[0, 0], np.moveaxis(grey[0], 0, -1)):
        np.testing.assert_array_equal(as_images(one, GREY), grey[:1])
    np.testing.assert_array_equal(as_images(grey[:, 0], GREY), grey)
    np.testing.assert_array_equal(as_images(BYTES[0], COLOUR), BYTES[:1])
    np.testing.assert_array_equal(as_images(grey > 127, GREY), np.where(grey > 127, 255, 0))
    assert as_images(BYTES[:0], COLOUR).shape == (0, *COLOUR)


@pytest.mark.parametrize(
    ("wrong", "shape", "sentence"),
    [
        (BYTES.astype(np.float32), COLOUR, "not floats from 0 to 255; `images.astype('uint8')` or `images / 255`"),
        (BYTES / 255 * 2 - 1, COLOUR, "not floats from -1 to 1"),
        (np.full((1, *GREY), np.nan), GREY, "not floats from nan to nan"),
        (np.ones((1, *GREY), dtype=np.int64), GREY, "not int64 from 1 to 1"),
        (BYTES.astype(np.uint16) * 257, COLOUR, "not uint16 from "),
        (BYTES, GREY, "images of 1 × 8 × 8 (channels, height, width), one or an array of them, not 5 × 3 × 8 × 8"),
        (BYTES[..., :7], COLOUR, "not 5 × 3 × 8 × 7"),
        (BYTES[:, :1], COLOUR, "not 5 × 1 × 8 × 8"),
        (3, GREY, "not a single number"),
        (np.full((1, *GREY), "a"), GREY, "images of numbers, not of <U1"),
    ],
)
def test_what_is_no_image_is_refused_in_a_sentence(wrong: Any, shape: tuple[int, ...], sentence: str) -> None:
    with pytest.raises(DataError, match=re.escape(sentence)):
        as_images(wrong, shape)


def test_a_model_encodes_them_alike(tmp_path: pathlib.Path) -> None:
    run = TrainingRun(trial_config("beta_vae", tmp_path))
    images = run.dataset.images(np.arange(3))
    codes = run.model.encode(images)
    np.testing.assert_array_equal(run.model.encode(images[:, 0] / 255), codes)
    np.testing.assert_array_equal(run.model.encode(images.astype(int)), codes)
    np.testing.assert_allclose(run.model.encode(images[2]), codes[2:], atol=1e-5)
    with pytest.raises(DataError, match="not floats from 0 to 255"):
        run.model.encode(images.astype(np.float32))
