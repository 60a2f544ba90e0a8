"""Run by the Python of an environment with Ax and Syne Tune: suggests configurations, learns what came of them.

Reads one JSON line with the search, then `{"ask": true}` and `{"tell": number, "values": […]}`; answers an ask with
`{"number": …, "model": …, "values": {…}}`. Objectives are to be minimised. Imports nothing of this repository.
"""

import contextlib
import json
import logging
import os
import sys
import warnings
from typing import Any, Protocol


class Peer(Protocol):
    def ask(self) -> tuple[int, dict[str, Any]]: ...

    def tell(self, number: int, values: list[float]) -> None: ...


class Ax:
    """Ax with its defaults: Sobol points, then BoTorch's qLogNEHVI; knobs of a model depend on its choice."""

    def __init__(self, search: dict[str, Any]) -> None:
        from ax.api.client import Client
        from ax.api.configs import ChoiceParameterConfig, RangeParameterConfig

        self._client = Client(random_seed=search["seed"])
        self._keys = [f"objective_{index}" for index in range(search["objectives"])]
        parameters: list[Any] = []
        for model, knobs in search["models"].items():
            for name, knob in knobs.items():
                scaling = "log" if knob["log"] else "linear"
                kind = "int" if knob["integer"] else "float"
                bounds = (knob["low"], knob["high"])
                parameters.append(RangeParameterConfig(f"{model}__{name}", bounds, kind, scaling=scaling))
        models = list(search["models"])
        if len(models) > 1:
            depend = {model: [f"{model}__{name}" for name in search["models"][model]] for model in models}
            parameters.append(ChoiceParameterConfig("model", models, "str", dependent_parameters=depend))
        self._client.configure_experiment(parameters=parameters)
        self._client.configure_optimization(objective=", ".join(f"-{key}" for key in self._keys))

    def ask(self) -> tuple[int, dict[str, Any]]:
        ((number, parameters),) = self._client.get_next_trials(1).items()
        return number, dict(parameters)

    def tell(self, number: int, values: list[float]) -> None:
        self._client.complete_trial(number, raw_data=dict(zip(self._keys, values, strict=True)))


class SyneTune:
    """A searcher of Syne Tune for several objectives, with its defaults; knobs of other models ride along."""

    def __init__(self, search: dict[str, Any], kind: str) -> None:
        from syne_tune.config_space import choice, loguniform, randint, uniform

        space: dict[str, Any] = {}
        for model, knobs in search["models"].items():
            for name, knob in knobs.items():
                draw = randint if knob["integer"] else loguniform if knob["log"] else uniform
                space[f"{model}__{name}"] = draw(knob["low"], knob["high"])
        if len(search["models"]) > 1:
            space["model"] = choice(list(search["models"]))
        if kind == "ehvi":
            from syne_tune.optimizer.schedulers.multiobjective import expected_hyper_volume_improvement as module

            self._searcher: Any = module.ExpectedHyperVolumeImprovement(space, random_seed=search["seed"])
        else:
            from syne_tune.optimizer.schedulers.multiobjective import MultiObjectiveRegularizedEvolution

            self._searcher = MultiObjectiveRegularizedEvolution(space, random_seed=search["seed"])
        self._configurations: list[dict[str, Any]] = []

    def ask(self) -> tuple[int, dict[str, Any]]:
        self._configurations.append(self._searcher.suggest())
        return len(self._configurations) - 1, self._configurations[-1]

    def tell(self, number: int, values: list[float]) -> None:
        self._searcher.on_trial_complete(number, self._configurations[number], values)


def _prepare(seed: int) -> None:
    """One thread, double precision throughout, and the same search for the same seed.

    Syne Tune's `ehvi` mixes single and double precision by default, and fails; and draws from the global generators.
    """
    import random

    import numpy as np
    import torch

    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - that is what it draws from
    torch.manual_seed(seed)


def main() -> None:
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    answers = os.fdopen(os.dup(1), "w")  # whatever a library prints goes elsewhere
    os.dup2(2, 1)
    search = json.loads(sys.stdin.readline())
    _prepare(search["seed"])
    name, _, kind = search["peer"].partition(": ")
    peer: Peer = Ax(search) if name == "Ax" else SyneTune(search, kind)
    only = next(iter(search["models"]))
    for line in sys.stdin:
        order = json.loads(line)
        if "tell" in order:
            peer.tell(order["tell"], order["values"])
            continue
        number, values = peer.ask()
        model = str(values.get("model", only))
        mine = {key.partition("__")[2]: value for key, value in values.items() if key.partition("__")[0] == model}
        answers.write(json.dumps({"number": number, "model": model, "values": mine}) + "\n")
        answers.flush()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt, BrokenPipeError):
        main()
