"""What every registered data set must hold; a new file in `core.data.sets` is tested because it exists."""

import pathlib
import pickle
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from PIL import Image

import core.data
from studies.testing import datasets
from studies.testing.contract import Bench, Check, NotApplicable
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


@pytest.mark.parametrize("check", datasets.OF_DATASETS, ids=lambda check: check.__name__)
def test_a_data_set_keeps_the_contract(name: str, check: Check, root: pathlib.Path, tmp_path: pathlib.Path) -> None:
    if check is datasets.sound and name in BRING:
        assert all("images; " in finding for finding in core.data.check(name, root))  # fewer than are published
        return
    try:
        check(Bench(name, tmp_path, root))
    except NotApplicable as reason:
        pytest.skip(str(reason))


def test_a_set_travels_as_its_name(name: str, root: pathlib.Path) -> None:
    dataset, some = core.data.load(name, root), np.arange(5)
    stored = pickle.dumps(dataset)
    assert len(stored) < 2000
    np.testing.assert_array_equal(pickle.loads(stored).images(some), dataset.images(some))
