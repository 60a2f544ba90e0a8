"""Models by name: a new one of a configuration, and the one that a trial saved."""

from typing import Any

import torch

import trainables
from core import checkpoints
from core.configuration import Configuration, TrialConfig
from core.data import DatasetInfo
from core.mistakes import NoCheckpointError
from core.storage import Folder
from trainables.base import Model


def build_model(configuration: Configuration, dataset: DatasetInfo) -> Model[Any]:
    """A model that has not learnt anything, on the CPU.

    Raises:
        TypeError: of something that does not learn.
    """
    trainable = trainables.get(configuration.model)
    if not issubclass(trainable, Model):
        raise TypeError(f"'{configuration.model}' is no model in PyTorch")
    model: Model[Any] = trainable(trainable.Hyperparameters(**configuration.hyperparameters), dataset)
    return model


def load_model(folder: Folder, step: int | None = None) -> Model[Any]:
    """The model of a trial as it was saved, on the CPU, ready to encode and decode; no data set is needed.

    Raises:
        NoCheckpointError: the folder holds no whole checkpoint, or one without weights (the simulated model).
    """
    checkpoint = checkpoints.newest(folder, up_to=step)
    if checkpoint is None:
        raise NoCheckpointError(f"no whole checkpoint in {folder.uri}")
    if not checkpoint.weights:
        raise NoCheckpointError(f"the checkpoint in {folder.uri} has no weights")
    config = TrialConfig.from_json(checkpoint.description["trial"])
    facts: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in checkpoint.description["dataset"].items()
    }
    model = build_model(config.configuration, DatasetInfo(**facts))
    model.load_state_dict(checkpoints.decode_tensors(checkpoint.weights))
    model.config = config
    return model.to(memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
