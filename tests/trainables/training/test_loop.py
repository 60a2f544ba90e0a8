"""What the training loop must not do at every step: read the device, or ask the system for memory."""

import pathlib
import resource
from collections import Counter
from typing import Any

import pytest
import torch
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode

import trainables
from studies.testing.trials import trial_config
from trainables.training.run import TrainingRun

STEPS = 10
FREE = [
    name
    for name in trainables.names()
    if trainables.get(name).learns and not getattr(trainables.get(name), "host_bound", True)
]
PAGE = 4096
MEBIBYTE = 1 << 20


class Calls(TorchDispatchMode):
    """Counts operators."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()

    def __torch_dispatch__(self, operator: Any, types: Any, arguments: Any = (), options: Any = None) -> Any:
        self.counts[operator._schema.name] += 1
        return operator(*arguments, **(options or {}))


@pytest.mark.parametrize("model", FREE)
def test_the_host_reads_the_device_once_per_report(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    # PyTorch's own looks at its smallest value, on a CPU only
    monkeypatch.setattr(functional, "one_hot", lambda values, size: torch.eye(size, dtype=torch.int64)[values])
    run = TrainingRun(trial_config(model, tmp_path, steps=100, evaluate_every=100))
    run.train(5)  # stages that estimate something begin here
    with Calls() as calls:
        parts = run.train(run.step + STEPS)
    assert calls.counts["aten::_local_scalar_dense"] <= len(parts)


def test_steps_do_not_ask_for_memory(tmp_path: pathlib.Path) -> None:
    """At full width a step has 8 MB activations; mapped and unmapped anew they would be thousands of page faults."""
    large = {"network": "full", "batch_size": 64}
    run = TrainingRun(trial_config("beta_vae", tmp_path, steps=100, evaluate_every=100, hyperparameters=large))
    run.train(3)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    run.train(5)
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
    assert faults * PAGE / 5 < 4 * MEBIBYTE
