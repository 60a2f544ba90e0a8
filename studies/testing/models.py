"""The contract of every model."""

import contextlib
import dataclasses
import math
import random
from typing import Any, Literal, get_args, get_origin
from unittest import mock

import numpy as np

import core.data
from analysis.reading.columns import OF_TRIAL
from core.checkpoints import decode_training
from core.data.split import num_training
from core.storage import Folder
from studies.testing.contract import Bench, Check, NotApplicable, hold, identical
from trainables.hyperparameters import Hyperparameters

READS = ("item", "tolist", "numpy", "__bool__", "__float__", "__int__")
DRAWS = 4  # of odd hyperparameters


def types_symbols_and_bounds(bench: Bench) -> None:
    """Every hyperparameter has a type, a default, bounds, a symbol, a source and a sentence."""
    kind = bench.model.Hyperparameters
    hold(issubclass(kind, Hyperparameters), f"{kind.__name__} does not derive from Hyperparameters")
    for name, field in kind.model_fields.items():
        extra = field.json_schema_extra
        hold(isinstance(extra, dict), f"'{name}' is not made with hyperparameter(…)")
        assert isinstance(extra, dict)
        hold(extra.get("symbol"), f"'{name}' has no symbol")
        hold(extra.get("source"), f"'{name}' has no source")
        hold(field.description, f"'{name}' has no description")
        if field.annotation in (int, float):
            hold(field.metadata, f"'{name}' has no bounds, such as ge=0.0")
    hold(kind() == kind(**kind().model_dump(mode="json")), "the defaults do not come back from JSON as they were")


def columns_of_their_own(bench: Bench) -> None:
    """No hyperparameter is named like another column of the tables."""
    taken = {"configuration", "model", "n", *OF_TRIAL} & set(bench.model.Hyperparameters.model_fields)
    hold(not taken, f"{', '.join(sorted(taken))} would have the column of something else")


def measuring_changes_nothing(bench: Bench) -> None:
    """Whatever metrics and pictures ask for changes no weight, and draws nothing from the generator of the training."""
    import torch

    from trainables.evaluation.inputs import Inputs, available_inputs
    from trainables.evaluation.pictures import pictures
    from trainables.training.run import TrainingRun

    run = TrainingRun(bench.trial())
    run.train(2)
    model, dataset = run.model, run.dataset
    noise, weights = model.generator.get_state(), {key: value.clone() for key, value in model.state_dict().items()}
    model.eval()
    inputs = Inputs(model, dataset)
    images = dataset.images(np.arange(4))
    wanted = available_inputs(type(model), dataset) - model.extra_inputs  # a judge takes long to train
    for each in sorted(wanted):
        given = inputs[each]
        if each == "logits":
            given(images, np.random.default_rng(0))
        elif each.startswith("encode"):
            given(images)
    pictures(model, dataset)
    model.sample(3)
    hold(torch.equal(model.generator.get_state(), noise), "measuring drew from self.generator, which is the training's")
    changed = [key for key, value in model.state_dict().items() if not torch.equal(value, weights[key])]
    hold(not changed, f"measuring changed {', '.join(changed)}")


def evaluated_elsewhere(bench: Bench) -> None:
    """An evaluation that is handed over to another process is bit-identical."""
    from trainables.training.run import TrainingRun, evaluate_trained, start

    here = bench.trial(metrics=("mig",) if core.data.describe(bench.trial().dataset, bench.data).has_factors else ())
    there = dataclasses.replace(here, folder=str(bench.folder / "there"))
    straight = start(here)
    straight.advance()
    last = straight.advance()
    straight.save(Folder(here.folder))

    trained = TrainingRun(there)
    trained.advance()
    half = trained.train_interval()
    hold((half.step, half.done, half.evaluated) == (4, False, False), f"half of an interval is at step {half.step}")
    trained.save(Folder(there.folder))
    hold("pictures" not in Folder(there.folder).entries(), "there are pictures before the evaluation")
    report = evaluate_trained(there)

    hold((report.metrics, report.done, report.failure) == (last.metrics, True, None), "the results differ")
    ledger = report.ledger
    hold(ledger.get("warnings") == last.ledger.get("warnings"), "the warnings differ")
    own = ledger["seconds_evaluating"] - ledger["seconds_handed_over"]
    hold(
        math.isclose(own, half.ledger["seconds_evaluating"], rel_tol=1e-6),
        "seconds of evaluating are not accounted for",
    )
    hold(ledger["seconds_training"] == half.ledger["seconds_training"], "seconds of training are not accounted for")
    first, second = (Folder(config.folder).read("step-000000004") for config in (here, there))
    hold(first["model.safetensors"] == second["model.safetensors"], "the weights differ")
    states = [decode_training(files["training.pt"]) for files in (first, second)]
    hold(identical(*states), "the states of optimisers or generators differ")
    hold(Folder(here.folder).read("pictures") == Folder(there.folder).read("pictures"), "the pictures differ")


