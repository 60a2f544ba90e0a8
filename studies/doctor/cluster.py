"""The Ray cluster that a study would run on: its nodes have what the driver has."""

from collections.abc import Iterator

from core.mistakes import StudyError
from studies.cluster.job import require_server
from studies.cluster.nodes import Likeness, Node, NodeError, survey
from studies.cluster.session import ray_cluster
from studies.doctor.finding import Asked, Finding, fault, ok, warning
from studies.doctor.places import SKEW, existing, file_in, side

SAME_CODE = "bring the same checkout and the same packages to every node"


def cluster(asked: Asked) -> Iterator[Finding]:
    """The address answers, and every node sees the root and runs the same code with the same clock."""
    if asked.address is None:
        yield ok("cluster", "none is given; Ray is started on this machine")
        return
    start = "start it (`ray start --head`), or give another --address"
    try:
        if "://" in asked.address:
            require_server(asked.address)
            yield ok("cluster", f"the job server {asked.address} answers; with --address HOST:PORT its nodes are asked")
            return
        with ray_cluster(asked.address):
            yield ok("cluster", f"{asked.address} answers")
            yield from _nodes(asked)
    except StudyError as error:
        yield fault("cluster", str(error), start)


def _nodes(asked: Asked) -> Iterator[Finding]:
    """Findings on every node; those on one host are told apart by a number."""
    here, seen = Likeness.here(), dict[str, int]()
    try:
        with file_in(existing(asked.root)) as file:
            nodes = list(survey(file))
    except OSError as error:
        text = f"they were not asked, as nothing can be written in {existing(asked.root)}: {error.strerror}"
        yield fault("nodes", text, "give a directory with --root that you may write")
        return
    for node in nodes:
        seen[node.host] = seen.get(node.host, 0) + 1
        name = f"node {node.host}" + (f" ({seen[node.host]})" if seen[node.host] > 1 else "")
        troubles = list(_troubles(name, node, here, asked))
        yield from troubles or [ok(name, f"{node.cores:g} cores, the same code, sees {asked.root}")]


def _troubles(name: str, node: Node, here: Likeness, asked: Asked) -> Iterator[Finding]:
    if isinstance(node.likeness, NodeError):
        yield fault(name, f"it cannot run this code: {node.likeness}", SAME_CODE)
        return
    for what in ("python", "ray", "code"):
        there, ours = getattr(node.likeness, what), getattr(here, what)
        if there != ours:
            yield fault(name, f"its {what} is {there}, and that of the driver {ours}", SAME_CODE)
    if not node.sees:
        place = "a shared directory with --root, or an object store for checkpoints with --storage"
        yield fault(name, f"it does not see {existing(asked.root)}", f"give {place}")
    if abs(node.clock_ahead) > SKEW:
        text = f"its clock is {abs(node.clock_ahead):.0f} s {side(node.clock_ahead)}"
        yield warning(name, text, "set the clocks of all nodes by NTP")
    granted, reason = node.granted
    if node.cores > granted:
        text = f"Ray hands out {node.cores:g} cores there, and only {granted} may be used: {reason}"
        yield warning(name, text, f"`ray start --num-cpus {granted}`")
