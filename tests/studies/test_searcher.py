"""The searcher without Ray's loop: what it suggests, and what Optuna is told."""

import dataclasses
import pathlib
import warnings
from collections.abc import Iterator
from typing import Any

import optuna
import pytest

from core.configuration import Configuration, TrialConfig
from core.record import journal
from studies import service
from studies.spec import StudySpec
from studies.state import StudyState
from tests.kit import trial_config

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from ray.tune.search import Searcher

    from studies.optuna_store import OptunaSink
    from studies.searcher import StudySearcher
    from studies.suggestions import Suggestions, learn_from

FINISHED = Searcher.FINISHED


class Bench:
    """A searcher and a real Optuna storage; `suggest` and `finish` play Tune's part."""

    def __init__(self, folder: pathlib.Path, *, slots: int = 2, **changes: Any) -> None:
        self.folder = folder
        study: dict[str, Any] = {
            "name": "bench",
            "dataset": "dsprites.quick",
            "seeds": 2,
            "models": {"simulated": {"beta": {"log": [1, 16]}}},
            "search": {"sampler": "random", "configurations": 3},
            "objectives": {"mig": "maximize", "reconstruction_error": "minimize"},
            "budget": {"steps": 10, "evaluate_every": 5},
        }
        self.spec: StudySpec = service.load({**study, **changes})[0]
        self.slots = slots
        self.open()

    def open(self) -> None:
        self.state = StudyState(self.folder)
        self.sink = OptunaSink(self.spec, f"sqlite:///{self.folder / 'optuna.db'}")
        suggestions = Suggestions(self.spec, self.state)
        self.searcher = StudySearcher(self.spec, self.state, suggestions, self._make, lambda: self.slots)
        self.count = 0

    def close(self) -> None:
        self.state.journal.close()
        self.sink.forget()

    def stored(self) -> list[Any]:
        """Trials in Optuna's storage, once the journal is delivered."""
        offset = self.sink.begin()
        chunk = list(journal.read(self.folder, offset))
        if chunk:
            self.sink.deliver(chunk)
        assert self.sink._study is not None
        return self.sink._study.get_trials()

    def _make(self, configuration: Configuration, seed: int) -> TrialConfig:
        base = trial_config("simulated", self.folder, seed=seed)
        return dataclasses.replace(base, configuration=configuration)

    def suggest(self) -> Any:
        self.count += 1
        return self.searcher.suggest(f"t{self.count}")

    def finish(self, number: int, state: str = "COMPLETED", **metrics: float) -> None:
        trial = self.searcher.live[f"t{number}"]
        self.state.end(
            trial, state, step=10, reason=None if state == "COMPLETED" else "why", metrics=metrics, ledger={}
        )  # type: ignore[arg-type]
        self.searcher.on_trial_complete(f"t{number}")

    def outcomes(self) -> list[tuple[str, list[float] | None]]:
        return [(trial.state.name, trial.values) for trial in self.stored()]


@pytest.fixture
def benches(tmp_path: pathlib.Path) -> Iterator[Any]:
    made: list[Bench] = []

    def make(**changes: Any) -> Bench:
        made.append(Bench(tmp_path, **changes))
        return made[-1]

    yield make
    for bench in made:
        bench.close()


def test_one_configuration_runs_all_its_seeds_and_is_told_once_with_the_means(benches: Any) -> None:
    bench = benches()
    first, second = bench.suggest(), bench.suggest()
    assert first["configuration"] == second["configuration"]
    assert {first["seed"], second["seed"]} == {0, 1}
    bench.finish(1, mig=0.2, reconstruction_error=50.0)
    assert bench.outcomes() == [("RUNNING", None)]
    bench.finish(2, mig=0.4, reconstruction_error=70.0)
    assert bench.outcomes() == [("COMPLETE", [pytest.approx(0.3), 60.0])]


def test_no_more_trials_than_slots_and_finished_only_when_all_is_told(benches: Any) -> None:
    bench = benches(slots=3)
    assert [bench.suggest() is not None for _ in range(5)] == [True, True, True, False, False]
    for number in (1, 2, 3):
        bench.finish(number, mig=0.1, reconstruction_error=1.0)
    bench.count = 3
    assert all(isinstance(bench.suggest(), dict) for _ in range(3))
    assert bench.suggest() is None  # nothing to start, but trials are still live
    for number in (4, 5, 6):
        bench.finish(number, mig=0.1, reconstruction_error=1.0)
    assert bench.suggest() == FINISHED
    assert [state for state, _ in bench.outcomes()] == ["COMPLETE"] * 3


