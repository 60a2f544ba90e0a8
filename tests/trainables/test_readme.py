"""The recipe of trainables/README.md is followed as it is written, and the contract is held to what comes out."""

import pathlib
import re
import sys

import pytest
import torch

import trainables
from studies.testing import models as contract
from studies.testing.contract import Bench
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


def test_the_example_keeps_the_contract(model: str, tmp_path: pathlib.Path) -> None:
    assert model in trainables.names()
    for check in (*contract.OF_ALL, *contract.OF_WHAT_LEARNS):
        check(Bench(model, tmp_path / check.__name__, tmp_path / "data"))


def test_the_example_estimates_the_discrepancy(model: str) -> None:
    trainables.get(model)
    discrepancy = sys.modules[f"trainables.models.{model}"].discrepancy
    generator = torch.Generator().manual_seed(0)
    first, second = torch.randn(2, 500, 4, generator=generator)
    assert abs(float(discrepancy(first, second))) < 0.005
    assert float(discrepancy(first, second + 1.0)) > 0.05


def test_every_model_is_in_the_table() -> None:
    for name in trainables.names():
        family, _, member = name.partition(".")
        assert (f"`{family}.`" if member else f"`{name}`") in README.read_text()


def test_trials_of_the_example_can_be_stacked(model: str, tmp_path: pathlib.Path) -> None:
    stacked.test_members_take_the_steps_that_they_take_alone(tmp_path, model)
