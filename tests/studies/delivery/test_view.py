"""What MLflow's UI opens with: a saved view, curves of configurations, and the report above all."""

import base64
import json
import pathlib
import zlib
from typing import Any

import pytest
from mlflow import MlflowClient

from core.record.history import History
from studies import shown
from studies.delivery import view, wording
from studies.delivery.curves import Curves
from studies.delivery.to_mlflow import LONGEST_TAG
from tests.analysis.kit import StudyWriter
from tests.service import Service

SPEC = {
    "name": "made",
    "models": {"beta_vae": {"beta": {"log": [1, 16]}, "network": "tiny"}, "vae": {}},
    "defaults": {"learning_rate": [0.001, 0.0001], "batch_size": 64},
    "objectives": {"mig": "maximize", "reconstruction_error": "minimize"},
    "metrics": {"during": ["mig", "kl"]},
}


def state_of(value: str) -> Any:
    return json.loads(zlib.decompress(base64.b64decode(json.loads(value)["state"].removeprefix("deflate;"))))


def test_a_view_has_objectives_and_what_is_searched_and_begins_with_the_front() -> None:
    value = view.view(SPEC, 1)
    state = state_of(value)
    assert (state["orderByKey"], state["orderByAsc"]) == ("metrics.`mean/mig`", False)
    assert state["selectedColumns"] == [
        "params.`model`", "params.`learning_rate`", "params.`beta`", "metrics.`mean/mig`", "metrics.`std/mig`",
        "metrics.`mean/reconstruction_error`", "metrics.`std/reconstruction_error`",
    ]  # fmt: skip
    front, *curves = state["compareRunCharts"]
    assert (front["xaxis"]["key"], front["yaxis"]["key"]) == ("mean/reconstruction_error", "mean/mig")
    assert [curve["metricKey"] for curve in curves] == ["mean/mig", "mean/reconstruction_error", "mean/kl"]
    assert len(value) < LONGEST_TAG
    assert view.is_shown(SPEC, {view.TAG: view.view(SPEC, 2)})
    assert not view.is_shown({**SPEC, "objectives": {"mig": "minimize"}}, {view.TAG: value})
    assert not view.is_shown(SPEC, {view.TAG: "[]"})
    one = state_of(view.view({**SPEC, "objectives": {"kl": "minimize"}}, 1))
    assert (one["orderByAsc"], one["compareRunCharts"][0]["metricKey"]) == (True, "mean/kl")


def test_curves_are_means_over_completed_seeds_in_whatever_process(tmp_path: pathlib.Path) -> None:
    writer = StudyWriter(tmp_path)
    key = writer.configuration("beta_vae", seeds=3, beta=4.0)
    for seed, score in enumerate((0.2, 0.4)):
        writer.complete(key, seed, {"mig": score, "train/kl": 1.0})
    writer.event("start", key, 2)
    writer.event("report", key, 2, step=50, metrics={"mig": 9.0}, ledger={})  # of a seed that never ended
    configuration = History.read(writer.path).configurations[key]
    curves = Curves(writer.path)
    assert list(curves.means(configuration)) == [(50, {"mean/mig": pytest.approx(0.15)})]


@pytest.mark.timeout(120)
def test_a_reader_finds_report_front_and_data_set(finished: Service) -> None:
    identifier = shown.view_of("done", finished.root)
    client = MlflowClient(finished.tracking)
    tags = client.get_experiment(identifier).tags
    assert view.is_shown(finished.study("done").spec, tags)
    runs = {run.data.tags["studies.identity"]: run for run in finished.runs("done")}
    report = runs["study"].info
    assert tags[wording.NOTE].startswith(f"{wording.link_to_report(identifier, report.run_id)} Data set")
    assert (report.status, report.end_time - report.start_time < 60_000) == ("FINISHED", True)
    for run in runs.values():
        (used,) = run.inputs.dataset_inputs
        assert used.dataset.name == "dsprites.quick"
    trials = finished.study("done").trials()
    row = trials.iloc[0]
    seeds = [runs[f"{row.configuration}-s{seed}"].info.run_id for seed in (0, 1)]
    halves = [client.get_metric_history(run, "factor_vae_score")[0] for run in seeds]
    means = client.get_metric_history(runs[row.configuration].info.run_id, "mean/factor_vae_score")
    assert [(each.step) for each in means] == [50, 100]
    assert means[0].value == pytest.approx(sum(each.value for each in halves) / 2)
