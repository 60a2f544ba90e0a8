"""Proxies that catch what is meant for this machine, and the port of the UI."""

import ipaddress
from collections.abc import Iterator
from urllib.parse import urlsplit

from core.files import redact
from core.machine import LOOPBACK, port_is_free
from studies.doctor.finding import Asked, Finding, fault, ok, warning

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
    """The port of `studies ui` is free; else it takes the next one."""
    check = f"port {UI_PORT}"
    if port_is_free(UI_PORT):
        yield ok(check, f"{LOOPBACK}:{UI_PORT} is free for `studies ui`")
    else:
        fix = "look at the address that `studies ui` prints: it takes the next free port"
        yield warning(check, f"{LOOPBACK}:{UI_PORT} is in use", fix)


def _is_here(uri: str) -> bool:
    """Whether a URI is that of an HTTP server on this machine."""
    parts = urlsplit(uri)
    if parts.scheme not in ("http", "https"):
        return False
    try:
        return ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return parts.hostname == "localhost"
