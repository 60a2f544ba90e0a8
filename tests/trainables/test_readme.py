"""The recipe of trainables/README.md is followed as it is written, and the contract is held to what comes out."""

import pathlib
import re
import sys

import pytest
import torch

import trainables
from tests.contracts import test_models as contract
from tests.trainables.training import test_stack as stacked
from trainables import models

README = pathlib.Path(trainables.__file__).with_name("README.md")
NAME = "mmd_vae"


@pytest.fixture
def model(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The example as a file of its own beside the models that exist."""
    found = re.search(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert found is not None
    code = found.group(1)
    assert len(code.splitlines()) < 80
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / f"{NAME}.py").write_text(code)
    monkeypatch.setattr(models, "__path__", [*models.__path__, str(folder)])
    monkeypatch.delitem(sys.modules, f"trainables.models.{NAME}", raising=False)
    return NAME


def test_the_example_keeps_the_contract(model: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert model in trainables.names()
    contract.test_hyperparameters_are_typed_documented_and_bounded(model)
    contract.test_a_restored_trial_is_bit_identical_to_one_that_never_stopped(model, tmp_path)
    contract.test_encode_and_decode_of_a_saved_model(model, tmp_path)
    contract.test_extreme_hyperparameters_do_not_crash(model, tmp_path)
    with monkeypatch.context() as patch:
        contract.test_a_step_never_reads_a_tensor_on_the_host(model, tmp_path, patch)


def test_the_example_estimates_the_discrepancy(model: str) -> None:
    trainables.get(model)
    discrepancy = sys.modules[f"trainables.models.{model}"].discrepancy
    generator = torch.Generator().manual_seed(0)
    first, second = torch.randn(2, 500, 4, generator=generator)
    assert abs(float(discrepancy(first, second))) < 0.005
    assert float(discrepancy(first, second + 1.0)) > 0.05


def test_every_model_is_in_the_table() -> None:
    for name in trainables.names():
        assert f"`{name}`" in README.read_text()


def test_trials_of_the_example_can_be_stacked(model: str, tmp_path: pathlib.Path) -> None:
    stacked.test_members_take_the_steps_that_they_take_alone(tmp_path, model)
