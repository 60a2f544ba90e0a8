"""The loss that every model minimises, against its formula written out anew from the same weights and noise.

In double precision, with codes far from the prior, so that no term is too small to be seen.
"""

import dataclasses
import math
import pathlib
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, Categorical, MultivariateNormal, Normal, kl_divergence
from torch.nn import functional

import trainables
from core.data.batches import Batch
from core.data.split import num_training
from studies.testing.trials import trial_config
from trainables.base import parameters_of
from trainables.models.cascade_vae_c import SIGMA_FLOOR
from trainables.models.joint_vae import PRESETS
from trainables.training.run import TrainingRun

SEED = 5
STEP = 3


class Taken(NamedTuple):
    """One step that changed nothing: the model, its batches, what it wanted to minimise, and what it logged."""

    model: Any
    batches: list[Batch]
    losses: list[float]
    parts: dict[str, float]
    noise: torch.Generator


@pytest.fixture
def taken(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Taken]:
    def take(name: str, *, steps_done: int = STEP, colours: int = 1, **own: Any) -> Taken:
        run = TrainingRun(trial_config(name, tmp_path, hyperparameters=own))
        model = run.model
        if colours > 1:
            shape = colours, *model.dataset.image_shape[1:]
            model = type(model)(model.hyperparameters, dataclasses.replace(model.dataset, image_shape=shape))
        with torch.no_grad():
            for encoder in (model.encoder, getattr(model, "discriminator", model.encoder)):
                encoder[-1].weight.mul_(8.0)
        found: list[float] = []
        monkeypatch.setattr(model, "minimise", lambda loss, *_: found.append(float(loss.detach())))
        model.optimizers = model.optimizers or {"model": None}
        model.before_step(steps_done)
        model.steps_done.fill_(steps_done)
        model.double().train()
        shades = torch.linspace(0.3, 1.0, colours, dtype=torch.float64).view(1, -1, 1, 1)
        batches = [source.at(0) for source in run.sources]
        batches = [batch._replace(images=batch.images * shades) for batch in batches]
        model.generator.manual_seed(SEED)
        parts = {key: float(value) for key, value in model.training_step(batches).items()}
        return Taken(model, batches, found, parts, torch.Generator().manual_seed(SEED))

    return take


def nats(logits: Tensor, images: Tensor) -> Tensor:
    """−log p(x|z) per image."""
    bernoulli = Bernoulli(logits=logits, validate_args=False)  # grey pixels are probabilities
    return -bernoulli.log_prob(images).flatten(1).sum(1)


def gaussians(model: Any, images: Tensor) -> Normal:
    mean, log_variance = model.encoder(images).split(model.hyperparameters.num_latents, 1)[:2]
    return Normal(mean, torch.exp(log_variance) ** 0.5)


def drawn(posterior: Normal, noise: torch.Generator) -> Tensor:
    mean: Tensor = posterior.mean
    return mean + posterior.stddev * torch.randn(mean.shape, generator=noise, dtype=mean.dtype)


def kl_of(posterior: Normal) -> Tensor:
    """(B, D)."""
    return kl_divergence(posterior, Normal(torch.zeros(()).double(), torch.ones(()).double()))


class Plain(NamedTuple):
    posterior: Normal
    codes: Tensor
    reconstruction: float
    kl: float


def plain(step: Taken) -> Plain:
    images = step.batches[0].images
    posterior = gaussians(step.model, images)
    codes = drawn(posterior, step.noise)
    error = nats(step.model.decoder(codes), images).mean()
    found = Plain(posterior, codes, float(error.detach()), float(kl_of(posterior).sum(1).mean().detach()))
    assert step.parts["reconstruction"] == pytest.approx(found.reconstruction, rel=1e-9)
    assert step.parts["kl"] == pytest.approx(found.kl, rel=1e-9)
    assert found.kl > 1
    return found


def expect(step: Taken, *losses: Any, rel: float = 1e-7) -> None:
    assert step.losses == pytest.approx([float(torch.as_tensor(loss).detach()) for loss in losses], rel=rel)


