"""The agenda without Ray: which trials it gives out, and what Optuna is told."""

import dataclasses
import pathlib
from collections.abc import Iterator
from typing import Any

import optuna
import pytest

from core.configuration import TrialConfig
from core.record import journal
from core.record.events import TrialReported
from core.record.progress import Progress
from studies import service
from studies.delivery.feeder import deliver
from studies.delivery.to_optuna import OptunaSink
from studies.drive.agenda import RETRIES, Agenda
from studies.record.state import StudyState
from studies.search.plan import is_complete
from studies.search.prior_results import add_prior_results
from studies.search.suggestions import Suggestions
from studies.study_file.space import configure
from studies.study_file.spec import StudySpec
from studies.testing.trials import trial_config
from tests.analysis.kit import StudyWriter
from trainables.trainable import TrialResult, Underway

OVER = "over"


class Bench:
    """An agenda and a real Optuna storage; `next` and `finish` play Tune's part."""

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
        self.spent = False
        self.open()

    def open(self) -> None:
        self.state = StudyState(self.folder)
        self.sink = OptunaSink(self.spec, f"sqlite:///{self.folder / 'optuna.db'}")
        self.suggestions = Suggestions(self.spec, self.state)
        self.agenda = Agenda(self.spec, self.state, self.suggestions, lambda: self.spent)
        self.given: dict[int, TrialConfig] = {}  # trials that took a slot, by the number of the `next` that gave them
        self.count = 0

    def close(self) -> None:
        self.state.close()
        self.sink.reset()

    def stored(self) -> list[Any]:
        """Trials in Optuna's storage, once the journal is delivered."""
        deliver(self.folder, self.sink)
        return self.sink.trials()

    def next(self) -> Any:
        self.count += 1
        planned = self.agenda.next(self.slots)
        if planned is None:
            return OVER if self.agenda.over else None
        base = trial_config("simulated", self.folder, seed=planned.seed)
        config = dataclasses.replace(base, configuration=planned.configuration, device_share=planned.share or 0.0)
        self.given[self.count] = config
        return config

    def identity(self, number: int) -> str:
        return self.given[number].identity

    def end(self, number: int, state: str = "COMPLETED", **metrics: float) -> None:
        """A trial ends, as far as the journal knows."""
        trial = self.state.trial(self.identity(number))
        reason = None if state == "COMPLETED" else "why"
        self.state.end(trial, state, step=10, reason=reason, metrics=metrics)  # type: ignore[arg-type]

    def finish(self, number: int, state: str = "COMPLETED", **metrics: float) -> None:
        """A trial ends and leaves its slot."""
        self.end(number, state, **metrics)
        self.agenda.ended(self.identity(number))

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
    first, second = bench.next(), bench.next()
    assert first.configuration == second.configuration
    assert {first.seed, second.seed} == {0, 1}
    bench.finish(1, mig=0.2, reconstruction_error=50.0)
    assert bench.outcomes() == [("RUNNING", None)]
    bench.finish(2, mig=0.4, reconstruction_error=70.0)
    assert bench.outcomes() == [("COMPLETE", [pytest.approx(0.3), 60.0])]


def test_what_is_derived_is_recorded_and_told(benches: Any) -> None:
    bench = benches(derived={"score": "mig + 1 / reconstruction_error"}, objectives={"score": "maximize"}, seeds=1)
    bench.next()
    result = TrialResult(10, {"mig": 0.5, "reconstruction_error": 4.0}, {}, done=True)
    assert bench.agenda.verdict(bench.identity(1), result, 0.0) == "go on"
    bench.agenda.record(bench.identity(1), result, {}, 0.0, last=True)
    bench.agenda.ended(bench.identity(1))
    assert bench.outcomes() == [("COMPLETE", [0.75])]
    assert bench.state.trial(bench.identity(1)).final_metrics["score"] == 0.75


def test_a_trial_between_two_results_is_noted_and_stops_with_the_budget(benches: Any) -> None:
    bench = benches()
    bench.next()
    identity = bench.identity(1)
    assert bench.agenda.underway(identity, Underway(3, 1.5)) == "go on"
    assert bench.state.progress(bench.state.trial(identity)) == Progress(3, 1.5)
    bench.spent = True
    assert bench.agenda.underway(identity, Underway(4, 2.0)) == "stop"


