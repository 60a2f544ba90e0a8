"""The Ray cluster that a study runs on: one that is there, or one on this machine that ends with the driver."""

import contextlib
import functools
import logging
import os
import pathlib
import secrets
import signal
import socket
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import psutil

from core.machine import granted_cores, granted_gpus
from core.mistakes import StudyError, reason_of
from core.runtime import environment, home_directory, logging_at
from studies.cluster.temporary import marked, temporary_folder

PROJECT = pathlib.Path(__file__).resolve().parents[2]
ALWAYS = {
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",  # a failed trial has no metrics; the study goes on
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "RAY_AIR_NEW_OUTPUT": "0",  # the study shows its own progress
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # `studies.drive.interruption` handles signals
}
UNLESS_SET = {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # every listener stays on loopback
    "RAY_USAGE_STATS_ENABLED": "0",
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",  # `studies.drive.tune` says in a sentence that a process died
    "TUNE_GLOBAL_CHECKPOINT_S": "300",  # Tune's own snapshots are not what a study resumes from
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_IGNORE_UNHANDLED_ERRORS": "1",  # of evaluations that an interrupted study gives up
}
UNLESS_SET_HERE = {
    "RAY_gcs_rpc_server_reconnect_timeout_s": "900",  # slow is not gone; `ending_with_ray` finds the dead
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",  # under `uv run` workers would start in a copy without this environment
}
SET_BY_LIBRARIES = ("RAY_", "TUNE_", "_MLFLOW_", "PYTHONBREAKPOINT")  # beginnings of names


def require_address(address: str | None) -> None:
    """Refuse an address at once when nothing listens there; Ray itself would try for minutes.

    Raises:
        StudyError: with the address.
    """
    where = _address_of_this_machine() if address == "auto" else address
    if where is None or "://" in where:  # Ray asks a job server itself
        return
    host, _, port = where.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except (OSError, ValueError) as error:
        raise StudyError(f"no Ray cluster answers at '{where}' ({error}); write auto or HOST:PORT") from None


def _address_of_this_machine() -> str:
    """What `auto` means: $RAY_ADDRESS, else the cluster that `ray start` noted last; nobody else's, as Ray would try.

    Raises:
        StudyError: there is none.
    """
    given = os.environ.get("RAY_ADDRESS")
    note = pathlib.Path(os.environ.get("RAY_TMPDIR") or os.environ.get("TMPDIR") or "/tmp", "ray/ray_current_cluster")
    try:
        return given or note.read_text().strip()
    except OSError:
        raise StudyError(
            "no Ray cluster is known on this machine: set RAY_ADDRESS, give --address HOST:PORT, or leave --address out"
        ) from None


@contextmanager
def ray_cluster(address: str | None, code: Sequence[pathlib.Path] = ()) -> Iterator[None]:
    """Connect this process to the cluster at `address`, or to one on this machine that ends with the context.

    Environment variables and the level of Ray's log are put back at the end: a study may be launched from other
    people's programs. A process that is connected already stays so, before and after.

    Args:
        address: `auto`, `HOST:PORT`, or None.
        code: files and packages that every process of the cluster is sent and can import.

    Raises:
        StudyError: nothing answers at the address.
    """
    require_address(address)
    with home_directory(), environment(_variables(address), SET_BY_LIBRARIES), logging_at(logging.ERROR, "ray"):
        import ray

        if ray.is_initialized():
            yield
            return
        try:
            # Ray lets its workers look for modules in the current directory first; ours are to be found, not the user's
            with warnings.catch_warnings(), contextlib.chdir(PROJECT), _handlers_of_signals():
                warnings.simplefilter("ignore")
                context = ray.init(**_arguments(address), **_runtime(code))
        except (OSError, ValueError, RuntimeError) as error:
            what = f"no Ray cluster answers at '{address}'" if address else "Ray cannot be started on this machine"
            raise StudyError(f"{what}: {reason_of(error)}") from None
        try:
            logging.getLogger("ray").setLevel(logging.ERROR)  # which ray.init sets too
            with nullcontext() if address else marked(pathlib.Path(context.address_info["session_dir"])):
                yield
        finally:
            ray.shutdown()


def _variables(address: str | None) -> dict[str, str]:
    """Of the environment, as Ray and Tune are to find it."""
    defaults = UNLESS_SET if address else {**UNLESS_SET, **UNLESS_SET_HERE, **_token()}
    return {**{name: value for name, value in defaults.items() if name not in os.environ}, **ALWAYS}


@contextmanager
def ending_with_ray(say: Callable[[], None]) -> Iterator[None]:
    """End this process if the Ray that it started ends, as when a signal is sent to a whole process group.

    Whoever waits for Ray would wait for a minute, and then be aborted by Ray in C++.
    """
    servers = [each for each in psutil.Process().children() if each.name() in ("gcs_server", "raylet")]
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.5):
            if any(not each.is_running() or each.status() == psutil.STATUS_ZOMBIE for each in servers):
                say()
                os._exit(130)

    threading.Thread(target=watch, name="ray", daemon=True).start()
    try:
        yield
    finally:
        over.set()


def _token() -> dict[str, str]:
    """The token of a cluster on this machine, where Ray cannot keep one in the home directory."""
    if {"RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"} & set(os.environ):
        return {}
    try:
        folder = pathlib.Path.home() / ".ray"
        folder.mkdir(exist_ok=True)
        if os.access(folder, os.W_OK) or (folder / "auth_token").exists():
            return {}
    except OSError:  # not to be written
        pass
    return {"RAY_AUTH_TOKEN": _token_of_this_process()}


@functools.cache
def _token_of_this_process() -> str:
    """Ray reads its token once in a process."""
    return secrets.token_hex(32)


@contextmanager
def _handlers_of_signals() -> Iterator[None]:
    """Put back what a process does on SIGTERM, for which Ray sets a handler of its own."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if before is not None:  # else a program in C has set it
            signal.signal(signal.SIGTERM, before)


def _runtime(code: Sequence[pathlib.Path]) -> dict[str, Any]:
    """What Ray sends to all processes; without code of the user's own it starts them ahead of time, and shares them."""
    return {"runtime_env": {"py_modules": [str(path) for path in code]}} if code else {}


def _arguments(address: str | None) -> dict[str, Any]:
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR, "configure_logging": True}
    if address is not None:
        return {**quiet, "address": address}
    return {
        **quiet,
        "address": "local",  # never a cluster that somebody else runs here
        "include_dashboard": False,
        "_node_ip_address": "127.0.0.1",
        "_temp_dir": str(temporary_folder()),
        "num_cpus": granted_cores().amount,
        "num_gpus": granted_gpus(),
    }