@pytest.mark.parametrize(
    ("state", "metrics", "told"),
    [
        ("FAILED", {}, "FAIL"),
        ("PRUNED", {"mig": 0.9, "reconstruction_error": 1.0}, "PRUNED"),
        ("COMPLETED", {"mig": float("nan"), "reconstruction_error": 1.0}, "FAIL"),
        ("COMPLETED", {"mig": 0.9}, "FAIL"),
    ],
)
def test_only_finite_values_of_a_whole_budget_are_complete(
    benches: Any, state: str, metrics: dict[str, float], told: str
) -> None:
    bench = benches()
    bench.suggest(), bench.suggest()
    bench.finish(1, mig=0.9, reconstruction_error=1.0)
    bench.finish(2, state, **metrics)
    assert bench.outcomes() == [(told, None)]


def test_a_new_driver_takes_up_unfinished_seeds(benches: Any) -> None:
    bench = benches()
    first = bench.suggest()
    bench.suggest()
    bench.finish(1, mig=0.1, reconstruction_error=1.0)
    assert bench.outcomes() == [("RUNNING", None)]
    bench.close()

    bench.open()
    again = bench.suggest()
    assert again["configuration"] == first["configuration"]
    assert again["seed"] == 1
    assert [state for state, _ in bench.outcomes()] == ["RUNNING"]
    bench.finish(1, mig=0.3, reconstruction_error=3.0)
    assert bench.outcomes()[0] == ("COMPLETE", [pytest.approx(0.2), 2.0])


def test_a_driver_that_died_before_telling_tells_when_it_comes_back(benches: Any) -> None:
    bench = benches()
    bench.suggest(), bench.suggest()
    for number in (1, 2):
        trial = bench.searcher.live[f"t{number}"]
        metrics = {"mig": 0.5, "reconstruction_error": 2.0}
        bench.state.end(trial, "COMPLETED", step=10, reason=None, metrics=metrics, ledger={})
    bench.close()
    bench.open()
    assert bench.outcomes() == [("COMPLETE", [0.5, 2.0])]


def test_a_small_space_is_searched_once_and_then_the_search_ends(benches: Any) -> None:
    bench = benches(
        models={"simulated": {"beta": [1.0, 2.0]}}, seeds=1, search={"sampler": "tpe", "configurations": 50}, slots=9
    )
    drawn = [bench.suggest() for _ in range(3)]
    betas = {each["configuration"]["hyperparameters"]["beta"] for each in drawn[:2]}
    assert betas == {1.0, 2.0}
    assert drawn[2] is None


def test_a_grid_is_all_combinations_of_all_models(benches: Any) -> None:
    bench = benches(
        models={
            "simulated": {"beta": {"log": [1, 16], "num": 3}, "noise": [0.0, 0.1]},
            "beta_vae": {"beta": [2.0]},
        },
        seeds=1,
        search={"sampler": "grid", "configurations": 99},
        slots=99,
    )
    drawn = [bench.suggest() for _ in range(8)]
    assert drawn[7] is None
    configurations = [(each["configuration"]["model"], each["configuration"]["hyperparameters"]) for each in drawn[:7]]
    simulated = {(h["beta"], h["noise"]) for model, h in configurations if model == "simulated"}
    assert simulated == {(beta, noise) for beta in (1.0, 4.0, 16.0) for noise in (0.0, 0.1)}


def test_every_model_is_tried_before_the_sampler_chooses(benches: Any) -> None:
    models = {"beta_vae": {"beta": {"log": [1, 16]}}, "factor_vae": {"gamma": {"log": [1, 9]}}, "vae": {}}
    bench = benches(models=models, seeds=1, search={"sampler": "tpe", "configurations": 5}, slots=9)
    drawn = [bench.suggest()["configuration"]["model"] for _ in range(3)]
    assert sorted(drawn) == ["beta_vae", "factor_vae", "vae"]


@pytest.mark.parametrize("sampler", ["random", "tpe", "nsga2"])
def test_the_same_seed_suggests_the_same_configurations(tmp_path: pathlib.Path, sampler: str) -> None:
    def first_configurations(folder: pathlib.Path) -> list[Any]:
        folder.mkdir()
        bench = Bench(folder, search={"sampler": sampler, "configurations": 4}, seeds=1, slots=9)
        drawn = [bench.suggest()["configuration"] for _ in range(4)]
        bench.close()
        return drawn

    assert first_configurations(tmp_path / "a") == first_configurations(tmp_path / "b")