def test_costs_are_recorded_and_told(benches: Any) -> None:
    directions = {"mig": "maximize", "noise": "minimize", "device_seconds": "minimize", "parameters": "minimize"}
    bench = benches(costs=["noise", "device_seconds", "parameters"], objectives=directions, seeds=1)
    bench.next()
    ledger = {"seconds_training": 3.0, "seconds_evaluating": 1.0, "parameters": 50}
    bench.agenda.record(bench.identity(1), TrialResult(10, {"mig": 0.5}, ledger, done=True), {}, 0.0, last=True)
    bench.agenda.ended(bench.identity(1))
    noise = bench.given[1].configuration.hyperparameters["noise"]
    assert bench.outcomes() == [("COMPLETE", [0.5, noise, 4.0, 50.0])]


def test_no_more_trials_than_slots_and_finished_only_when_all_is_told(benches: Any) -> None:
    bench = benches(slots=3)
    assert [bench.next() is not None for _ in range(5)] == [True, True, True, False, False]
    for number in (1, 2, 3):
        bench.finish(number, mig=0.1, reconstruction_error=1.0)
    bench.count = 3
    assert all(isinstance(bench.next(), TrialConfig) for _ in range(3))
    assert bench.next() is None  # nothing to start, but trials are still live
    for number in (4, 5, 6):
        bench.finish(number, mig=0.1, reconstruction_error=1.0)
    assert bench.next() == OVER
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
    bench.next(), bench.next()
    bench.finish(1, mig=0.9, reconstruction_error=1.0)
    bench.finish(2, state, **metrics)
    assert bench.outcomes() == [(told, None)]


def test_a_new_driver_takes_up_unfinished_seeds(benches: Any) -> None:
    bench = benches()
    first = bench.next()
    bench.next()
    bench.finish(1, mig=0.1, reconstruction_error=1.0)
    assert bench.outcomes() == [("RUNNING", None)]
    bench.close()

    bench.open()
    again = bench.next()
    assert again.configuration == first.configuration
    assert again.seed == 1
    assert [state for state, _ in bench.outcomes()] == ["RUNNING"]
    bench.finish(1, mig=0.3, reconstruction_error=3.0)
    assert bench.outcomes()[0] == ("COMPLETE", [pytest.approx(0.2), 2.0])


def test_a_driver_that_died_before_telling_tells_when_it_comes_back(benches: Any) -> None:
    bench = benches()
    bench.next(), bench.next()
    for number in (1, 2):
        bench.end(number, mig=0.5, reconstruction_error=2.0)
    bench.close()
    bench.open()
    assert bench.outcomes() == [("COMPLETE", [0.5, 2.0])]


def test_a_small_space_is_searched_once_and_then_the_search_ends(benches: Any) -> None:
    bench = benches(
        models={"simulated": {"beta": [1.0, 2.0]}}, seeds=1, search={"sampler": "tpe", "configurations": 50}, slots=9
    )
    drawn = [bench.next() for _ in range(3)]
    betas = {each.configuration.hyperparameters["beta"] for each in drawn[:2]}
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
    drawn = [bench.next() for _ in range(8)]
    assert drawn[7] is None
    configurations = [(each.configuration.model, each.configuration.hyperparameters) for each in drawn[:7]]
    simulated = {(h["beta"], h["noise"]) for model, h in configurations if model == "simulated"}
    assert simulated == {(beta, noise) for beta in (1.0, 4.0, 16.0) for noise in (0.0, 0.1)}


STACK = {"gpu": 1, "stack": 8}
IN_TURN = ["beta_vae", "factor_vae", "vae", "beta_vae", "factor_vae"]


@pytest.mark.parametrize(
    ("sections", "models"),
    [
        ({}, IN_TURN),
        ({"resources": STACK}, sorted(IN_TURN)),
        ({"resources": STACK, "search": {"sampler": "grid", "configurations": 4}}, IN_TURN[:4]),
        ({"resources": STACK, "budget": {"steps": 100, "hours": 2}}, IN_TURN),
        ({"resources": STACK, "budget": {"steps": 100, "gpu_hours": 2}}, IN_TURN),
    ],
    ids=str,
)
def test_a_grid_that_may_end_early_is_of_every_model(benches: Any, sections: dict[str, Any], models: list[str]) -> None:
    asked = {"beta_vae": {"beta": [1, 2]}, "factor_vae": {"gamma": [1, 2]}, "vae": {}}
    bench = benches(**{"models": asked, "seeds": 1, "search": {"sampler": "grid"}, "slots": 9, **sections})
    drawn = [bench.next() for _ in range(len(models) + 1)]
    assert drawn.pop() is None
    assert [each.configuration.model for each in drawn] == models