def restored_bit_identically(bench: Bench) -> None:
    """A restored trial is bit-identical to one that never stopped."""
    from trainables.training.run import start

    config = bench.trial()
    straight = start(config)
    first = straight.advance()
    straight.save(Folder(bench.folder / "half"))
    last = straight.advance()
    straight.save(Folder(bench.folder / "straight"))

    resumed = start(config)
    hold(resumed.restore(Folder(bench.folder / "half")) == first.step == 2, "it is not restored at step 2")
    again = resumed.advance()
    resumed.save(Folder(bench.folder / "resumed"))

    hold(last.done, "it does not end with its last step")
    differing = [key for key, value in last.metrics.items() if again.metrics.get(key) != value]
    hold(
        not differing and again.metrics.keys() == last.metrics.keys(), f"restored, it differs in {', '.join(differing)}"
    )
    a, b = (Folder(bench.folder / side).read("step-000000004") for side in ("straight", "resumed"))
    hold(a.get("model.safetensors") == b.get("model.safetensors"), "restored, it ends with other weights")


def stopped_between_two_results(bench: Bench) -> None:
    """A trial that is stopped anywhere, saved and restored is bit-identical to one that never stopped."""
    from trainables.training.run import TrainingRun

    config = bench.trial(evaluate_every=4)
    straight, stopped, resumed = (TrainingRun(config) for _ in range(3))
    stopped.look = 1
    while stopped.step < 3:
        hold(not stopped.train_for(0.0), "it trains on after its time is over")
    stopped.save(Folder(bench.folder / "stopped"))
    hold(resumed.restore(Folder(bench.folder / "stopped")) == 3, "it is not restored at step 3")
    whole, found = straight.train_interval(), resumed.train_interval()
    hold(found.metrics == whole.metrics, "stopped at step 3 and restored, its losses differ")
    weights = (run.model.state_dict() for run in (straight, resumed))
    hold(identical(*weights), "stopped at step 3 and restored, it ends with other weights")


def seeds(bench: Bench) -> None:
    """The same seed gives the same numbers, and another seed does not."""
    from trainables.training.run import start

    def losses(seed: int) -> dict[str, float]:
        return dict(start(bench.trial(seed=seed, metrics=())).advance().metrics)

    hold(losses(0) == losses(0), "two runs with the same seed differ: draw noise with core.noise and self.generator")
    hold(losses(0) != losses(1), "two seeds give the same numbers")


def encodes_and_decodes(bench: Bench) -> None:
    """A saved model is loaded without data, and encodes and decodes as it did."""
    from trainables.training.loading import load_model
    from trainables.training.run import TrainingRun

    run = TrainingRun(bench.trial())
    run.advance()
    run.save(Folder(bench.folder / "saved"))
    model = load_model(Folder(bench.folder / "saved"))
    images = run.dataset.images(np.arange(5))
    codes = model.encode(images)
    hold(codes.ndim == 2 and len(codes) == 5, f"5 images have codes of shape {codes.shape}, not (5, D)")
    hold(codes.dtype == np.float32, f"codes are {codes.dtype}, not float32")
    hold(
        np.array_equal(codes, run.model.encode(images)), "the loaded model has other codes than the one that was saved"
    )
    decoded = model.decode(codes)
    hold(decoded.shape == images.shape, f"decoded images have shape {decoded.shape}, not {images.shape}")
    hold(0 <= decoded.min() <= decoded.max() <= 1, "decoded pixels are not in [0, 1]")
    hold(model.dataset.factor_names == run.dataset.factor_names, "the loaded model knows other factors")
    hold(model.dataset == core.data.describe(run.config.dataset, run.config.data_root), "it knows another data set")
    hold(model.config is not None and model.config.configuration.model == bench.name, "it is of another model")


def parts_are_logged(bench: Bench) -> None:
    """The parts of the loss are logged, finite, and the step is counted."""
    from trainables.training.run import TrainingRun

    run = TrainingRun(bench.trial())
    report = run.advance()
    hold("train/reconstruction" in report.metrics, "the parts of the loss have no 'reconstruction'")
    bad = [key for key, value in report.metrics.items() if not math.isfinite(value)]
    hold(not bad, f"{', '.join(bad)} is no number after two steps")
    hold(int(run.model.steps_done) == report.step == 2, "steps_done does not count the steps")