def test_beta_weighs_the_divergence_and_a_capacity_its_distance(taken: Callable[..., Taken]) -> None:
    step = taken("beta_vae", beta=7.0)
    it = plain(step)
    expect(step, it.reconstruction + 7 * it.kl)
    step = taken("beta_vae", beta=7.0, capacity=500.0, capacity_steps=4)
    it = plain(step)
    expect(step, it.reconstruction + 7 * abs(it.kl - 500 * 3 / 4))
    step = taken("vae")
    it = plain(step)
    expect(step, it.reconstruction + it.kl)


@pytest.mark.parametrize("estimator", ["mws", "mss"])
def test_beta_tcvae_weighs_the_total_correlation(estimator: str, taken: Callable[..., Taken]) -> None:
    step = taken("beta_tcvae", beta=6.0, estimator=estimator)
    it = plain(step)
    batch, count = len(it.codes), num_training(step.model.dataset.num_images)
    weights = torch.full((batch, batch), 1 / (count * batch), dtype=torch.float64)
    if estimator == "mss":
        others = batch - 1
        weights[:] = 1 / others
        for row in range(batch):
            weights[row, row] = 1 / count
            weights[row, (row + 1) % batch] = (count - others) / (count * others)
    total = 0.0
    for z, weight in zip(it.codes, weights, strict=True):
        density = it.posterior.log_prob(z).exp()  # (B, D)
        total += float((torch.log(weight @ density.prod(1)) - torch.log(weight @ density).sum()).detach()) / batch
    assert step.parts["tc"] == pytest.approx(total, rel=1e-6)
    expect(step, it.reconstruction + it.kl + 5 * total)


@pytest.mark.parametrize("averaging", ["gvae", "ml_vae"])
def test_ada_gvae_averages_the_dimensions_that_hardly_differ(averaging: str, taken: Callable[..., Taken]) -> None:
    step = taken("ada_gvae", beta=7.0, averaging=averaging)
    pair = [batch.images for batch in step.batches]
    first, second = (gaussians(step.model, images) for images in pair)
    delta = kl_divergence(first, second)
    means, scales = [first.mean.clone(), second.mean.clone()], [first.stddev.clone(), second.stddev.clone()]
    averaged = 0
    for row, found in enumerate(delta.tolist()):
        threshold = (max(found) + min(found)) / 2
        for j, distance in enumerate(found):
            if distance >= threshold:
                continue
            averaged += 1
            (a, b), (v, w) = ((one[row, j] for one in each) for each in (means, [s.square() for s in scales]))
            if averaging == "gvae":
                mean, variance = (a + b) / 2, (v + w) / 2
            else:
                variance = 1 / (1 / v + 1 / w)
                mean = variance * (a / v + b / w)
            for number in range(2):
                means[number][row, j], scales[number][row, j] = mean, variance.sqrt()
    assert 0 < averaged < delta.numel()
    noise = torch.randn(2, *delta.shape, generator=step.noise, dtype=torch.float64)
    loss = torch.zeros(()).double()
    for mean, scale, own, images in zip(means, scales, noise, pair, strict=True):
        error = nats(step.model.decoder(mean + scale * own), images)
        loss = loss + (error + 7 * kl_of(Normal(mean, scale)).sum(1)).mean() / 2
    assert step.parts["shared"] == pytest.approx(averaged / len(delta))
    expect(step, loss)


def test_qlae_draws_codes_and_codebooks_together(taken: Callable[..., Taken]) -> None:
    step = taken("qlae", num_values=4, quantization_weight=3.0, commitment_weight=5.0)
    model, images = step.model, step.batches[0].images
    torch.testing.assert_close(model.values[2].tolist(), [-0.5, -1 / 6, 1 / 6, 0.5])
    continuous = model.encoder(images)
    nearest = torch.zeros_like(continuous)
    for row, code in enumerate(continuous.tolist()):
        for j, value in enumerate(code):
            nearest[row, j] = min(model.values[j].tolist(), key=lambda each, value=value: abs(each - value))
    assert len(set(nearest.flatten().tolist())) == 4
    distance = (continuous - nearest).square().mean()
    assert step.parts["quantization"] == pytest.approx(float(distance.detach()), rel=1e-7)
    assert step.parts["reconstruction"] > 100
    expect(step, nats(model.decoder(nearest), images).mean() / 4096 + (3 + 5) * distance)