def test_every_model_is_tried_before_the_sampler_chooses(benches: Any) -> None:
    models = {"beta_vae": {"beta": {"log": [1, 16]}}, "factor_vae": {"gamma": {"log": [1, 9]}}, "vae": {}}
    bench = benches(models=models, seeds=1, search={"sampler": "tpe", "configurations": 5}, slots=9)
    drawn = [bench.next().configuration.model for _ in range(3)]
    assert sorted(drawn) == ["beta_vae", "factor_vae", "vae"]


@pytest.mark.parametrize("sampler", ["random", "tpe", "nsga2"])
def test_the_same_seed_suggests_the_same_configurations(tmp_path: pathlib.Path, sampler: str) -> None:
    def first_configurations(folder: pathlib.Path) -> list[Any]:
        folder.mkdir()
        bench = Bench(folder, search={"sampler": sampler, "configurations": 4}, seeds=1, slots=9)
        drawn = [bench.next().configuration for _ in range(4)]
        bench.close()
        return drawn

    assert first_configurations(tmp_path / "a") == first_configurations(tmp_path / "b")


def test_the_study_is_an_ordinary_optuna_study(benches: Any, tmp_path: pathlib.Path) -> None:
    bench = benches()
    bench.next()
    bench.stored()
    storage = optuna.storages.RDBStorage(f"sqlite:///{tmp_path / 'optuna.db'}")
    loaded = optuna.load_study(study_name="bench", storage=storage)
    assert [direction.name for direction in loaded.directions] == ["MAXIMIZE", "MINIMIZE"]
    assert loaded.trials[0].user_attrs["configuration"] in bench.state.configurations
    storage.engine.dispose()


def test_points_come_first_and_exactly(benches: Any) -> None:
    points = [{"beta": 2.5}, {"beta": 7.0}]
    bench = benches(search={"sampler": "tpe", "configurations": 3, "points": points}, seeds=1, slots=3)
    betas = [bench.next().configuration.hyperparameters["beta"] for _ in range(3)]
    assert betas[:2] == [2.5, 7.0]


def test_more_seeds_only_where_the_front_is_in_doubt(benches: Any) -> None:
    """The first configuration is on the front and noisy; the second is far behind it."""
    seeds = {"min": 2, "max": 4, "until": "std_error(mig) < 0.02"}
    bench = benches(seeds=seeds, search={"sampler": "random", "configurations": 2}, slots=2)
    bench.next(), bench.next()
    bench.finish(1, mig=0.4, reconstruction_error=10.0)
    bench.finish(2, mig=0.8, reconstruction_error=11.0)
    third = bench.next()
    assert third.seed == 2
    bench.finish(3, mig=0.6, reconstruction_error=10.0)
    bench.next()
    bench.finish(4, mig=0.6, reconstruction_error=10.0)  # four seeds are the most
    bench.next(), bench.next()
    bench.finish(5, mig=0.1, reconstruction_error=90.0)
    bench.finish(6, mig=0.2, reconstruction_error=91.0)  # noisy too, but dominated beyond doubt
    assert bench.next() == OVER
    assert [len(record.trials) for record in bench.state.configurations.values()] == [4, 2]
    assert bench.outcomes() == [("COMPLETE", [pytest.approx(0.6), 10.25]), ("COMPLETE", [pytest.approx(0.15), 90.5])]


def test_when_all_are_measured_the_front_gets_more_seeds_until_it_is_settled(benches: Any) -> None:
    seeds = {"min": 1, "max": 3, "until": "front"}
    bench = benches(seeds=seeds, search={"sampler": "random", "configurations": 3}, slots=3)
    first, second, third = (bench.next().configuration.hash for _ in range(3))
    bench.finish(1, mig=0.5, reconstruction_error=10.0)
    bench.finish(2, mig=0.1, reconstruction_error=90.0)
    assert bench.next() is None  # the third may still change everything
    bench.finish(3, mig=0.4, reconstruction_error=5.0)
    assert (bench.next().configuration.hash, bench.next().configuration.hash) == (third, first)
    bench.finish(5, mig=0.401, reconstruction_error=5.1)
    bench.finish(6, mig=0.501, reconstruction_error=10.1)
    assert [bench.next().seed, bench.next().seed] == [2, 2]
    bench.finish(7, mig=0.4, reconstruction_error=5.0)
    bench.finish(8, mig=0.5, reconstruction_error=10.0)
    assert bench.next() == OVER
    counts = {key: len(each.trials) for key, each in bench.state.configurations.items()}
    assert counts == {first: 3, second: 1, third: 3}
    assert bench.outcomes()[0] == ("COMPLETE", [pytest.approx(1.501 / 3), pytest.approx(30.1 / 3)])


