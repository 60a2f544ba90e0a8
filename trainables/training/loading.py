"""Models by name: a new one of a configuration, and the one that a trial saved."""

import pathlib
from typing import Any

import torch

import trainables
from core import checkpoints, extensions
from core.configuration import Configuration, TrialConfig
from core.data import DatasetInfo
from core.mistakes import ExtensionError, NoCheckpointError
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


def load_model(
    folder: Folder, step: int | None = None, *, code: pathlib.Path | None = None, allow_code: bool = False
) -> Model[Any]:
    """The model of a trial as it was saved, on the CPU, ready to encode and decode; no data set is needed.

    Args:
        folder: of the trial.
        step: up to which; default the last.
        code: the folder with the study's copies of the user's own code; default where the trial had it.
        allow_code: run that code, if the model is defined there and this process has not run it.

    Raises:
        ExtensionError: the model is defined in code that must not be run, or is not there.
        NoCheckpointError: the folder holds no whole checkpoint, one without weights (the simulated model), or those of
            other networks than the model has in this version.
    """
    checkpoint = checkpoints.newest(folder, up_to=step)
    if checkpoint is None:
        raise NoCheckpointError(f"no whole checkpoint in {folder.uri}")
    if not checkpoint.weights:
        raise NoCheckpointError(f"the checkpoint in {folder.uri} has no weights")
    config = TrialConfig.from_json(checkpoint.description["trial"])
    if config.configuration.model not in trainables.shipped():
        _activate(config, code or pathlib.Path(config.code), allow_code)
    facts: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in checkpoint.description["dataset"].items()
    }
    model = build_model(config.configuration, DatasetInfo(**facts))
    try:
        model.load_state_dict(checkpoints.decode_tensors(checkpoint.weights))
    except RuntimeError as error:
        another = f"the checkpoint in {folder.uri} is of another {model.title} than this version's"
        raise NoCheckpointError(
            f"{another}, whose networks are others; load it with the version that made it"
        ) from error
    model.config = config
    return model.to(memory_format=torch.channels_last).eval()  # type: ignore[call-overload]


def _activate(config: TrialConfig, code: pathlib.Path, allowed: bool) -> None:
    """Have the model of an extension known, if its code may be run or was."""
    if not allowed and not extensions.is_loaded(config.extensions):
        files = ", ".join(f"'{each.module}'" for each in config.extensions)
        raise ExtensionError(
            f"model '{config.configuration.model}' is defined in the study's own code, {files}: load(allow_code=True) "
            f"runs the copies in {code}, which is for studies whose author you trust"
        )
    extensions.use(config.extensions, code)