def test_the_study_is_an_ordinary_optuna_study(benches: Any, tmp_path: pathlib.Path) -> None:
    bench = benches()
    bench.suggest()
    bench.stored()
    loaded = optuna.load_study(study_name="bench", storage=f"sqlite:///{tmp_path / 'optuna.db'}")
    assert [direction.name for direction in loaded.directions] == ["MAXIMIZE", "MINIMIZE"]
    assert loaded.trials[0].user_attrs["configuration"] in bench.state.configurations
    loaded._storage._backend.engine.dispose()  # type: ignore[attr-defined]


def test_points_come_first_and_exactly(benches: Any) -> None:
    points = [{"beta": 2.5}, {"beta": 7.0}]
    bench = benches(search={"sampler": "tpe", "configurations": 3, "points": points}, seeds=1, slots=3)
    betas = [bench.suggest()["configuration"]["hyperparameters"]["beta"] for _ in range(3)]
    assert betas[:2] == [2.5, 7.0]


def test_more_seeds_only_where_the_front_is_in_doubt(benches: Any) -> None:
    """The first configuration is on the front and noisy; the second is far behind it."""
    seeds = {"min": 2, "max": 4, "until": "std_error(mig) < 0.02"}
    bench = benches(seeds=seeds, search={"sampler": "random", "configurations": 2}, slots=2)
    bench.suggest(), bench.suggest()
    bench.finish(1, mig=0.4, reconstruction_error=10.0)
    bench.finish(2, mig=0.8, reconstruction_error=11.0)
    third = bench.suggest()
    assert third["seed"] == 2
    bench.finish(3, mig=0.6, reconstruction_error=10.0)
    bench.suggest()
    bench.finish(4, mig=0.6, reconstruction_error=10.0)  # four seeds are the most
    bench.suggest(), bench.suggest()
    bench.finish(5, mig=0.1, reconstruction_error=90.0)
    bench.finish(6, mig=0.2, reconstruction_error=91.0)  # noisy too, but dominated beyond doubt
    assert bench.suggest() == FINISHED
    assert [len(record.trials) for record in bench.state.configurations.values()] == [4, 2]
    assert bench.outcomes() == [("COMPLETE", [pytest.approx(0.6), 10.25]), ("COMPLETE", [pytest.approx(0.15), 90.5])]


def test_a_stopped_configuration_takes_its_waiting_seeds_along(benches: Any) -> None:
    bench = benches(slots=1)
    first = bench.suggest()
    hash_ = Configuration(**first["configuration"]).hash
    bench.searcher.stopper.stopped.add(hash_)
    bench.finish(1, "PRUNED")
    following = bench.suggest()
    assert Configuration(**following["configuration"]).hash != hash_
    assert bench.outcomes()[0] == ("PRUNED", None)
    assert {trial.state for trial in bench.state.configurations[hash_].trials.values()} == {"PRUNED"}


def test_a_spent_budget_starts_nothing_more(benches: Any) -> None:
    bench = benches()
    bench.suggest()
    bench.searcher.spent = lambda: True
    assert bench.suggest() is None
    bench.finish(1, mig=0.1, reconstruction_error=1.0)
    assert bench.suggest() == FINISHED


def test_constraints_are_known_to_optuna(benches: Any) -> None:
    search = {"sampler": "tpe", "configurations": 2, "where": "reconstruction_error < 60 and mig > 0.2"}
    bench = benches(seeds=1, search=search)
    bench.suggest()
    bench.finish(1, mig=0.5, reconstruction_error=75.0)
    (trial,) = bench.stored()
    assert trial.constraints == {"reconstruction_error < 60": 15.0, "mig > 0.2": pytest.approx(-0.3)}


def test_a_longer_budget_reopens_and_supersedes(benches: Any) -> None:
    bench = benches(seeds=1, search={"sampler": "random", "configurations": 1})
    bench.suggest()
    bench.finish(1, mig=0.5, reconstruction_error=5.0)
    assert bench.outcomes() == [("COMPLETE", [0.5, 5.0])]
    bench.close()
    bench.spec = bench.spec.model_copy(update={"budget": bench.spec.budget.model_copy(update={"steps": 20})})
    bench.open()
    again = bench.suggest()
    assert again["seed"] == 0
    bench.finish(1, mig=0.7, reconstruction_error=4.0)
    assert bench.outcomes() == [("COMPLETE", [0.5, 5.0]), ("COMPLETE", [0.7, 4.0])]
    assert bench.stored()[1].user_attrs["supersedes"] == 0


