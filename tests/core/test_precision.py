"""bfloat16 for the convolutional networks of a model that trains, and for nothing else."""

import pathlib

import numpy as np
import pytest
import torch
from torch import nn

import trainables
from core.networks import build_decoder, build_encoder, lower
from studies.testing.trials import trial_config
from trainables.training.loop import Eager
from trainables.training.run import BF16, TrainingRun
from trainables.training.stack import Stack, StackedBatches, can_be_stacked

NAMES = [name for name in trainables.names() if trainables.get(name).learns]


class Autoencoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = build_encoder("tiny", (1, 64, 64), 20)
        self.decoder = build_decoder("tiny", (1, 64, 64), 20)


def test_activations_are_lowered_in_training_and_what_leaves_a_network_is_not() -> None:
    torch.manual_seed(0)
    model = Autoencoder()
    images = torch.rand(4, 1, 64, 64)
    plain = model.decoder(model.encoder(images))
    lower(model)
    inside = []
    model.encoder[0].register_forward_hook(lambda *given: inside.append(given[2].dtype))
    logits = model.decoder(model.encoder(images))
    logits.sum().backward()
    assert inside == [torch.bfloat16]
    assert logits.dtype == torch.float32
    assert {parameter.grad.dtype for parameter in model.parameters() if parameter.grad is not None} == {torch.float32}
    assert not torch.equal(logits, plain)
    torch.testing.assert_close(logits, plain, atol=BF16, rtol=BF16)
    assert torch.equal(model.eval().decoder(model.encoder(images)), plain)


def test_networks_without_convolutions_stay_as_they_are() -> None:
    torch.manual_seed(0)
    network = nn.ModuleList([build_encoder("mlp", (1, 64, 64), 20)])
    images = torch.rand(4, 1, 64, 64)
    plain = network[0](images)
    lower(network)
    assert torch.equal(network[0](images), plain)


@pytest.mark.parametrize("name", NAMES)
def test_the_losses_of_every_model_agree(name: str, tmp_path: pathlib.Path) -> None:
    run = TrainingRun(trial_config(name, tmp_path))
    assert run.precision == "float32"  # on a CPU, whatever is asked
    assert not run._loses_in_bfloat16()


def test_a_model_whose_losses_do_not_agree_is_told(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def far(model: nn.Module) -> None:
        model.decoder.register_forward_hook(lambda *given: given[2] + 1.0)  # type: ignore[union-attr]

    monkeypatch.setattr("core.networks.lower", far)
    assert TrainingRun(trial_config("beta_vae", tmp_path))._loses_in_bfloat16()


@pytest.mark.parametrize("name", [name for name in NAMES if can_be_stacked(trainables.get(name))])
def test_a_stack_is_lowered_as_its_members_are(name: str, tmp_path: pathlib.Path) -> None:
    alone, *runs = (TrainingRun(trial_config(name, tmp_path)) for _ in range(3))
    for run in (alone, *runs):
        lower(run.model)
        run.model.train()
    wanted = Eager(alone.model, alone.sources)(0, 1)
    sources = [StackedBatches(each, [0, 0]) for each in zip(*(run.sources for run in runs), strict=True)]
    found = Eager(Stack([run.model for run in runs]), sources)(0, 1)
    for part, value in wanted.items():
        np.testing.assert_allclose(found[part].numpy(), [float(value)] * 2, rtol=BF16, atol=BF16)
