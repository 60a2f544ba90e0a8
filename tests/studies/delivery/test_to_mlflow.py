"""What a run in MLflow shows of a trial that goes on after its end."""

import pathlib

import pytest

from studies import service
from studies.delivery.feeder import deliver
from studies.delivery.to_mlflow import MlflowSink
from studies.record.folder import StudyFolder, default_stores
from studies.record.state import StudyState
from studies.study_file.space import configure
from tests.service import STUDY

pytestmark = pytest.mark.slow  # the tables of a store take seconds


def test_a_failed_run_that_goes_on_is_running_and_has_no_reason_any_more(tmp_path: pathlib.Path) -> None:
    """Also its configuration, once for all seeds; delivered again, the same."""
    spec = service.load({"name": "again", **STUDY})[0]
    folder = StudyFolder(tmp_path, "again")
    stores = default_stores(tmp_path, "again", tracking=None, storage=None, data=None)
    record = folder.create(spec, stores, "")
    state = StudyState(folder.path)
    configuration = state.add_configuration(configure("simulated", {"beta": 2.0}), {})
    seeds = state.plan_seeds(configuration, 2)
    for trial in seeds:
        state.start(trial)
        state.end(trial, "FAILED", step=50, reason="diverged")
    state.close_configuration(configuration, "FAIL", None, "seed 0: diverged")
    sink = MlflowSink(record)

    def runs() -> list[tuple[str, str | None]]:
        deliver(folder.path, sink)
        found = sink.client.search_runs([sink._cursor["experiment"]], "tags.`studies.kind` != 'study'")
        return [(run.info.status, run.data.tags.get("studies.reason")) for run in found]

    assert sorted(runs(), key=str) == [("FAILED", "diverged")] * 2 + [("FAILED", "seed 0: diverged")]
    for trial in seeds:
        state.reopen(trial)
    assert runs() == [("RUNNING", None)] * 3
    sink._cursor["offset"] = 0
    assert runs() == [("RUNNING", None)] * 3
    state.close()
