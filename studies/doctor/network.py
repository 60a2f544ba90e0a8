"""Proxies that catch what is meant for this machine, and the port of the UI."""

import errno
import ipaddress
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

from core.files import redact
from studies.doctor.finding import Asked, Finding, fault, ok, warning

LOOPBACK = "127.0.0.1"
UI_PORT = 5000


def proxies(asked: Asked) -> Iterator[Finding]:
    """No proxy of the environment catches what is meant for servers of this machine, as MLflow's client reads it."""
    from requests.utils import get_environ_proxies, select_proxy

    needed = [uri for uri in (asked.stores.tracking, asked.address or "") if _is_here(uri)]
    for uri in (*needed, f"http://{LOOPBACK}"):
        proxy = select_proxy(uri, get_environ_proxies(uri))
        if proxy is not None:
            find = fault if uri in needed else warning
            text = f"requests to {redact(uri)}, on this machine, go to the proxy {redact(proxy)}"
            yield find("proxies", text, "export NO_PROXY=127.0.0.1,localhost,::1")
            return
    yield ok("proxies", "none catches requests to this machine")


def ui_port(_: Asked) -> Iterator[Finding]:
    """The port of `studies ui` is free."""
    check = f"port {UI_PORT}"
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, UI_PORT))
        except OSError as error:
            what = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be had: {error.strerror}"
            yield warning(check, f"{LOOPBACK}:{UI_PORT}, which `studies ui` takes, {what}", "`studies ui --port 5001`")
        else:
            yield ok(check, f"{LOOPBACK}:{UI_PORT} is free for `studies ui`")


def _is_here(uri: str) -> bool:
    """Whether a URI is that of an HTTP server on this machine."""
    parts = urlsplit(uri)
    if parts.scheme not in ("http", "https"):
        return False
    try:
        return ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return parts.hostname == "localhost"
