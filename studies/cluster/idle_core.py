"""A core of the cluster that nothing else uses, reserved to evaluate one trial."""

import time
from typing import Any

import ray
from ray.exceptions import RayError
from ray.util.placement_group import PlacementGroup, placement_group, placement_group_table, remove_placement_group
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from core.configuration import TrialConfig
from studies.cluster.reserved_core import CoreLostError
from trainables.ray_trainable import core_is_idle, evaluate
from trainables.trainable import TrialResult

TASK = ray.remote(num_cpus=1, num_gpus=0, max_retries=0)(evaluate)  # no second try, since a slot will
PLACED_WITHIN = 1  # whole seconds; an idle core is reserved in milliseconds
LOOK_EVERY = 5.0  # seconds between two looks whether the core's node is there


class IdleCore:
    """A `ReservedCore`: reserved before anything is promised to it, so that no other trial takes it in between."""

    def __init__(self, group: PlacementGroup) -> None:
        self._group = group
        self._result: Any = None
        self._looked = time.monotonic()

    @classmethod
    def reserve(cls) -> "IdleCore | None":
        """One, if there is one now."""
        if not core_is_idle():
            return None
        group = placement_group([{"CPU": 1}])
        if group.wait(PLACED_WITHIN):
            return cls(group)
        remove_placement_group(group)
        return None

    def begin(self, config: TrialConfig) -> None:
        """Start the evaluation."""
        strategy = PlacementGroupSchedulingStrategy(self._group)
        self._result = TASK.options(scheduling_strategy=strategy).remote(config.to_json())

    def result(self) -> TrialResult | None:
        """The result, or None before it is there.

        Raises:
            CoreLostError: the process or its node died.
        """
        ready, _ = ray.wait([self._result], timeout=0)
        if not ready:
            self._require_node()
            return None
        try:
            result: TrialResult = ray.get(self._result)
        except RayError as error:
            raise CoreLostError(str(error)) from error
        return result

    def _require_node(self) -> None:
        """A reservation whose node died waits for another core, maybe for ever."""
        if time.monotonic() - self._looked < LOOK_EVERY:
            return
        self._looked = time.monotonic()
        state = placement_group_table(self._group).get("state", "gone")
        if state != "CREATED":
            raise CoreLostError(f"the reserved core is {state}")

    def release(self) -> None:
        """Give the core back, and end what runs on it."""
        remove_placement_group(self._group)
