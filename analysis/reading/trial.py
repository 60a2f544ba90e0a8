"""A trial as a user holds it."""

import base64
import dataclasses
import html
import pathlib
from collections.abc import Mapping
from typing import Any

from analysis.reading.names import settings, short_label, title
from core.configuration import identity_of
from core.storage import CorruptEntryError, Folder

PICTURES = "pictures"  # entry of a trial's folder, written when its training ended


MOST_METRICS = 3  # that a trial says of itself
SHOWN = 'style="max-width: min(100%, 32em); margin: 0 1em 0.4em 0; vertical-align: top"'


@dataclasses.dataclass(frozen=True, repr=False)
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

    def __repr__(self) -> str:
        return f"<trial {self.identity}: {self._line()}>"

    def _line(self) -> str:
        """Model, what its configuration has beside defaults, seed, state and final metrics, on one line."""
        own = settings(self.model, {name: self.hyperparameters[name] for name in self._beside_defaults()})
        model = f"{title(self.model)} ({own})" if own else title(self.model)
        metrics = ", ".join(f"{short_label(key)} {value:.4g}" for key, value in [*self.metrics.items()][:MOST_METRICS])
        return f"{model}, seed {self.seed}, {self.state.lower()}" + (f": {metrics}" if metrics else "")

    def _beside_defaults(self) -> list[str]:
        import trainables

        known = trainables.known(self.model)
        fields = known.Hyperparameters.model_fields if known else {}
        return [
            name for name, value in self.hyperparameters.items() if name not in fields or fields[name].default != value
        ]

    def _repr_html_(self) -> str:
        pictures = "".join(
            f'<img src="data:image/png;base64,{base64.b64encode(png).decode()}" alt="{name} of this trial" {SHOWN}>'
            for name, png in self.pictures().items()
        )
        return f"<div><p><strong>{html.escape(self._line())}</strong> <code>{self.identity}</code></p>{pictures}</div>"

    def pictures(self) -> dict[str, bytes]:
        """The PNG files that the trial left, by name (`reconstruction`, `traversal`); none when it left none."""
        try:
            files = Folder(self.checkpoint).read(PICTURES)
        except (CorruptEntryError, OSError):
            return {}
        return {name.removesuffix(".png"): data for name, data in sorted(files.items()) if name.endswith(".png")}

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