def test_a_stopped_configuration_takes_its_waiting_seeds_along(benches: Any) -> None:
    """The second configuration is worse than the first in everything at the first rung, so that its end is near."""
    rule = {"rule": "dominated", "grace": 5, "control": 0.0}
    bench = benches(slots=1, early_stop=rule)
    for number in (1, 2):
        bench.next()
        good = TrialResult(5, {"mig": 0.9, "reconstruction_error": 1.0}, {})
        assert bench.agenda.verdict(bench.identity(number), good, 0.0) == "go on"
        bench.finish(number, mig=0.9, reconstruction_error=1.0)
    second = bench.next().configuration.hash
    bad = TrialResult(5, {"mig": 0.1, "reconstruction_error": 9.0}, {})
    assert bench.agenda.verdict(bench.identity(3), bad, 0.0) == "stop"
    bench.agenda.record(bench.identity(3), bad, {}, 0.0, last=True)
    bench.agenda.ended(bench.identity(3))
    assert bench.next().configuration.hash != second
    assert bench.outcomes()[1] == ("PRUNED", None)
    assert {trial.state for trial in bench.state.configurations[second].trials.values()} == {"PRUNED"}
    reasons = [trial.reason for trial in bench.state.configurations[second].trials.values()]
    assert reasons == ["stopped early by dominated", "stopped early"]


def test_a_spent_budget_starts_nothing_more(benches: Any) -> None:
    bench = benches()
    bench.next()
    bench.spent = True
    assert bench.next() is None
    bench.finish(1, mig=0.1, reconstruction_error=1.0)
    assert bench.next() == OVER


def test_constraints_are_known_to_optuna(benches: Any) -> None:
    search = {"sampler": "tpe", "configurations": 2, "where": "reconstruction_error < 60 and mig > 0.2"}
    bench = benches(seeds=1, search=search)
    bench.next()
    bench.finish(1, mig=0.5, reconstruction_error=75.0)
    (trial,) = bench.stored()
    assert trial.constraints == {"reconstruction_error < 60": 15.0, "mig > 0.2": pytest.approx(-0.3)}


def test_a_longer_budget_reopens_and_supersedes(benches: Any) -> None:
    bench = benches(seeds=1, search={"sampler": "random", "configurations": 1})
    bench.next()
    bench.finish(1, mig=0.5, reconstruction_error=5.0)
    assert bench.outcomes() == [("COMPLETE", [0.5, 5.0])]
    bench.close()
    bench.spec = bench.spec.model_copy(update={"budget": bench.spec.budget.model_copy(update={"steps": 20})})
    bench.open()
    again = bench.next()
    assert again.seed == 0
    bench.finish(1, mig=0.7, reconstruction_error=4.0)
    assert bench.outcomes() == [("COMPLETE", [0.5, 5.0]), ("COMPLETE", [0.7, 4.0])]
    assert bench.stored()[1].user_attrs["supersedes"] == 0


def test_more_seeds_are_planned_only_where_they_count(benches: Any) -> None:
    """A configuration with a failed seed is excluded whatever others give, until that is tried again."""
    bench = benches(seeds=1, search={"sampler": "random", "configurations": 2})
    bench.next(), bench.next()
    bench.finish(1, mig=0.5, reconstruction_error=5.0)
    bench.finish(2, "FAILED")
    failed = bench.identity(2)
    bench.spec = bench.spec.model_copy(update={"seeds": bench.spec.seeds.model_copy(update={"min": 2, "max": 2})})
    bench.close()
    bench.open()
    assert bench.next().seed == 1
    assert bench.next() is None
    bench.finish(1, mig=0.7, reconstruction_error=4.0)
    assert bench.next() == OVER
    assert is_complete(bench.spec, bench.state)
    assert bench.outcomes()[1] == ("FAIL", None)
    bench.state.reopen(bench.state.trial(failed))
    bench.close()
    bench.open()
    assert [bench.next().identity, bench.next().seed] == [failed, 1]
    bench.finish(1, mig=0.1, reconstruction_error=7.0)
    bench.finish(2, mig=0.3, reconstruction_error=9.0)
    assert bench.outcomes()[-1] == ("COMPLETE", [pytest.approx(0.2), 8.0])


