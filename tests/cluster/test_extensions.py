"""A study of somebody's own model whose trials run on a node that sees neither the user's files nor the study."""

import pathlib

import pytest

from core.configuration import identity_of
from core.record.history import History
from tests import servers
from tests.extensions import SPARSE_VAE, write
from tests.kernel import with_mounts
from tests.service import Service, wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

DATASET = {"name": "mine", "fix": {"shape": 0, "scale": 5}}
TINY = {"network": "tiny", "batch_size": 16}
STUDY = {
    "dataset": DATASET,
    "models": {"sparse_vae": {"sparsity": {"log": [0.01, 10]}, **TINY}},
    "objectives": {"small_codes": "maximize", "reconstruction_error": "minimize"},
    "search": {"configurations": 3},
    "seeds": 1,
    "budget": {"steps": 40, "evaluate_every": 20},
}


def split(folder: pathlib.Path) -> None:
    """The same code as a package of several modules, one of which the others import."""
    head, tail = SPARSE_VAE.split("\n\nMETRIC = ")
    write(folder, "own_package/__init__.py", '"""A package."""\n')
    write(folder, "own_package/shared.py", head)
    write(
        folder,
        "own_package/measured.py",
        "from core.metrics import Metric, Protocol\nfrom own_package.shared import small_codes\n\nMETRIC = "
        + tail.split("\n\n\nclass Mine")[0],
    )
    body = "class Mine" + tail.split("\n\n\nclass Mine")[1].split("\n\n\ndef lazy")[0]
    write(folder, "own_package/data/__init__.py", "")
    write(folder, "own_package/data/mine.py", "from own_package.shared import DSPRITES, Family\n\n\n" + body)


@pytest.mark.parametrize("form", ["file", "package"])
def test_a_node_that_sees_no_file_of_the_user_is_sent_the_code(tmp_path: pathlib.Path, form: str) -> None:
    """The driver is killed in the middle, the user's files change, and the study goes on with what it was given."""
    service = Service(tmp_path)
    mine = tmp_path / "mine"
    if form == "file":
        path = write(mine, "sparse_vae.py")
    else:
        split(mine)
        path = mine / "own_package" / "shared.py"
    entry = {"file": "mine/sparse_vae.py", "package": "mine/own_package"}[form]
    service.root.mkdir()
    blind = with_mounts("hostname blind", f"mount -t tmpfs none '{service.root}'", f"mount -t tmpfs none '{mine}'")
    file = service.write("own", extensions=[entry], **STUDY)
    with servers.s3_store(tmp_path) as store, servers.ray_nodes(0) as cluster, servers.ray_node(cluster.address, blind):
        driver = service.start("launch", file, "--address", cluster.address, "--storage", store)
        wait_until(lambda: service.ended("own") >= 1 or driver.poll() is not None, 120)
        assert driver.poll() is None, driver.communicate()
        driver.kill()
        driver.communicate()
        path.write_text("raise RuntimeError('this must not run')\n")
        refused = service.run("resume", "own", "--address", cluster.address)
        assert refused.returncode == 2
        assert "--accept-changed-code" in refused.stderr
        done = service.run("resume", "own", "--address", cluster.address, "--keep-code")
        assert done.returncode == 0, done.stdout + done.stderr
        ledgers = [trial.ledger for trial in History.read(service.root / "own").trials()]
        assert {ledger["host"] for ledger in ledgers} == {"blind"}
        trials = service.study("own").trials()
        assert set(trials["state"]) == {"COMPLETED"}, list(trials["reason"])
        assert len(trials) == 3
        service.assert_agreement("own")
        best, *_ = service.rows("best", "own", "--metric", "small_codes")
        replayed = service.run("replay", "own", identity_of(best["configuration"], best["seed"]))
        assert replayed.returncode == 0, replayed.stdout + replayed.stderr


def test_a_detached_study_has_its_code_in_the_job(tmp_path: pathlib.Path) -> None:
    """Whatever becomes of the user's file once it was launched."""
    service = Service(tmp_path)
    path = write(tmp_path / "mine", "sparse_vae.py")
    file = service.write("away", extensions=["mine/sparse_vae.py"], **STUDY)
    port, agent = servers.free_port(), servers.free_port()
    dashboard = {"include_dashboard": True, "dashboard_host": "127.0.0.1", "dashboard_port": port}
    with servers.ray_nodes(2, **dashboard, dashboard_agent_listen_port=agent):
        launched = service.run("launch", file, "--address", f"http://127.0.0.1:{port}", "--detach")
        assert launched.returncode == 0, launched.stderr
        path.write_text("raise RuntimeError('this must not run')\n")
        wait_until(lambda: service.ended("away") == 3, 200)
        wait_until(lambda: service.rows("status", "away")[0]["driver"] is None, 60)
    assert set(service.study("away").trials()["state"]) == {"COMPLETED"}
