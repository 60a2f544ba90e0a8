"""Outside peers, each in a process with the Python of an environment of its own (`process`)."""

import contextlib
import json
import pathlib
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from core.configuration import Configuration
from core.pareto import as_losses
from core.record.history import ConfigurationHistory
from studies.record.state import StudyState
from studies.study_file.space import SIGNIFICANT, Range, configure
from studies.study_file.spec import StudySpec

PROGRAM = pathlib.Path(__file__).with_name("process.py")
ATTEMPTS = 30  # suggestions that are known already


class PeerSearcher:
    """Asks a peer for configurations.

    Args:
        spec: of the study, whose knobs are ranges.
        process: of the peer.
        name: of the peer.
    """

    def __init__(self, spec: StudySpec, process: subprocess.Popen[str], name: str) -> None:
        assert process.stdin
        assert process.stdout
        self._orders, self._answers = process.stdin, process.stdout
        self._directions = list(spec.objectives.values())
        self._numbers: dict[str, int] = {}
        models = {
            model: {
                name: {"low": each.low, "high": each.high, "log": each.log, "integer": each.integer}
                for name, each in space.parameters.items()
                if isinstance(each, Range)
            }
            for model, space in spec.spaces.items()
        }
        self._send({"peer": name, "models": models, "objectives": len(spec.objectives), "seed": spec.seed})

    def ask(self, known: Any) -> tuple[Configuration, dict[str, Any]] | None:
        for _ in range(ATTEMPTS):
            self._send({"ask": True})
            answer = json.loads(self._answers.readline())
            values = {
                name: float(f"{value:.{SIGNIFICANT}g}") if isinstance(value, float) else value
                for name, value in answer["values"].items()
            }
            configuration = configure(answer["model"], values)
            if configuration.hash not in known:
                self._numbers[configuration.hash] = answer["number"]
                return configuration, {}
        return None

    def tell(self, configuration: ConfigurationHistory) -> None:
        number = self._numbers.pop(configuration.hash, None)
        if number is not None and configuration.values is not None:
            losses = as_losses(np.array([configuration.values]), self._directions)[0]
            self._send({"tell": number, "values": losses.tolist()})

    def _send(self, order: dict[str, Any]) -> None:
        self._orders.write(json.dumps(order) + "\n")
        self._orders.flush()


@contextlib.contextmanager
def peer(named: tuple[str, ...]) -> Iterator[Callable[[StudySpec, StudyState], PeerSearcher]]:
    """A peer that is there for one search: the path of its Python, and its name."""
    python, name = named
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": None}
    with subprocess.Popen([python, str(PROGRAM)], text=True, **pipes) as process:  # type: ignore[call-overload]
        try:
            yield lambda spec, state: PeerSearcher(spec, process, name)  # noqa: ARG005 - a peer starts with nothing
        finally:
            process.kill()