def test_the_gradient_passes_the_quantisation_of_qlae(taken: Callable[..., Taken]) -> None:
    """The encoder follows the decoder's gradient at the quantised code; codebooks follow the codes alone."""
    step = taken("qlae", quantization_weight=3.0, commitment_weight=5.0)
    model, images = step.model, step.batches[0].images
    model.zero_grad()
    model.loss(step.batches)[0].backward()
    found = [weight.grad.clone() for weight in (model.values, model.encoder[-1].bias)]

    continuous = model.encoder(images)
    quantised = model.codes(images).detach().requires_grad_()
    (slope,) = torch.autograd.grad(nats(model.decoder(quantised), images).mean() / 4096, quantised)
    apart = 2 * (continuous - quantised).detach() / continuous.numel()
    into_encoder = (slope + 5 * apart).sum(0)  # the last bias is added to every code
    into_values = torch.zeros_like(model.values)
    for code, away in zip(quantised.tolist(), apart, strict=True):
        for j, value in enumerate(code):
            into_values[j, model.values[j].tolist().index(value)] -= 3 * away[j]
    torch.testing.assert_close(found[0], into_values, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(found[1], into_encoder, rtol=1e-9, atol=1e-12)


def test_qlae_decays_weights_but_no_bias_and_no_codebook(tmp_path: pathlib.Path) -> None:
    run = TrainingRun(trial_config("qlae", tmp_path, hyperparameters={"weight_decay": 10.0, "learning_rate": 1e-2}))
    (optimizer,) = run.model.optimizers.values()
    before = {name: value.clone() for name, value in run.model.named_parameters()}
    for parameter in parameters_of(optimizer):
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    for name, value in run.model.named_parameters():
        kept = 0.9 if name.endswith("weight") else 1.0
        torch.testing.assert_close(value, kept * before[name], rtol=1e-6, atol=0)


@pytest.mark.parametrize(("kind", "diagonal"), [("i", 10.0), ("ii", 1.0)])
def test_dip_vae_holds_the_covariance_near_the_identity(
    kind: str, diagonal: float, taken: Callable[..., Taken]
) -> None:
    step = taken("dip_vae", kind=kind, lambda_od=3.0, diagonal=0.5)
    it = plain(step)
    covariance = torch.cov(it.posterior.mean.detach().T, correction=0)
    if kind == "ii":
        covariance = covariance + torch.diag(it.posterior.variance.detach().mean(0))
    off = sum(float(covariance[i, j]) ** 2 for i in range(10) for j in range(10) if i != j)
    own = sum((float(covariance[i, i]) - 1) ** 2 for i in range(10))
    expect(step, it.reconstruction + it.kl + 3 * off + 3 * diagonal * 0.5 * own)


def test_factor_vae_and_its_discriminator(taken: Callable[..., Taken]) -> None:
    """The first loss has the gradient of γ TC, not its value: γ z · ∂TC/∂z stands for it."""
    step = taken("factor_vae", gamma=35.0)
    it = plain(step)
    leaf = it.codes.detach().requires_grad_()
    odds = Categorical(logits=step.model.discriminator(leaf)).logits
    tc = (odds[:, 0] - odds[:, 1]).mean()
    (slope,) = torch.autograd.grad(tc, leaf)
    assert step.parts["tc"] == pytest.approx(float(tc.detach()), rel=1e-7)
    second = drawn(gaussians(step.model, step.batches[1].images), step.noise)
    keys = torch.rand(second.shape, generator=step.noise, dtype=second.dtype)
    shuffled = torch.stack([column[key.argsort()] for column, key in zip(second.T, keys.T, strict=True)], 1)
    unlike = step.model.discriminator(shuffled).log_softmax(1)[:, 1].mean()
    loss = -0.5 * (odds[:, 0].mean() + unlike)
    expect(step, it.reconstruction + it.kl + 35 * float((it.codes * slope).sum().detach()), loss)


def test_the_discriminator_and_the_autoencoder_get_no_gradient_of_each_other(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = TrainingRun(trial_config("factor_vae", tmp_path))
    model, seen = run.model, []

    def backward(loss: Tensor, optimizer: torch.optim.Optimizer, gradients: list[Tensor] | None) -> None:
        model.zero_grad(set_to_none=True)
        owned = parameters_of(optimizer)
        if gradients is None:
            loss.backward()
            assert {id(p) for p in model.parameters() if p.grad is not None} == {id(p) for p in owned}
        else:
            assert not loss.requires_grad
            assert [gradient.shape for gradient in gradients] == [p.shape for p in owned]
        names = {id(p): name.split(".")[0] for name, p in model.named_parameters()}
        seen.append({names[id(p)] for p in owned})

    monkeypatch.setattr(model, "minimise", backward)
    model.training_step([source.at(0) for source in run.sources])
    assert seen == [{"encoder", "decoder"}, {"discriminator"}]


def test_cascade_weighs_every_dimension_by_its_stage(taken: Callable[..., Taken]) -> None:
    step = taken("cascade_vae_c", beta_l=0.5, beta_h=9.0, stage_steps=1)
    images = step.batches[0].images
    mean, feature = step.model.encoder(images).split(10, 1)
    posterior = Normal(mean, torch.log1p(torch.exp(feature)) + SIGMA_FLOOR)
    codes = drawn(posterior, step.noise)
    kl = kl_of(posterior).mean(0)
    weighed = 0.5 * kl[:4].sum() + 9 * kl[4:].sum()  # stage 3 has four relieved dimensions
    assert float(kl[4:].sum().detach()) > 1
    expect(step, nats(step.model.decoder(codes), images).mean() + weighed)


def test_cascade_decodes_the_cheapest_category_of_every_image(taken: Callable[..., Taken]) -> None:
    step = taken("cascade_vae", stage_steps=1, warm_up_stages=1, penalty_weight=0.0, beta_l=0.5, beta_h=9.0)
    images = step.batches[0].images
    mean, feature = step.model.encoder(images).split(6, 1)
    posterior = Normal(mean, torch.log1p(torch.exp(feature)) + SIGMA_FLOOR)
    codes = drawn(posterior, step.noise)
    costs = []
    for category in torch.eye(3).double():
        logits = step.model.decoder(torch.cat([codes, category.expand(len(codes), 3)], 1))
        costs.append(nats(logits, images))
    kl = kl_of(posterior).mean(0)
    weighed = 0.5 * kl[:3].sum() + 9 * kl[3:].sum()
    expect(step, torch.stack(costs).min(0).values.mean() + weighed)


@pytest.mark.parametrize("scale", ["nats", "original"])
@pytest.mark.parametrize("colours", [1, 3])
def test_joint_vae_holds_both_divergences_to_their_capacities(
    scale: str, colours: int, taken: Callable[..., Taken]
) -> None:
    """`original`: reconstruction over colours, everything over H W; the logged parts stay in nats."""
    own = {"num_discrete": 2, "num_categories": 3, "capacity_steps": 4, "gamma": 30.0, "temperature": 0.5}
    step = taken("joint_vae", scale=scale, colours=colours, capacity=4.0, discrete_capacity=1.5, **own)
    images = step.batches[0].images
    posterior = gaussians(step.model, images)
    codes = drawn(posterior, step.noise)
    alpha = step.model.encoder(images)[:, 12:].view(-1, 2, 3).softmax(-1)
    gumbel = -torch.log(-torch.log(torch.rand(alpha.shape, generator=step.noise, dtype=torch.float64)))
    relaxed = functional.softmax((alpha.log() + gumbel) / 0.5, -1).flatten(1)
    uniform = Categorical(torch.full((3,), 1 / 3).double())
    kl, kl_discrete = kl_of(posterior).sum(1).mean(), kl_divergence(Categorical(alpha), uniform).sum(1).mean()
    error = nats(step.model.decoder(torch.cat([codes, relaxed], 1)), images).mean()
    penalties = 30 * abs(kl - 4 * 3 / 4) + 30 * abs(kl_discrete - 1.5 * 3 / 4)
    assert step.parts["reconstruction"] == pytest.approx(float(error.detach()), rel=1e-7)
    assert step.parts["kl_discrete"] == pytest.approx(float(kl_discrete.detach()), rel=1e-7)
    if scale == "nats":
        expect(step, error + penalties)
    else:
        mean_error = functional.binary_cross_entropy_with_logits(
            step.model.decoder(torch.cat([codes, relaxed], 1)), images
        )
        torch.testing.assert_close(mean_error * 64 * 64, error / colours)
        expect(step, mean_error + penalties / 4096)


def test_the_authors_presets_of_joint_vae_are_legal_and_the_default_is_that_of_dsprites() -> None:
    kind = trainables.get("joint_vae").Hyperparameters
    for name, values in PRESETS.items():
        assert kind(**values).scale == "original", name
    assert kind(**{**PRESETS["dsprites"], "scale": "nats"}) == kind()
    assert [kind(**PRESETS[name]).gamma for name in PRESETS] == [150, 100, 300, 30, 100]


@pytest.mark.parametrize("bound", ["paper", "student_t"])
def test_chyvae_adds_the_divergence_from_its_hyperprior(bound: str, taken: Callable[..., Taken]) -> None:
    nu, p = 33.0, 4
    step = taken("chyvae", nu=nu, bound=bound, num_latents=p)
    images = step.batches[0].images
    output = step.model.encoder(images)
    mean, square = output[:, :p], output[:, p:].view(-1, p, p)
    factor = square.tril(-1) + torch.diag_embed(functional.softplus(square.diagonal(dim1=1, dim2=2)) + 1e-4)
    s = factor @ factor.mT + 1e-4 * torch.eye(p).double()
    samples = []
    for _ in range(2):  # one is decoded, the other enters the hyperprior
        first, second = torch.randn((2, *mean.shape), generator=step.noise, dtype=torch.float64)
        samples.append(mean + (factor @ first[:, :, None])[:, :, 0] + 0.01 * second)
    psi = (nu - p - 1) * torch.eye(p).double()
    phi = psi + samples[1][:, :, None] * samples[1][:, None]
    inner = torch.linalg.inv(phi) @ (s + mean[:, :, None] * mean[:, None] + psi)
    trace = inner.diagonal(dim1=1, dim2=2).sum(1) if bound == "paper" else torch.full((len(mean),), float(p)).double()
    written = 0.5 * ((nu + 1) * (torch.logdet(phi) + trace) - torch.logdet(s))

    def log_gamma_p(a: float) -> float:
        return p * (p - 1) / 4 * math.log(math.pi) + sum(math.lgamma(a - i / 2) for i in range(p))

    constant = -0.5 * p * (1 + math.log(2)) - 0.5 * nu * float(torch.logdet(psi)) - 0.5 * (nu + 1) * p
    constant += log_gamma_p(nu / 2) - log_gamma_p((nu + 1) / 2)
    expect(step, (nats(step.model.decoder(samples[0]), images) + written + constant).mean())


@pytest.mark.parametrize(("annealing", "weight"), [("fixed", 8.0), ("linear", 6.0), ("fine_tune", 0.0)])
def test_few_labels_adds_the_weighed_loss_of_its_labels(
    annealing: str, weight: float, taken: Callable[..., Taken]
) -> None:
    step = taken("few_labels", beta=2.0, gamma_sup=8.0, annealing=annealing, anneal_steps=4)
    it = plain(step)
    mean = gaussians(step.model, step.batches[1].images).mean
    sizes = torch.tensor(step.model.dataset.factor_sizes)
    target = step.batches[1].factors / sizes
    supervised = -Bernoulli(logits=mean[:, : len(sizes)], validate_args=False).log_prob(target.double()).sum()
    expect(step, it.reconstruction + 2 * it.kl + weight * supervised)


def test_zero_dim_weighs_everything_against_the_mean_over_pixels(taken: Callable[..., Taken]) -> None:
    step = taken("zero_dim", latent_steps=10, entropy_start=2, residual_std=0.5, residual_decay=0.1, entropy_weight=0.3,
                 label_weight=0.7, annotated_weight=4.0)  # fmt: skip
    model, (batch, annotated) = step.model, step.batches
    sizes = model.dataset.factor_sizes

    def heads(images: Tensor) -> list[Categorical]:
        return [Categorical(logits=classifier(images)) for classifier in model.classifiers]

    def reconstructed(numbers: Tensor, shown: Batch) -> Tensor:
        residual = model.residuals[shown.index]
        noisy = residual + 0.5 * torch.randn(residual.shape, generator=step.noise)
        error = nats(model.decoder(torch.cat([numbers, noisy], 1)), shown.images).mean() / 4096
        return error + 0.1 * residual.square().mean()

    assert annotated.factors is not None
    known = torch.stack([values[annotated.factors[:, k]] for k, values in enumerate(model.values)], 1)
    guessed = heads(batch.images)
    numbers = torch.stack([head.probs @ values for head, values in zip(guessed, model.values, strict=True)], 1)
    labelled = dict(zip(*(part.tolist() for part in model.labels), strict=True))
    seen = [row for row, number in enumerate(batch.index.tolist()) if number in labelled]
    assert 0 < len(seen) < len(batch.index)
    for row in seen:
        values = labelled[int(batch.index[row])]
        numbers[row] = torch.stack([own[value] for own, value in zip(model.values, values, strict=True)])
    loss = reconstructed(numbers, batch) + 0.3 * sum(head.entropy().mean() for head in guessed) / len(sizes)
    named = heads(annotated.images)
    surprise = sum(-head.log_prob(annotated.factors[:, k]).mean() for k, head in enumerate(named))
    expect(step, loss + 4 * (reconstructed(known, annotated) + 0.7 * surprise))


def test_zero_dim_tunes_without_noise_and_labels(taken: Callable[..., Taken]) -> None:
    step = taken("zero_dim", latent_steps=1, regression_steps=1, regression_weight=3.0, residual_std=0.5)
    model, batch = step.model, step.batches[0]
    heads = [Categorical(logits=classifier(batch.images)) for classifier in model.classifiers]
    numbers = torch.stack([head.probs @ values for head, values in zip(heads, model.values, strict=True)], 1)
    residual = model.encoder(batch.images)
    error = nats(model.decoder(torch.cat([numbers, residual], 1)), batch.images).mean() / 4096
    expect(step, error + 3 * (residual - model.residuals[batch.index]).square().mean())


class Prior:
    """The components of a partitioned model, as distributions."""

    def __init__(self, model: Any) -> None:
        self.model, self.sizes = model, model.dataset.factor_sizes

    def component(self, partition: int, value: int) -> MultivariateNormal:
        prior = self.model.prior
        return MultivariateNormal(prior.means[partition, value], scale_tril=prior.factors[partition, value])

    def values(self, count: int, noise: torch.Generator) -> Tensor:
        return (torch.rand(count, len(self.sizes), generator=noise) * torch.tensor(self.sizes)).long()

    def codes(self, values: Tensor, noise: torch.Generator) -> Tensor:
        """Samples (N, P, 8) of the components of values (N, P)."""
        standard = torch.randn((*values.shape, 8), generator=noise, dtype=torch.float64)
        rows = []
        for row, drawn_values in zip(standard, values.tolist(), strict=True):
            components = [self.component(k, value) for k, value in enumerate(drawn_values)]
            rows.append([c.loc + c.scale_tril @ one for c, one in zip(components, row, strict=True)])
        return torch.stack([torch.stack(row) for row in rows])

    def surprise(self, codes: Tensor, values: Tensor) -> Tensor:
        """½ (squared Mahalanobis distance) / 8, summed over partitions, averaged over codes (N, P, 8)."""
        total = torch.zeros(()).double()
        for row, own in zip(codes, values.tolist(), strict=True):
            for k, value in enumerate(own):
                component = self.component(k, value)
                difference = row[k] - component.loc
                total = total + 0.5 * difference @ torch.linalg.inv(component.covariance_matrix) @ difference / 8
        return total / len(codes)


@pytest.mark.parametrize("preset", ["label_conditioned", "cycled", "modular"])
def test_the_modular_autoencoder_its_discriminator_and_its_learner(preset: str, taken: Callable[..., Taken]) -> None:
    own = {"lambda_": 3.0, "anchor_weight": 5.0, "cycle_weight": 7.0, "warm_up": STEP, "batch_size": 6}
    step = taken("modular", preset=preset, num_annotated=250, **own)
    model, prior, (batch, annotated) = step.model, Prior(step.model), step.batches
    sizes, labels = prior.sizes, max(prior.sizes) + 1
    assert annotated.factors is not None
    codes = model.encoder(torch.cat([batch.images, annotated.images]))
    split = codes.view(-1, 2, 8)
    values = annotated.factors

    def seen(codes: Tensor, known: Tensor) -> Tensor:
        """The logits of the discriminator; the last len(known) codes are shown with their values."""
        rows = []
        for i, code in enumerate(codes):
            for k in range(2):
                told, which = torch.zeros(labels).double(), torch.zeros(2).double()
                at = i - (len(codes) - len(known))
                told[int(known[at, k]) if at >= 0 else labels - 1] = 1
                which[k] = 1
                rows.append(torch.cat([code[k], told, which]))
        return model.discriminator(torch.stack(rows))[:, 0]

    loss = nats(model.decoder(codes[:6]), batch.images).mean()
    loss = loss - 3 * 2 * torch.sigmoid(seen(split, values)).log().mean()
    if preset != "label_conditioned":
        loss = loss + 5 * prior.surprise(split[6:], values)
        imagined = prior.values(3, step.noise)
        pictures = torch.sigmoid(model.decoder(prior.codes(imagined, step.noise).flatten(1)))
        loss = loss + 7 * prior.surprise(model.encoder(pictures).view(-1, 2, 8), imagined)
    drawn_values = prior.values(12, step.noise)
    drawn_values[6:] = values
    real = prior.codes(drawn_values, step.noise)
    right, wrong = torch.sigmoid(seen(real, values)), 1 - torch.sigmoid(seen(split, values))
    against = -0.5 * (right.log().mean() + wrong.log().mean())

    before, (which, place) = prior.values(128, step.noise), torch.rand(2, 128, generator=step.noise)
    relations = [(k, by) for k in range(2) for by in (1, -1)]  # right, left, down, up, all wrapping
    number = (which * 4).long()
    factor = torch.tensor([relations[int(n)][0] for n in number])
    source = (place * torch.tensor(sizes)[factor]).long()
    before[torch.arange(128), factor] = source
    after = before.clone()
    for row, n in enumerate(number.tolist()):
        k, by = relations[n]
        after[row, k] = (before[row, k] + by) % sizes[k]
    start = prior.codes(before, step.noise)
    target = prior.codes(after, step.noise)
    for row, k in enumerate(factor.tolist()):
        target[row, 1 - k] = start[row, 1 - k]
    asked = torch.eye(4).double()[number]
    edited = model.learner(torch.cat([start.flatten(1), asked], 1)).view(-1, 2, 8)
    expect(step, loss, against, (edited - target).square().mean(), rel=1e-6)  # components are kept in float32
