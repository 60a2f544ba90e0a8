"""Real servers on loopback for the marked suites: PostgreSQL, MLflow, an S3-compatible store, Ray nodes."""

import contextlib
import multiprocessing
import os
import pathlib
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any
from unittest import mock

import pytest


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for_http(url: str, process: subprocess.Popen[Any], seconds: float = 60.0) -> None:
    deadline, pause = time.monotonic() + seconds, threading.Event()
    while True:
        assert process.poll() is None, f"the server of {url} ended"
        assert time.monotonic() < deadline, f"{url} does not answer"
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=2):
            return
        pause.wait(0.1)


class Postgres:
    """A PostgreSQL server with its data in a temporary directory."""

    def __init__(self) -> None:
        binaries = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))
        if not binaries:
            pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
        self.bin = binaries[-1].parent
        self.data = pathlib.Path(tempfile.mkdtemp(prefix="postgres-"))  # where another user can reach it
        self.port = free_port()
        self.prefix: list[str] = []
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            shutil.chown(self.data, "postgres")
            self.prefix = ["runuser", "-u", "postgres", "--"]
        self._run("initdb", "-D", self.data, "-A", "trust", "-U", "postgres", "--no-sync")
        self.start()
        for database in ("optuna", "mlflow"):
            self._run("createdb", "-h", "127.0.0.1", "-p", self.port, "-U", "postgres", database)

    def _run(self, program: str, *arguments: Any) -> None:
        command = [*self.prefix, str(self.bin / program), *map(str, arguments)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/")

    def start(self) -> None:
        options = f"-c listen_addresses=127.0.0.1 -c unix_socket_directories='' -p {self.port}"
        self._run("pg_ctl", "-D", self.data, "-w", "-l", self.data / "log", "-o", options, "start")

    def stop(self) -> None:
        self._run("pg_ctl", "-D", self.data, "-w", "-m", "immediate", "stop")

    def close(self) -> None:
        self.stop()
        shutil.rmtree(self.data)

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://postgres:hidden-secret@127.0.0.1:{self.port}/{database}"


class MLflowServer:
    """An MLflow server that can be killed and started again on the same port."""

    def __init__(self, folder: pathlib.Path, backend: str) -> None:
        self.port = free_port()
        self.uri = f"http://127.0.0.1:{self.port}"
        self._command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self.port)]
        self._command += ["--backend-store-uri", backend, "--workers", "1"]
        self._command += ["--artifacts-destination", str(folder / "artifacts")]
        self._log = folder / "mlflow.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                self._command, stdout=log, stderr=log, env=environment, start_new_session=True
            )
        wait_for_http(f"{self.uri}/health", self.process)

    def kill(self) -> None:
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None


@contextlib.contextmanager
def s3_store(folder: pathlib.Path) -> Iterator[str]:
    """URI of a bucket in an S3-compatible server."""
    pytest.importorskip("moto")
    port = free_port()
    with (folder / "s3.log").open("wb") as log:
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        endpoint = f"http://127.0.0.1:{port}"
        wait_for_http(f"{endpoint}/moto-api/", process)
        request = urllib.request.Request(f"{endpoint}/bucket", method="PUT")
        urllib.request.urlopen(request, timeout=10).close()
        yield f"s3://key:word@bucket/studies?scheme=http&endpoint_override=127.0.0.1%3A{port}&region=us-east-1"
    finally:
        process.terminate()
        process.wait()


class RayNodes:
    """The nodes of a Ray cluster, which are started and killed from a process of its own."""

    def __init__(self, process: ProcessPoolExecutor, head: dict[str, Any]) -> None:
        self._process = process
        self.address: str = process.submit(_begin, head).result()

    def add_node(self, **options: Any) -> int:
        """Start a node in this process's environment; its number."""
        return self._process.submit(_add_node, dict(os.environ), options).result()

    def kill_node(self, number: int) -> None:
        self._process.submit(_kill_node, number).result()

    def close(self) -> None:
        self._process.submit(_end).result()


NODE = """
import sys
from ray._private.node import Node
from ray._private.parameter import RayParams
ports = {"min_worker_port": 0, "max_worker_port": 0, "node_manager_port": 0}
options = {"num_cpus": 1, "object_store_memory": 150 * 2**20, "include_log_monitor": False, **ports}
parameters = RayParams(gcs_address=sys.argv[1], node_ip_address="127.0.0.1", **options)
node = Node(parameters, head=False, shutdown_at_exit=False, spawn_reaper=False)
print("ready", flush=True)
sys.stdin.read()
node.kill_all_processes(check_alive=False, allow_graceful=False)
"""


@contextlib.contextmanager
def ray_node(address: str, prefix: Sequence[str]) -> Iterator[None]:
    """A node of one core on a host of its own, as far as the beginning of its command makes it one.

    `ray start` would not let a node join whose cluster keeps to loopback.
    """
    command = [*prefix, sys.executable, "-c", NODE, address]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    with process:  # ends when its input does
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n", "the node did not join"
        yield


_state: dict[str, Any] = {}  # of the process that has the nodes: the cluster, and the nodes by number


def _begin(head: dict[str, Any]) -> str:
    from ray.cluster_utils import Cluster

    _state["cluster"] = Cluster(initialize_head=True, head_node_args=head)
    _state["nodes"] = []
    address: str = _state["cluster"].address
    return address


def _add_node(environment: dict[str, str], options: dict[str, Any]) -> int:
    with mock.patch.dict(os.environ, environment):
        _state["nodes"].append(_state["cluster"].add_node(node_ip_address="127.0.0.1", **options))
    return len(_state["nodes"]) - 1


def _kill_node(number: int) -> None:
    _state["cluster"].remove_node(_state["nodes"][number], allow_graceful=False)


def _end() -> None:
    _state.pop("cluster").shutdown()


@contextlib.contextmanager
def ray_nodes(cpus: int = 1, **head: Any) -> Iterator[RayNodes]:
    """A Ray cluster with a head node on loopback and token authentication; more nodes can join and be killed.

    Ray reads its token once per process, and other tests may have made it do so: so the nodes have one of their own.
    """
    head = {"num_cpus": cpus, "node_ip_address": "127.0.0.1", "include_dashboard": False, **head}
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        token = pathlib.Path(folder) / "token"
        token.write_text(secrets.token_hex(32))
        changes = {
            "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(token),
        }
        stack.enter_context(mock.patch.dict(os.environ, changes))
        process = stack.enter_context(ProcessPoolExecutor(1, multiprocessing.get_context("spawn")))
        nodes = RayNodes(process, head)
        stack.callback(nodes.close)
        yield nodes
