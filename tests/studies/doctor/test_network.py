"""A real proxy that would catch what is meant for this machine, and a port that is taken."""

import http.server
import pathlib
import socket
import threading
from collections.abc import Iterator

import pytest
import requests

from studies.doctor import network
from studies.doctor.finding import State
from tests.servers import free_port
from tests.studies.doctor.kit import asked, one

NAMES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


class Proxy(http.server.BaseHTTPRequestHandler):
    caught: list[str]

    def do_GET(self) -> None:
        self.caught.append(self.path)
        self.send_response(502)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Proxy]]:
    """A proxy that the environment names; it notes what it is asked for."""
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    handler = type("Handler", (Proxy,), {"caught": []})
    with http.server.HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        monkeypatch.setenv("http_proxy", f"http://user:word@127.0.0.1:{server.server_port}")
        yield handler
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_a_proxy_that_catches_a_server_of_this_machine(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, proxy: type[Proxy], host: str
) -> None:
    uri = f"http://{host}:{free_port()}"
    found = one(network.proxies, asked(tmp_path, tracking=uri))
    assert found.state is State.FAULT
    assert f"{uri}, on this machine, go to the proxy http://user:***@" in found.says
    assert requests.get(uri, timeout=5).status_code == 502  # as MLflow's client would
    assert proxy.caught == [f"{uri}/"]

    setting = found.fix.removeprefix("export ").partition("=")
    monkeypatch.setenv(setting[0], setting[2])
    assert one(network.proxies, asked(tmp_path, tracking=uri)).state is State.OK
    with pytest.raises(requests.ConnectionError):
        requests.get(uri, timeout=5)
    assert len(proxy.caught) == 1


@pytest.mark.usefixtures("proxy")
def test_a_proxy_that_nothing_of_the_study_meets(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert one(network.proxies, asked(tmp_path, tracking="http://mlflow.example:5000")).state is State.WARNING
    assert one(network.proxies, asked(tmp_path)).state is State.WARNING
    monkeypatch.setenv("no_proxy", "127.0.0.0/8")
    assert one(network.proxies, asked(tmp_path)).state is State.OK


def test_the_port_of_the_ui_is_taken(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setattr(network, "UI_PORT", server.getsockname()[1])
        found = one(network.ui_port, asked(tmp_path))
        assert (found.state, found.says.endswith("is in use")) == (State.WARNING, True)
    assert one(network.ui_port, asked(tmp_path)).state is State.OK
