"""What one trial is given, and how many there are: seeds, steps, CPUs and GPUs."""

from collections.abc import Iterable, Iterator

import trainables
from core.machine import granted_cores
from studies.study_file.document import Problem
from studies.study_file.spec import Budget, Resources, Seeds


def check_seeds(seeds: Seeds) -> Iterator[Problem]:
    """`max` is not below `min`; where it is above, `until` says when there are enough."""
    if seeds.max < seeds.min:
        yield Problem(("seeds", "max"), f"{seeds.max} is below min, {seeds.min}")
    if seeds.max > seeds.min and seeds.until is None:
        yield Problem(("seeds",), "says when there are enough: add until: front, or until: 'std_error(mig) < 0.02'")


def check_intervals(budget: Budget) -> Iterator[Problem]:
    """A trial is evaluated before its steps are over."""
    if budget.evaluate_every > budget.steps:
        message = f"{budget.evaluate_every} is more than the {budget.steps} steps of a trial"
        yield Problem(("budget", "evaluate_every"), message)


def check_known_curves(budget: Budget, models: Iterable[str]) -> Iterator[Problem]:
    """Curves that are replayed are known up to the last step."""
    for name in models:
        most = getattr(trainables.get(name), "most_steps", None)
        if most is not None and budget.steps > most:
            yield Problem(("budget", "steps"), f"'{name}' was recorded up to step {most:,}, not to {budget.steps:,}")


def check_stack(resources: Resources) -> Iterator[Problem]:
    """The trials of a stack share a whole GPU."""
    if resources.stack > 1 and resources.gpu != 1:
        message = f"a stack has a whole GPU, which its {resources.stack} trials share: write gpu: 1"
        yield Problem(("resources", "stack"), message)


def check_share(resources: Resources) -> Iterator[Problem]:
    """A share of a GPU is one part of a whole number of equal parts."""
    if resources.gpu == "auto" or not resources.gpu:
        return
    parts = 1 / resources.gpu
    if abs(parts - round(parts)) > 1e-6:
        message = f"a share of {resources.gpu} does not divide a GPU; take 1, 0.5, 0.25, 0.2, 0.125, …"
        yield Problem(("resources", "gpu"), message)


def check_cpus(resources: Resources) -> Iterator[Problem]:
    """This process has as many CPUs as a trial asks for."""
    granted = granted_cores()
    if resources.cpu > granted.amount:
        message = f"a trial asks for {resources.cpu} CPUs, but there are {granted.amount}: {granted.reason}"
        yield Problem(("resources", "cpu"), message)
