"""Curves that were recorded are replayed: exactly where they were recorded, and between these points."""

import dataclasses
import itertools
import json
import pathlib
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

import trainables
from core.configuration import TrialConfig
from core.mistakes import UserError
from core.storage import Folder
from studies.study_file.document import StudyFileError, from_mapping
from studies.study_file.space import configure
from studies.study_file.validation import validate
from trainables.models import recorded
from trainables.models.recorded import curves
from trainables.models.recorded.curves import Curves, Description, Knob, RecordedModel

STEPS = (50, 100)
BETAS = (1.0, 4.0, 16.0)
RATES = (0.001, 0.004)
FIXED = {"num_latents": 10, "batch_size": 32, "network": "small", "initialisation": "kaiming", "capacity": 0.0}


@pytest.fixture
def table(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[pd.DataFrame]:
    """Two knobs, three seeds, two evaluations; the score was measured at the end only."""
    rng = np.random.default_rng(0)
    rows = [
        {
            "model": "beta_vae",
            "beta": beta,
            "learning_rate": rate,
            "seed": seed,
            "step": step,
            "mig": rng.random(),
            "reconstruction_error": 100 * rng.random(),
            "factor_vae_score": rng.random() if step == STEPS[-1] else np.nan,
            "seconds_training": step / 10,
            "seconds_evaluating": step / 100,
        }
        for beta, rate, seed, step in itertools.product(BETAS, RATES, range(3), STEPS)
    ]
    found = pd.DataFrame(rows)
    file = tmp_path / "table.parquet"
    found.sample(frac=1.0, random_state=0).to_parquet(file, index=False)
    knobs = {
        "beta": Knob(1.0, 16.0, False, "β", "Weight of the KL.", "Higgins"),
        "learning_rate": Knob(0.001, 0.004, False, "η", "Learning rate of Adam.", "all"),
    }
    description = Description(STEPS[-1], {"beta_vae": RecordedModel("β-VAE", knobs, FIXED, 1234)})
    file.with_suffix(".json").write_text(json.dumps(dataclasses.asdict(description)))
    for cached in (curves.describe, curves.curves, recorded.member, trainables._listed):
        cached.cache_clear()
    for function in (curves.describe, curves.curves):
        monkeypatch.setattr(function.__wrapped__, "__defaults__", (file,))
    yield found
    for cached in (curves.describe, curves.curves, recorded.member, trainables._listed):
        cached.cache_clear()


def trial(seed: int = 0, study_seed: int = 0, steps: int = 100, every: int = 50, **knobs: float) -> TrialConfig:
    values = {"beta": 4.0, "learning_rate": 0.001, **knobs}
    return TrialConfig(
        study="replay",
        configuration=configure("recorded.beta_vae", values),
        seed=seed,
        study_seed=study_seed,
        dataset="dsprites.quick",
        data_root="",
        steps=steps,
        evaluate_every=every,
        metrics=(),
        final_metrics=(),
        folder="",
    )


def replayed(config: TrialConfig) -> list[dict[str, float]]:
    run = trainables.get(config.configuration.model).start(config)  # type: ignore[attr-defined]
    results = [run.advance()]
    while not results[-1].done:
        results.append(run.advance())
    return [dict(each.metrics) for each in results]


def test_at_a_point_of_the_grid_the_seeds_are_those_that_were_recorded(table: pd.DataFrame) -> None:
    rows = table[(table["beta"] == 4.0) & (table["learning_rate"] == 0.001)].sort_values(["seed", "step"])
    recorded_finals = rows[rows["step"] == 100][["mig", "reconstruction_error", "factor_vae_score"]].to_numpy()
    finals = [list(replayed(trial(seed))[-1].values()) for seed in range(3)]
    assert np.array(sorted(finals)) == pytest.approx(np.array(sorted(recorded_finals.tolist())))
    again = [list(replayed(trial(seed))[-1].values()) for seed in range(3)]
    assert finals == again


def test_seeds_of_all_configurations_come_in_the_same_order(table: pd.DataFrame) -> None:
    def place(beta: float, seed: int) -> int:
        rows = table[(table["beta"] == beta) & (table["learning_rate"] == 0.001) & (table["step"] == 100)]
        return int(np.abs(rows.sort_values("seed")["mig"] - replayed(trial(seed, beta=beta))[-1]["mig"]).argmin())

    assert [place(1.0, seed) for seed in range(3)] == [place(16.0, seed) for seed in range(3)]


@pytest.mark.usefixtures("table")
def test_configurations_between_the_same_points_do_not_share_their_luck() -> None:
    betas = np.linspace(3.9, 3.99, 12).round(3).tolist()  # nearly always with the deviations of 4.0
    orders = {tuple(np.argsort([replayed(trial(seed, beta=beta))[-1]["mig"] for seed in range(3)])) for beta in betas}
    assert len(orders) > 2


@pytest.mark.usefixtures("table")
def test_between_points_the_mean_is_on_the_line_in_the_logarithm() -> None:
    found = curves.curves("beta_vae")
    low, high = (found.mean({"beta": beta, "learning_rate": 0.001}) for beta in (4.0, 16.0))
    assert found.mean({"beta": 8.0, "learning_rate": 0.001}) == pytest.approx((low + high) / 2, nan_ok=True)
    corners = [found.mean({"beta": beta, "learning_rate": rate}) for beta in (1.0, 4.0) for rate in RATES]
    assert found.mean({"beta": 2.0, "learning_rate": 0.002}) == pytest.approx(np.mean(corners, axis=0), nan_ok=True)


def test_a_trial_between_points_deviates_as_one_recorded_trial_did() -> None:
    rng = np.random.default_rng(1)
    values = rng.random((2, 4, 3, 2))  # two points, four seeds, three steps, two results
    found = Curves({"beta": np.array([1.0, 4.0])}, np.array([1, 2, 3]), ["a", "b"], values)
    deviations = values - values.mean(1, keepdims=True)
    for uniform, point in ((0.2, 0), (0.9, 1)):
        expected = values.mean(1).mean(0) + deviations[point, 2]
        limits = values.reshape(-1, 2)
        assert found.replay({"beta": 2.0}, 2, uniform) == pytest.approx(np.clip(expected, limits.min(0), limits.max(0)))


@pytest.mark.usefixtures("table")
def test_intermediate_steps_lie_between_and_what_was_measured_at_the_end_is_only_there() -> None:
    early, middle, late = (each["mig"] for each in replayed(trial(every=25))[1:])
    assert middle == pytest.approx((early + late) / 2)
    assert ["factor_vae_score" in each for each in replayed(trial())] == [False, True]
    assert "factor_vae_score" not in replayed(trial(steps=75))[-1]


@pytest.mark.usefixtures("table")
def test_costs_are_those_of_the_recorded_trial_and_survive_a_restart(tmp_path: pathlib.Path) -> None:
    run = recorded.RecordedRun(trial())
    first = run.advance()
    assert first.ledger["seconds_training"] == pytest.approx(5.0)
    assert first.ledger["parameters"] == 1234
    folder = Folder(tmp_path / "trial")
    run.save(folder)
    other = recorded.RecordedRun(trial())
    assert other.restore(folder) == 50
    assert other.advance() == run.advance()


@pytest.mark.usefixtures("table")
def test_what_was_not_recorded_is_refused() -> None:
    kind = trainables.get("recorded.beta_vae").Hyperparameters
    for values in ({"beta": 32.0}, {"network": "full"}, {"num_latents": 6}, {"capacity": 5.0}):
        with pytest.raises(ValidationError):
            kind(**values)
    with pytest.raises(UserError, match="recorded up to step 100"):
        recorded.RecordedRun(trial(steps=200))
    assert "recorded.beta_vae" in trainables.names()
    with pytest.raises(UserError, match=r"unknown model 'recorded\.vae'; did you mean 'recorded\.beta_vae'"):
        trainables.get("recorded.vae")


def test_the_shipped_table_is_whole() -> None:
    """A full grid of every model that is described, small enough to be kept with the code."""
    described = curves.describe()
    assert curves.TABLE.stat().st_size < 5_000_000
    for model, found in described.models.items():
        replayed_curves = curves.curves(model)
        assert list(replayed_curves.axes) == list(found.knobs)
        assert replayed_curves.seeds == 5
        assert list(replayed_curves.steps) == list(range(250, described.steps + 1, 250))
        final = replayed_curves.values[..., -1, :]
        assert np.isfinite(final).all()
        kind = trainables.get(f"recorded.{model}").Hyperparameters
        real = trainables.get(model).Hyperparameters
        for name, knob in found.knobs.items():
            extra = real.model_fields[name].json_schema_extra
            assert isinstance(extra, dict)
            assert (knob.symbol, knob.source) == (extra["symbol"], extra["source"])
            assert kind(**{name: knob.low}) != kind(**{name: knob.high})


@pytest.mark.usefixtures("table")
def test_a_study_longer_than_the_curves_is_refused_with_its_file() -> None:
    study = {
        "name": "long",
        "dataset": "dsprites.quick",
        "models": {"recorded.beta_vae": {"beta": {"log": [1, 16]}}},
        "budget": {"steps": 200},
    }
    with pytest.raises(
        StudyFileError, match=r"budget\.steps: 'recorded\.beta_vae' was recorded up to step 100, not to 200"
    ):
        validate(from_mapping(study))


@pytest.mark.usefixtures("table")
def test_how_well_a_mean_is_known_follows_from_the_seeds_around_it() -> None:
    recorded_curves = curves.curves("beta_vae")
    column = recorded_curves.keys.index("mig")
    low, high = recorded_curves.values[0, 0, :, -1, column], recorded_curves.values[1, 0, :, -1, column]
    at = {"beta": 1.0, "learning_rate": 0.001}
    between = {**at, "beta": 2.0}  # the middle, in the logarithm
    assert recorded_curves.deviation(at)[-1, column] == pytest.approx(low.std(ddof=1))
    assert recorded_curves.standard_error(at)[-1, column] == pytest.approx(low.std(ddof=1) / np.sqrt(3))
    variances = np.array([low.var(ddof=1), high.var(ddof=1)])
    assert recorded_curves.deviation(between)[-1, column] == pytest.approx(np.sqrt(variances.mean()))
    assert recorded_curves.standard_error(between)[-1, column] == pytest.approx(np.sqrt(variances.sum() / 4 / 3))
