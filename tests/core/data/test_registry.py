import pathlib
import subprocess
import sys

import numpy as np
import pytest

import core.data
from tests.kernel import without_override


def test_the_stable_names_are_there() -> None:
    assert {
        *("dsprites", "dsprites.quick", "dsprites.noshape", "dsprites.v2", "dsprites.v3", "dsprites.v4"),
        *("shapes3d", "shapes3d.v2", "shapes3d.v3", "shapes3d.v5"),
        *("correlated_ellipses", "celeba", "faces3d", "chairs3d"),
    } <= set(core.data.names())


def test_data_needs_no_torch() -> None:
    code = "import sys, core.data; core.data.describe('dsprites'); core.data.names(); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_data_folder_below_one_that_cannot_be_looked_into(tmp_path: pathlib.Path) -> None:
    prefix = without_override()
    (tmp_path / "closed").mkdir(mode=0)
    code = f"import core.data; core.data.data_root('{tmp_path}/closed/data')"
    done = subprocess.run([*prefix, sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert f"DataError: the data folder {tmp_path}/closed/data cannot be reached: a folder above" in done.stderr


def test_the_factors_of_dsprites_and_shapes3d_have_their_stable_names() -> None:
    assert core.data.describe("dsprites").factor_names == ("shape", "scale", "orientation", "posX", "posY")
    assert core.data.describe("dsprites").factor_sizes == (3, 6, 40, 32, 32)
    assert core.data.describe("shapes3d").factor_names == (
        *("floor_hue", "wall_hue", "object_hue", "scale", "shape", "orientation"),
    )
    assert core.data.describe("shapes3d").factor_sizes == (10, 10, 10, 8, 4, 15)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("dsprits", "there is no data set 'dsprits'; did you mean 'dsprites'?"),
        ("mnist", "there is no data set 'mnist'; there are "),
        (7, "a data set is a name, a mapping with a 'name', or one of folder, npz, h5, parquet with a path, not 7"),
        ({"factors": ["shape"]}, "a mapping with a 'name'"),
        (
            {"name": "dsprites", "factors": ["shape", "posx"]},
            "dsprites: there is no factor 'posx'; did you mean 'posX'",
        ),
        ({"name": "dsprites", "factors": "shape"}, "dsprites: 'factors' must be a list, not 'shape'"),
        ({"name": "dsprites", "factors": ["shape", "shape"]}, "names a factor twice"),
        ({"name": "dsprites", "factors": []}, "no factor is left"),
        ({"name": "dsprites", "fix": ["scale"]}, "'fix' must be a mapping"),
        ({"name": "dsprites", "fix": {"scale": 6}}, "'scale' has classes 0 to 5, not 6"),
        ({"name": "dsprites", "fix": {"scale": True}}, "'scale' has classes 0 to 5, not True"),
        ({"name": "dsprites", "fix": {"scale": 0.5}}, "'scale' has classes 0 to 5, not 0.5"),
        ({"name": "dsprites", "fix": {"scale": 1}, "factors": ["scale"]}, "'scale' is fixed, so it cannot be listed"),
        ({"name": "dsprites", "fix": {"scale": 1}, "keep": {"scale": [1, 2]}}, "both in 'fix' and in 'keep'"),
        ({"name": "dsprites", "keep": {"posY": 3}}, "must be a list of whole numbers, not 3"),
        ({"name": "dsprites", "keep": {"posY": []}}, "must be different and at least one"),
        ({"name": "dsprites", "keep": {"posY": [4, 4]}}, "must be different and at least one"),
        ({"name": "dsprites", "keep": {"posY": [4]}}, "leaves one value of 'posY': write 'fix: {posY: 4}'"),
        ({"name": "dsprites.v2", "fix": {"scale": 1}}, "dsprites.v2: there is no factor 'scale'"),
        ({"name": "shapes3d", "colour": 1}, "shapes3d does not take 'colour': it takes factors, fix, keep"),
        ({"name": "celeba", "split": "training"}, "celeba is not in"),
    ],
    ids=str,
)
def test_a_bad_spec_is_one_clear_sentence(spec: object, message: str, tmp_path: pathlib.Path) -> None:
    with pytest.raises(core.data.DataError) as raised:
        core.data.describe(spec, tmp_path)  # type: ignore[arg-type]
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_spec_restricts_the_set(tmp_path: pathlib.Path) -> None:
    spec = {
        "name": "dsprites",
        "factors": ["posX", "shape"],
        "fix": {"scale": 5, "orientation": 3},
        "keep": {"posY": [11, 9]},
    }
    small = core.data.load(spec, tmp_path)
    assert small.factor_names == ("posX", "shape")
    assert small.factor_sizes == (32, 3)
    assert len(small) == 3 * 32 * 2
    assert small.spec == spec
    assert small.cache_bytes < 200_000
    every = core.data.load({"name": "dsprites", "fix": {"scale": 5, "orientation": 3}}, tmp_path)
    shape, x, y = every.factors(np.arange(len(every))).T
    for posX, form, posY in ((4, 2, 9), (31, 0, 11)):
        factors = np.array([[posX, form]])
        images = {small.images(small.sample_indices(factors, np.random.default_rng(i))).tobytes() for i in range(20)}
        assert len(images) == 2
        wanted = every.images(np.flatnonzero((shape == form) & (x == posX) & (y == posY)))
        assert wanted.tobytes() in images


