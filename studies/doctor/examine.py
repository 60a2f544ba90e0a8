"""All checks, in the order of the table; a new one is a function in one of these lists."""

from collections.abc import Callable, Iterator

from core.mistakes import StudyError
from studies.doctor import cluster, machine, network, packages, places, stores
from studies.doctor.finding import Asked, Finding, State

Check = Callable[[Asked], Iterator[Finding]]

QUICK: tuple[Check, ...] = (places.root, places.temporary)  # of every launch
THOROUGH: tuple[Check, ...] = (
    *(packages.python, packages.packages, machine.pytorch, machine.gpus),
    *(machine.cores, machine.memory, machine.shared_memory, machine.open_files),
    *(places.disk, places.data, places.home, places.clock),
    *(network.proxies, network.ui_port),
    *(stores.mlflow, stores.optuna, stores.checkpoints),
    cluster.cluster,
)


def examine(asked: Asked) -> Iterator[Finding]:
    """Look at everything."""
    for check in (*QUICK, *THOROUGH):
        yield from check(asked)


def require_fit(asked: Asked) -> None:
    """Refuse a launch that would fail, by what can be seen in a tenth of a second; nothing is made.

    Raises:
        StudyError: with every fault, and what to do.
    """
    found = [finding for check in QUICK for finding in check(asked) if finding.state is State.FAULT]
    if found:
        raise StudyError("\n".join(f"{finding.check}: {finding.says}; {finding.fix}" for finding in found))
