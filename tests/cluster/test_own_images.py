"""A study on a user's own images whose trials run on a node that does not see them."""

import pathlib

import numpy as np
import pytest

from core.record.history import History
from tests import servers
from tests.kernel import with_mounts
from tests.service import Service, wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

STUDY = {
    "models": {"beta_vae": {"beta": {"log": [1, 16]}, "network": "tiny", "batch_size": 16}},
    "objectives": {"mig": "maximize", "reconstruction_error": "minimize"},
    "search": {"configurations": 3},
    "seeds": 1,
    "budget": {"steps": 40, "evaluate_every": 20},
}
COUNT = 300


def test_nodes_need_the_cache_alone_and_a_study_goes_on_without_the_files(tmp_path: pathlib.Path) -> None:
    """Odd ones: 40 × 48 pixels, labels from 5 on, combinations that are missing. The driver is killed in the middle."""
    service = Service(tmp_path)
    mine = tmp_path / "mine"
    mine.mkdir()
    rng = np.random.default_rng(0)
    classes = np.stack([rng.integers(5, 9, COUNT), rng.integers(0, 3, COUNT)], 1)
    classes[:, 1] = np.where(classes[:, 0] == 5, 0, classes[:, 1])
    shades = (classes[:, :1, None] * 20 + classes[:, 1:, None] * 30).astype(np.uint8)
    np.savez(mine / "mine.npz", imgs=shades + rng.integers(0, 20, (COUNT, 40, 48), dtype=np.uint8), labels=classes)
    dataset = {"npz": "mine/mine.npz", "images": "imgs", "factors": "labels", "size": 32}
    file = service.write("own", dataset=dataset, **STUDY)
    blind = with_mounts("hostname blind", f"mount -t tmpfs none '{mine}'")
    with servers.ray_nodes(0) as cluster, servers.ray_node(cluster.address, blind):
        driver = service.start("launch", file, "--address", cluster.address)
        wait_until(lambda: service.ended("own") >= 1 or driver.poll() is not None, 120)
        assert driver.poll() is None, driver.communicate()
        driver.kill()
        driver.communicate()
        (mine / "mine.npz").unlink()
        done = service.run("resume", "own", "--address", cluster.address)
        assert done.returncode == 0, done.stdout + done.stderr
    assert {trial.ledger["host"] for trial in History.read(service.root / "own").trials()} == {"blind"}
    service.assert_agreement("own")
    model = service.study("own").best("mig")[0].load()
    assert model.dataset.factor_sizes == (4, 3)
    assert model.encode(np.zeros((2, 1, 32, 32), np.uint8)).shape == (2, 10)
