"""What a user hears while no trial starts."""

import os
import pathlib

import pytest
import ray
from ray.util import placement_group

from studies.cluster.session import ray_cluster
from studies.cluster.waiting import PATIENCE, StartWatch, last_words, why_nothing_starts


def test_a_user_hears_of_it_at_intervals_until_a_trial_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("studies.cluster.waiting.why_nothing_starts", lambda: "no room")
    now, said = [100.0], list[str]()
    watch = StartWatch(said.append, lambda: now[0])
    for seconds in (1.0, PATIENCE, PATIENCE + 1, 2 * PATIENCE):
        now[0] = 100.0 + seconds
        watch.look()
    assert said == ["no trial has started for 60 s: no room", "no trial has started for 120 s: no room"]
    watch.started()
    now[0] = 1000.0
    watch.look()
    assert len(said) == 2


def test_the_last_error_of_a_worker_is_found(tmp_path: pathlib.Path) -> None:
    assert last_words(tmp_path) == ""
    (tmp_path / "raylet.err").write_text(
        "Traceback (most recent call last):\n  File 'default_worker.py', line 8, in <module>\n    import ray\n"
        "ModuleNotFoundError: No module named 'ray'\nTraceback (most recent call last):\n"
    )
    (tmp_path / "worker-1.err").write_text("it works\n")
    os.utime(tmp_path / "raylet.err", (1, 1))
    assert last_words(tmp_path) == "ModuleNotFoundError: No module named 'ray'"


@pytest.mark.slow
def test_a_cluster_without_room_is_named() -> None:
    with ray_cluster(None):
        ray.get(placement_group([{"CPU": 1}]).ready())
        placement_group([{"CPU": 1000}])
        assert "a trial needs {'CPU': 1000.0}, free are {" in why_nothing_starts()
        assert "infeasible" in why_nothing_starts()