def test_a_long_journal_read_again_adds_nothing_to_optuna(benches: Any) -> None:
    """The delivery's process starts anew with every driver, and meets values that were superseded since."""
    bench = benches(seeds=1, search={"sampler": "random", "configurations": 2})
    bench.next()
    bench.next()
    bench.finish(1, mig=0.5, reconstruction_error=5.0)
    for _ in range(1000):
        bench.state.report(bench.state.trial(bench.identity(2)), 10, {"mig": 0.5}, {})
    bench.finish(2, mig=0.7, reconstruction_error=5.0)
    bench.close()
    bench.spec = bench.spec.model_copy(update={"budget": bench.spec.budget.model_copy(update={"steps": 20})})
    bench.open()
    for number, mig in ((1, 0.6), (2, 0.8)):
        bench.next()
        bench.finish(number, mig=mig, reconstruction_error=4.0)
    for _ in range(2):
        sink = OptunaSink(bench.spec, f"sqlite:///{bench.folder / 'optuna.db'}")
        deliver(bench.folder, sink)
        assert [trial.values for trial in sink.trials()] == [[0.6, 4.0], [0.8, 4.0]]
        sink.reset()


def test_a_warm_start_counts_once_and_names_what_does_not_fit(benches: Any, tmp_path: pathlib.Path) -> None:
    writer = StudyWriter(tmp_path, "other", objectives={"mig": "maximize", "reconstruction_error": "minimize"})
    for beta, mig, error in ((3.0, 0.3, 30.0), (300.0, 0.4, 40.0)):
        known = configure("simulated", {"beta": beta})
        key = writer.configuration("simulated", 1, **known.hyperparameters)
        writer.complete(key, 0, {"mig": mig, "reconstruction_error": error})
    bench = benches(seeds=1, search={"sampler": "random", "configurations": 3, "warm_start": ["other"]})
    for _ in range(2):
        notes = add_prior_results(bench.spec, bench.state, tmp_path)
    bench.close()
    bench.open()
    assert [trial.values for trial in bench.suggestions.study.trials] == [[0.3, 30.0]]
    assert notes == ["warm start from 'other': 1 configurations are outside this study's space"]
    assert bench.outcomes() == [("COMPLETE", [0.3, 30.0])]


def test_out_of_memory_is_tried_again_once_with_a_larger_share(benches: Any) -> None:
    bench = benches(seeds=1, slots=1)
    assert bench.next().device_share == 0.0
    failed = TrialResult(0, {}, {}, done=True, failure="OutOfMemoryError: no room")
    bench.agenda.record(bench.identity(1), failed, {}, 0.25, last=True)
    bench.agenda.ended(bench.identity(1))
    assert bench.next().device_share == 0.5
    assert bench.identity(2) == bench.identity(1)
    bench.agenda.record(bench.identity(2), failed, {}, 0.5, last=True)
    bench.agenda.ended(bench.identity(2))
    assert bench.outcomes()[0] == ("FAIL", None)


def test_a_trial_that_is_lost_fails_with_its_reason(benches: Any) -> None:
    bench = benches(seeds=1, slots=1)
    bench.next()
    bench.agenda.started(bench.identity(1))
    bench.agenda.lost(bench.identity(1), "the node is gone")
    bench.agenda.ended(bench.identity(1))
    assert bench.state.trial(bench.identity(1)).reason == "lost: the node is gone"
    assert bench.outcomes()[0] == ("FAIL", None)


def test_a_trial_whose_process_died_before_it_started_is_queued_again_a_few_times(benches: Any) -> None:
    bench = benches(seeds=1, slots=1)
    for number in range(1, RETRIES + 2):
        assert isinstance(bench.next(), TrialConfig)
        assert bench.identity(number) == bench.identity(1)
        assert bench.outcomes() == [("RUNNING", None)]
        bench.agenda.ended(bench.identity(1))
        bench.agenda.lost(bench.identity(1), "its process died", again=True)
    assert bench.state.trial(bench.identity(1)).reason == "lost: its process died"
    assert bench.outcomes() == [("FAIL", None)]