def test_label_values_follow_the_restriction(tmp_path: pathlib.Path) -> None:
    quick = core.data.load("dsprites.quick", tmp_path)
    np.testing.assert_allclose(quick.factor_values(3), np.linspace(0, 1, 32)[11:21])
    version = core.data.load("dsprites.v2", tmp_path)
    np.testing.assert_allclose(version.factor_values(1), [2 / 31, 15 / 31, 29 / 31])


def test_the_root_is_given_or_an_environment_variable_or_data(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STUDIES_DATA", raising=False)
    assert core.data.load("dsprites.quick").cache_path.parent == tmp_path / "data" / "cache"
    monkeypatch.setenv("STUDIES_DATA", str(tmp_path / "there"))
    assert core.data.load("dsprites.quick").cache_path.parent == tmp_path / "there" / "cache"
    assert core.data.load("dsprites.quick", "here").cache_path.parent == tmp_path / "here" / "cache"


def test_caches_of_a_root_that_cannot_be_written_go_elsewhere(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "cache").write_text("")  # nothing can be made in it, whoever asks
    with pytest.raises(core.data.DataError, match="set STUDIES_CACHE to another folder"):
        core.data.load("dsprites.quick", tmp_path / "data")
    monkeypatch.setenv("STUDIES_CACHE", str(tmp_path / "scratch"))
    assert core.data.load("dsprites.quick", tmp_path / "data").cache_path.parent == tmp_path / "scratch"
    monkeypatch.setenv("STUDIES_CACHE", "scratch")
    with pytest.raises(core.data.DataError, match="must be an absolute path"):
        core.data.load("dsprites.quick", tmp_path / "data")


def test_a_root_that_is_a_file_is_refused(tmp_path: pathlib.Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(core.data.DataError, match="is a file"):
        core.data.describe("dsprites", tmp_path / "data")


def test_describing_builds_nothing(tmp_path: pathlib.Path) -> None:
    missing = {row["name"]: row["missing"] for row in core.data.catalogue(tmp_path) if row["missing"]}
    of_users = {"celeba", "faces3d", "chairs3d", "cars3d", "smallnorb", "scream_dsprites", "scream_dsprites.quick"}
    assert set(missing) == of_users | {"mpi3d_toy", "mpi3d_realistic", "mpi3d_real"}
    assert all("is not in" in sentence for sentence in missing.values())
    assert list(tmp_path.iterdir()) == []


def test_preparing_reports_progress_to_the_end(tmp_path: pathlib.Path) -> None:
    seen: list[tuple[int, int]] = []
    core.data.prepare("dsprites.quick", tmp_path, lambda done, total: seen.append((done, total)))
    assert seen[-1] == (5760, 5760)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    core.data.prepare("dsprites.quick", tmp_path, lambda done, total: pytest.fail(f"built again: {done}/{total}"))
