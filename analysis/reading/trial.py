"""A trial as a user holds it."""

import dataclasses
import pathlib
from collections.abc import Mapping
from typing import Any

from core.configuration import identity_of
from core.storage import Folder


@dataclasses.dataclass(frozen=True)
class Trial:
    """One configuration with one seed, as it ended.

    Attributes:
        configuration: hash of the configuration.
        seed: index of the replicate.
        model: name of the model.
        hyperparameters: all hyperparameters of the configuration.
        metrics: final metrics.
        state: COMPLETED, PRUNED, FAILED, RUNNING or PENDING.
        checkpoint: URI of the folder that holds its checkpoints.
        code: the folder with the study's copies of extensions.
    """

    configuration: str
    seed: int
    model: str
    hyperparameters: Mapping[str, Any]
    metrics: Mapping[str, float]
    state: str
    checkpoint: str
    code: pathlib.Path | None = None

    @property
    def identity(self) -> str:
        """`<configuration hash>-s<seed>`, which names its folder, its Ray trial and its MLflow tag."""
        return identity_of(self.configuration, self.seed)

    def load(self, *, allow_code: bool = False) -> Any:
        """The trained model, on the CPU: `.encode(images)`, `.decode(codes)`, `.traverse(code)`.

        `traverse` decodes `code` with one continuous dimension at a time set to values from −3 to 3, and has a block
        for every value of a categorical code; it takes other `dimensions` and `values` too. The model also has
        `.config` (the trial) and `.dataset` (facts); neither Ray nor the data set is needed.

        Args:
            allow_code: run the study's own code where the model is defined in it. What of it this process has imported
                already, of the same digest, needs no permission.

        Raises:
            ExtensionError: the model is defined in code that was not allowed, or is not what it was.
            NoCheckpointError: no whole checkpoint is there (retention removed it, or training never saved one).
        """
        from trainables.training.loading import load_model

        return load_model(Folder(self.checkpoint), code=self.code, allow_code=allow_code)
