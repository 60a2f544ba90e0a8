"""Which study of Optuna's storage belongs to a launch, and what others read in it."""

import pathlib
import sys
import types

import optuna
import pytest

from core.mistakes import StudyError
from core.record.places import sqlite_url
from studies.cli.commands import ui
from studies.delivery.to_optuna import LAUNCH, name_in_optuna, open_storage
from tests.service import Service


def test_a_study_of_optuna_that_a_killed_process_left_unmarked_is_taken(tmp_path: pathlib.Path) -> None:
    storage = open_storage(sqlite_url(tmp_path / "optuna.db"))
    directions = ["maximize", "minimize"]
    optuna.create_study(study_name="mine", storage=storage, directions=directions)  # killed before it was marked
    assert name_in_optuna(storage, "mine", "0123456789") == "mine"

    other = optuna.create_study(study_name="theirs", storage=storage, directions=directions)
    other.add_trial(optuna.trial.create_trial(values=[1.0, 2.0]))
    assert name_in_optuna(storage, "theirs", "0123456789") == "theirs 01234567"
    mine = optuna.create_study(study_name="theirs 01234567", storage=storage, directions=directions)
    mine.set_user_attr(LAUNCH, "0123456789")
    optuna.delete_study(study_name="theirs", storage=storage)
    assert name_in_optuna(storage, "theirs", "0123456789") == "theirs 01234567"
    storage.engine.dispose()


@pytest.mark.timeout(120)
def test_a_reader_of_the_storage_sees_names_spread_and_time(finished: Service) -> None:
    storage = open_storage(sqlite_url(finished.root / "done" / "optuna.db"))
    study = optuna.load_study(study_name="done", storage=storage)
    assert study.metric_names == ["factor_vae_score", "reconstruction_error"]
    rows = finished.study("done").configurations().set_index("configuration")
    for trial in study.trials:
        row = rows.loc[trial.user_attrs["configuration"]]
        assert trial.user_attrs["seeds"] == row["n"] == 2
        assert trial.user_attrs["std factor_vae_score"] == pytest.approx(row["factor_vae_score_std"])
        assert trial.user_attrs["seconds"] > 0
    storage.engine.dispose()


@pytest.mark.timeout(120)
def test_the_dashboard_is_opened_on_the_study_where_it_is_installed(
    finished: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "optuna_dashboard", None)
    with pytest.raises(StudyError, match="optuna-dashboard is not installed; `pip install optuna-dashboard`"):
        ui.ui("done", finished.root, optuna=True)
    shown: list[optuna.storages.RDBStorage] = []
    served = types.SimpleNamespace(run_server=lambda storage, **_: shown.append(storage))
    monkeypatch.setitem(sys.modules, "optuna_dashboard", served)
    ui.ui("done", finished.root, optuna=True)
    assert [study.study_name for study in shown[0].get_all_studies()] == ["done"]
    shown[0].engine.dispose()
