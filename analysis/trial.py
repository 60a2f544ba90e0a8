"""A trial as a user holds it, and the model that it trained."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from core.storage import Folder


class LoadedModel:
    """A trained model, on the CPU; needs neither Ray nor the data set.

    Attributes:
        module: the model in PyTorch; its attributes (`hyperparameters`, `serves`, …) can be read here too.
        config: the trial that it comes from.
        dataset: facts about the data set it was trained on.
    """

    def __init__(self, module: Any) -> None:
        self.module = module
        self.config = module.config
        self.dataset = module.dataset

    def __getattr__(self, name: str) -> Any:
        if name == "module":
            raise AttributeError(name)
        return getattr(self.module, name)

    def encode(self, images: np.ndarray) -> np.ndarray:
        """Codes (N, D) float32, posterior means, of images (N, C, H, W) uint8."""
        codes: np.ndarray = self.module.encode(images)
        return codes

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """Images (N, C, H, W) float32 in [0, 1] of codes (N, D)."""
        images: np.ndarray = self.module.decode(codes)
        return images

    def traverse(
        self,
        base: np.ndarray,
        dimensions: Sequence[int] | None = None,
        values: Sequence[float] | np.ndarray | None = None,
    ) -> np.ndarray:
        """Decoded images (dimensions, values, C, H, W) uint8: one dimension of a code replaced at a time.

        Args:
            base: a code (D,), or an image (C, H, W) uint8, which is encoded.
            dimensions: which, in this order; default all.
            values: what they are set to; default 20 values from −3 to 3, as in the CHyVAE paper.
        """
        from trainables.pictures import traverse

        code = self.encode(base[None])[0] if base.ndim == 3 else base
        chosen = np.arange(len(code)) if dimensions is None else np.asarray(dimensions)
        return traverse(self.module, code, chosen, np.linspace(-3.0, 3.0, 20) if values is None else np.asarray(values))


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
    """

    configuration: str
    seed: int
    model: str
    hyperparameters: Mapping[str, Any]
    metrics: Mapping[str, float]
    state: str
    checkpoint: str

    @property
    def identity(self) -> str:
        """`<configuration hash>-s<seed>`, which names its folder, its Ray trial and its MLflow tag."""
        return f"{self.configuration}-s{self.seed}"

    def load(self) -> LoadedModel:
        """The trained model: `.encode(images)`, `.decode(codes)`, `.traverse(base)`, `.config`, `.dataset`.

        Raises:
            FileNotFoundError: no whole checkpoint is there (retention removed it, or training never saved one).
        """
        from trainables.run import load_model

        return LoadedModel(load_model(Folder(self.checkpoint)))
