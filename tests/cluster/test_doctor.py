"""`studies doctor` on nodes that differ from the driver's host, in namespaces of their own."""

import contextlib
import json
import os
import pathlib
import shutil
import time
from collections import defaultdict

import pytest

from studies.doctor import stores
from studies.doctor.finding import State
from tests import servers
from tests.cluster.test_cluster import FAKETIME
from tests.kernel import with_mounts
from tests.service import Service
from tests.studies.doctor.kit import asked, one

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]
HERE = f"node {os.uname().nodename}"
PATIENCE = 90.0  # seconds for nodes to join


def examined(service: Service, address: str, nodes: int) -> tuple[int, dict[str, list[tuple[str, str]]]]:
    """The exit code, and by node (state, sentence), once so many nodes have joined."""
    deadline = time.monotonic() + PATIENCE
    while True:
        done = service.run("doctor", "--address", address, "--json")
        found: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for line in done.stdout.splitlines():
            row = json.loads(line)
            if row["check"].startswith("node "):
                found[row["check"]].append((row["state"], row["says"]))
        if len(found) >= nodes:
            return done.returncode, dict(found)
        assert time.monotonic() < deadline, done.stdout + done.stderr


def test_nodes_like_the_driver_are_fit(tmp_path: pathlib.Path) -> None:
    service = Service(tmp_path)
    port, agent = servers.free_port(), servers.free_port()
    dashboard = {"include_dashboard": True, "dashboard_host": "127.0.0.1", "dashboard_port": port}
    with servers.ray_nodes(**dashboard, dashboard_agent_listen_port=agent) as cluster:
        cluster.add_node(num_cpus=1)
        code, found = examined(service, cluster.address, 2)
        job_server = service.rows("doctor", "--address", f"http://127.0.0.1:{port}")[-1]
    says = f"1 cores, the same code, sees {service.root}"
    assert (code, found) == (0, {HERE: [("ok", says)], f"{HERE} (2)": [("ok", says)]})
    assert (job_server["check"], job_server["state"]) == ("cluster", "ok")
    assert list(tmp_path.iterdir()) == []


def test_servers_that_answer_and_then_do_not(tmp_path: pathlib.Path) -> None:
    service = Service(tmp_path)
    postgres = servers.Postgres()
    server = servers.MLflowServer(tmp_path, postgres.url("mlflow"))
    try:
        with servers.s3_store(tmp_path) as uri:
            assert one(stores.checkpoints, asked(service.root, storage=uri)).state is State.OK
        given = asked(service.root, tracking=server.uri, storage=postgres.url("optuna"))
        assert [one(check, given).state for check in (stores.mlflow, stores.optuna)] == [State.OK, State.OK]
        server.kill()
        postgres.stop()
        found = [one(check, given) for check in (stores.mlflow, stores.optuna)]
        postgres.start()
    finally:
        server.kill()
        postgres.close()
    assert [(each.state, "cannot be reached" in each.says) for each in found] == [(State.FAULT, True)] * 2
    assert "hidden-secret" not in found[1].says


def test_a_node_without_the_root_and_those_with_other_code_are_named(tmp_path: pathlib.Path) -> None:
    service = Service(tmp_path)
    service.root.mkdir()
    core = shutil.copytree(CHECKOUT / "core", tmp_path / "core")
    (core / "pareto.py").write_text((core / "pareto.py").read_text() + "\n# of another commit\n")
    (tmp_path / "nodes.py").touch()
    blind = with_mounts("hostname blind", f"mount -t tmpfs none '{service.root}'")
    other = with_mounts("hostname other", f"mount --bind '{core}' '{CHECKOUT}/core'")
    older = with_mounts("hostname older", f"mount --bind '{tmp_path}/nodes.py' '{CHECKOUT}/studies/cluster/nodes.py'")
    with contextlib.ExitStack() as stack:
        cluster = stack.enter_context(servers.ray_nodes())
        for prefix in (blind, other, older):
            stack.enter_context(servers.ray_node(cluster.address, prefix))
        code, found = examined(service, cluster.address, 4)
        refused = service.run("launch", service.write("refused"), "--address", cluster.address)
    assert code == 2
    assert [state for state, _ in found[HERE]] == ["ok"]
    assert found["node blind"] == [("fault", f"it does not see {service.root}")]
    for name, says in (("other", "its code is "), ("older", "it cannot run this code: ")):
        ((state, said),) = found[f"node {name}"]
        assert (state, said.startswith(says)) == ("fault", True), said
    assert refused.returncode == 2
    assert f"node blind does not see {service.root}/refused/trials" in refused.stderr


@pytest.mark.skipif(not FAKETIME.exists(), reason="libfaketime is not installed")
def test_a_node_with_a_wrong_clock_and_more_cores_than_it_may_use(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = Service(tmp_path)
    with servers.ray_nodes() as cluster:
        with monkeypatch.context() as patch:
            patch.setenv("LD_PRELOAD", str(FAKETIME))
            patch.setenv("FAKETIME", "-30h")
            patch.setenv("DONT_FAKE_MONOTONIC", "1")
            cluster.add_node(num_cpus=2000)
        code, found = examined(service, cluster.address, 2)
    assert code == 0
    (right,) = [said for said in found.values() if len(said) == 1]
    ((first, clock), (second, cores)) = next(said for said in found.values() if said != right)
    assert (right[0][0], first, second) == ("ok", "warning", "warning")
    assert 107_000 < float(clock.removeprefix("its clock is ").partition(" s behind")[0]) < 108_001
    assert cores.startswith("Ray hands out 2000 cores there, and only ")