def test_a_warm_start_teaches_once_and_names_what_does_not_fit(benches: Any) -> None:
    from studies.space import configure

    bench = benches(seeds=1)
    inside, outside = configure("simulated", {"beta": 3.0}), configure("simulated", {"beta": 300.0})
    results = {"other": [(inside, [0.3, 30.0]), (outside, [0.4, 40.0])]}
    for _ in range(2):
        notes = learn_from(bench.spec, bench.state, results)
    bench.close()
    bench.open()
    assert [trial.values for trial in bench.searcher.suggestions.study.trials] == [[0.3, 30.0]]
    assert notes == ["warm start from 'other': 1 configurations are outside this study's space"]
    assert bench.outcomes() == [("COMPLETE", [0.3, 30.0])]


def test_out_of_memory_is_tried_again_with_a_larger_share(benches: Any) -> None:
    bench = benches(seeds=1, slots=1)
    assert bench.suggest()["device_share"] == 0.0
    trial = bench.searcher.live.pop("t1")
    bench.searcher.retry(trial, 0.5)
    assert bench.suggest()["device_share"] == 0.5


def test_what_optuna_lost_is_given_back_from_the_journal(benches: Any, tmp_path: pathlib.Path) -> None:
    bench = benches(seeds=1, search={"sampler": "random", "configurations": 1})
    beta = bench.suggest()["configuration"]["hyperparameters"]["beta"]
    bench.finish(1, mig=0.5, reconstruction_error=5.0)
    bench.close()
    for file in tmp_path.glob("optuna.db*"):
        file.unlink()
    bench.open()
    assert bench.outcomes() == [("COMPLETE", [0.5, 5.0])]
    assert bench.stored()[0].params == {"simulated.beta": beta}


@pytest.mark.parametrize("sampler", ["random", "tpe", "nsga2"])
def test_a_new_driver_does_not_draw_the_first_configurations_again(benches: Any, sampler: str) -> None:
    """More of them are known than are drawn again before a space is taken for exhausted."""
    search = {"sampler": sampler, "configurations": 50, "startup": 100, "population": 10}
    if sampler != "nsga2":
        del search["population"]
    if sampler != "tpe":
        del search["startup"]
    bench = benches(seeds=1, search=search, slots=50)
    drawn = [bench.suggest()["configuration"]["hyperparameters"]["beta"] for _ in range(40)]
    for number in range(1, 41):
        bench.finish(number, mig=0.01 * number, reconstruction_error=float(number))
    bench.close()
    bench.open()
    more = [bench.suggest()["configuration"]["hyperparameters"]["beta"] for _ in range(10)]
    assert bench.searcher.suggestions._grid is None
    assert len({*drawn, *more}) == 50


def test_the_generations_of_a_population_go_on_after_a_restart(benches: Any) -> None:
    bench = benches(seeds=1, search={"sampler": "nsga2", "configurations": 9, "population": 3}, slots=9)
    for number in range(1, 5):
        bench.suggest()
        bench.finish(number, mig=0.1 * number, reconstruction_error=float(number))
    before = [record.notes for record in bench.state.configurations.values()]
    assert [list(notes.values()) for notes in before] == [[0], [0], [0], [1]]
    bench.close()
    bench.open()
    bench.suggest()
    assert list(bench.state.configurations.values())[-1].notes == before[-1]


def test_an_event_that_is_delivered_again_changes_nothing(benches: Any) -> None:
    bench = benches(seeds=1, search={"sampler": "random", "configurations": 2})
    bench.suggest()
    bench.finish(1, mig=0.5, reconstruction_error=5.0)
    bench.suggest()
    before = bench.stored()
    bench.sink = OptunaSink(bench.spec, bench.sink._url)  # another process, from the start of the journal
    assert bench.stored() == before


def test_an_answer_that_is_lost_makes_no_second_trial(benches: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The storage has the trial when the connection breaks."""
    bench = benches(seeds=1, search={"sampler": "random", "configurations": 1})
    bench.suggest()

    def break_off(trial: Any) -> None:
        raise ConnectionError(f"no answer for {trial.number}")

    with monkeypatch.context() as patch:
        patch.setattr(bench.sink, "_note", break_off)
        bench.sink.begin()
        with pytest.raises(ConnectionError):
            bench.sink.deliver(list(journal.read(bench.folder)))
    bench.sink.forget()
    assert bench.outcomes() == [("RUNNING", None)]
    bench.finish(1, mig=0.5, reconstruction_error=5.0)
    assert bench.outcomes() == [("COMPLETE", [0.5, 5.0])]