def no_host_reads(bench: Bench) -> None:
    """A step never reads a tensor on the host, which would stall a GPU at every step."""
    import torch

    from trainables.training.run import TrainingRun

    if bench.model.host_bound:
        raise NotApplicable("the model says that it is bound to the host")
    run = TrainingRun(bench.trial())
    batches = [source.at(0) for source in run.sources]

    def forbidden(*_: object) -> None:
        raise AssertionError("the training step reads a tensor on the host: .item(), float(…), a branch on a tensor")

    run.model.before_step(0)
    with contextlib.ExitStack() as stack:
        for method in READS:
            stack.enter_context(mock.patch.object(torch.Tensor, method, forbidden))
        run.model.training_step(batches)


def sized_without_memory(bench: Bench) -> None:
    """A model can be made on the meta device, where plans of studies count parameters."""
    import torch

    config, kind = bench.trial(), bench.model
    with torch.device("meta"):
        model = kind(
            kind.Hyperparameters(**config.configuration.hyperparameters),
            core.data.describe(config.dataset, config.data_root),
        )
    hold(sum(parameter.numel() for parameter in model.parameters()) > 0, "it has no parameters")


def extremes(bench: Bench) -> None:
    """At every bound of its hyperparameters a trial goes on or fails with a reason."""
    from trainables.training.run import start

    kind = bench.model.Hyperparameters
    own = [key for key in kind.model_fields if key not in Hyperparameters.model_fields]
    for key in own:
        bounds = {type(each).__name__: each for each in kind.model_fields[key].metadata}
        for bound in ("Ge", "Le"):
            if bound not in bounds or "units" in key or "layers" in key:
                continue
            value = getattr(bounds[bound], bound.lower())
            try:
                config = bench.trial(hyperparameters={key: value}, steps=2)
            except ValueError:
                continue  # not legal together with the defaults
            info = core.data.describe(config.dataset, config.data_root)
            if kind(**config.configuration.hyperparameters).refuse(info):
                continue  # a study file with it is refused
            try:
                report = start(config).advance()
            except Exception as error:
                raise AssertionError(f"with {key} = {value:g}: {type(error).__name__}: {error}") from error
            hold(report.done, f"with {key} = {value:g} it does not end")
            hold(report.failure is None or "diverged" in report.failure, f"with {key} = {value:g}: {report.failure}")


def odd_hyperparameters(bench: Bench) -> None:
    """With odd sizes and random choices it is refused with a sentence, or takes a step whose parts are numbers."""
    for number in range(DRAWS):
        step_with_odd_ones(bench, number)


def step_with_odd_ones(bench: Bench, number: int) -> None:
    """One draw of `odd_hyperparameters`."""
    from trainables.labels import labellers
    from trainables.training.run import TrainingRun

    rng = random.Random(f"{bench.name} {number}")
    kind = bench.model.Hyperparameters
    config = bench.trial(steps=1, evaluate_every=1)
    info = core.data.describe(config.dataset, config.data_root)
    sizes: dict[str, list[Any]] = {
        "num_latents": [1, 2, 5, 10],
        "batch_size": [2, 7, info.num_images, 2 * info.num_images],
        "num_annotated": [3, 50, num_training(info.num_images), num_training(info.num_images) + 1],
        "labeller": labellers.names(),
    }
    taken = {}
    for key, field in kind.model_fields.items():
        choices = sizes.get(key, get_args(field.annotation) if get_origin(field.annotation) is Literal else ())
        if choices and key not in ("network", "initialisation"):
            taken[key] = rng.choice(choices)
    try:
        config = bench.trial(steps=1, evaluate_every=1, hyperparameters=taken)
    except ValueError:
        return  # not legal together
    if kind(**config.configuration.hyperparameters).refuse(info):
        return
    written = ", ".join(f"{key} = {value}" for key, value in taken.items())
    try:
        found = TrainingRun(config).train(1)
    except Exception as error:
        raise AssertionError(f"with {written}: {type(error).__name__}: {error}") from error
    bad = [key for key, value in found.items() if not math.isfinite(value)]
    hold(not bad, f"with {written}: {', '.join(bad)} is no number")


OF_ALL: tuple[Check, ...] = (types_symbols_and_bounds, columns_of_their_own, restored_bit_identically)
OF_WHAT_LEARNS: tuple[Check, ...] = (
    measuring_changes_nothing,
    stopped_between_two_results,
    evaluated_elsewhere,
    seeds,
    encodes_and_decodes,
    parts_are_logged,
    no_host_reads,
    sized_without_memory,
    extremes,
    odd_hyperparameters,
)
