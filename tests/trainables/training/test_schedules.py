"""What changes with the step: cascades, capacities, annealing; and that a trial restored inside a stage is the same."""

import math
import pathlib

import numpy as np
import pytest
import torch

import trainables
from core.storage import Folder
from studies.testing.trials import trial_config
from trainables.training.run import TrainingRun, start


def cascade(folder: pathlib.Path, **hyperparameters: object) -> TrainingRun:
    return TrainingRun(trial_config("cascade_vae", folder, hyperparameters=hyperparameters))


def test_the_stages_relieve_one_dimension_each_and_one_begins_the_categories(tmp_path: pathlib.Path) -> None:
    model = cascade(tmp_path, stage_steps=10, warm_up_stages=4).model
    assert [model.schedule(stage) for stage in range(8)] == [
        (1, False), (2, False), (3, False), (4, False), (4, True), (5, True), (6, True), (6, True)
    ]  # fmt: skip
    assert model.warm_up_steps(model.hyperparameters) == 60
    changes = [step for step in range(80) if model.before_step(step)]
    assert changes == [10, 20, 30, 40, 50, 60]
    assert int(model.relieved.sum()) == 6


@pytest.mark.parametrize(
    ("model", "hyperparameters", "changes"),
    [
        ("beta_vae", {}, []),
        ("zero_dim", {"num_annotated": 100, "latent_steps": 7, "regression_steps": 4}, [7, 11]),
        ("zero_dim", {"num_annotated": 100, "latent_steps": 7, "regression_steps": 0}, [7]),
        ("cascade_vae_c", {"num_latents": 3, "stage_steps": 5}, [5, 10]),
        ("cascade_vae", {"num_latents": 3, "stage_steps": 5, "warm_up_stages": 1}, [5, 10, 15]),
        ("weak", {"num_annotated": 250, "warm_up": 6}, [6]),
        ("modular", {"num_annotated": 250}, []),
    ],
)
def test_a_model_says_where_it_changes_next(
    model: str, hyperparameters: dict[str, int], changes: list[int], tmp_path: pathlib.Path
) -> None:
    """A launch of several steps on a GPU must not pass over a change."""
    trained = TrainingRun(trial_config(model, tmp_path, hyperparameters=hyperparameters)).model
    announced, at = [], trained.next_change(0)
    while at < 30:
        announced.append(int(at))
        at = trained.next_change(announced[-1])
    assert announced == changes
    assert at == math.inf
    assert [step for step in range(30) if trained.before_step(step)] == changes


def test_no_category_before_its_stage_and_one_each_afterwards(tmp_path: pathlib.Path) -> None:
    run = cascade(tmp_path, stage_steps=2, warm_up_stages=1)
    images = run.dataset.images(np.arange(8))
    run.model.steps_done.fill_(1)
    assert not run.model.encode(images)[:, 6:].any()
    run.model.steps_done.fill_(2)
    categories = run.model.encode(images)[:, 6:]
    np.testing.assert_array_equal(np.sort(categories, 1), np.tile([0, 0, 1], (8, 1)))
    np.testing.assert_array_equal(run.model.categorical(run.model.encode(images))[:, 0], categories.argmax(1))
    assert run.model.scored(run.model.encode(images)).shape == (8, 6)


def test_soft_inference_gives_probabilities_with_the_same_maximum(tmp_path: pathlib.Path) -> None:
    hard, soft = (cascade(tmp_path, stage_steps=1, warm_up_stages=0, inference=kind) for kind in ("hard", "soft"))
    images = hard.dataset.images(np.arange(8))
    a, b = hard.model.encode(images)[:, 6:], soft.model.encode(images)[:, 6:]
    np.testing.assert_allclose(b.sum(1), 1.0, rtol=1e-5)
    np.testing.assert_array_equal(a.argmax(1), b.argmax(1))


