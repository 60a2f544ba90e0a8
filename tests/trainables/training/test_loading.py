import dataclasses
import pathlib

import pytest

from core import checkpoints
from core.mistakes import NoCheckpointError
from core.storage import Folder
from studies.testing.trials import trial_config
from trainables.training.loading import load_model
from trainables.training.run import TrainingRun


def test_a_checkpoint_of_other_networks_is_told_in_one_sentence(tmp_path: pathlib.Path) -> None:
    """As a model's of an earlier version may be."""
    saved = TrainingRun(trial_config("beta_vae", tmp_path)).checkpoint()
    weights = checkpoints.decode_tensors(saved.weights)
    weights["classifier.0.weight"] = weights.pop("encoder.0.weight")
    folder = Folder(tmp_path / "earlier")
    checkpoints.save(folder, dataclasses.replace(saved, weights=checkpoints.encode_tensors(weights)))
    with pytest.raises(NoCheckpointError, match="another β-VAE than this version's") as told:
        load_model(folder)
    assert "\n" not in str(told.value)