def test_an_interrupted_trial_has_no_end(benches: Any) -> None:
    """A spent budget stops it before its last step; the next driver goes on with it."""
    bench = benches(seeds=1, slots=1)
    bench.next()
    bench.spent = True
    halfway = TrialResult(5, {"mig": 0.1, "reconstruction_error": 1.0}, {})
    assert bench.agenda.verdict(bench.identity(1), halfway, 0.0) == "stop"
    bench.agenda.record(bench.identity(1), halfway, {}, 0.0, last=True)
    bench.agenda.ended(bench.identity(1))
    assert bench.next() == OVER
    assert not bench.state.trial(bench.identity(1)).ended


def test_what_optuna_lost_is_given_back_from_the_journal(benches: Any, tmp_path: pathlib.Path) -> None:
    bench = benches(seeds=1, search={"sampler": "random", "configurations": 1})
    beta = bench.next().configuration.hyperparameters["beta"]
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
    drawn = [bench.next().configuration.hyperparameters["beta"] for _ in range(40)]
    for number in range(1, 41):
        bench.finish(number, mig=0.01 * number, reconstruction_error=float(number))
    bench.close()
    bench.open()
    more = [bench.next().configuration.hyperparameters["beta"] for _ in range(10)]
    assert bench.suggestions._grid is None
    assert len({*drawn, *more}) == 50


def test_the_generations_of_a_population_go_on_after_a_restart(benches: Any) -> None:
    bench = benches(seeds=1, search={"sampler": "nsga2", "configurations": 9, "population": 3}, slots=9)
    for number in range(1, 5):
        bench.next()
        bench.finish(number, mig=0.1 * number, reconstruction_error=float(number))
    before = [record.notes for record in bench.state.configurations.values()]
    assert [list(notes.values()) for notes in before] == [[0], [0], [0], [1]]
    bench.close()
    bench.open()
    bench.next()
    assert list(bench.state.configurations.values())[-1].notes == before[-1]


def test_an_event_that_is_delivered_again_changes_nothing(benches: Any) -> None:
    bench = benches(seeds=1, search={"sampler": "random", "configurations": 2})
    bench.next()
    bench.finish(1, mig=0.5, reconstruction_error=5.0)
    bench.next()
    before = bench.stored()
    bench.sink = OptunaSink(bench.spec, bench.sink._url)  # another process, from the start of the journal
    assert bench.stored() == before


def test_an_answer_that_is_lost_makes_no_second_trial(benches: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The storage has the trial when the connection breaks."""
    bench = benches(seeds=1, search={"sampler": "random", "configurations": 1})
    bench.next()

    def break_off(trial: Any) -> None:
        raise ConnectionError(f"no answer for {trial.number}")

    with monkeypatch.context() as patch:
        patch.setattr(bench.sink, "_note", break_off)
        bench.sink.begin()
        with pytest.raises(ConnectionError):
            bench.sink.deliver(list(journal.read(bench.folder)))
    bench.sink.reset()
    assert bench.outcomes() == [("RUNNING", None)]
    bench.finish(1, mig=0.5, reconstruction_error=5.0)
    assert bench.outcomes() == [("COMPLETE", [0.5, 5.0])]


def test_a_result_that_is_said_again_is_heard_once(benches: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = benches(
        seeds=1,
        search={"sampler": "random", "configurations": 1},
        early_stop={"rule": "median", "metric": "mig", "grace": 5},
    )
    bench.next()
    identity = bench.identity(1)
    bench.agenda.started(identity)
    shown: list[int] = []
    monkeypatch.setattr(
        bench.agenda._stopper, "report", lambda _configuration, _seed, step, _metrics: shown.append(step)
    )
    first = TrialResult(5, {"mig": 0.1, "reconstruction_error": 9.0}, {"seconds_training": 1.0})
    for result in (dataclasses.replace(first, again=True), first, dataclasses.replace(first, again=True)):
        assert bench.agenda.verdict(identity, result, 0.0) == "go on"
        bench.agenda.record(identity, result, {}, 0.0, last=False)
    events = [event for _, event in journal.read(bench.folder) if isinstance(event, TrialReported)]
    assert (
        [event.step for event in events] == shown == [5, 5]
    )  # lost before, repeated by a process that fell back, known