def test_the_optimiser_is_reset_only_where_the_schedule_changes_and_only_if_asked(tmp_path: pathlib.Path) -> None:
    for reset, steps_of_adam in ((True, 1), (False, 3)):
        config = trial_config(
            "cascade_vae_c", tmp_path, steps=3, hyperparameters={"stage_steps": 2, "reset_optimizer": reset}
        )
        run = TrainingRun(config)
        run.advance()
        run.advance()
        states = run.model.optimizers["model"].state.values()
        assert {int(state["step"]) for state in states} == {steps_of_adam}


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("cascade_vae_c", {"stage_steps": 3}),
        ("cascade_vae", {"stage_steps": 3, "warm_up_stages": 1}),
        ("joint_vae", {"capacity_steps": 5}),
        ("beta_vae", {"capacity": 5.0, "capacity_steps": 5}),
        ("few_labels", {"labeller": "noisy", "annealing": "fixed"}),
    ],
)
def test_a_trial_restored_inside_a_stage_is_bit_identical(name: str, changes: dict, tmp_path: pathlib.Path) -> None:
    config = trial_config(name, tmp_path, steps=8, evaluate_every=4, hyperparameters=changes)
    straight = start(config)
    straight.advance()
    straight.save(Folder(tmp_path / "half"))
    last = straight.advance()
    resumed = start(config)
    resumed.restore(Folder(tmp_path / "half"))
    assert resumed.advance().metrics == last.metrics


def test_the_capacities_grow_to_their_ends_and_no_category_exceeds_its_logarithm(tmp_path: pathlib.Path) -> None:
    model = TrainingRun(trial_config("joint_vae", tmp_path, hyperparameters={"capacity_steps": 10})).model
    assert [float(part) for part in model.capacities()] == [0.0, 0.0]
    model.steps_done.fill_(5)
    assert [float(part) for part in model.capacities()] == pytest.approx([20.0, 0.55])
    model.steps_done.fill_(50)
    assert [float(part) for part in model.capacities()] == pytest.approx([40.0, np.log(3)])


def test_weights_decay_and_biases_do_not(tmp_path: pathlib.Path) -> None:
    """Adam's weight decay is the gradient of ½ · 4e-5 Σ ‖W‖²."""
    model = cascade(tmp_path).model
    decays = {id(p): group["weight_decay"] for group in model.optimizers["model"].param_groups for p in group["params"]}
    for name, parameter in model.named_parameters():
        assert decays[id(parameter)] == (4e-5 if name.endswith("weight") else 0), name
    assert len(decays) == len(list(model.parameters()))


def test_warm_ups_are_known_to_whoever_stops_trials_early() -> None:
    def steps(name: str, **values: object) -> int:
        kind = trainables.get(name)
        return int(kind.warm_up_steps(kind.Hyperparameters(**values)))

    assert steps("vae") == 0
    assert steps("beta_vae") == 0
    assert steps("beta_vae", capacity=25.0) == 100_000
    assert steps("cascade_vae_c") == 180_000
    assert steps("cascade_vae") == 120_000
    assert steps("joint_vae") == 300_000


def test_a_categorical_code_has_a_block_of_rows_per_category(tmp_path: pathlib.Path) -> None:
    run = cascade(tmp_path)
    code = run.model.encode(run.dataset.images([3]))[0]
    shown = run.model.traverse(code, [0, 4], np.linspace(-1, 1, 5))
    assert shown.shape == (3, 2, 5, 1, 64, 64)
    expected = np.concatenate([code[:6], [0, 1, 0]])[None].astype(np.float32)
    expected[0, 4] = 0.5
    np.testing.assert_allclose(shown[1, 1, 3], run.model.decode(expected)[0], atol=1e-6)
    whole = run.model.traverse(code)
    assert whole.shape == (3, 6, 10, 1, 64, 64)  # continuous dimensions alone
    np.testing.assert_allclose(whole[:, 4], run.model.traverse(code, [4])[:, 0], atol=1e-6)
    with pytest.raises(ValueError, match="not all among the 6 continuous ones"):
        run.model.traverse(code, [6])


@pytest.mark.parametrize("name", ["vae", "chyvae", "cascade_vae", "joint_vae"])
def test_the_prior_can_be_sampled(name: str, tmp_path: pathlib.Path) -> None:
    model = TrainingRun(trial_config(name, tmp_path)).model
    images = model.sample(7, torch.Generator().manual_seed(0))
    assert images.shape == (7, 1, 64, 64)
    np.testing.assert_array_equal(images, model.sample(7, torch.Generator().manual_seed(0)))
