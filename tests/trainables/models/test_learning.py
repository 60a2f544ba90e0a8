"""What theory says must come out of training, at the smallest scale and with the margins at which it does.

One square, 1,920 images; budgets and margins were measured over three seeds. Scores of disentanglement are not
ordered at this scale, and nothing here asks for it.
"""

import functools
import pathlib
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import trainables
from core.objectives import bernoulli_reconstruction
from studies.testing.trials import trial_config
from trainables.base import Parts
from trainables.models.chyvae import JITTER, CHyVAE
from trainables.training.run import TrainingRun

SQUARE = {"name": "dsprites.quick", "fix": {"shape": 0}}
MEAN_IMAGE = 504.0  # nats per image of the best constant image
METRICS = ("reconstruction_error", "kl", "total_correlation")

Trained = Callable[..., dict[str, float]]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Final metrics of a model after some tiny steps; the same question is answered once."""
    folder = tmp_path_factory.mktemp("learning")

    @functools.cache
    def train(name: str, steps: int = 300, seed: int = 0, network: str = "tiny", **own: Any) -> dict[str, float]:
        sizes = {"small": {"network": "small", "batch_size": 32, "learning_rate": 1e-3}}.get(network, {})
        config = trial_config(
            name,
            folder,
            seed=seed,
            dataset=SQUARE,
            steps=steps,
            evaluate_every=steps,
            final_metrics=METRICS,
            hyperparameters={**sizes, **own},
        )
        return dict(TrainingRun(config).advance().metrics)

    return train


@pytest.mark.slow
def test_a_larger_beta_lowers_the_divergence_and_raises_the_error(trained: Trained) -> None:
    one, sixteen = trained("vae"), trained("beta_vae", beta=16.0)
    assert one["kl"] > 2 * sixteen["kl"]
    assert sixteen["reconstruction_error"] > 1.2 * one["reconstruction_error"]
    assert one["kl_active_dims"] >= sixteen["kl_active_dims"] + 2
    assert one["reconstruction_error"] < 0.6 * MEAN_IMAGE
    assert sixteen["reconstruction_error"] < 0.75 * MEAN_IMAGE


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_factor_vae_lowers_the_total_correlation(trained: Trained, seed: int) -> None:
    """At a γ that these budgets can follow: at 35 the estimate falls further, but the discriminator is only fooled."""
    factor, without = (trained("factor_vae", steps=600, seed=seed, gamma=gamma) for gamma in (10.0, 0.0))
    for other in (without, trained("vae", steps=600, seed=seed)):
        assert factor["total_correlation_gaussian"] < 0.4 * other["total_correlation_gaussian"]
    assert factor["train/tc"] < 0.4 * without["train/tc"]
    assert factor["reconstruction_error"] < 0.75 * MEAN_IMAGE


@pytest.mark.slow
def test_beta_tcvae_lowers_the_total_correlation(trained: Trained) -> None:
    tc = trained("beta_tcvae", steps=500, network="small", beta=6.0)
    plain = trained("vae", steps=500, network="small")
    assert tc["total_correlation_gaussian"] < 0.5 * plain["total_correlation_gaussian"]


@pytest.mark.slow
def test_the_relieved_dimensions_carry_the_divergence(trained: Trained) -> None:
    found = trained("cascade_vae_c", stage_steps=100)
    each = np.array([found[f"kl_dim_{dim}"] for dim in range(10)])
    assert each[:3].sum() > 0.8 * each.sum()


@pytest.mark.slow
def test_joint_vae_follows_its_capacities(trained: Trained) -> None:
    """KL_c is no proof of use: categories may all be the same, which the entropy of their shares tells."""
    found = trained("joint_vae", steps=900, capacity=8.0, capacity_steps=800)
    assert found["kl"] == pytest.approx(8.0, rel=0.1)


class FullCovarianceVAE(CHyVAE):
    """A VAE of β = 1 with CHyVAE's posterior and noise: what ν → ∞ must come to."""

    def training_step(self, batches: Any) -> Parts:
        images = batches[0].images
        mean, factor = self.gaussian(images)
        codes = self._sample(mean, factor, self.generator)
        self._sample(mean, factor, self.generator)
        covariance = factor @ factor.mT + JITTER * torch.eye(mean.shape[1])
        trace = covariance.diagonal(dim1=1, dim2=2).sum(1)
        kl = 0.5 * (trace + mean.square().sum(1) - mean.shape[1] - torch.logdet(covariance)).mean()
        reconstruction = bernoulli_reconstruction(self.decoder(codes), images)
        self.minimise(reconstruction + kl, self.optimizers["model"])
        return {"reconstruction": reconstruction.detach(), "kl": kl.detach()}


def weights_after(model: type[CHyVAE], nu: float, folder: pathlib.Path, steps: int = 10) -> torch.Tensor:
    run = TrainingRun(trial_config("chyvae", folder, dataset=SQUARE, steps=steps, hyperparameters={"nu": nu}))
    run.model.__class__ = model
    run.train(steps)
    return torch.cat([parameter.detach().flatten() for parameter in run.model.parameters()])


def test_a_very_large_nu_trains_like_a_vae_with_full_covariance(tmp_path: pathlib.Path) -> None:
    """Ten steps only: rounding grows from there."""
    plain = weights_after(FullCovarianceVAE, 33.0, tmp_path)
    differences = [
        float((weights_after(CHyVAE, nu, tmp_path) - plain).norm() / plain.norm()) for nu in (1e6, 1e5, 33.0)
    ]
    assert differences[0] < 1e-4
    assert differences[1] < 1e-4
    assert differences[2] > 1e-3


@pytest.mark.slow
@pytest.mark.timeout(3_600)  # of the clock, on a machine that does other work; the budget below is the processor's
def test_the_modular_autoencoder_as_it_comes_edits_real_images(tmp_path: pathlib.Path) -> None:
    """All defaults, 1,000 annotated images of dsprites.v2, 1,000 steps: 0.996 and 0.976 were measured in 213 s."""
    defaults = trainables.get("modular").Hyperparameters().model_dump(mode="json")
    assert defaults["num_annotated"] == 1_000
    config = trial_config(
        "modular",
        tmp_path,
        dataset="dsprites.v2",
        steps=1_000,
        evaluate_every=1_000,
        final_metrics=("relation_accuracy",),
        hyperparameters=defaults,
    )
    began = time.process_time()
    run = TrainingRun(config)
    metrics = run.advance().metrics
    assert time.process_time() - began <= 15 * 60  # with the judge, which is trained here too
    assert metrics["factor_accuracy"] >= 0.97
    assert metrics["relation_accuracy_judged"] >= 0.90
    assert run.model.warnings(metrics) == []
