"""The Ray cluster that a study runs on: one that is there, or one on this machine that ends with the driver."""

import contextlib
import logging
import os
import pathlib
import socket
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from core.machine import granted_cores, granted_gpus
from core.mistakes import StudyError, reason_of
from core.runtime import environment, logging_at

PROJECT = pathlib.Path(__file__).resolve().parents[2]
ALWAYS = {
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",  # a failed trial has no metrics; the study goes on
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "RAY_AIR_NEW_OUTPUT": "0",  # the study shows its own progress
}
UNLESS_SET = {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # every listener stays on loopback
    "RAY_USAGE_STATS_ENABLED": "0",
    "TUNE_GLOBAL_CHECKPOINT_S": "300",  # Tune's own snapshots are not what a study resumes from
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_IGNORE_UNHANDLED_ERRORS": "1",  # of evaluations that an interrupted study gives up
}
SET_BY_LIBRARIES = ("RAY_", "TUNE_", "_MLFLOW_", "PYTHONBREAKPOINT")  # beginnings of names


def require_address(address: str | None) -> None:
    """Refuse an address at once when nothing listens there; Ray itself would try for minutes.

    Raises:
        StudyError: with the address.
    """
    if address is None or address == "auto" or "://" in address:  # Ray asks a job server itself
        return
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except (OSError, ValueError) as error:
        raise StudyError(f"no Ray cluster answers at '{address}' ({error}); write auto or HOST:PORT") from None


@contextmanager
def ray_cluster(address: str | None) -> Iterator[None]:
    """Connect this process to the cluster at `address`, or to one on this machine that ends with the context.

    Environment variables and the level of Ray's log are put back at the end: a study may be launched from other
    people's programs. A process that is connected already stays so, before and after.

    Raises:
        StudyError: nothing answers at the address.
    """
    require_address(address)
    unset = {name: value for name, value in UNLESS_SET.items() if name not in os.environ}
    with environment({**unset, **ALWAYS}, SET_BY_LIBRARIES), logging_at(logging.ERROR, "ray"):
        import ray

        if ray.is_initialized():
            yield
            return
        try:
            # Ray lets its workers look for modules in the current directory first; ours are to be found, not the user's
            with warnings.catch_warnings(), contextlib.chdir(PROJECT):
                warnings.simplefilter("ignore")
                ray.init(**_arguments(address))
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise StudyError(f"no Ray cluster answers at '{address}': {reason_of(error)}") from None
        try:
            logging.getLogger("ray").setLevel(logging.ERROR)  # which ray.init sets too
            yield
        finally:
            ray.shutdown()


def _arguments(address: str | None) -> dict[str, Any]:
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR, "configure_logging": True}
    if address is not None:
        return {**quiet, "address": address}
    return {
        **quiet,
        "address": "local",  # never a cluster that somebody else runs here
        "include_dashboard": False,
        "_node_ip_address": "127.0.0.1",
        "num_cpus": granted_cores().amount,
        "num_gpus": granted_gpus(),
    }
