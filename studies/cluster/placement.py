"""Where trials run: the GPU share of each, and how many fit on the cluster at once."""

import os
import time
from collections.abc import Callable
from typing import Any

import core.data
from core.configuration import Configuration, TrialConfig
from core.mistakes import StudyError
from core.storage import Folder
from studies.cluster.nodes import NodeError, ask
from studies.record.state import StudyState
from studies.study_file.estimate import largest
from studies.study_file.spec import StudySpec

SLOTS_EVERY = 5.0  # seconds between two looks at the cluster's size


def gpu_share(spec: StudySpec, state: StudyState, make_trial: Callable[[Configuration], TrialConfig]) -> float:
    """The GPU share of a trial: as asked where the cluster has GPUs, else none; `auto` is measured once per study.

    Trials of a stack share its GPU evenly.
    """
    import ray

    if not ray.cluster_resources().get("GPU", 0):
        return 0.0
    if spec.resources.gpu != "auto":
        return float(spec.resources.gpu) / spec.resources.stack
    if state.share is None:
        from trainables.training.cost import fitting_share, measure

        probe = ray.remote(num_gpus=1, num_cpus=spec.resources.cpu, max_retries=0)(measure)
        measured = [ray.get(probe.remote(make_trial(largest(spec, model)))) for model in spec.models]
        footprints = [footprint for footprint in measured if footprint is not None]
        state.choose_share(fitting_share(footprints), footprints)
    assert state.share is not None
    return state.share


def require_shared_folder(uri: str) -> None:
    """Make the folder of the trials, if it is local, and refuse a cluster with a node on another host that misses it.

    Raises:
        StudyError: with the host.
    """
    local = Folder(uri).local
    if local is None:
        return
    local.mkdir(parents=True, exist_ok=True)
    for node, sees in ask(os.path.isdir, str(local)):
        if isinstance(sees, NodeError):
            raise StudyError(f"node {node['NodeManagerHostname']} does not answer: {sees}; see `studies doctor`")
        if not sees:
            raise StudyError(
                f"node {node['NodeManagerHostname']} does not see {local}: give a shared directory with --root, "
                "or an object store with --storage URI"
            )


def require_data(spec: StudySpec, root: str) -> None:
    """Refuse a cluster with a node that cannot have the study's images, if they are a user's; every node can render.

    Raises:
        StudyError: with the host.
    """
    if core.data.describe(spec.dataset, root).source == "rendered":
        return
    for node, fault in ask(_fault_of_data, spec.dataset, root):
        if isinstance(fault, NodeError):
            raise StudyError(f"node {node['NodeManagerHostname']} does not answer: {fault}; see `studies doctor`")
        if fault is not None:
            raise StudyError(
                f"node {node['NodeManagerHostname']} cannot have the images: {fault}; "
                "give a directory with --data-root that every node sees"
            )


def _fault_of_data(dataset: Any, root: str) -> str | None:
    """Why this machine cannot have a data set, as a sentence; None when it can."""
    try:
        core.data.describe(dataset, root)
    except core.data.DataError as error:
        return str(error)
    return None


def slots(spec: StudySpec, share: float) -> int:
    """Trials of a GPU share that fit on the cluster's nodes now."""
    import ray

    total = 0
    for node in ray.nodes():
        if node["Alive"]:
            resources = node["Resources"]
            fit = int(resources.get("CPU", 0) / spec.resources.cores(share) + 1e-6)
            if share:
                fit = min(fit, int(resources.get("GPU", 0) + 1e-6) * round(1 / share))
            total += fit
    return total


class Slots:
    """The number of slots, looked up every few seconds, so that nodes that join are used.

    Raises:
        StudyError: no node can take a trial.
    """

    def __init__(self, spec: StudySpec, share: float) -> None:
        self._spec, self._share = spec, share
        self._count, self._looked = slots(spec, share), time.monotonic()
        if self._count < 1:
            raise StudyError(
                f"no node of the cluster can take a trial of {spec.resources.cores(share):g} CPU and {share:g} GPU; "
                "lower 'resources'"
            )

    def __call__(self) -> int:
        """Trials that fit now."""
        if time.monotonic() - self._looked >= SLOTS_EVERY:
            self._count, self._looked = max(1, slots(self._spec, self._share)), time.monotonic()
        return self._count
