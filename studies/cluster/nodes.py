"""The nodes of the cluster, asked one by one; each answers for itself."""

import dataclasses
import os
import pathlib
import platform
import time
from collections.abc import Callable, Iterator
from typing import Any

from core.machine import granted_cores
from core.mistakes import reason_of
from core.runtime import code_digest

PATIENCE = 60.0  # seconds for a node that starts a process to answer
ROOMS = ("analysis", "core", "studies", "trainables")


class NodeError(Exception):
    """A node did not answer, or could not run what it was asked."""


def ask(function: Callable[..., Any], *arguments: Any) -> Iterator[tuple[dict[str, Any], Any]]:
    """What a function gives on every living node, all at the same time: Ray's entry of the node, and the answer.

    An answer that is not there is a `NodeError`, given and not raised.
    """
    import ray
    from ray.exceptions import RayError
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    task = ray.remote(num_cpus=0, max_retries=0)(function)
    asked = []
    for node in ray.nodes():
        if node["Alive"]:
            there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            asked.append((node, task.options(scheduling_strategy=there).remote(*arguments)))
    for node, answer in asked:
        try:
            yield node, ray.get(answer, timeout=PATIENCE)
        except RayError as error:
            yield node, NodeError(reason_of(error))


@dataclasses.dataclass(frozen=True)
class Likeness:
    """What a node must share with the driver.

    Attributes:
        python: version.
        ray: version.
        code: digest of our own packages.
    """

    python: str
    ray: str
    code: str

    @classmethod
    def here(cls) -> "Likeness":
        """Of this process."""
        import ray

        return cls(platform.python_version(), ray.__version__, code_digest(*ROOMS)[:12])


@dataclasses.dataclass(frozen=True)
class Node:
    """What a node says of itself.

    Attributes:
        host: its name.
        likeness: what it must share with the driver; or why it could not say it.
        sees: whether a file of the driver is there.
        clock_ahead: seconds by which its clock is surely ahead of the driver's; negative: behind.
        cores: those that Ray hands out there.
        granted: those that its processes may use, and why.
    """

    host: str
    likeness: Likeness | NodeError
    sees: bool = False
    clock_ahead: float = 0.0
    cores: float = 0.0
    granted: tuple[int, str] = (0, "")


def survey(file: pathlib.Path) -> Iterator[Node]:
    """Every node of the cluster that this process is connected to; `file` is one of the driver's."""
    began = time.time()
    for entry, answer in ask(_look, str(file)):
        host = entry["NodeManagerHostname"]
        if isinstance(answer, NodeError):
            yield Node(host, answer)
            continue
        now, likeness, sees, granted = answer
        ahead = max(now - time.time(), 0.0) + min(now - began, 0.0)
        yield Node(host, likeness, sees, ahead, entry["Resources"].get("CPU", 0.0), granted)


def _look(file: str) -> tuple[float, Likeness, bool, tuple[int, str]]:
    granted = granted_cores()
    return time.time(), Likeness.here(), os.path.exists(file), (granted.amount, granted.reason)  # noqa: PTH110
